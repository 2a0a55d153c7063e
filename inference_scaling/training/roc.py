"""How well scores tell good from bad: ROC curve, its area, calibration."""

import numpy as np


def roc_area(labels: np.ndarray, scores: np.ndarray) -> float:
  """Computes the area under the ROC curve, ties counted half.

  Args:
    labels: bool[M].
    scores: float[M].

  Returns:
    The probability that a good one scores above a bad one; NaN where there are
    only good or only bad ones.

  References:
    Mann and Whitney, 1947 (the area is their U statistic, scaled).
  """
  labels = np.asarray(labels, bool)
  good, bad = labels.sum(), (~labels).sum()
  if not good or not bad:
    return float("nan")
  _, inverse, counts = np.unique(
    scores, return_inverse=True, return_counts=True
  )
  ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
  above = ranks[labels].sum() - good * (good + 1) / 2
  return float(above / (good * bad))


def roc_curve(
  labels: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Traces the ROC curve.

  Args:
    labels: bool[M].
    scores: float[M].

  Returns:
    False and true positive rates, one point for each distinct score and (0,
    0) before them.
  """
  order = np.argsort(-scores, kind="stable")
  hits = np.asarray(labels, bool)[order]
  last = np.append(np.diff(scores[order]) != 0, True)
  true = np.cumsum(hits)[last] / max(hits.sum(), 1)
  false = np.cumsum(~hits)[last] / max((~hits).sum(), 1)
  return np.append(0.0, false), np.append(0.0, true)


def calibration(
  labels: np.ndarray, scores: np.ndarray, num_bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Compares predicted with observed frequencies in bins of equal width.

  Args:
    labels: bool[M].
    scores: float[M] in [0, 1].
    num_bins: how many bins.

  Returns:
    Mean score, share of good ones and count of each bin that is not empty.
  """
  bins = np.minimum((scores * num_bins).astype(int), num_bins - 1)
  counts = np.bincount(bins, minlength=num_bins)
  used = counts > 0
  means = np.bincount(bins, weights=scores, minlength=num_bins)[used]
  shares = np.bincount(bins, weights=labels, minlength=num_bins)[used]
  return means / counts[used], shares / counts[used], counts[used]
