"""Accuracy of votes after n independent samples of a known distribution.

Majority voting is exact for any n, by generating functions. Weighted voting is
exact where the possible samples are few, else seeded Monte Carlo. Ties go to
the smallest class id, as in `inference_scaling.voting`.

Axis letters: A answers, K outcomes of one sample, M sizes, P problems, S draws,
H frequencies.
"""

import functools
import itertools
import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from inference_scaling.analysis.estimates import subset_votes, subsets
from inference_scaling.analysis.theory import convergence

NUM_DRAWS = 400
_CHUNK = 32  # problems that are drawn at a time
_ALIASING = 40  # frequencies above n; what they leave out is below 1e-16


def exact_majority(
  probabilities: np.ndarray, correct: np.ndarray, sizes: Sequence[int]
) -> np.ndarray:
  """Accuracy of majority voting after n draws, exactly.

  With n draws, the number of ways in which a right answer i has k votes and
  wins is n! times the coefficient of x^(n - k) of p_i^k / k! times the product
  over the other answers of sum_t (p_j x)^t / t!, with t up to k, or k - 1 where
  j wins ties against i. Put n x / n for x and every factor becomes a part of a
  Poisson distribution: no number overflows. Coefficients are read with a
  discrete Fourier transform, whose rounding stays near 1e-14.

  Args:
    probabilities: float64[A] of the answers, in the order in which ties go; the
      rest of 1 abstains.
    correct: bool[A].
    sizes: M numbers of draws, each at least 1.

  Returns:
    float64[M].
  """
  probabilities = np.asarray(probabilities, np.float64)
  if probabilities.shape != np.shape(correct) or probabilities.ndim != 1:
    raise ValueError(
      f"probabilities have shape {probabilities.shape} and correct"
      f" {np.shape(correct)}; expected the same [A]"
    )
  silent = max(0.0, 1 - probabilities.sum())
  possible = probabilities > 0
  probabilities, correct = (
    probabilities[possible],
    np.asarray(correct)[possible],
  )
  accuracy = [_exact_at(probabilities, correct, silent, n) for n in sizes]
  return np.clip(accuracy, 0.0, 1.0)


def weighted_votes(
  distributions: Sequence[convergence.AnswerDistribution],
  sizes: Sequence[int],
  *,
  num_draws: int = NUM_DRAWS,
  seed: int = 0,
  exact_limit: int = subset_votes.EXACT_LIMIT,
) -> subsets.Estimate:
  """Accuracy of weighted voting after n draws.

  Args:
    distributions: one per problem, P in all.
    sizes: M numbers of draws, each at least 1.
    num_draws: S, where the possible samples are too many to enumerate.
    seed: of the draws; each problem has its own generator.
    exact_limit: enumerate up to so many different samples (multisets).

  Returns:
    The Estimate of each size and problem; its variance is 0 where exact.
  """
  if num_draws < 2:
    raise ValueError(f"num_draws is {num_draws}; expected at least 2")
  kinds = [len(d.answers) + 1 for d in distributions]  # and an abstention
  few = np.array(
    [[math.comb(n + k - 1, n) <= exact_limit for k in kinds] for n in sizes]
  )
  accuracy = np.zeros(few.shape)
  drawn = np.flatnonzero(~few.all(axis=0))
  for start in range(0, len(drawn), _CHUNK):
    chunk = drawn[start : start + _CHUNK]
    rngs = [np.random.default_rng([seed, column]) for column in chunk]
    accuracy[:, chunk] = _draw(
      [distributions[column] for column in chunk], sizes, num_draws, rngs
    )
  variance = accuracy * (1 - accuracy) / (num_draws - 1)
  for row, column in np.argwhere(few):
    accuracy[row, column] = _enumerate(distributions[column], sizes[row])
  variance[few] = 0.0
  return subsets.Estimate(accuracy, variance)


