"""Error against hours and against dollars, one panel per policy."""

from typing import Any

import pandas as pd
from matplotlib import figure as figure_lib

from inference_scaling.analysis import frames, registry, votings, wording
from inference_scaling.analysis.comparison import machine_time, selection
from inference_scaling.analysis.figures import drawing, style

_PROBLEMS = 1000  # that a cost is drawn of: one alone costs next to nothing


def _reads(analysis: Any) -> tuple[pd.DataFrame, str, int | None]:
  return analysis.common, analysis.aggregation, analysis.num_common


@registry.figure(
  22,
  "Error against wall time by strategy, with the Pareto frontier",
  reads=_reads,
)
@style.styled
def error_vs_hours(
  summary: pd.DataFrame, aggregation: str, num_common: int | None = None
) -> figure_lib.Figure | None:
  """Error against machine hours of the main strategies.

  Args:
    summary: rows of `summarize`, with the costs of `machine_time.add_costs`.
    aggregation: of weighted voting; NO_AGGREGATION draws majority voting.
    num_common: number of problems that all policies have, if these are not all.

  Returns:
    The figure; None where no time is known.
  """
  if machine_time.SECONDS not in summary:
    return None
  hours = summary[machine_time.SECONDS] / machine_time.HOUR * _PROBLEMS
  return _draw(
    summary.assign(hours=hours), aggregation, num_common, "hours", "wall time"
  )


@registry.figure(
  24,
  "Error against dollars by strategy, with the Pareto frontier",
  reads=_reads,
)
@style.styled
def error_vs_dollars(
  summary: pd.DataFrame, aggregation: str, num_common: int | None = None
) -> figure_lib.Figure | None:
  """Error against dollars of the main strategies.

  Args:
    summary: rows of `summarize`, with the costs of `machine_time.add_costs`.
    aggregation: of weighted voting; NO_AGGREGATION draws majority voting.
    num_common: number of problems that all policies have, if these are not all.

  Returns:
    The figure; None where no time or no price is known, or where it is 0.
  """
  if machine_time.DOLLARS not in summary:
    return None
  dollars = summary[machine_time.DOLLARS] * _PROBLEMS
  return _draw(
    summary.assign(dollars=dollars), aggregation, num_common, "dollars", "money"
  )


def _draw(
  summary: pd.DataFrame,
  aggregation: str,
  num_common: int | None,
  cost: str,
  words: str,
) -> figure_lib.Figure | None:
  """Panels of policies over one cost; None without a point above 0."""
  rows = selection.main_rows(summary, aggregation)
  rows = rows.loc[rows[cost] > 0]
  if rows.empty:
    return None
  policies = selection.policies_of(rows)
  figure, axes = style.new_figure(1, len(policies), sharey=True, sharex=True)
  drawing.name_policies(axes[0], policies, selection.unequal_problems(rows))
  for panel, policy in zip(axes[0], policies, strict=True):
    drawing.draw_frontier(panel, rows, cost)
    curves = frames.select(rows, policy=policy)
    drawing.draw_strategies(panel, curves, cost, rows["strategy"], zorder=3)
    style.cost_axis(panel, cost)
  style.error_axis(axes[0, 0])
  voting, _ = votings.main_voting(aggregation)
  figure.suptitle(
    f"Error against {words}: {wording.VOTING_WORDS[voting]} and greedy"
    + drawing.band_words(rows["strategy"])
    + wording.on_common(num_common)
  )
  style.legend(
    figure,
    [*drawing.strategy_handles(rows["strategy"]), drawing.frontier_handle()],
  )
  return figure
