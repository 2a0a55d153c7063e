"""Error against FLOPs by strategy, one panel per policy and convention."""

import pandas as pd
from matplotlib import figure as figure_lib

from inference_scaling import names
from inference_scaling.analysis import frames, registry, votings, wording
from inference_scaling.analysis.comparison import selection
from inference_scaling.analysis.figures import drawing, style


@registry.figure(
  20,
  "Error against FLOPs by strategy, with the Pareto frontier",
  mirrors="Figures 4 and 5",
  reads=lambda analysis: (
    analysis.common,
    analysis.aggregation,
    analysis.num_common,
  ),
)
@style.styled
def error_vs_flops(
  summary: pd.DataFrame, aggregation: str, num_common: int | None = None
) -> figure_lib.Figure:
  """Error against FLOPs of the main strategies, as in Figures 4 and 5.

  Columns are policies, rows are FLOPs conventions. The grey staircase is the
  Pareto frontier of all configurations drawn, the same along a row.

  Args:
    summary: rows of `summarize`.
    aggregation: of weighted voting; NO_AGGREGATION draws majority voting.
    num_common: number of problems that all policies have, if these are not all.

  Returns:
    The figure.
  """
  rows = selection.main_rows(summary, aggregation)
  policies = selection.policies_of(rows)
  conventions = [f"flops_{name}" for name in names.CONVENTIONS]
  figure, axes = style.new_figure(
    len(conventions), len(policies), height=2.5, sharey=True, sharex="row"
  )
  drawing.name_policies(axes[0], policies, selection.unequal_problems(rows))
  for line, flops in zip(axes, conventions, strict=True):
    for panel, policy in zip(line, policies, strict=True):
      drawing.draw_frontier(panel, rows, flops)
      curves = frames.select(rows, policy=policy)
      drawing.draw_strategies(panel, curves, flops, rows["strategy"], zorder=3)
      style.cost_axis(panel, flops)
  for line in axes:
    style.error_axis(line[0])
  voting, _ = votings.main_voting(aggregation)
  figure.suptitle(
    f"Error against compute: {wording.VOTING_WORDS[voting]} and greedy"
    + drawing.band_words(rows["strategy"])
    + wording.on_common(num_common)
  )
  style.legend(
    figure,
    [*drawing.strategy_handles(rows["strategy"]), drawing.frontier_handle()],
  )
  return figure
