"""Answers one question and keeps the whole search."""

import dataclasses
from typing import Any

from inference_scaling import compute, decoding, tasks, voting
from inference_scaling.sweep import (
  checkpoints,
  config,
  grid,
  loading,
  record,
  rendering,
  strategies,
)
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep import votes as votes_lib

# What the embedded models were trained on. Limits are wider than a sweep's: a
# question of one's own may fall back to letters.
EMBEDDED_SETTINGS = settings_lib.Settings(
  prompt={"kind": "plain"},
  step_format=decoding.StepFormat((" ки",), ("The answer is",)),
  limits=decoding.Limits(
    prompt_tokens=320, step_tokens=32, total_tokens=128, max_steps=8
  ),
  sampler=settings_lib.Sampler(temperature=1.0, top_k=0, top_p=1.0),
)


@dataclasses.dataclass(frozen=True)
class Solution:
  """A solved question.

  Attributes:
    record: JSON data, as one line of records.jsonl.
  """

  record: dict[str, Any]

  @property
  def answer(self) -> str | None:
    """The answer of weighted voting with the last rewards; None without.

    Where there is no reward model, that of majority voting.
    """
    rewarded = self.record["tree"]["scores"] is not None
    name = votes_lib.shown(voting.AGGREGATIONS if rewarded else ())
    return self.record["votes"][name]["answer"]

  def render(self) -> str:
    """Draws the tree with rewards and widths, the votes and the cost."""
    return rendering.render(self.record)


def solve(
  question: str,
  *,
  gold: str = "",
  policy: str = "embedded/policy_middle",
  reward: str = "embedded/reward",
  strategy: str = "rebase",
  n: int = 16,
  seed: int = 0,
  balance_temperature: float = 0.1,
  rule: str = "ceil",
  settings: settings_lib.Settings = EMBEDDED_SETTINGS,
) -> Solution:
  """Solves one question.

  Args:
    question: the question.
    gold: its answer, if votes are to be graded.
    policy: path of a checkpoint, or "embedded/" and a name.
    reward: of the reward model, likewise; not read where the settings' form is
      "none".
    strategy: "greedy", "sampling" or "rebase".
    n: beams; greedy takes 1.
    seed: of the random draws.
    balance_temperature: T_b of REBASE.
    rule: of REBASE's widths.
    settings: how models are asked and placed; the default suits the embedded
      ones.

  Returns:
    The solution.

  Raises:
    ValueError: on an argument that is not allowed.
    FileNotFoundError: if a checkpoint is not complete.
  """
  if strategy not in strategies.KINDS:
    raise ValueError(
      f"strategy is {strategy!r}; expected one of "
      f"{', '.join(strategies.KINDS)}."
    )
  if n < 1:
    raise ValueError(f"n is {n}; expected at least 1 beam.")
  rewarded = settings.reward_form != config.NO_REWARD
  if strategies.KINDS[strategy].needs_reward and not rewarded:
    raise ValueError(
      f"strategy is {strategy!r}, which chooses beams by their rewards, but "
      f"settings.reward_form is {settings.reward_form!r}; expected the form of "
      "a reward model, or another strategy."
    )
  greedy = strategy == strategies.GREEDY
  name = policy.rsplit("/", 1)[-1]
  run = grid.Run(
    name, strategy, 1 if greedy else n, seed,
    {"temperature": balance_temperature, "rule": rule},
  )  # fmt: skip
  found = {name: checkpoints.policy(policy)}
  judge = None
  if rewarded:
    judge = checkpoints.reward(reward, settings.reward_form)
  loaded = loading.load_engine(found, judge, settings, print)
  problem = tasks.Problem(
    id=0, question=question, gold=gold, level=1, source="solve"
  )
  prompts = loaded.prompts(name, [problem])
  (finished,) = loaded.search(run, prompts, num_lanes=1)
  with tasks.Grader() as grader:
    maker = record.RecordMaker(
      loaded.policies[name].tokenizer, found[name].cost,
      judge.cost if judge else compute.NO_COST, grader,
      voting.AGGREGATIONS if rewarded else (), settings.limits.max_steps,
      settings.step_format.step_end,
    )  # fmt: skip
    return Solution(maker.make(run, problem, finished))
