"""Growth with n and the best policy, as tables of paired 95% intervals.

Every function reads a panel and returns a frame, one row per comparison; all
differences are in accuracy (0 to 1) and over the problems that both have.
`verdicts` reads the frames and says in words what they show.

References:
  Wu et al., Inference Scaling Laws, ICLR 2025, sections 4.2 to 4.4.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from inference_scaling.analysis import votings
from inference_scaling.analysis.comparison import curves, frontier
from inference_scaling.analysis.estimates import panel as panel_lib


def schemes(
  panel: panel_lib.Panel, aggregation: str
) -> list[tuple[str, str, str]]:
  """Strategy, voting and aggregation of the curves that claims are about.

  Args:
    panel: problems by configurations.
    aggregation: how weighted voting aggregates step scores; NO_AGGREGATION
      without a reward model.

  Returns:
    Majority and weighted voting of each strategy but greedy, in order; majority
    voting alone without a reward model.
  """
  majority = (votings.MAJORITY, votings.NO_AGGREGATION)
  methods = dict.fromkeys((majority, votings.main_voting(aggregation)))
  return [
    (name, voting, how)
    for name in curves.searched(panel)
    for voting, how in methods
  ]


def growth(
  panel: panel_lib.Panel, policies: Sequence[str], aggregation: str, flops: str
) -> pd.DataFrame:
  """Does error fall with n, and does it saturate?

  Saturation compares the gain over the first doublings of n with the gain over
  as many last ones: the same factor in cost at both ends of the curve.

  Args:
    panel: problems by configurations.
    policies: names, ordered by parameters.
    aggregation: how weighted voting aggregates step scores.
    flops: cost column.

  Returns:
    Rows with the smallest and largest n, their accuracies, the whole gain,
    the gain over the first and the last doublings, the number of these, and
    the difference of these two gains (each with low and high).
  """
  rows = []
  for policy in policies:
    for strategy, voting, how in schemes(panel, aggregation):
      curve = curves.make_curve(panel, policy, strategy, voting, how, flops)
      if curve is None or len(curve.points) < 3:
        continue
      values, half = curve.accuracy, (len(curve.points) - 1) // 2
      first = values[:, half] - values[:, 0]
      last = values[:, -1] - values[:, -1 - half]
      rows.append(
        {
          "policy": policy,
          "strategy": strategy,
          "voting": voting,
          "n_first": curve.n[0],
          "n_last": curve.n[-1],
          "accuracy_first": np.nanmean(values[:, 0]),
          "accuracy_last": np.nanmean(values[:, -1]),
          **curves.difference_columns("gain", values[:, -1] - values[:, 0]),
          "points_compared": half,
          **curves.difference_columns("early", first),
          **curves.difference_columns("late", last),
          **curves.difference_columns("early_minus_late", first - last),
        }
      )
  return pd.DataFrame(rows)


def best_policy(
  panel: panel_lib.Panel, policies: Sequence[str], aggregation: str, flops: str
) -> pd.DataFrame:
  """Which policy is best at each budget, strategy by strategy?

  Accuracies at a budget are interpolated along each policy's curve; a policy
  whose cheapest point costs more than the budget is left out.

  Args:
    panel: problems by configurations.
    policies: names, ordered by parameters.
    aggregation: how weighted voting aggregates step scores.
    flops: cost column.

  Returns:
    Rows by strategy, voting and budget: the best policy and its accuracy, the
    runner-up (empty where there is none) and the lead over it.
  """
  groups = {
    (strategy, voting): curves.existing(
      {
        policy: curves.make_curve(panel, policy, strategy, voting, how, flops)
        for policy in policies
      }
    )
    for strategy, voting, how in schemes(panel, aggregation)
  }
  groups = {name: group for name, group in groups.items() if len(group) > 1}
  costs = [curve.flops for group in groups.values() for curve in group.values()]
  budgets = frontier.budget_grid(np.concatenate(costs)) if costs else []
  rows = []
  for (strategy, voting), group in groups.items():
    for budget in budgets:
      row = _best_at(group, budget)
      if row is not None:
        rows.append({"strategy": strategy, "voting": voting} | row)
  return pd.DataFrame(rows)


def _best_at(
  group: dict[str, curves.Curve], budget: float
) -> dict[str, Any] | None:
  """The best policy at a budget and its lead; None if it pays for none."""
  values = {name: curve.at(budget) for name, curve in group.items()}
  means = {
    name: np.nanmean(value)
    for name, value in values.items()
    if not np.isnan(value).all()
  }
  if not means:
    return None
  best, *others = sorted(means, key=lambda name: means[name], reverse=True)
  # Without a runner-up the lead is NaN.
  second = values[others[0]] if others else np.full_like(values[best], np.nan)
  return {
    "budget": budget,
    "best": best,
    "accuracy": means[best],
    "runner_up": others[0] if others else "",
    **curves.difference_columns("lead", values[best] - second),
  }
