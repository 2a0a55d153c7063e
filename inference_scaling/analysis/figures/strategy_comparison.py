"""Figures of differences: equal budgets, variants of a kind, aggregations."""

from collections.abc import Mapping
from typing import Any

import numpy as np
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

_DODGE = 1.03  # from one strategy to the next, as a factor of the budget
# Of the aggregations beside the reference: marker and fill.
_MARKERS = (("v", style.GREY), ("o", "white"), ("D", style.BLACK))


@registry.figure(
  60,
  "Accuracy against sampling at the same FLOPs",
  reads=lambda analysis: (
    analysis.tables["equal_budget"],
    dict(analysis.policies),
    analysis.convention,
    analysis.problems,
  ),
)
@style.styled
def equal_budget(
  frame: pd.DataFrame,
  policies: dict[str, int],
  convention: str,
  problems: Mapping[str, int] | None = None,
) -> figure_lib.Figure | None:
  """Difference to sampling at equal budgets, by voting method and policy.

  Args:
    frame: rows of `equal_budget.equal_budget`.
    policies: number of parameters by policy.
    convention: FLOPs convention.
    problems: number of problems by policy, where they differ.

  Returns:
    The figure, one column per policy and one row per voting method; None if
    there is nothing to compare with sampling.
  """
  if not frame.empty:
    frame = frames.select(frame, convention=convention).dropna(
      subset=["difference"]
    )
    kinds = frame["strategy"].map(strategies.kind_of)
    frame = selection.main_variants(frame.loc[kinds != strategies.SAMPLING])
  if frame.empty:
    return None
  flops = f"flops_{convention}"
  policies = {p: s for p, s in policies.items() if p in set(frame["policy"])}
  methods = [v for v in wording.VOTING_WORDS if v in set(frame["voting"])]
  looks = style.strategy_styles(frame["strategy"])
  figure, axes = style.new_figure(
    len(methods), len(policies), height=2.3, sharey="row", sharex="col"
  )
  drawing.name_policies(axes[0], policies, problems)
  for line, voting in zip(axes, methods, strict=True):
    for panel, policy in zip(line, policies, strict=True):
      panel.axhline(0, color=style.BLACK, linewidth=0.9, zorder=1)
      for index, (strategy, look) in enumerate(looks.items()):
        curve = frames.select(
          frame, policy=policy, voting=voting, strategy=strategy
        )
        # Side by side, or their intervals would lie one over another.
        shift = _DODGE ** (index - (len(looks) - 1) / 2)
        curve = curve.assign(x=curve["budget"] * shift)
        _draw_difference(panel, curve, look)
      style.cost_axis(panel, flops)
      if not panel.get_lines()[1:]:  # beside the line of no difference
        panel.text(
          0.5, 0.5, "no budget pays for both", transform=panel.transAxes,
          ha="center", color=style.GREY,
        )  # fmt: skip
    words = wording.VOTING_WORDS[voting]
    line[0].set_ylabel(f"points more than sampling\n{words}")
  for panel in axes[:-1].flat:
    panel.set_xlabel("")
  style.legend(figure, drawing.strategy_handles(frame["strategy"]))
  figure.suptitle("Accuracy against sampling at the same FLOPs")
  return figure


def _draw_difference(
  panel: axes_lib.Axes, rows: pd.DataFrame, look: dict[str, Any]
) -> None:
  """Draws differences with their intervals."""
  if rows.empty:
    return
  rows = rows.sort_values("x")
  middle, low, high = (
    100 * rows[name].to_numpy(float)
    for name in ("difference", "difference_low", "difference_high")
  )
  # Not by `vlines`, which rounds: an axis of one budget then has no width.
  ends = np.stack([rows["x"], rows["x"]]), np.stack([low, high])
  panel.plot(*ends, color=look["color"], linewidth=0.9)
  panel.plot(rows["x"], middle, **drawing.marker_keys(look))


