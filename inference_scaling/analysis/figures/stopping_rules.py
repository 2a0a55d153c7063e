"""Accuracy against expected FLOPs of rules that stop sampling."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib
from matplotlib import lines

from inference_scaling import names
from inference_scaling.analysis import frames, registry, strategies, wording
from inference_scaling.analysis.figures import drawing, style
from inference_scaling.analysis.stopping import against_fixed, beside

# About the point of a search, in the colour of its rule.
_RING: dict[str, Any] = {
  "marker": "o", "markersize": 9, "markerfacecolor": "none", "linestyle": ""
}  # fmt: skip


@registry.figure(
  65,
  "Adaptive sampling against expected FLOPs: replays, and searches online",
  reads=lambda analysis: (
    analysis.tables.get(against_fixed.TABLE),
    analysis.policies,
  ),
)
@style.styled
def stopping_rules(
  frame: pd.DataFrame | None, sizes: Mapping[str, int]
) -> figure_lib.Figure | None:
  """Accuracy against expected FLOPs of every rule, fixed n and REBASE.

  Columns are policies, rows are FLOPs conventions. Each curve has a point for
  each n, the most samples of a problem. A search that ran online is a ring, in
  the colour of its rule, about the point that its replay should come to.

  Args:
    frame: rows of `stopping_rules`; None for none.
    sizes: number of parameters by policy, in rising order.

  Returns:
    The figure; None without rules.
  """
  if frame is None or frame.empty:
    return None
  policies = {p: sizes[p] for p in sizes if p in set(frame["policy"])}
  votes = dict(zip(frame["strategy"], frame["voting"], strict=True))
  every = strategies.in_order(votes)
  ringed = [n for n in every if beside.replay_of(n) in set(every) - {n}]
  drawn = [name for name in every if name not in ringed]
  looks = _looks(drawn)
  figure, axes = style.new_figure(
    len(names.CONVENTIONS), len(policies), width=4.4, height=3.3, sharey=True,
    sharex="row",
  )  # fmt: skip
  drawing.name_policies(axes[0], policies)
  for line, convention in zip(axes, names.CONVENTIONS, strict=True):
    for panel, policy in zip(line, policies, strict=True):
      rows = frames.select(frame, convention=convention, policy=policy)
      _draw(panel, rows, drawn, looks)
      _ring(panel, rows, ringed, looks)
      style.cost_axis(panel, f"flops_{convention}")
    line[0].set_ylabel("accuracy (%)")
  figure.suptitle("Adaptive sampling: accuracy against expected FLOPs")
  handles = [
    lines.Line2D(
      [], [], label=_label(name, votes[name]),
      **drawing.marker_keys(looks[name]),
    )
    for name in drawn
  ]  # fmt: skip
  if ringed:
    label = "the same rule online, where its replay should be"
    handles.append(lines.Line2D([], [], color=style.GREY, label=label, **_RING))
  style.legend(figure, handles)
  return figure


def _looks(drawn: Sequence[str]) -> dict[str, dict[str, Any]]:
  """Looks of strategies; fixed numbers by votes of confidence are grey."""
  looks = style.strategy_styles(drawn)
  for name, look in looks.items():
    if strategies.is_independent(name) and name not in beside.FIXED.values():
      look["color"] = style.GREY
  return looks


def _label(name: str, voting: str) -> str:
  """A strategy, with its vote where other votes of it have other names."""
  words = strategies.strategy_name(name)
  if (
    name == strategies.SAMPLING or strategies.kind_of(name) == strategies.REBASE
  ):
    return f"{words}, {wording.VOTING_WORDS[voting]}"
  return words


def _ring(
  panel: axes_lib.Axes,
  rows: pd.DataFrame,
  ringed: Sequence[str],
  looks: dict[str, dict],
) -> None:
  """Draws a ring for each search whose replay is drawn."""
  for name in ringed:
    point = frames.select(rows, strategy=name)
    color = looks[beside.replay_of(name)]["color"]
    panel.plot(point["flops"], 100 * point["accuracy"], color=color, **_RING)


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
