"""Which configurations are on the Pareto frontier, and the best per budget."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy import typing as npt

from inference_scaling import names
from inference_scaling.analysis import strategies, votings
from inference_scaling.analysis.comparison import frontier
from inference_scaling.analysis.estimates import intervals, outcomes
from inference_scaling.analysis.estimates import panel as panel_lib


class Contenders(NamedTuple):
  """Configurations that a budget could be spent on.

  Attributes:
    points: K configurations; none is of the oracle.
    accuracy: float64[P, K] by problem.
    costs: frame [K] with a column per FLOPs convention.
  """

  points: list[panel_lib.Configuration]
  accuracy: np.ndarray
  costs: pd.DataFrame


def contenders(panel: panel_lib.Panel, aggregation: str) -> Contenders:
  """All configurations of the three voting methods; greedy is one of them.

  A single candidate leaves nothing to vote on: it stands for itself once.

  Args:
    panel: problems by configurations.
    aggregation: how best-of-n and weighted voting read step scores.

  Returns:
    The Contenders.
  """
  methods = votings.voting_methods(aggregation)
  points = [
    point
    for point in panel.costs.index
    if point[3:] in methods
    and (
      point.voting == votings.MAJORITY
      or point.n > 1
      or strategies.kind_of(point.strategy) == strategies.MCTS
    )
  ]
  columns = panel.accuracy.columns.get_indexer(points)
  return Contenders(
    points,
    panel.accuracy.to_numpy(float)[:, columns],
    panel.costs.loc[:, outcomes.COSTS].iloc[columns],
  )


def on_frontier(flops: npt.ArrayLike, accuracy: npt.ArrayLike) -> np.ndarray:
  """Marks the points that no other point beats, for many rows at once.

  The same rule as `frontier.pareto_mask`, with costs that all rows share.

  Args:
    flops: float[K].
    accuracy: float[R, K]; NaN is never on the frontier.

  Returns:
    bool[R, K].
  """
  known = np.nan_to_num(np.asarray(accuracy, float), nan=-np.inf)
  costs, group = np.unique(flops, return_inverse=True)
  best = np.full((len(known), len(costs)), -np.inf)
  for column in range(len(costs)):
    best[:, column] = known[:, group == column].max(axis=1)
  cheaper = np.maximum.accumulate(best, axis=1)
  cheaper = np.concatenate(
    [np.full((len(best), 1), -np.inf), cheaper[:, :-1]], axis=1
  )
  return (known == best[:, group]) & (known > cheaper[:, group])


def pareto_table(panel: panel_lib.Panel, aggregation: str) -> pd.DataFrame:
  """All configurations, with those on the frontier of each convention.

  Args:
    panel: problems by configurations.
    aggregation: how best-of-n and weighted voting read step scores.

  Returns:
    A row per policy, strategy, n and voting: accuracy with its interval, FLOPs
    in each convention, and for each convention on_NAME, whether it is on the
    frontier, and share_NAME, in what share of the resamples over problems it
    is. Ordered by FLOPs in the first convention.
  """
  points, accuracy, costs = contenders(panel, aggregation)
  frame = pd.DataFrame(points, columns=panel_lib.Configuration._fields)
  mean, low, high = intervals.mean_interval(accuracy)
  frame = frame.assign(accuracy=mean, low=low, high=high)
  draws = intervals.resampled_means(accuracy)
  for convention in names.CONVENTIONS:
    flops = costs[f"flops_{convention}"].to_numpy(float)
    frame[f"flops_{convention}"] = flops
    frame[f"on_{convention}"] = on_frontier(flops, mean[None])[0]
    frame[f"share_{convention}"] = on_frontier(flops, draws).mean(axis=0)
  first = f"flops_{names.CONVENTIONS[0]}"
  return frame.sort_values([first, "accuracy"], ignore_index=True)


def best_configurations(
  panel: panel_lib.Panel, aggregation: str
) -> pd.DataFrame:
  """The best configuration that each budget pays for, and how sure that is.

  The best of many looks better than it is: its interval leaves that out. So a
  row also tells how often the same configuration wins when problems are drawn
  anew, and how much the winner of a draw loses when it is read on all problems
  (the bootstrap's estimate of optimism).

  Args:
    panel: problems by configurations.
    aggregation: how best-of-n and weighted voting read step scores.

  Returns:
    Rows by convention and budget (doubling): the configuration, its FLOPs,
    accuracy with low and high; wins and policy_wins, the shares of resamples
    in which it or its policy is best (ties count; of those that hold a problem
    of some configuration that the budget pays for); optimism, to subtract from
    the accuracy; contenders, how many the budget pays for.

  References:
    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 17.6.
  """
  points, accuracy, costs = contenders(panel, aggregation)
  mean, low, high = intervals.mean_interval(accuracy)
  draws = intervals.resampled_means(accuracy)
  # A resample may hold no problem of a configuration that is not finished.
  known = np.nan_to_num(draws, nan=-np.inf)
  policies = np.array([point.policy for point in points])
  rows = []
  for convention in names.CONVENTIONS:
    flops = costs[f"flops_{convention}"].to_numpy(float)
    for budget in frontier.budget_grid(flops):
      # Rounding must not put the cheapest point off its own budget.
      affordable = np.flatnonzero(flops <= budget * (1 + 1e-9))
      ordered = affordable[np.argsort(flops[affordable], kind="stable")]
      best = ordered[np.argmax(mean[ordered])]
      drawn = known[np.isfinite(known[:, ordered]).any(axis=1)]
      winners = ordered[drawn[:, ordered].argmax(axis=1)]
      top = drawn[:, ordered].max(axis=1)
      same_policy = ordered[policies[ordered] == policies[best]]
      rows.append(
        {
          "convention": convention,
          "budget": budget,
          **points[best]._asdict(),
          "flops": flops[best],
          "accuracy": mean[best],
          "low": low[best],
          "high": high[best],
          "wins": (drawn[:, best] >= top).mean(),
          "policy_wins": (drawn[:, same_policy].max(axis=1) >= top).mean(),
          "optimism": (top - mean[winners]).mean(),
          "contenders": len(ordered),
        }
      )
  return pd.DataFrame(rows)
