"""Asymptotic accuracy of votes (n to infinity), and bounds at finite n.

One problem at a time: a policy answers y with probability pi(y), summed over
all ways to reach it. The vote of n independent samples tends to the answer with
the largest mass: its probability under majority voting (Theorem 1), its
probability times its mean reward under weighted voting (Theorem 2). Only what
changes the distribution moves the limit.

Axis letters: K outcomes of one sample, A answers, M sizes, P problems.

References:
  Wu et al., Inference Scaling Laws, ICLR 2025, section 3.1, Theorems 1 and 2
    (arXiv:2408.00724).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class AnswerDistribution:
  """Distribution of the answer of one sample to one problem.

  Several outcomes may have one answer: they differ by reward. What is missing
  from a total probability of 1 abstains, as outcomes of class -1 do.

  Attributes:
    answers: int64[K] class ids; negative abstains.
    correct: bool[K]; equal answers are equally right.
    rewards: float64[K], finite; all ones where there is no reward.
    probabilities: float64[K], each in [0, 1].
  """

  answers: np.ndarray
  correct: np.ndarray
  rewards: np.ndarray
  probabilities: np.ndarray

  def __post_init__(self):
    names = [field.name for field in dataclasses.fields(self)]
    shapes = {name: getattr(self, name).shape for name in names}
    if len(set(shapes.values())) > 1 or self.answers.ndim != 1:
      raise ValueError(f"shapes are {shapes}; expected the same [K] of all")
    total = self.probabilities.sum()
    if (self.probabilities < 0).any() or total > 1 + 1e-9:
      raise ValueError(
        f"probabilities add up to {total}, the smallest is"
        f" {self.probabilities.min()}; expected them in [0, 1] with a sum of"
        " at most 1"
      )

  @property
  def num_answers(self) -> int:
    """A: class ids run from 0 to A - 1."""
    return int(self.answers.max(initial=-1)) + 1

  def masses(self, *, weighted: bool) -> np.ndarray:
    """What each answer's votes add up to, per sample.

    Args:
      weighted: whether a vote counts as much as its reward.

    Returns:
      float64[A]: probabilities, or probabilities times mean rewards.
    """
    speaks = self.answers >= 0
    votes = (
      self.probabilities * self.rewards if weighted else self.probabilities
    )
    return np.bincount(
      self.answers[speaks], votes[speaks], minlength=self.num_answers
    )

  def right_answers(self) -> np.ndarray:
    """Which answers are right, bool[A]."""
    right = np.zeros(self.num_answers, bool)
    right[self.answers[self.correct & (self.answers >= 0)]] = True
    return right


def majority_limit(distribution: AnswerDistribution) -> float:
  """Asymptotic accuracy of majority voting, n to infinity (Theorem 1).

  Args:
    distribution: of one problem.

  Returns:
    1 if the most likely answer is right, 0 if it is wrong. Where several are
    equally likely, each wins equally often in the limit, and the share of right
    ones among them counts. 0 if all samples abstain.
  """
  return _limit(distribution, weighted=False)


def weighted_limit(distribution: AnswerDistribution) -> float:
  """Asymptotic accuracy of weighted voting, n to infinity (Theorem 2).

  Args:
    distribution: of one problem.

  Returns:
    As `majority_limit`, with probabilities times mean rewards.
  """
  return _limit(distribution, weighted=True)


def hoeffding_bound(masses: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
  """Bounds the probability that the vote of n samples is not its limit.

  |A| exp(-n d^2 / 2) with d the gap between the two largest masses: Hoeffding's
  inequality for each rival, whose lead is a sum of n terms in [-1, 1], and a
  sum over rivals. It holds for weighted voting where rewards lie in [0, 1];
  divide others by the largest one first.

  Args:
    masses: float64[A] (`AnswerDistribution.masses`).
    sizes: M numbers of samples.

  Returns:
    float64[M], at most 1. 1 where there is no single limit (d = 0, no answer).

  References:
    Hoeffding, Probability Inequalities for Sums of Bounded Random Variables,
      1963, Theorem 2; the proof of Theorem 1 in the paper.
  """
  n = np.asarray(sizes, np.float64)
  named = np.sort(masses[masses > 0])[::-1]
  if not len(named):
    return np.ones(n.shape)
  gap = named[0] - named[1] if len(named) > 1 else named[0]
  return np.minimum(1.0, len(named) * np.exp(-n * gap**2 / 2))


def bounded_accuracy(
  limits: np.ndarray, bounds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Bounds of a data set's accuracy at n, from those of its problems.

  Args:
    limits: float64[P] limiting accuracy of each problem.
    bounds: float64[P, M] bounds on the probability of another vote.

  Returns:
    float64[M] lowest and highest mean accuracy: a problem with a right limit is
    right with probability 1 - bound or more, one with a wrong limit with
    probability bound or less.
  """
  right = limits[:, None]
  low = right * (1 - bounds)
  high = right + (1 - right) * bounds
  return low.mean(axis=0), high.mean(axis=0)


def _limit(distribution: AnswerDistribution, *, weighted: bool) -> float:
  masses = distribution.masses(weighted=weighted)
  named = np.zeros(len(masses), bool)
  possible = (distribution.probabilities > 0) & (distribution.answers >= 0)
  named[distribution.answers[possible]] = True
  if not named.any():
    return 0.0
  # Masses that differ by rounding only tie.
  best = masses[named].max()
  tied = named & (masses >= best - 1e-12 * abs(masses[named]).max())
  return float(distribution.right_answers()[tied].mean())
