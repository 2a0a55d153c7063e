"""The line of compute-optimal size against budget: log10 C = a log10 N + b."""

from typing import NamedTuple

import numpy as np
from numpy import typing as npt


class Line(NamedTuple):
  """A least-squares line with its standard errors.

  Attributes:
    slope: a.
    intercept: b.
    slope_error: standard error of a; NaN with two points.
    intercept_error: standard error of b; NaN with two points.
  """

  slope: float
  intercept: float
  slope_error: float
  intercept_error: float


def fit_line(budgets: npt.ArrayLike, sizes: npt.ArrayLike) -> Line:
  """Fits log10 C = a log10 N + b by least squares.

  Args:
    budgets: float[K] FLOPs per problem, C.
    sizes: float[K] number of parameters that is best at each budget, N.

  Returns:
    The Line. Its standard errors take the points for independent; points that
    come from one set of curves are not (`optimal_size` resamples problems).

  Raises:
    ValueError: if the sizes are fewer than two distinct ones, or a number is
      not positive.

  References:
    Wu et al., Inference Scaling Laws, ICLR 2025, section 4.2: 1.19 and 2.03
    for Pythia on GSM8K.
  """
  budgets, sizes = np.asarray(budgets, float), np.asarray(sizes, float)
  if budgets.shape != sizes.shape or budgets.ndim != 1:
    raise ValueError(
      f"budgets and sizes have shapes {budgets.shape} and {sizes.shape};"
      " expected one size per budget"
    )
  if (
    not (np.isfinite([budgets, sizes]).all() and (budgets > 0).all())
    or (sizes <= 0).any()
  ):
    raise ValueError(
      f"budgets {budgets.tolist()} and sizes {sizes.tolist()} are not all"
      " positive, finite numbers"
    )
  distinct = np.unique(sizes)
  if len(distinct) < 2:
    raise ValueError(
      f"the best size is {distinct.tolist()} at all of {len(sizes)} budgets; a"
      " line needs at least two distinct sizes: run more policies or budgets"
    )
  x, y = np.log10(sizes), np.log10(budgets)
  slope, intercept = least_squares(x, y)
  spread = ((x - x.mean()) ** 2).sum()
  slope_error = intercept_error = np.nan
  if len(x) > 2:
    residual = y - slope * x - intercept
    noise = (residual**2).sum() / (len(x) - 2)
    slope_error = float(np.sqrt(noise / spread))
    intercept_error = float(
      np.sqrt(noise * (1 / len(x) + x.mean() ** 2 / spread))
    )
  return Line(float(slope), float(intercept), slope_error, intercept_error)


def least_squares(
  x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Slopes and intercepts of y on x, many lines at once.

  Args:
    x: float[..., K].
    y: float[K], shared by all lines, or float[..., K].

  Returns:
    Slopes and intercepts, float[...]; NaN where all x are the same.
  """
  x, y = np.asarray(x, float), np.asarray(y, float)
  across = x - x.mean(axis=-1, keepdims=True)
  spread = (across**2).sum(axis=-1)
  flat = x.max(axis=-1) == x.min(axis=-1)
  slope = (across * y).sum(axis=-1) / np.where(flat, np.nan, spread)
  return slope, y.mean(axis=-1) - slope * x.mean(axis=-1)
