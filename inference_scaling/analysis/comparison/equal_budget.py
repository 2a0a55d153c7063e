"""All strategies at the same budgets, each against sampling.

Budgets are what 1, 2, 4, ... samples of the same policy cost under the same
voting method, so that sampling stands at its own points and the others are
interpolated in log FLOPs. A run of as many beams as samples may cost a little
more than they do: a budget pays for a strategy's cheapest run if that costs at
most CLOSE more than the budget. In the conventions that count the reward model
a budget of majority voting is smaller than one of weighted voting.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from inference_scaling import names
from inference_scaling.analysis import frames, strategies, votings
from inference_scaling.analysis.comparison import curves, frontier
from inference_scaling.analysis.estimates import intervals
from inference_scaling.analysis.estimates import panel as panel_lib

CLOSE = 0.02  # share by which a run may cost more than a budget
_PER_DOUBLING = 8  # budgets over which a mean difference is taken


def equal_budget(
  panel: panel_lib.Panel,
  policies: Sequence[str],
  aggregation: str,
  conventions: Sequence[str] = names.CONVENTIONS,
) -> pd.DataFrame:
  """Accuracy of every strategy at the costs of sampling's points.

  Args:
    panel: problems by configurations.
    policies: names, ordered by parameters.
    aggregation: how best-of-n and weighted voting read step scores.
    conventions: FLOPs conventions.

  Returns:
    Rows by convention, policy, voting, strategy and budget that pays for the
    strategy's cheapest point: samples, how many samples the budget pays for
    (0 where the policy has no sampling: then budgets double); accuracy with
    low and high; difference to sampling with its paired interval; beyond,
    whether the budget is more (by CLOSE) than the strategy's most expensive
    point, whose accuracy it then has.
  """
  rows = []
  for keys, group in curve_groups(panel, policies, aggregation, conventions):
    base = _sampling(group)
    if base is not None:
      budgets, samples = base.flops, base.n
    else:
      costs = np.concatenate([curve.flops for curve in group.values()])
      budgets = frontier.budget_grid(costs)
      samples = np.zeros(len(budgets), int)
    for strategy, curve in group.items():
      by_problem = curve.at_all(_paid(curve, budgets))
      baseline = np.nan if base is None else base.at_all(budgets)
      accuracy = intervals.mean_interval(by_problem)
      difference = intervals.mean_interval(by_problem - baseline)
      for index in np.flatnonzero(np.isfinite(accuracy.mean)):
        rows.append(
          keys
          | {
            "strategy": strategy,
            "budget": budgets[index],
            "samples": samples[index],
            "accuracy": accuracy.mean[index],
            "low": accuracy.low[index],
            "high": accuracy.high[index],
            "difference": difference.mean[index],
            "difference_low": difference.low[index],
            "difference_high": difference.high[index],
            "beyond": budgets[index] > curve.flops[-1] * (1 + CLOSE),
          }
        )
  return pd.DataFrame(rows)


def _paid(curve: curves.Curve, budgets: np.ndarray) -> np.ndarray:
  """Budgets, raised to the cheapest point where they all but pay for it."""
  cheapest = curve.flops[0]
  close = (budgets < cheapest) & (budgets * (1 + CLOSE) >= cheapest)
  return np.where(close, cheapest, budgets)


def mean_difference(
  panel: panel_lib.Panel,
  policies: Sequence[str],
  aggregation: str,
  conventions: Sequence[str] = names.CONVENTIONS,
) -> pd.DataFrame:
  """One number per strategy: its mean lead over sampling at equal budgets.

  The mean is taken evenly over log FLOPs where both curves have points, and
  problem by problem, so that the interval is paired.

  Args:
    panel: problems by configurations.
    policies: names, ordered by parameters.
    aggregation: how best-of-n and weighted voting read step scores.
    conventions: FLOPs conventions.

  Returns:
    Rows by convention, policy, voting and strategy but sampling whose curves
    overlap: the range of budgets (from, to), and difference with its interval.
  """
  rows = []
  for keys, group in curve_groups(panel, policies, aggregation, conventions):
    base = _sampling(group)
    for strategy, curve in group.items():
      if base is None or curve is base:
        continue
      overlap = lead(curve, base)
      if overlap is not None:
        low, high, difference = overlap
        rows.append(
          keys
          | {"strategy": strategy, "from": low, "to": high}
          | curves.difference_columns("difference", difference)
        )
  return pd.DataFrame(rows)


def lead(
  curve: curves.Curve, base: curves.Curve
) -> tuple[float, float, np.ndarray] | None:
  """Mean difference of two curves over the budgets at which both have points.

  Args:
    curve: of the strategy.
    base: of the baseline, over the same problems.

  Returns:
    The lowest and highest budget, and curve minus base by problem, float64[P];
    None if one curve ends before the other begins.
  """
  low = max(curve.flops[0], base.flops[0])
  high = min(curve.flops[-1], base.flops[-1])
  if low > high:
    return None
  budgets = frontier.budget_grid([low, high], _PER_DOUBLING)
  # The ends again, as rounding may put them off the curves.
  budgets[0], budgets[-1] = low, high
  difference = curve.at_all(budgets) - base.at_all(budgets)
  return low, high, difference.mean(axis=1)


def curve_groups(
  panel: panel_lib.Panel,
  policies: Sequence[str],
  aggregation: str,
  conventions: Sequence[str],
) -> Iterator[tuple[dict[str, Any], dict[str, curves.Curve]]]:
  """Curves by strategy of each convention, policy and voting method.

  Args:
    panel: problems by configurations.
    policies: names, ordered by parameters.
    aggregation: how best-of-n and weighted voting read step scores.
    conventions: FLOPs conventions.

  Yields:
    The first columns of a row (convention, policy, voting) and the curves of
    all strategies but greedy, in order.
  """
  names = curves.searched(panel)
  for convention in conventions:
    for policy in policies:
      for voting, how in votings.voting_methods(aggregation):
        flops = f"flops_{convention}"
        group = curves.existing(
          {
            name: curves.make_curve(panel, policy, name, voting, how, flops)
            for name in names
          }
        )
        if group:
          keys = {"convention": convention, "policy": policy, "voting": voting}
          yield keys, group


def _sampling(group: dict[str, curves.Curve]) -> curves.Curve | None:
  name = strategies.main_of(strategies.SAMPLING, group)
  return None if name is None else group[name]


def main_part(
  frame: pd.DataFrame, aggregation: str, convention: str
) -> pd.DataFrame:
  """The rows of the main voting method and one convention.

  Args:
    frame: rows of `equal_budget`, `mean_difference` or `iso_accuracy`.
    aggregation: of weighted voting; NO_AGGREGATION stands for majority voting.
    convention: a FLOPs convention.

  Returns:
    The rows; none of an empty frame.
  """
  voting, _ = votings.main_voting(aggregation)
  return frames.select(frame, voting=voting, convention=convention)