@registry.figure(
  70,
  "Variants of each kind of strategy",
  reads=lambda analysis: (
    analysis.summary,
    analysis.aggregation,
    analysis.flops,
  ),
)
@style.styled
def variants(
  summary: pd.DataFrame, aggregation: str, flops: str
) -> figure_lib.Figure | None:
  """Variants of each kind against each other, with sampling in grey.

  Args:
    summary: rows of `summarize`.
    aggregation: of weighted voting; NO_AGGREGATION draws majority voting.
    flops: cost column.

  Returns:
    The figure, one row per policy and one column per kind with variants; None
    if no kind has any.
  """
  rows = selection.main_rows(summary, aggregation, variants=True)
  groups = strategies.variants_of(rows["strategy"])
  groups = {kind: group for kind, group in groups.items() if len(group) > 1}
  if not groups:
    return None
  shown = frames.select(
    rows, strategy=[name for group in groups.values() for name in group]
  )
  policies = selection.policies_of(shown)
  problems = selection.unequal_problems(shown)
  figure, axes = style.new_figure(
    len(policies), len(groups), width=2.7, height=2.3, sharey="row"
  )
  for panel, kind in zip(axes[0], groups, strict=True):
    panel.set_title(strategies.strategy_name(kind))
  for line, (policy, curves) in zip(
    axes, drawing.by_policy(shown), strict=True
  ):
    base = frames.select(rows, policy=policy, strategy=strategies.SAMPLING)
    for panel, (kind, group) in zip(line, groups.items(), strict=True):
      if kind != strategies.SAMPLING and not base.empty:
        drawing.draw_curve(
          panel, base, flops, band=False, color=style.GREY, linewidth=1.0
        )
      drawing.draw_strategies(panel, curves, flops, group, band=False)
      style.cost_axis(panel, flops, label=False)
    name = wording.policy(policy, policies[policy], problems.get(policy))
    style.error_axis(line[0], f"error rate (%)\n{name}")
  axes[-1, (len(groups) - 1) // 2].set_xlabel(style.COST_LABELS[flops])
  handles = drawing.strategy_handles(shown["strategy"])
  if strategies.SAMPLING in set(rows["strategy"]):
    handles.append(lines.Line2D([], [], color=style.GREY, label="Sampling"))
  style.legend(figure, handles)
  voting, _ = votings.main_voting(aggregation)
  figure.suptitle(f"Variants: {wording.VOTING_WORDS[voting]}")
  return figure


@registry.figure(
  80,
  "Aggregation of step scores",
  reads=lambda analysis: (
    selection.at_largest_n(analysis.tables["aggregations"]),
    dict(analysis.policies),
    analysis.problems,
  ),
)
@style.styled
def aggregations(
  frame: pd.DataFrame,
  policies: dict[str, int],
  problems: Mapping[str, int] | None = None,
) -> figure_lib.Figure | None:
  """What each way to aggregate step scores adds to the reference.

  Args:
    frame: rows of `compare_aggregations` at the largest n.
    policies: number of parameters by policy.
    problems: number of problems by policy, where they differ.

  Returns:
    The figure, one column per policy and one row per voting method; None if
    there are fewer than two aggregations.
  """
  if frame.empty or len(set(frame["aggregation"])) < 2:
    return None
  hows = [how for how in names.AGGREGATIONS if how in set(frame["aggregation"])]
  kinds = strategies.in_order(frame["strategy"])
  policies = {p: s for p, s in policies.items() if p in set(frame["policy"])}
  methods = (votings.BEST_OF_N, votings.WEIGHTED)
  figure, axes = style.new_figure(
    len(methods), len(policies), height=max(1.5, 0.6 + 0.26 * len(kinds)),
    sharey=True, sharex=True,
  )  # fmt: skip
  for line, voting in zip(axes, methods, strict=True):
    for panel, policy in zip(line, policies, strict=True):
      panel.axvline(0, color=style.BLACK, linewidth=0.9, zorder=1)
      for index, how in enumerate(hows[1:]):
        rows = frames.select(
          frame, policy=policy, voting=voting, aggregation=how
        )
        y = np.array([kinds.index(name) for name in rows["strategy"]], float)
        y += 0.25 * (index - 1)
        middle, low, high = (
          100 * rows[f"difference{end}"].to_numpy(float)
          for end in ("", "_low", "_high")
        )
        panel.hlines(y, low, high, color=style.GREY, linewidth=1.0)
        panel.plot(middle, y, **_dots(index))
      panel.set_yticks(range(len(kinds)), map(strategies.strategy_name, kinds))
      panel.set_ylim(len(kinds) - 0.5, -0.5)
    line[0].set_ylabel(wording.VOTING_WORDS[voting])
  drawing.name_policies(axes[0], policies, problems)
  for panel in axes[-1]:
    panel.set_xlabel(f"points more than {hows[0]}")
  handles = [
    lines.Line2D([], [], label=how, **_dots(index))
    for index, how in enumerate(hows[1:])
  ]
  style.legend(figure, handles)
  figure.suptitle("Aggregation of step scores, at the largest n")
  return figure


def _dots(index: int) -> dict[str, Any]:
  """Keywords of `Axes.plot` for an aggregation other than the reference."""
  marker, face = _MARKERS[index]
  return {
    "linestyle": "", "marker": marker, "color": style.BLACK,
    "markerfacecolor": face, "markersize": 4.5, "zorder": 3,
  }  # fmt: skip
