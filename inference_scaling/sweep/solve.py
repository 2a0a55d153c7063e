"""Answers one question and keeps the whole search."""

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

from inference_scaling import compute, decoding, names, spec, tasks
from inference_scaling.spec import grid
from inference_scaling.sweep import (
  checkpoints,
  loading,
)
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep.records import (
  candidates,
  record,
  rendering,
)
from inference_scaling.sweep.records import votes as votes_lib

# What the embedded models were trained on. Limits are wider than a sweep's: a
# question of one's own may fall back to letters.
EMBEDDED_SETTINGS = settings_lib.Settings(
  prompt={"kind": "plain"},
  step_format=decoding.StepFormat((" ки",), ("The answer is",)),
  limits=decoding.Limits(
    prompt_tokens=320, step_tokens=32, total_tokens=128, max_steps=8
  ),
  sampler=spec.Sampler(temperature=1.0, top_k=0, top_p=1.0),
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
    name = votes_lib.shown(names.AGGREGATIONS if rewarded else ())
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
  hyperparameters: Mapping[str, Any] | None = None,
  settings: settings_lib.Settings = EMBEDDED_SETTINGS,
) -> Solution:
  """Solves one question.

  Args:
    question: the question.
    gold: its answer, if votes are to be graded.
    policy: path of a checkpoint, or "embedded/" and a name.
    reward: of the reward model, likewise; not read where the settings' format
      takes no model.
    strategy: a name of `spec.STRATEGIES`.
    n: beams, expansions of MCTS or nodes of AB-MCTS; greedy takes 1.
    seed: of the random draws.
    hyperparameters: those of the strategy that differ from the defaults.
    settings: how models are prompted and sharded; the default suits the
      embedded models. Without a date, templates that print one print today's.

  Returns:
    The solution.

  Raises:
    ValueError: on an argument that is not allowed.
    FileNotFoundError: if a checkpoint is not complete.
  """
  least = spec.block_of(strategy).least
  if n < least:
    beams = "beam" if least == 1 else f"beams for {strategy!r}"
    raise ValueError(f"n is {n}; expected at least {least} {beams}.")
  name = policy.rsplit("/", 1)[-1]
  run = _make_run(name, strategy, n, seed, hyperparameters or {})
  reward_format = settings.reward_format
  spec.check_reward(strategy, reward_format, "strategy")
  policies = {name: checkpoints.policy(policy)}
  reward_model = None
  if spec.REWARDS[reward_format].has_model:
    reward_model = checkpoints.reward(reward, reward_format)
  if settings.date is None:
    settings = dataclasses.replace(settings, date=datetime.date.today())
  settings = settings_lib.whole_solutions(settings)
  loaded = loading.load_engine(policies, reward_model, settings, print)
  problem = tasks.Problem(
    id=0, question=question, gold=gold, level=1, source="solve"
  )
  prompts = loaded.prompts(name, [problem])
  texts = loaded.texts(name)
  (finished,) = loaded.search(
    run, prompts, num_slots=1,
    answers=lambda _, tree: candidates.answer_classes(tree, texts),
  )  # fmt: skip
  with tasks.Grader() as grader:
    maker = record.RecordMaker(
      texts, policies[name].cost,
      reward_model.cost if reward_model else compute.NO_COST, grader,
      # As `render` lists them: by the alphabet.
      sorted(names.AGGREGATIONS) if spec.REWARDS[reward_format].has_scores else
      (),
      settings.dtype, confidence=settings.confidence,
      reward_format=reward_format,
    )  # fmt: skip
    return Solution(maker.make(run, problem, finished))


def _make_run(
  policy: str,
  strategy: str,
  n: int,
  seed: int,
  hyperparameters: Mapping[str, Any],
) -> grid.Run:
  """Makes the run, with the default hyperparameters but for those given."""
  beams = 1 if spec.is_greedy(strategy) else n
  chosen = spec.read_hyperparameters(strategy, hyperparameters)
  return grid.Run(policy, strategy, beams, seed, chosen)
