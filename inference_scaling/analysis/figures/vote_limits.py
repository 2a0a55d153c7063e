"""Accuracy against n, and the asymptotic accuracy of every strategy."""

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
from inference_scaling.analysis.figures import style, texts

_VOTINGS = (votings.MAJORITY, votings.WEIGHTED)
# Weighted voting is filled and solid, majority voting open and dashed.
_LINES = {
  votings.MAJORITY: (0, (4, 1.6)),
  votings.WEIGHTED: "-",
}
_LIMIT, _BOUND = (0, (8, 2, 1, 2)), (0, (1, 1.6))
_CURVE_WIDTH, _LIMIT_WIDTH = 3.1, 0.27  # inches: a panel; each of its limits
_MARGIN = 1.0  # percent above and below the measured accuracies


@registry.figure(
  100,
  "Where votes saturate, and where search moves the limit",
  reads=lambda analysis: (
    analysis.summary,
    selection.main_variants(analysis.tables["limits"]),
    analysis.tables["theory"],
  ),
)
@style.styled
def limits(
  summary: pd.DataFrame, table: pd.DataFrame, theory: pd.DataFrame
) -> figure_lib.Figure | None:
  """Draws where votes saturate, and where tree search moves their limits.

  On the left of each panel are sampling's measured accuracies with 95%
  intervals, the theory's exact curves up to larger n, and Hoeffding's lower
  bound where it is positive. On the right are the limits (asymptotic
  accuracies) of every strategy; those of sampling run through the panel.

  Args:
    summary: rows of `summarize`; sampling's are drawn.
    table: rows of `limits_table`.
    theory: rows of `theory_curves`, of the same aggregation.

  Returns:
    The figure, one panel per policy; None if there are no limits.
  """
  if table.empty:
    return None
  policies = selection.policies_of(
    frames.select(summary, policy=list(table["policy"]))
  )
  counts = [
    len(set(frames.select(table, policy=policy)["strategy"]))
    for policy in policies
  ]
  longest = max(
    len(line)
    for strategy in table["strategy"]
    for line in _label(strategy).split("\n")
  )
  widths = [w for k in counts for w in (_CURVE_WIDTH, _LIMIT_WIDTH * (k + 1))]
  figure = figure_lib.Figure(
    figsize=(max(sum(widths) + 0.6, 5.2), 3.7 + 0.07 * longest),
    layout=texts.Layout(w_pad=0.02, wspace=0),
  )
  axes = figure.subplots(
    1, len(widths), squeeze=False, sharey=True, width_ratios=widths
  )[0]
  problems = selection.unequal_problems(summary)
  floors = []
  for index, (policy, parameters) in enumerate(policies.items()):
    curves, ends = axes[2 * index : 2 * index + 2]
    own_limits, own_theory = (
      frames.select(frame, policy=policy) for frame in (table, theory)
    )
    measured = _measured(summary, policy, own_limits, own_theory)
    _draw_curves(curves, measured, own_theory)
    _draw_limits(curves, ends, own_limits)
    name = wording.policy(policy, parameters, problems.get(policy))
    curves.set_title(name)
    floors += [*measured["low"], *own_limits["low"], *own_limits["limit"]]
  lowest = 100 * np.nanmin(floors) - _MARGIN
  axes[0].set_ylim(max(0.0, lowest), 100 + _MARGIN)
  axes[0].set_ylabel("accuracy (%)")
  figure.suptitle("Votes of more and more samples, and the limits of votes")
  style.legend(figure, _legend(table))
  return figure


def _measured(
  summary: pd.DataFrame,
  policy: str,
  limits: pd.DataFrame,
  theory: pd.DataFrame,
) -> pd.DataFrame:
  """Rows of the summary that the theory has curves of."""
  return frames.select(
    summary,
    policy=policy,
    strategy=_main_sampling(theory),
    voting=list(_VOTINGS),
    aggregation=list(limits["aggregation"]),
  )


def _main_sampling(frame: pd.DataFrame) -> list[str]:
  """The strategy whose curves are drawn; empty without sampling."""
  if frame.empty:
    return []
  main = strategies.main_of(strategies.SAMPLING, frame["strategy"])
  return [] if main is None else [main]


