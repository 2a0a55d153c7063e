"""Votes by how sure the policy was, of records and of subsets of samples.

A filter keeps the surest of the candidates that vote: of a subset, the surest
of that subset. Weights that do not depend on the others are those of any
weighted vote (`subset_votes`).

Axis letters: P problems, N candidates, S subsets, m candidates of a subset, M
sizes.
"""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from inference_scaling import confidence, names
from inference_scaling.analysis import votings
from inference_scaling.analysis.estimates import subset_votes, subsets
from inference_scaling.analysis.records import load


def recorded(record: load.Record) -> dict[str, bool]:
  """The votes of all candidates of a record.

  Args:
    record: with `confidence`, or without candidates.

  Returns:
    Vote, as "softmax/likelihood.mean@0.1" -> whether it is right.
  """
  right: dict[str, bool] = {}
  for voting, statistic, temperature in votings.confidence_votes():
    vote = votings.ConfidenceVote(voting, statistic, temperature)
    winner = -1
    if record.confidence:
      winner = int(
        confidence.vote(
          record.answers,
          record.confidence[statistic],
          voting,
          temperature or 1.0,
        )
      )
    wins = (record.answers == winner) & (winner >= 0)
    name = names.vote_name(voting, vote.aggregation)
    right[name] = bool(record.correct[wins].any())
  return right


def expected(
  answers: np.ndarray,
  correct: np.ndarray,
  statistics: Mapping[str, np.ndarray],
  sizes: Sequence[int],
  orders: np.ndarray,
  exact_limit: int,
) -> dict[tuple[str, str], subsets.Estimate]:
  """Accuracies of the votes of subsets.

  Args:
    answers: int[P, N] class ids; negative abstains.
    correct: bool[P, N].
    statistics: name -> float[P, N].
    sizes: M subset sizes.
    orders: int[P, S, N], as `subset_votes.vote_of` takes them.
    exact_limit: likewise.

  Returns:
    (voting, aggregation) -> Estimate.
  """
  estimates = {}
  for vote in votings.confidence_votes():
    scores = statistics[vote.statistic]
    percent = confidence.PERCENTS.get(vote.voting, 100)
    if vote.temperature is not None:
      scores = confidence.softmax_weights(
        answers >= 0, scores, vote.temperature
      )
    estimates[vote.voting, vote.aggregation] = (
      subset_votes.vote_of(
        answers, correct, scores, sizes, orders, exact_limit=exact_limit
      )
      if percent == 100
      else filtered_vote_of(
        answers, correct, scores, percent, sizes, orders,
        exact_limit=exact_limit,
      )
    )  # fmt: skip
  return estimates


def filtered_vote_of(
  answers: np.ndarray,
  correct: np.ndarray,
  scores: np.ndarray,
  percent: int,
  sizes: Sequence[int],
  orders: np.ndarray,
  *,
  exact_limit: int = subset_votes.EXACT_LIMIT,
) -> subsets.Estimate:
  """Accuracy of a weighted vote of the surest candidates of each subset.

  Args:
    answers: int[P, N] class ids; negative abstains.
    correct: bool[P, N]; equal answers are equally right.
    scores: float[P, N], not negative: what a filter and the weights read.
    percent: as `confidence.is_top`.
    sizes: M subset sizes, each in [1, N].
    orders: int[P, S, N] random orders: the first m of each are the sampled
      subset of size m.
    exact_limit: sizes with at most so many subsets are enumerated.

  Returns:
    The Estimate.
  """
  n = subsets.num_candidates(answers, sizes)
  accuracy, variance = [], []
  for m in sizes:
    exact = math.comb(n, m) <= exact_limit
    chosen = orders[:, :, :m]
    if exact:
      combinations = np.array(list(itertools.combinations(range(n), m)))
      chosen = np.broadcast_to(
        combinations, (len(answers), *combinations.shape)
      )
    shares = np.array(
      [
        _share(*problem, percent)
        for problem in zip(answers, correct, scores, chosen, strict=True)
      ]
    )
    accuracy.append(shares)
    spread = shares * (1 - shares) / max(1, chosen.shape[1] - 1)
    variance.append(np.zeros_like(shares) if exact else spread)
  return subsets.Estimate(np.stack(accuracy), np.stack(variance))


def _share(
  answers: np.ndarray,
  correct: np.ndarray,
  scores: np.ndarray,
  chosen: np.ndarray,
  percent: int,
) -> float:
  """Share of the subsets [S, m] of one problem whose vote is right."""
  num_classes = int(answers.max(initial=-1)) + 1
  if not num_classes:
    return 0.0
  ids, weights = answers[chosen], scores[chosen]
  kept = confidence.is_top(ids >= 0, weights, percent)
  rows, _ = np.nonzero(kept)
  cells = rows * num_classes + ids[kept]
  size = len(chosen) * num_classes
  # No weight is negative: a class that is not named loses to any that is, and
  # where all weigh nothing the first one that is named wins.
  totals = np.bincount(cells, weights[kept], size)
  totals = np.where(np.bincount(cells, minlength=size) > 0, totals, -1.0)
  totals = totals.reshape(-1, num_classes)
  right = np.zeros(num_classes, bool)
  right[answers[correct & (answers >= 0)]] = True
  return float(
    (right[totals.argmax(axis=1)] & (totals.max(axis=1) >= 0)).mean()
  )
