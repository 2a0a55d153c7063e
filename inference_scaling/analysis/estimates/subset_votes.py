"""Majority and weighted voting with m of N candidates drawn once.

Accuracy at m is the mean over all C(N, m) subsets (see `subsets`). Majority
voting counts the subsets exactly for every m. Weighted voting enumerates them
where they are few and samples them where they are many.

Ties follow `inference_scaling.voting`: the smallest class id wins, and a class
id is the rank of its answer among the sorted answers, so that the order of
candidates never matters. Candidates without an answer (class -1) abstain.

Axis letters: P problems, N candidates, S subsets, M sizes, A answer classes.
"""

import functools
import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from inference_scaling.analysis.estimates import subsets

EXACT_LIMIT = 2048  # enumerate up to this many subsets; C(64, 2) = 2016
MOST_CANDIDATES = 1000  # 2.0 ** -N and all binomials / 2 ** N are floats
_CHUNK_CELLS = 500_000  # totals held at a time: P * S * A float64, 4 MB


def majority_of(
  answers: np.ndarray, correct: np.ndarray, sizes: Sequence[int]
) -> subsets.Estimate:
  """Accuracy of the most frequent answer, exactly, for any sizes.

  Subsets are counted by generating functions. With c_j candidates of class j,
  those in which a right class i has k votes and wins are the coefficient of
  x^(m - k) of C(c_i, k) times the product over the other classes of
  sum_t C(c_j, t) x^t, with t up to k, or k - 1 where j wins ties against i.
  Abstentions are a class without a bound.

  Args:
    answers: int[P, N] class ids; negative abstains. N is at most
      MOST_CANDIDATES.
    correct: bool[P, N]; equal answers are equally right.
    sizes: M subset sizes, each in [1, N].

  Returns:
    The exact Estimate.
  """
  n = subsets.num_candidates(answers, sizes)
  if n > MOST_CANDIDATES:
    raise ValueError(
      f"{n} candidates; majority voting is counted for at most"
      f" {MOST_CANDIDATES}; leave out the rest"
    )
  half = _half_binomials(n)
  columns = [_majority_wins(*row) for row in zip(answers, correct, strict=True)]
  wins = np.stack(columns, axis=1)[list(sizes)]
  accuracy = wins / half[n, list(sizes), None]
  return subsets.Estimate(accuracy, np.zeros_like(accuracy))


def vote_of(
  answers: np.ndarray,
  correct: np.ndarray,
  weights: np.ndarray,
  sizes: Sequence[int],
  orders: np.ndarray,
  *,
  exact_limit: int = EXACT_LIMIT,
) -> subsets.Estimate:
  """Accuracy of the answer with the largest sum of weights.

  Args:
    answers: int[P, N] class ids; negative abstains.
    correct: bool[P, N]; equal answers are equally right.
    weights: float[P, N]; NaN counts as 0.
    sizes: M subset sizes, each in [1, N].
    orders: int[P, S, N] random orders (`subsets.random_orders`): the first m
      of each are the sampled subset of size m.
    exact_limit: sizes with at most so many subsets are enumerated.

  Returns:
    The Estimate.
  """
  n = subsets.num_candidates(answers, sizes)
  accuracy: dict[int, np.ndarray] = {}
  variance: dict[int, np.ndarray] = {}
  for m in {m for m in sizes if math.comb(n, m) <= exact_limit}:
    chosen = np.array(list(itertools.combinations(range(n), m)))
    chosen = np.broadcast_to(chosen, (len(answers), *chosen.shape))
    (accuracy[m],) = winning_shares(answers, correct, weights, chosen, [m])
    variance[m] = np.zeros(len(answers))
  sampled = sorted(set(sizes) - set(accuracy))
  if sampled:
    shares = winning_shares(answers, correct, weights, orders, sampled)
    spread = shares * (1 - shares) / (orders.shape[1] - 1)
    accuracy |= dict(zip(sampled, shares, strict=True))
    variance |= dict(zip(sampled, spread, strict=True))
  return subsets.Estimate(
    np.stack([accuracy[m] for m in sizes]),
    np.stack([variance[m] for m in sizes]),
  )


