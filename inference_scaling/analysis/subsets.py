"""Accuracy with m candidates, from N candidates drawn once.

N independent candidates hold C(N, m) subsets of m, all equally likely to be
what a run with m candidates would have drawn. The mean of a vote over all of
them is an unbiased estimate of its accuracy at m that uses every candidate:
pass@m and best-of-m have closed forms; majority and weighted voting are
enumerated where the subsets are few and sampled where they are many.

Ties follow `inference_scaling.voting`: the smallest class id wins, and a class
id is the rank of its answer among the sorted answers, so that the order of
candidates never matters. Candidates without an answer (class -1) abstain.

Axis letters: P problems, N candidates, S subsets, M sizes, A answer classes.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

EXACT_LIMIT = 2048  # enumerate up to this many subsets; C(64, 2) = 2016
_CHUNK_CELLS = 4_000_000  # totals held at a time: P * S * A float64, 32 MB


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
  n = _num_candidates(correct, sizes)
  # Integer binomials: exact for any N, no product of rounded ratios.
  table = np.array(
    [
      [1 - math.comb(n - c, m) / math.comb(n, m) for c in range(n + 1)]
      for m in sizes
    ]
  )
  accuracy = table[:, correct.sum(axis=1)]
  return Estimate(accuracy, np.zeros_like(accuracy))


def best_of(
  answers: np.ndarray,
  correct: np.ndarray,
  scores: np.ndarray,
  sizes: Sequence[int],
) -> Estimate:
  """Accuracy of the answer with the highest score, in closed form.

  Candidates are ranked by descending score, ties by class id, those without
  an answer last. The first r of N is the best of a random subset of m with
  probability C(N - 1 - r, m - 1) / C(N, m).

  Args:
    answers: int[P, N] class ids.
    correct: bool[P, N].
    scores: float[P, N]; NaN ranks below every number.
    sizes: M subset sizes, each in [1, N].

  Returns:
    The exact Estimate.
  """
  n = _num_candidates(answers, sizes)
  # lexsort reads its keys from the last to the first.
  order = np.lexsort((answers, -scores, answers < 0), axis=-1)
  ranked = np.take_along_axis(correct & (answers >= 0), order, axis=1)
  weights = np.array(
    [
      [math.comb(n - 1 - r, m - 1) / math.comb(n, m) for r in range(n)]
      for m in sizes
    ]
  )
  accuracy = weights @ ranked.T.astype(float)
  return Estimate(accuracy, np.zeros_like(accuracy))


def vote_of(
  answers: np.ndarray,
  correct: np.ndarray,
  weights: np.ndarray,
  sizes: Sequence[int],
  orders: np.ndarray,
  *,
  exact_limit: int = EXACT_LIMIT,
) -> Estimate:
  """Accuracy of the answer with the largest sum of weights.

  Args:
    answers: int[P, N] class ids.
    correct: bool[P, N].
    weights: float[P, N]; all ones is majority voting, NaN counts as 0.
    sizes: M subset sizes, each in [1, N].
    orders: int[P, S, N] random orders (`random_orders`): the first m of each
      are the sampled subset of size m.
    exact_limit: sizes with at most so many subsets are enumerated.

  Returns:
    The Estimate.
  """
  n = _num_candidates(answers, sizes)
  weights = np.nan_to_num(weights)
  exact = [m for m in sizes if math.comb(n, m) <= exact_limit]
  sampled = [m for m in sizes if m not in exact]
  hits: dict[int, np.ndarray] = {}
  for m in exact:
    subsets = np.array(list(itertools.combinations(range(n), m)))
    subsets = np.broadcast_to(subsets, (len(answers), *subsets.shape))
    hits |= _hits(answers, correct, weights, subsets, [m])
  if sampled:
    first = orders[..., : max(sampled)]
    hits |= _hits(answers, correct, weights, first, sampled)
  accuracy = np.stack([hits[m].mean(axis=1) for m in sizes])
  variance = np.zeros_like(accuracy)
  for row, m in enumerate(sizes):
    if m in sampled:
      variance[row] = hits[m].var(axis=1, ddof=1) / orders.shape[1]
  return Estimate(accuracy, variance)


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


def _num_candidates(candidates: np.ndarray, sizes: Sequence[int]) -> int:
  if candidates.ndim != 2:
    raise ValueError(f"expected an array [P, N], got {candidates.shape}")
  n = candidates.shape[1]
  if not all(1 <= m <= n for m in sizes):
    raise ValueError(f"sizes are {list(sizes)}; expected each in [1, {n}]")
  return n


def _hits(
  answers: np.ndarray,
  correct: np.ndarray,
  weights: np.ndarray,
  orders: np.ndarray,
  sizes: Sequence[int],
) -> dict[int, np.ndarray]:
  """Returns size -> bool[P, S], whether the vote of the first m is right."""
  num_classes = int(answers.max(initial=0)) + 1
  cells = orders.shape[1] * (num_classes + 1)
  step = max(1, _CHUNK_CELLS // cells)
  chunks = [
    _chunk_hits(
      answers[i : i + step],
      correct[i : i + step],
      weights[i : i + step],
      orders[i : i + step],
      sizes,
      num_classes,
    )
    for i in range(0, len(answers), step)
  ]
  return {m: np.concatenate([chunk[m] for chunk in chunks]) for m in sizes}


def _chunk_hits(answers, correct, weights, orders, sizes, num_classes):
  """`_hits` of a few problems: adds one candidate of every subset at a time."""
  P, S, width = orders.shape
  rows = np.arange(P)[:, None]
  # The last column takes abstentions and never wins.
  right = np.zeros((P, num_classes + 1), bool)
  right[rows, answers] = correct & (answers >= 0)
  # -inf marks a class that no candidate has named: weights may be 0 or less.
  totals = np.full(P * S * (num_classes + 1), -np.inf)
  starts = np.arange(P * S).reshape(P, S) * (num_classes + 1)
  hits = {}
  for place in range(width):
    chosen = orders[..., place]
    classes = answers[rows, chosen]
    classes = np.where(classes < 0, num_classes, classes)
    cell = starts + classes
    before = totals[cell]
    totals[cell] = (
      np.where(before == -np.inf, 0.0, before) + weights[rows, chosen]
    )
    if place + 1 in sizes:
      table = totals.reshape(P, S, -1)[..., :num_classes]
      winner = table.argmax(axis=-1)  # the first maximum: the smallest id
      hits[place + 1] = right[rows, winner]
      empty = np.take_along_axis(table, winner[..., None], -1)[..., 0]
      hits[place + 1] &= empty > -np.inf
  return hits
