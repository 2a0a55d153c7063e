"""Accuracy against expected FLOPs of rules that stop sampling."""

from collections.abc import Sequence

import pandas as pd
from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib
from matplotlib import lines

from inference_scaling import names
from inference_scaling.analysis import (
  frames,
  registry,
  strategies,
  votings,
  wording,
)
from inference_scaling.analysis.comparison import selection
from inference_scaling.analysis.figures import drawing, style
from inference_scaling.analysis.stopping import against_fixed


@registry.figure(
  65,
  "Adaptive sampling against expected FLOPs, by replay",
  reads=lambda analysis: (
    analysis.tables.get(against_fixed.TABLE),
    analysis.summary,
    analysis.aggregation,
  ),
)
@style.styled
def stopping_rules(
  frame: pd.DataFrame | None, summary: pd.DataFrame, aggregation: str
) -> figure_lib.Figure | None:
  """Accuracy against expected FLOPs of every rule, fixed n and REBASE.

  Columns are policies, rows are FLOPs conventions. Each curve has a point for
  each n, the most samples of a problem.

  Args:
    frame: rows of `stopping_rules`; None for none.
    summary: rows of `summarize`, of which REBASE is drawn.
    aggregation: of weighted voting; NO_AGGREGATION for majority voting.

  Returns:
    The figure; None without rules.
  """
  if frame is None or frame.empty:
    return None
  rebase = strategies.main_of(strategies.REBASE, summary["strategy"])
  tree = frames.select(
    selection.main_rows(summary, aggregation, variants=True), strategy=rebase
  )
  policies = {
    policy: size
    for policy, size in selection.policies_of(summary).items()
    if policy in set(frame["policy"])
  }
  drawn = [*strategies.in_order(frame["strategy"])]
  drawn += [rebase] if rebase else []
  looks = style.strategy_styles(drawn)
  figure, axes = style.new_figure(
    len(names.CONVENTIONS), len(policies), height=2.5, sharey=True, sharex="row"
  )
  drawing.name_policies(axes[0], policies)
  for line, convention in zip(axes, names.CONVENTIONS, strict=True):
    for panel, policy in zip(line, policies, strict=True):
      rules = frames.select(frame, convention=convention, policy=policy)
      flops = f"flops_{convention}"
      mine = frames.select(tree, policy=policy)
      mine = mine.assign(flops=mine[flops]).dropna(subset=["accuracy"])
      _draw(panel, pd.concat([rules, mine]), drawn, looks)
      style.cost_axis(panel, flops)
    line[0].set_ylabel("accuracy (%)")
  voting, _ = votings.main_voting(aggregation)
  figure.suptitle(
    "Adaptive sampling: accuracy against expected FLOPs"
    + (f"\n(REBASE by {wording.VOTING_WORDS[voting]})" if rebase else "")
  )
  handles = [
    lines.Line2D(
      [], [], label=strategies.strategy_name(name),
      **drawing.marker_keys(looks[name]),
    )
    for name in drawn
  ]  # fmt: skip
  style.legend(figure, handles)
  return figure


def _draw(
  panel: axes_lib.Axes,
  rows: pd.DataFrame,
  drawn: Sequence[str],
  looks: dict[str, dict],
) -> None:
  """Draws a curve for each strategy, with the interval of the fixed one."""
  for name in drawn:
    curve = frames.select(rows, strategy=name).sort_values("flops")
    if curve.empty:
      continue
    values = curve["flops"].to_numpy(float)
    accuracy, low, high = (
      100 * curve[column].to_numpy(float)
      for column in ("accuracy", "low", "high")
    )
    if name == strategies.SAMPLING:
      panel.fill_between(
        values, low, high, color=looks[name]["color"], alpha=0.13, linewidth=0
      )
    panel.plot(values, accuracy, **drawing.marker_keys(looks[name]))
