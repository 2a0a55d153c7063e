"""Bootstrap intervals over problems, for one mean and for paired differences.

Problems are what a benchmark samples, so problems are resampled. Each column
holds one configuration's accuracy by problem, averaged over seeds; every
column sees the same resamples, so that a difference of two columns is paired.
"""

import functools
from typing import NamedTuple

import numpy as np

NUM_RESAMPLES = 2000
CONFIDENCE = 0.95


class Interval(NamedTuple):
  """Means with percentile intervals; scalars or arrays of one shape.

  Attributes:
    mean: mean over problems.
    low: lower end; NaN with fewer than two problems.
    high: upper end; NaN with fewer than two problems.
  """

  mean: np.ndarray
  low: np.ndarray
  high: np.ndarray


def resampled_means(
  values: np.ndarray, *, num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> np.ndarray:
  """Means of each column over problems drawn with replacement.

  Args:
    values: float[P, K], NaN where a column lacks a problem.
    num_resamples: R.
    seed: seed of the draws.

  Returns:
    float64[R, K]; NaN where a resample holds no value of the column.
  """
  values = np.asarray(values, np.float64)
  if values.ndim != 2 or not len(values):
    raise ValueError(
      f"values have shape {values.shape}; expected [problems, columns] with"
      " at least one problem"
    )
  counts = _draw_counts(len(values), num_resamples, seed)
  known = np.isfinite(values)
  sums = counts @ np.where(known, values, 0.0)
  sizes = counts @ known.astype(np.float64)
  return np.divide(sums, sizes, np.full_like(sums, np.nan), where=sizes > 0)


@functools.lru_cache(maxsize=8)
def _draw_counts(
  num_problems: int, num_resamples: int, seed: int
) -> np.ndarray:
  """How often each resample draws each problem, float64[R, P].

  One matrix product then does every resample. Kept between calls: a report
  asks for hundreds of intervals over the same few numbers of problems.
  """
  counts = np.random.default_rng(seed).multinomial(
    num_problems, np.full(num_problems, 1 / num_problems), size=num_resamples
  )
  counts = counts.astype(np.float64)
  counts.flags.writeable = False
  return counts


def mean_interval(
  values: np.ndarray,
  *,
  confidence: float = CONFIDENCE,
  num_resamples: int = NUM_RESAMPLES,
  seed: int = 0,
) -> Interval:
  """Percentile bootstrap interval of the mean of each column.

  Args:
    values: float[P] or float[P, K], NaN where a problem is missing.
    confidence: probability that the interval should hold the true mean.
    num_resamples: number of resamples.
    seed: seed of the draws.

  Returns:
    The Interval: scalars for [P], arrays [K] for [P, K].

  References:
    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3.
  """
  values = np.asarray(values, np.float64)
  if values.ndim == 1:
    columns = mean_interval(
      values[:, None],
      confidence=confidence,
      num_resamples=num_resamples,
      seed=seed,
    )
    return Interval(*(float(part[0]) for part in columns))
  mean, low, high = np.full((3, values.shape[1]), np.nan)
  sizes = np.isfinite(values).sum(axis=0)
  some, several = sizes > 0, sizes > 1
  if some.any():
    mean[some] = np.nanmean(values[:, some], axis=0)
  if several.any():
    draws = resampled_means(
      values[:, several], num_resamples=num_resamples, seed=seed
    )
    tail = (1 - confidence) / 2
    low[several], high[several] = np.nanquantile(
      draws, [tail, 1 - tail], axis=0
    )
  return Interval(mean, low, high)


def paired_interval(
  ours: np.ndarray,
  theirs: np.ndarray,
  *,
  confidence: float = CONFIDENCE,
  num_resamples: int = NUM_RESAMPLES,
  seed: int = 0,
) -> Interval:
  """Interval of mean(ours - theirs) over the problems that both have.

  Args:
    ours: float[P] accuracies by problem; NaN where missing.
    theirs: float[P] accuracies of the same problems; NaN where missing.
    confidence: probability that the interval should hold the true difference.
    num_resamples: number of resamples.
    seed: seed of the draws.

  Returns:
    The Interval of the difference, scalars.
  """
  ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
  if ours.shape != theirs.shape:
    raise ValueError(
      f"paired values have shapes {ours.shape} and {theirs.shape}; expected"
      " the same problems in the same order"
    )
  return mean_interval(
    ours - theirs,
    confidence=confidence,
    num_resamples=num_resamples,
    seed=seed,
  )
