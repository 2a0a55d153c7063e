"""Accuracy of one policy, strategy and voting method as n and FLOPs grow."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TypeVar

import numpy as np

from inference_scaling.analysis import strategies
from inference_scaling.analysis.comparison import frontier
from inference_scaling.analysis.estimates import intervals
from inference_scaling.analysis.estimates import panel as panel_lib

Key = TypeVar("Key")


@dataclasses.dataclass(frozen=True)
class Curve:
  """Points of rising n and rising cost, paired over the panel's problems.

  Attributes:
    points: K configurations that differ in n only.
    flops: float64[K] mean FLOPs per problem, rising.
    accuracy: float64[P, K] by problem; NaN where missing.
  """

  points: tuple[panel_lib.Configuration, ...]
  flops: np.ndarray
  accuracy: np.ndarray

  @property
  def n(self) -> np.ndarray:
    """int64[K], the number of beams or samples of each point."""
    return np.array([point.n for point in self.points])

  def at(self, budget: float) -> np.ndarray:
    """Accuracy by problem float64[P] at a budget (`interpolate_at`)."""
    return frontier.interpolate_at(self.flops, self.accuracy, budget)

  def at_all(self, budgets: Iterable[float]) -> np.ndarray:
    """Accuracy by problem at B budgets, float64[P, B]."""
    return np.stack([self.at(budget) for budget in budgets], axis=-1)

  def means(self) -> np.ndarray:
    """Mean accuracy of all problems, then of R resamples, float64[1 + R, K]."""
    return np.vstack(
      [
        np.nanmean(self.accuracy, axis=0),
        intervals.resampled_means(self.accuracy),
      ]
    )

  def interval(self) -> intervals.Interval:
    """Mean accuracy and 95% interval of every point, arrays [K]."""
    return intervals.mean_interval(self.accuracy)


def make_curve(
  panel: panel_lib.Panel,
  policy: str,
  strategy: str,
  voting: str,
  aggregation: str,
  flops: str,
) -> Curve | None:
  """Collects the points of one curve.

  Args:
    panel: problems by configurations.
    policy: name of the policy.
    strategy: name of the strategy.
    voting: voting method.
    aggregation: how step scores are aggregated; "none" where none are read.
    flops: cost column that orders the points.

  Returns:
    The curve, without points that cost no more than a smaller n; None if the
    panel has no such configuration.
  """
  wanted = (voting, aggregation)
  columns = [
    (point.n, column)
    for column, point in enumerate(panel.costs.index)
    if point[1] == strategy and point[0] == policy and point[3:] == wanted
  ]
  costs = panel.costs[flops].to_numpy(float)
  kept: list[int] = []
  for _, column in sorted(columns):
    if not kept or costs[column] > costs[kept[-1]]:
      kept.append(column)
  if not kept:
    return None
  return Curve(
    tuple(panel.costs.index[column] for column in kept),
    costs[kept],
    panel.accuracy.to_numpy(float)[:, kept],
  )


def existing(curves: Mapping[Key, Curve | None]) -> dict[Key, Curve]:
  """The curves that a panel has, in their order."""
  return {key: curve for key, curve in curves.items() if curve is not None}


def searched(panel: panel_lib.Panel) -> list[str]:
  """A panel's strategies that have curves, all but greedy, in order."""
  names = strategies.in_order(point.strategy for point in panel.costs.index)
  return [n for n in names if strategies.kind_of(n) != strategies.GREEDY]


def difference_columns(name: str, difference: np.ndarray) -> dict[str, float]:
  """A paired difference as three columns: its mean, low and high.

  Args:
    name: of the first column; the others end in _low and _high.
    difference: float[P] by problem; NaN where one of the two is missing.

  Returns:
    The columns of one row.
  """
  mean, low, high = intervals.mean_interval(difference)
  return {name: mean, f"{name}_low": low, f"{name}_high": high}