def _exact_at(
  probabilities: np.ndarray, correct: np.ndarray, silent: float, n: int
) -> float:
  """`exact_majority` of one size."""
  roots = _roots(n)
  # Answers that are equally likely share their factors.
  values, group = np.unique(probabilities, return_inverse=True)
  parts = _poisson(n * values, n)
  # Partial sums over votes: factors with every bound at once, [group, n+1, H].
  factors = np.cumsum(parts[:, :, None] * roots, axis=1)
  rest = np.exp(n * silent * (roots[1] - 1))
  total = 0.0
  for right in np.flatnonzero(correct):
    product = np.broadcast_to(rest, (n, len(rest)))  # by votes 1 to n
    for index, factor in enumerate(factors):
      members = group == index
      earlier = int(members[:right].sum())
      later = int(members[right + 1 :].sum())
      if later:
        product = product * factor[1:] ** later
      if earlier:
        product = product * factor[:-1] ** earlier
    # The coefficient of x^(n - k) for k = 1 to n.
    coefficients = np.real(product * roots[n - 1 :: -1].conj()) @ _halves(n)
    total += parts[group[right], 1:] @ coefficients
  return total / _poisson(np.array([float(n)]), n)[0, n]


@functools.lru_cache(maxsize=16)
def _roots(n: int) -> np.ndarray:
  """x^t at the nonnegative frequencies x, complex128[n + 1, H]."""
  length = n + _ALIASING
  turns = np.outer(np.arange(n + 1), np.arange(length // 2 + 1)) % length
  return np.exp(2j * np.pi * turns / length)


def _halves(n: int) -> np.ndarray:
  """Weights of the nonnegative frequencies: the others are their mirror."""
  length = n + _ALIASING
  weights = np.full(length // 2 + 1, 2.0 / length)
  weights[0] /= 2
  if length % 2 == 0:
    weights[-1] /= 2
  return weights


def _poisson(means: np.ndarray, n: int) -> np.ndarray:
  """Poisson probabilities of 0 to n, float64[A, n + 1]; means at least 0."""
  counts = np.arange(n + 1)
  means = means[:, None]
  return np.exp(
    special.xlogy(counts, means) - means - special.gammaln(counts + 1)
  )


def _enumerate(distribution: convergence.AnswerDistribution, n: int) -> float:
  """Weighted voting over every multiset of n outcomes."""
  answers, correct, rewards, chances = _with_silence(distribution)
  draws = np.array(
    list(itertools.combinations_with_replacement(range(len(answers)), n))
  )
  counts = (draws[:, :, None] == np.arange(len(answers))).sum(axis=1)
  factorials = np.array(
    [math.factorial(count) for count in range(n + 1)], float
  )
  ways = factorials[n] / factorials[counts].prod(axis=1)
  chance = ways * (chances**counts).prod(axis=1)
  # Each multiset votes like a problem with n candidates of its own.
  whole = np.broadcast_to(np.arange(n), (len(draws), 1, n))
  right = subset_votes.winning_shares(
    answers[draws], correct[draws], rewards[draws], whole, [n]
  )
  return float(chance @ right[0])


def _draw(
  distributions: Sequence[convergence.AnswerDistribution],
  sizes: Sequence[int],
  num_draws: int,
  rngs: Sequence[np.random.Generator],
) -> np.ndarray:
  """Share of right votes [M, P], from draws that grow by one sample."""
  tables = [_with_silence(distribution) for distribution in distributions]
  shape = len(tables), max(len(answers) for answers, *_ in tables)
  answers, correct, rewards = (
    np.full(shape, -1), np.zeros(shape, bool), np.zeros(shape)
  )  # fmt: skip
  draws = np.zeros((shape[0], num_draws, max(sizes)), np.int64)
  for row, (*columns, chances) in enumerate(tables):
    for whole, part in zip((answers, correct, rewards), columns, strict=True):
      whole[row, : len(part)] = part
    # Inverse of the cumulative distribution; rounding must not leave it.
    steps = np.cumsum(chances)[:-1]
    draws[row] = np.searchsorted(
      steps, rngs[row].random(draws[row].shape), side="right"
    )
  return subset_votes.winning_shares(answers, correct, rewards, draws, sizes)


def _with_silence(
  distribution: convergence.AnswerDistribution,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
  """The distribution with what is missing from 1 as an abstention."""
  rest = max(0.0, 1 - distribution.probabilities.sum())
  chances = np.append(distribution.probabilities, rest)
  return (
    np.append(distribution.answers, -1),
    np.append(distribution.correct, False),
    np.append(distribution.rewards, 0.0),
    chances / chances.sum(),
  )
