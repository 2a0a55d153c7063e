"""The paper's Figure 1: curves by policy size, and the optimal size."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib
from matplotlib import lines

from inference_scaling.analysis import (
  frames,
  registry,
  strategies,
  votings,
  wording,
)
from inference_scaling.analysis.comparison import selection
from inference_scaling.analysis.figures import drawing, style

_SHOWN = (strategies.SAMPLING, strategies.REBASE)


@registry.figure(
  10,
  "Error by policy size, and compute-optimal size by budget",
  mirrors="Figure 1",
  reads=lambda analysis: (
    analysis.common,
    analysis.tables["optimal_size"],
    analysis.tables["optimal_size_lines"],
    analysis.aggregation,
    analysis.flops,
    analysis.num_common,
  ),
)
@style.styled
def optimal_size(
  summary: pd.DataFrame,
  points: pd.DataFrame,
  fits: pd.DataFrame,
  aggregation: str,
  flops: str,
  num_common: int | None = None,
) -> figure_lib.Figure:
  """Error against FLOPs by policy size, and the optimal size per budget.

  Args:
    summary: rows of `summarize`.
    points: best size per budget, of `optimal_size.optimal_sizes`.
    fits: the lines through them, of the same.
    aggregation: of weighted voting; NO_AGGREGATION draws majority voting.
    flops: cost column.
    num_common: number of problems that all policies have, if these are not all.

  Returns:
    The figure: a panel of curves for sampling and one for REBASE (for the first
    strategy there is without both), and the optimal sizes with their lines.
  """
  rows = selection.main_rows(summary, aggregation)
  policies = selection.policies_of(rows)
  mains = strategies.main_strategies(rows["strategy"])
  shown = [s for s in mains if strategies.kind_of(s) in _SHOWN] or mains[-1:]
  voting, _ = votings.main_voting(aggregation)
  figure, axes = style.new_figure(1, len(shown) + 1, width=3.5, height=3.2)
  looks = style.policy_styles(list(policies))
  for panel in axes[0, 1:-1]:
    panel.sharey(axes[0, 0])
  for panel, strategy in zip(axes[0], shown, strict=False):
    for policy in policies:
      curve = frames.select(rows, policy=policy, strategy=strategy)
      drawing.draw_curve(panel, curve, flops, **looks[policy])
    panel.set_title(wording.method(strategy, voting))
    style.cost_axis(panel, flops)
  style.error_axis(axes[0, 0])
  _draw_sizes(axes[0, -1], points, fits, shown, voting)
  _size_axis(axes[0, -1], policies, rows[flops], flops)
  problems = selection.unequal_problems(rows)
  handles = [
    lines.Line2D(
      [], [], label=wording.policy(name, size, problems.get(name)),
      **looks[name],
    )
    for name, size in policies.items()
  ]  # fmt: skip
  style.legend(figure, handles)
  figure.suptitle(
    "Error by policy size, and the compute-optimal size"
    + wording.on_common(num_common)
  )
  return figure


def _draw_sizes(
  panel: axes_lib.Axes,
  points: pd.DataFrame,
  fits: pd.DataFrame,
  shown: Sequence[str],
  voting: str,
) -> None:
  """Draws staircases of the best size, and the lines through them."""
  names = []
  looks = style.strategy_styles(shown)
  for strategy in shown:
    stairs, line = (
      frames.select(frame, strategy=strategy, voting=voting)
      for frame in (points, fits)
    )
    if stairs.empty:
      continue
    color = looks[strategy]["color"]
    panel.plot(
      stairs["budget"], stairs["parameters"], color=color, linestyle="",
      marker=looks[strategy]["marker"], markersize=4, zorder=3,
      markerfacecolor=color if looks[strategy]["filled"] else "white",
    )  # fmt: skip
    name, fit = strategies.strategy_name(strategy), frames.records(line)[0]
    names.append((name, color))
    if np.isnan(fit["slope"]):
      continue
    ends = np.array([stairs["budget"].min(), stairs["budget"].max()])
    # log10 C = a log10 N + b, read for N.
    sizes = 10 ** ((np.log10(ends) - fit["intercept"]) / fit["slope"])
    panel.plot(ends, sizes, color=color, linestyle=looks[strategy]["linestyle"])
    names[-1] = (f"{name}: a = {_slope(fit)}", color)
  panel.set_title("Best size by budget")
  for row, (text, color) in enumerate(names):
    panel.text(
      0.03, 0.97 - 0.08 * row, text, color=color, va="top",
      transform=panel.transAxes,
    )  # fmt: skip
  if not names:
    panel.text(
      0.5, 0.5, "fewer than\ntwo policies", transform=panel.transAxes,
      ha="center", va="center", color=style.GREY,
    )  # fmt: skip


def _slope(fit: Mapping[str, float]) -> str:
  """The slope of a line with its 95% interval, if there is one."""
  slope, low, high = (fit[f"slope{end}"] for end in ("", "_low", "_high"))
  interval = f"{low:.2f}", f"{high:.2f}"
  if low < high and interval[0] != interval[1]:
    return f"{slope:.2f} [{', '.join(interval)}]"
  # Every resample has the same staircase, or none has one.
  count = "two" if fit["sizes"] == 2 else fit["sizes"]
  return f"{slope:.2f} ({count} sizes: no interval)"


def _size_axis(
  panel: axes_lib.Axes, policies: Mapping[str, int], costs: Any, flops: str
) -> None:
  sizes = list(policies.values())
  panel.set_xlim(costs.min() / 1.3, costs.max() * 1.3)
  panel.set_yscale("log")
  # A line may leave the range of sizes, and the text needs space above it.
  panel.set_ylim(min(sizes) / 2, max(sizes) * 8)
  panel.set_yticks(sizes, [wording.count(size) for size in sizes])
  panel.minorticks_off()
  panel.set_ylabel("best number of parameters")
  style.cost_axis(panel, flops)
