"""The compute-optimal policy size at each budget, and the line through it.

At a budget each policy stands at its interpolated accuracy (under one method,
or under its best one), and the best policy's number of parameters is the
optimal size. With a few policies the optimal size is a staircase: the line
says where its steps lie, and its interval comes from drawing the problems anew
and doing everything again, from the curves to the line. Costs stay at their
means over all problems.

References:
  Wu et al., Inference Scaling Laws, ICLR 2025, Figure 1 and section 4.2.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from inference_scaling.analysis import votings
from inference_scaling.analysis.comparison import curves, frontier, regression
from inference_scaling.analysis.estimates import intervals
from inference_scaling.analysis.estimates import panel as panel_lib

ANY = "any"  # the best of all strategies and voting methods
PER_DOUBLING = 4  # budgets of the fit


def optimal_sizes(
  panel: panel_lib.Panel,
  parameters: Mapping[str, int],
  aggregation: str,
  flops: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
  """The best size per budget and the fitted line, method by method.

  Args:
    panel: problems by configurations.
    parameters: number of parameters by policy.
    aggregation: how best-of-n and weighted voting read step scores.
    flops: cost column.

  Returns:
    Two frames. Points: strategy and voting (both ANY for the best of all),
    budget, the best policy, its parameters and accuracy, and wins, the share
    of resamples in which it is best. Lines, a row per method that two policies
    have: sizes, how many distinct sizes are best somewhere; slope and
    intercept, NaN if sizes is below two, each with _low and _high (bootstrap
    over problems) and _error (least squares); fitted, the share of resamples
    with two sizes; budgets, the number of points; and its policies.
  """
  curve_groups = _curves(panel, list(parameters), aggregation, flops)
  costs = [c.flops for group in curve_groups.values() for c in group.values()]
  if not costs:
    return pd.DataFrame(), pd.DataFrame()
  budgets = frontier.budget_grid(np.concatenate(costs), PER_DOUBLING)
  values: dict[tuple[str, str], dict[str, np.ndarray]] = {}
  for method, group in curve_groups.items():
    for policy, curve in group.items():
      reached = _at_budgets(curve, budgets)
      values.setdefault(method, {})[policy] = reached
      best = values.setdefault((ANY, ANY), {})
      best[policy] = np.fmax(best[policy], reached) if policy in best else (
        reached
      )  # fmt: skip
  points, lines = [], []
  for (strategy, voting), group in values.items():
    if len(group) < 2:
      continue
    name = {"strategy": strategy, "voting": voting}
    fitted = _fit(group, parameters, budgets)
    if fitted is not None:
      points += [name | row for row in fitted[0]]
      lines.append(name | fitted[1])
  return pd.DataFrame(points), pd.DataFrame(lines)


def _curves(
  panel: panel_lib.Panel, policies: Sequence[str], aggregation: str, flops: str
) -> dict[tuple[str, str], dict[str, curves.Curve]]:
  """(strategy, voting) -> policy -> curve, of all strategies but greedy."""
  groups: dict[tuple[str, str], dict[str, curves.Curve]] = {}
  for name in curves.searched(panel):
    for voting, how in votings.voting_methods(aggregation):
      for policy in policies:
        curve = curves.make_curve(panel, policy, name, voting, how, flops)
        if curve is not None:
          groups.setdefault((name, voting), {})[policy] = curve
  return groups


def _at_budgets(curve: curves.Curve, budgets: np.ndarray) -> np.ndarray:
  """Mean accuracy at budgets [1 + R, B]: all problems, then the resamples."""
  means = curve.means()
  return np.stack(
    [frontier.interpolate_at(curve.flops, means, b) for b in budgets], axis=-1
  )


def _fit(
  group: Mapping[str, np.ndarray],
  parameters: Mapping[str, int],
  budgets: np.ndarray,
) -> tuple[list[dict[str, Any]], dict[str, Any]] | None:
  """Rows of points and the row of the line of one method, if there are any."""
  policies = sorted(group, key=lambda name: (parameters[name], name))
  sizes = np.array([parameters[name] for name in policies], float)
  table = np.stack([group[name] for name in policies], axis=-1)
  table = np.where(np.isnan(table), -np.inf, table)  # cannot be paid for
  paid = np.isfinite(table).any(axis=-1).all(axis=0)
  if not paid.any():  # few problems are done: a resample may hold none
    return None
  table, budgets = table[:, paid], budgets[paid]
  best = table.argmax(axis=-1)  # ties go to the smaller policy
  points = [
    {
      "budget": budget,
      "policy": policies[best[0, index]],
      "parameters": int(sizes[best[0, index]]),
      "accuracy": table[0, index, best[0, index]],
      "wins": (best[1:, index] == best[0, index]).mean(),
    }
    for index, budget in enumerate(budgets)
  ]
  x, y = np.log10(sizes[best]), np.log10(budgets)
  distinct = len(np.unique(x[0]))
  line: dict[str, Any] = {
    "policies": len(policies),
    "sizes": distinct,
    "budgets": len(budgets),
  }
  several = x[1:].max(axis=1) > x[1:].min(axis=1)
  line["fitted"] = several.mean()
  names = ("slope", "intercept")
  if distinct < 2:
    ends = ("", "_low", "_high", "_error")
    return points, line | {f"{n}{end}": np.nan for n in names for end in ends}
  fit = regression.fit_line(budgets, sizes[best[0]])
  drawn = regression.least_squares(x[1:][several], y)
  tail = (1 - intervals.CONFIDENCE) / 2
  for name, draws in zip(names, drawn, strict=True):
    low, high = np.quantile(draws, [tail, 1 - tail])
    line |= {
      name: getattr(fit, name),
      f"{name}_low": low,
      f"{name}_high": high,
      f"{name}_error": getattr(fit, f"{name}_error"),
    }
  return points, line