def winning_shares(
  answers: np.ndarray,
  correct: np.ndarray,
  weights: np.ndarray,
  orders: np.ndarray,
  sizes: Sequence[int],
) -> np.ndarray:
  """Share of the given draws whose weighted vote is right.

  Args:
    answers: int[P, N] class ids; negative abstains.
    correct: bool[P, N]; equal answers are equally right.
    weights: float[P, N]; NaN counts as 0.
    orders: int[P, S, W] candidates in the order in which they join a draw;
      one may join several times.
    sizes: M sizes, each in [1, W]: the first m of each row vote.

  Returns:
    float64[M, P].
  """
  weights = np.nan_to_num(np.where(answers < 0, 0.0, weights), nan=0.0)
  num_classes = int(answers.max(initial=0)) + 1
  cells = orders.shape[1] * (num_classes + 1)
  step = max(1, _CHUNK_CELLS // cells)
  orders = orders[..., : max(sizes)]
  shares = [
    _chunk_shares(
      answers[i : i + step],
      correct[i : i + step],
      weights[i : i + step],
      orders[i : i + step],
      sizes,
      num_classes,
    )
    for i in range(0, len(answers), step)
  ]
  return np.concatenate(shares, axis=1)


@functools.lru_cache(maxsize=4)
def _half_binomials(n: int) -> np.ndarray:
  """C(c, j) / 2^c for c and j up to n: binomials that do not overflow."""
  table = np.zeros((n + 1, n + 1))
  table[0, 0] = 1.0
  for c in range(1, n + 1):
    table[c] = table[c - 1] / 2
    table[c, 1:] += table[c - 1, :-1] / 2
  table.flags.writeable = False
  return table


def _majority_wins(answers: np.ndarray, correct: np.ndarray) -> np.ndarray:
  """Subsets of each size 0 to N whose vote is right, divided by 2^N."""
  n = len(answers)
  half = _half_binomials(n)
  ids, counts = np.unique(answers[answers >= 0], return_counts=True)
  wins = np.zeros(n + 1)
  for right in np.unique(answers[correct & (answers >= 0)]):
    own = counts[ids == right].item()
    # A class with a smaller id wins ties, so it must have fewer votes.
    earlier = (ids < right)[ids != right]
    others = counts[ids != right]
    for votes in range(1, own + 1):
      most = votes - earlier
      bounded = others > most
      # Without bounds, all classes are one: (1 + x)^c (1 + x)^d = (1 + x)^(c+d)
      rest = n - own - others[bounded].sum()
      product = half[rest, : rest + 1]
      for count, bound in zip(others[bounded], most[bounded], strict=True):
        product = np.convolve(half[count, : bound + 1], product)
      end = votes + len(product)
      wins[votes:end] += half[own, votes] * product
  return wins


def _chunk_shares(
  answers: np.ndarray,
  correct: np.ndarray,
  weights: np.ndarray,
  orders: np.ndarray,
  sizes: Sequence[int],
  num_classes: int,
) -> np.ndarray:
  """`winning_shares` of a few problems: adds one candidate of each draw."""
  P, S, width = orders.shape
  rows = np.arange(P)[:, None]
  # The last column takes abstentions and never wins.
  right = np.zeros((P, num_classes + 1), bool)
  right[rows, answers] = correct & (answers >= 0)
  draws = orders.transpose(2, 0, 1)
  added = weights[rows, draws]
  classes = answers[rows, draws]
  classes = np.where(classes < 0, num_classes, classes)
  cells = classes + np.arange(P * S).reshape(P, S) * (num_classes + 1)
  follow = _leaders if weights.min(initial=0.0) >= 0 else _winners
  wanted = {m: row for row, m in enumerate(sizes)}
  shares = np.zeros((len(sizes), P))
  steps = follow(classes, cells, added, num_classes)
  for size, winner in zip(range(1, width + 1), steps, strict=True):
    if size in wanted:
      shares[wanted[size]] = right[rows, winner].mean(axis=1)
  return shares


def _leaders(
  classes: np.ndarray, cells: np.ndarray, added: np.ndarray, num_classes: int
) -> Iterator[np.ndarray]:
  """Yields the winners [P, S] after each candidate; no weight is negative.

  Only the class that a vote goes to can take the lead.
  """
  totals = np.zeros(classes[0].size * (num_classes + 1))
  leader = np.full(classes.shape[1:], num_classes)
  best = np.zeros(classes.shape[1:])
  for klass, cell, weight in zip(classes, cells, added, strict=True):
    total = totals[cell] + weight
    totals[cell] = total
    leads = (total > best) | ((total == best) & (klass < leader))
    leader = np.where(leads, klass, leader)
    best = np.where(leads, total, best)
    yield leader


def _winners(
  classes: np.ndarray, cells: np.ndarray, added: np.ndarray, num_classes: int
) -> Iterator[np.ndarray]:
  """Yields the winners [P, S] after each candidate, whatever the weights."""
  # -inf marks a class that no candidate has named: weights may be 0 or less.
  totals = np.full((*classes.shape[1:], num_classes + 1), -np.inf)
  flat = totals.reshape(-1)
  for klass, cell, weight in zip(classes, cells, added, strict=True):
    before = flat[cell]
    total = np.where(before == -np.inf, 0.0, before) + weight
    # Abstentions leave their column at -inf: it comes last, so that it wins
    # only where no class is named.
    flat[cell] = np.where(klass == num_classes, -np.inf, total)
    winner = totals[..., :num_classes].argmax(axis=-1)  # first: smallest id
    named = totals[..., :num_classes].max(axis=-1) > -np.inf
    yield np.where(named, winner, num_classes)