def _draw_curves(
  axes: axes_lib.Axes, measured: pd.DataFrame, theory: pd.DataFrame
) -> None:
  """Measured accuracies of sampling, and the theory's curves and bounds."""
  color = style.strategy_color(strategies.SAMPLING)
  theory = frames.select(theory, strategy=_main_sampling(theory))
  for voting in _VOTINGS:
    if voting not in set(theory["voting"]):
      continue
    line = frames.select(theory, voting=voting).sort_values("n")
    axes.plot(
      line["n"], 100 * line["accuracy"], color="#5A5A5A", linewidth=1.2,
      linestyle=_LINES[voting], zorder=2,
    )  # fmt: skip
    axes.plot(
      line["n"], 100 * line["bound_low"], color=style.GREY, linewidth=1.2,
      linestyle=_BOUND, zorder=1, marker="o", markersize=3.5,
      markevery=[-1], markerfacecolor=_face(voting, style.GREY),
    )  # fmt: skip
    rows = frames.select(measured, voting=voting).sort_values("n")
    percent = 100 * rows.loc[:, ["accuracy", "low", "high"]].to_numpy(float).T
    axes.errorbar(
      rows["n"], percent[0], abs(percent[1:] - percent[0]), color=color,
      linestyle="", elinewidth=1.0, marker="o", zorder=3,
      markerfacecolor=_face(voting, color), clip_on=False,
    )  # fmt: skip
  sizes = sorted(set(measured["n"]) | set(theory["n"]))
  if sizes:
    style.sizes_axis(axes, sizes, "samples n")
  else:
    axes.set_xticks([])
    axes.text(
      0.5, 0.5, "no sampling", transform=axes.transAxes, ha="center",
      color=style.GREY,
    )  # fmt: skip


def _draw_limits(
  curves: axes_lib.Axes, ends: axes_lib.Axes, limits: pd.DataFrame
) -> None:
  """The limit of every strategy; sampling's run through the panel."""
  names = strategies.in_order(limits["strategy"])
  looks = style.strategy_styles(names)
  for row in frames.records(limits):
    color, voting = looks[row["strategy"]]["color"], row["voting"]
    x = names.index(row["strategy"]) + (0.16, -0.16)[voting == _VOTINGS[0]]
    percent = 100 * np.array([row[name] for name in ("limit", "low", "high")])
    ends.errorbar(
      x, percent[0], abs(percent[1:, None] - percent[0]), color=color,
      marker=looks[row["strategy"]]["marker"], elinewidth=1.0, zorder=3,
      markerfacecolor=_face(voting, color), clip_on=False,
    )  # fmt: skip
    if row["strategy"] in _main_sampling(limits):
      for axes in (curves, ends):
        axes.axhline(
          percent[0], color=color, linestyle=_LIMIT, linewidth=0.9, zorder=1
        )
  ends.set_xlim(-0.7, len(names) - 0.3)
  ends.set_xticks(range(len(names)), map(_label, names), rotation=90)
  ends.set_title("limits", fontweight="normal", fontsize=9)
  ends.tick_params(left=False)
  ends.spines["left"].set_visible(False)
  ends.set_facecolor("#F6F6F6")
  ends.grid(axis="x", visible=False)


def _label(strategy: str) -> str:
  """The strategy's name, its variant on a line of its own."""
  return strategies.strategy_name(strategy).replace(" (", "\n(")


def _face(voting: str, color: str) -> str:
  return "white" if voting == votings.MAJORITY else color


def _legend(limits: pd.DataFrame) -> list[lines.Line2D]:
  """Handles of votings, curves, bounds and limits."""
  color = style.strategy_color(strategies.SAMPLING)
  words = wording.VOTING_WORDS
  methods = [v for v in _VOTINGS if v in set(limits["voting"])]
  handles = [
    lines.Line2D(
      [], [], color=color, marker="o", linestyle="",
      markerfacecolor=_face(voting, color),
      label=f"measured, {words[voting]}",
    )
    for voting in methods
  ]  # fmt: skip
  handles += [
    lines.Line2D(
      [], [], color="#5A5A5A", linewidth=1.2, linestyle=_LINES[voting],
      label=f"theory, {words[voting]}",
    )
    for voting in methods
  ]  # fmt: skip
  return [
    *handles,
    lines.Line2D(
      [], [], color=style.GREY, linewidth=1.2, linestyle=_BOUND,
      label="Hoeffding: accuracy is above",
    ),
    lines.Line2D(
      [], [], color=color, linewidth=0.9, linestyle=_LIMIT,
      label="limit of sampling",
    ),
  ]  # fmt: skip
