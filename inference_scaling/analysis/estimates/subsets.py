"""Accuracy with m candidates, from N candidates drawn once: closed forms.

N independent candidates hold C(N, m) subsets of m, all equally likely to be
what a run with m candidates would have drawn. The mean of a vote over all of
them is an unbiased estimate of its accuracy at m that uses every candidate.
pass@m and best-of-m have closed forms, which stand here; `subset_votes` has
majority and weighted voting.

Axis letters: P problems, N candidates, S subsets, M sizes.
"""

import functools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
  """Accuracy by size and problem.

  Attributes:
    accuracy: float64[M, P].
    variance: float64[M, P] Monte-Carlo variance of the accuracy; 0 if exact.
  """

  accuracy: np.ndarray
  variance: np.ndarray


def powers_of_two(n: int) -> list[int]:
  """Returns 1, 2, 4, ... up to n, and n itself."""
  return sorted({2**k for k in range(n.bit_length())} | {n})


def pass_at(correct: np.ndarray, sizes: Sequence[int]) -> Estimate:
  """Probability that a subset holds a right candidate, in closed form.

  Args:
    correct: bool[P, N].
    sizes: M subset sizes, each in [1, N].

  Returns:
    The exact Estimate: 1 - C(N - c, m) / C(N, m) with c right candidates.

  References:
    Chen et al., Evaluating Large Language Models Trained on Code, 2021,
    section 2.1 (arXiv:2107.03374).
  """
  n = num_candidates(correct, sizes)
  accuracy = _pass_table(n, tuple(sizes))[:, correct.sum(axis=1)]
  return Estimate(accuracy, np.zeros_like(accuracy))


def best_of(
  answers: np.ndarray,
  correct: np.ndarray,
  scores: np.ndarray,
  sizes: Sequence[int],
) -> Estimate:
  """Accuracy of the answer with the highest score, in closed form.

  Several candidates of a subset may have its highest score: each of them is
  then taken equally often, as if a fair die chose. (The votes of a record take
  the answer that sorts first.) So candidates are ranked by descending score,
  those that tie in random order, those without an answer last. The first r of
  N is the best of a random subset of m with probability
  C(N - 1 - r, m - 1) / C(N, m), and a candidate that ties has the mean of the
  probabilities of the ranks that its tie spans.

  Args:
    answers: int[P, N] class ids; negative abstains.
    correct: bool[P, N].
    scores: float[P, N]; NaN ranks below every number.
    sizes: M subset sizes, each in [1, N].

  Returns:
    The exact Estimate.
  """
  n = num_candidates(answers, sizes)
  scores = np.where(np.isnan(scores), -np.inf, scores)
  # lexsort reads its keys from the last to the first.
  order = np.lexsort((-scores, answers < 0), axis=-1)
  ranked = np.take_along_axis(scores, order, axis=1)
  silent = np.take_along_axis(answers < 0, order, axis=1)
  right = np.take_along_axis(correct & (answers >= 0), order, axis=1)
  begins = np.ones(ranked.shape, bool)
  begins[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
  begins[:, 1:] |= silent[:, 1:] != silent[:, :-1]
  ties = np.cumsum(begins.ravel()) - 1  # numbers all ties of all problems
  share = np.bincount(ties, right.ravel()) / np.bincount(ties)
  accuracy = _rank_table(n, tuple(sizes)) @ share[ties].reshape(ranked.shape).T
  return Estimate(accuracy, np.zeros_like(accuracy))


def random_orders(
  problems: Iterable[int], n: int, num_subsets: int, seed: int
) -> np.ndarray:
  """Draws random orders of n candidates, each problem from its own generator.

  A problem's orders depend on the seed and its id only, so that an estimate
  does not change when other problems join, and two voting methods or two
  policies are compared on the same subsets.

  Args:
    problems: P problem ids.
    n: number of candidates.
    num_subsets: S, at least 2.
    seed: seed of all draws.

  Returns:
    int16[P, S, N], each row a permutation.
  """
  if num_subsets < 2:
    raise ValueError(
      f"num_subsets is {num_subsets}; expected at least 2, or no Monte-Carlo"
      " error can be given"
    )
  orders = [
    np.argsort(np.random.default_rng([seed, p]).random((num_subsets, n)))
    for p in problems
  ]
  return np.stack(orders).astype(np.int16)


def num_candidates(candidates: np.ndarray, sizes: Sequence[int]) -> int:
  """Returns N of an array [P, N] after checking that it has all sizes."""
  if candidates.ndim != 2:
    raise ValueError(f"expected an array [P, N], got {candidates.shape}")
  n = candidates.shape[1]
  if not all(1 <= m <= n for m in sizes):
    raise ValueError(f"sizes are {list(sizes)}; expected each in [1, {n}]")
  return n


# Integer binomials: exact for any N, no product of rounded ratios. Kept between
# calls: a report has the same sizes for every seed and aggregation.
@functools.lru_cache(maxsize=8)
def _pass_table(n: int, sizes: tuple[int, ...]) -> np.ndarray:
  """Probability of a right candidate by size and number of right ones."""
  table = [
    [1 - math.comb(n - c, m) / math.comb(n, m) for c in range(n + 1)]
    for m in sizes
  ]
  return np.array(table)


@functools.lru_cache(maxsize=8)
def _rank_table(n: int, sizes: tuple[int, ...]) -> np.ndarray:
  """Probability that a subset's best is the r-th of all, float64[M, N]."""
  table = [
    [math.comb(n - 1 - r, m - 1) / math.comb(n, m) for r in range(n)]
    for m in sizes
  ]
  return np.array(table)
