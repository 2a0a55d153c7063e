"""Pareto frontiers over FLOPs and error, budgets, and curves between points."""

import numpy as np
from numpy import typing as npt


def pareto_mask(flops: npt.ArrayLike, error: npt.ArrayLike) -> np.ndarray:
  """Marks the points that no other point beats.

  A point is beaten if another costs no more and errs no more, and is better
  in one of the two.

  Args:
    flops: float[K] cost of each point.
    error: float[K] error of each point; NaN is never on the frontier.

  Returns:
    bool[K]; equal points stand or fall together.
  """
  flops, error = np.asarray(flops, float), np.asarray(error, float)
  known = np.isfinite(flops) & np.isfinite(error)
  cheaper = flops[:, None] <= flops
  better = error[:, None] <= error
  strictly = (flops[:, None] < flops) | (error[:, None] < error)
  beaten = (cheaper & better & strictly & known[:, None]).any(axis=0)
  return known & ~beaten


def budget_grid(flops: npt.ArrayLike, per_doubling: int = 1) -> np.ndarray:
  """Budgets spaced evenly in log FLOPs from the smallest to the largest."""
  low, high = np.min(flops), np.max(flops)
  if not 0 < low <= high < np.inf:
    raise ValueError(
      f"FLOPs range from {low} to {high}; expected positive, finite numbers"
    )
  steps = int(np.ceil(np.log2(high / low) * per_doubling))
  return np.geomspace(low, high, steps + 1) if steps else np.array([low])


def interpolate_at(
  flops: npt.ArrayLike, values: npt.ArrayLike, budget: float
) -> np.ndarray:
  """Values of a curve at a budget, linear in log FLOPs between its points.

  Below its cheapest point a curve has no value (NaN): the budget does not pay
  for it. Above its most expensive point it keeps the last value: a budget need
  not be spent.
  The same two weights serve every row, so that rows stay paired.

  Args:
    flops: float[K] rising cost of the curve's points.
    values: float[..., K], accuracy of each problem at each point.
    budget: FLOPs per problem.

  Returns:
    float[...].
  """
  flops, values = np.asarray(flops, float), np.asarray(values, float)
  if (np.diff(flops) <= 0).any():
    raise ValueError(f"FLOPs {flops.tolist()} do not rise along the curve")
  if budget < flops[0]:
    return np.full(values.shape[:-1], np.nan)
  position = np.interp(
    np.log(budget), np.log(flops), np.arange(len(flops), dtype=float)
  )
  left, right = int(np.floor(position)), int(np.ceil(position))
  if left == right:  # on a point: a missing neighbour does not matter
    return values[..., left]
  share = position - left
  return (1 - share) * values[..., left] + share * values[..., right]
