"""One rule on the samples of one problem: exact where it can be.

Axis letters: N samples.
"""

import dataclasses
from typing import Any

import numpy as np

from inference_scaling import names, stopping
from inference_scaling.analysis.estimates import subset_votes, subsets
from inference_scaling.analysis.stopping import (
  count_states,
  orders,
  rewards,
  samples,
  windows,
)


@dataclasses.dataclass(frozen=True)
class Fixed:
  """Draws n samples, whatever they say.

  Attributes:
    voting: names.MAJORITY, or names.BEST_OF_N.
  """

  voting: str


@dataclasses.dataclass(frozen=True)
class Reward:
  """Best-of-n that stops at a reward.

  Attributes:
    threshold: of the reward.
    batch: samples from one look to the next.
  """

  threshold: float
  batch: int = 1


AnyRule = stopping.Rule | Reward | Fixed


def voting_of(rule: AnyRule) -> str:
  """How the answer is chosen of the samples that a rule has drawn."""
  if isinstance(rule, Fixed):
    return rule.voting
  return names.BEST_OF_N if isinstance(rule, Reward) else names.MAJORITY


def replay(
  rule: AnyRule,
  answers: np.ndarray,
  correct: np.ndarray,
  scores: np.ndarray,
  sampled: np.ndarray,
) -> samples.Replay:
  """What a rule does on average over the orders of N samples.

  Majority votes go to the class that sorts first where they tie; best-of-n
  takes those that tie equally often.

  Args:
    rule: the rule.
    answers: int[N] class ids; negative abstains.
    correct: bool[N]; equal answers are equally right.
    scores: float[N] rewards, which no rule of answers reads.
    sampled: int[S, N], random orders for rules of answers where there are too
      many states to count.

  Returns:
    The Replay.
  """
  if isinstance(rule, Fixed):
    return _fixed(rule, answers, correct, scores)
  if isinstance(rule, Reward):
    return rewards.replay(answers, correct, scores, rule.threshold, rule.batch)
  classes, of_samples = samples.classify(answers, correct)
  exact: Any = (
    windows.replay(rule.batch, classes)
    if rule.kind == stopping.WINDOW
    else count_states.replay(rule, classes)
  )
  if exact is None:
    accuracy, variance, drawn = orders.replay(
      rule, classes, of_samples, sampled
    )
  else:
    accuracy, drawn = exact
    variance = np.zeros_like(accuracy)
  return samples.Replay(
    accuracy,
    variance,
    samples.per_sample(classes, of_samples, drawn),
    exact is not None,
  )


def _fixed(
  rule: Fixed, answers: np.ndarray, correct: np.ndarray, scores: np.ndarray
) -> samples.Replay:
  """A fixed number of samples: votes of subsets."""
  N = len(answers)
  sizes = range(1, N + 1)
  row = answers[None], correct[None]
  estimate = (
    subset_votes.majority_of(*row, sizes)
    if rule.voting == names.MAJORITY
    else subsets.best_of(*row, scores[None], sizes)
  )
  share = np.arange(1, N + 1)[:, None] / N
  return samples.Replay(
    estimate.accuracy[:, 0],
    estimate.variance[:, 0],
    np.broadcast_to(share, (N, N)),
  )
