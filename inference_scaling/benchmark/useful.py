"""How many of the rows that are computed are needed, on real lengths.

The embedded family on the problems of its test set: steps and solutions differ
in length there, so that beams and problems wait for each other.
"""

from inference_scaling import decoding, models, sweep, tasks
from inference_scaling import search as search_lib
from inference_scaling.benchmark import ours, table
from inference_scaling.decoding import lane_stats
from inference_scaling.tasks import synthetic

_POLICY, _REWARD = "embedded/policy_middle", "embedded/reward"
_ROWS_IN_FLIGHT, _BEAMS = 256, 16


def measure(problems: int) -> list[table.Row]:
  """Searches the first problems of the test set as configs/demo.py does.

  Args:
    problems: how many.

  Returns:
    Rows of the table.
  """
  policy, reward = models.load_model(_POLICY), models.load_reward_model(_REWARD)
  settings = sweep.EMBEDDED_SETTINGS
  limits = decoding.Limits(112, 32, 128, max_steps=8)
  writer = decoding.ModelPolicy(policy, settings.step_format, limits, _BEAMS)
  judge = decoding.ModelReward(reward, limits, _BEAMS)
  prompts = [
    tasks.make_prompt(settings.prompt, problem.question, policy.tokenizer)
    for problem in synthetic.generate("test", problems, seed=0)
  ]
  found = []
  for name, strategy in (
    ("sampling", search_lib.sampling()),
    ("REBASE", search_lib.rebase(0.1)),
  ):
    stats = lane_stats.LaneStats()
    for _ in decoding.run_lanes(
      writer, judge, strategy, ours.policy_params(policy), reward.params,
      ours.problems(prompts), 0, _ROWS_IN_FLIGHT // _BEAMS, limits.max_steps,
      stats=stats,
    ):  # fmt: skip
      pass
    note = (
      f"{stats.tokens:,} of {stats.row_steps:,} rows drew a token; {problems} "
      f"problems of the embedded test set, {_ROWS_IN_FLIGHT} rows in flight"
    )
    found.append(
      table.Row(
        "useful row-steps", f"{name}, {_BEAMS} beams", 100 * stats.useful, "%",
        note,
      )
    )  # fmt: skip
  return found
