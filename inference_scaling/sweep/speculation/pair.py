"""A draft and a target of a sweep, as one policy."""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

from inference_scaling import compute, decoding, models, spec
from inference_scaling.decoding.batching import checks
from inference_scaling.search import resuming
from inference_scaling.sweep import checkpoints


@dataclasses.dataclass(frozen=True)
class Pair:
  """What is known of both before their weights are loaded.

  Attributes:
    said: what the config says.
    draft: checkpoint of the draft.
    target: checkpoint of the target.
  """

  said: spec.Speculative
  draft: checkpoints.Checkpoint
  target: checkpoints.Checkpoint

  @property
  def parameters(self) -> int:
    """Number of weights of both."""
    return self.cost.parameters

  @property
  def cost(self) -> compute.PairCost:
    """Of the tokens of both."""
    return compute.PairCost(self.draft.cost, self.target.cost)

  def sha256(self) -> str:
    """Digest of what decides what both compute."""
    both = f"{self.draft.sha256()} {self.target.sha256()}"
    return hashlib.sha256(both.encode()).hexdigest()


def pairs(
  sweep: spec.Sweep, policies: Mapping[str, checkpoints.Model]
) -> dict[str, Pair]:
  """Makes the policies of a sweep that are made of two.

  Args:
    sweep: the sweep.
    policies: checkpoints of `sweep.policies`, by name.

  Returns:
    The pairs, by name.
  """
  made = {}
  for name, said in sweep.speculative.items():
    draft, target = policies[said.draft], policies[said.target]
    assert isinstance(draft, checkpoints.Checkpoint)  # `spec` has checked it
    assert isinstance(target, checkpoints.Checkpoint)
    made[name] = Pair(said, draft, target)
  return made


def check_tokens(
  pairs: Mapping[str, Pair], loaded: Mapping[str, models.Model]
) -> None:
  """Checks that both policies of each pair take the same tokens.

  Args:
    pairs: by name.
    loaded: the policies, by name.

  Raises:
    ValueError: naming the pair whose tokenizers differ.
  """
  for name, pair in pairs.items():
    draft, target = loaded[pair.said.draft], loaded[pair.said.target]
    try:
      checks.check_vocabularies(
        draft.tokenizer, target.tokenizer, "target policy", "draft"
      )
    except ValueError as error:
      raise ValueError(f"config.speculative.{name}: {error}") from error


def plain(finished: decoding.Finished) -> decoding.Finished:
  """The search of a pair as that of one policy: steps are tokens alone.

  Args:
    finished: of a `search.speculative` policy.

  Returns:
    The same search, whose steps have the content of both policies' steps.
  """
  return dataclasses.replace(finished, tree=_plain(finished.tree))


def reads_plain(
  answers: resuming.AnswersFn | None,
) -> resuming.AnswersFn | None:
  """Lets what reads the answers of one policy's search read a pair's.

  Args:
    answers: as `decoding.continuous_batching` takes it, or None.

  Returns:
    The same for steps of a pair.
  """
  if answers is None:
    return None
  return lambda problem, tree: answers(problem, _plain(tree))


def _plain(tree: Any) -> Any:
  return tree.replace(contents=tree.contents.content)
