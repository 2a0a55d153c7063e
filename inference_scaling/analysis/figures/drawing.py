"""Shared parts of figures: curves, bands, the frontier, legend entries."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import axes as axes_lib
from matplotlib import lines

from inference_scaling.analysis import frames, strategies, wording
from inference_scaling.analysis.comparison import frontier, selection
from inference_scaling.analysis.figures import hover, style

FRONTIER = "#C4C4C4"
_MOST_BANDS = 4  # that can be told apart
_PERCENTS = ("accuracy", "low", "high")
_BANDED = (strategies.GREEDY, strategies.SAMPLING, strategies.REBASE)


def draw_curve(
  axes: axes_lib.Axes,
  rows: pd.DataFrame,
  x: str,
  *,
  part: str = "",
  band: bool = True,
  filled: bool = True,
  what: str = "accuracy",
  **line: Any,
) -> None:
  """Draws error in percent with its 95% band; its points tell what they are.

  Args:
    axes: of the panel.
    rows: rows of the summary, one curve.
    x: column of the horizontal axis.
    part: "", "_easy" or "_hard".
    band: whether to draw the interval.
    filled: whether markers are filled.
    what: what the column of accuracies holds, for its points to tell.
    **line: passed to `Axes.plot`.
  """
  rows = rows.sort_values(x).dropna(subset=[f"accuracy{part}"])
  if rows.empty:
    return
  values = rows[x].to_numpy(float)
  error, top, bottom = (
    100 * (1 - rows[f"{name}{part}"].to_numpy(float)) for name in _PERCENTS
  )
  color = line["color"]
  if band and len(rows) > 1:
    axes.fill_between(values, bottom, top, color=color, alpha=0.13, linewidth=0)
  elif band:
    axes.vlines(values, bottom, top, color=color, linewidth=1.0)
  face = color if filled else "white"
  # Markers at an end of the axis (no error, nothing right) are drawn whole.
  (curve,) = axes.plot(
    values,
    error,
    markerfacecolor=face,
    markeredgecolor=color,
    clip_on=False,
    **line,
  )
  hover.tell(
    curve, [_point(row, x, part, what) for row in frames.records(rows)]
  )


def _point(row: Mapping[str, Any], x: str, part: str, what: str) -> str:
  """A point of a curve in words, but for an x that is n."""
  shown = wording.percent(*(row[f"{name}{part}"] for name in _PERCENTS))
  cost = "" if x == "n" else f"\n{row[x]:.3g} {style.cost_unit(x)}"
  return (
    f"{row['policy']}, {wording.method(row['strategy'], row['voting'])},"
    f" n = {row['n']}\n{what} {shown} %{cost}"
  )


def marker_keys(look: Mapping[str, Any]) -> dict[str, Any]:
  """Keywords of `Axes.plot` for one of `style.strategy_styles`."""
  keys = dict(look)
  face = keys["color"] if keys.pop("filled") else "white"
  return keys | {"markerfacecolor": face}


def draw_strategies(
  panel: axes_lib.Axes,
  rows: pd.DataFrame,
  x: str,
  names: Iterable[str],
  *,
  part: str = "",
  band: bool = True,
  **line: Any,
) -> None:
  """Draws one curve per strategy, with the bands of `bands_of`.

  Args:
    panel: axes of the panel.
    rows: rows of the summary.
    x: column of the horizontal axis.
    names: strategies of the whole figure: a panel that lacks one of them draws
      the others as the legend does.
    part: "", "_easy" or "_hard".
    band: whether to draw intervals.
    **line: passed to `Axes.plot`.
  """
  names = list(names)
  banded = bands_of(names) if band else []
  for strategy, look in style.strategy_styles(names).items():
    curve = frames.select(rows, strategy=strategy)
    draw_curve(
      panel, curve, x, part=part, band=strategy in banded, **look, **line
    )


def draw_frontier(panel: axes_lib.Axes, rows: pd.DataFrame, cost: str) -> None:
  """Draws the Pareto frontier of the rows as a grey staircase."""
  ordered = rows.sort_values(cost)
  best = ordered.loc[
    frontier.pareto_mask(
      ordered[cost].to_numpy(float), ordered["error"].to_numpy(float)
    )
  ]
  panel.plot(
    [*best[cost], rows[cost].max()],
    100 * np.array([*best["error"], best["error"].min()]),
    drawstyle="steps-post",
    color=FRONTIER,
    linewidth=4.5,
    solid_joinstyle="miter",
    zorder=1,
  )


def frontier_handle() -> lines.Line2D:
  """Its legend entry."""
  return lines.Line2D(
    [], [], color=FRONTIER, linewidth=4.5, label="Pareto frontier"
  )


def name_policies(
  panels: Iterable[axes_lib.Axes],
  policies: Mapping[str, int],
  problems: Mapping[str, int] | None = None,
) -> None:
  """Writes the names of policies above their panels.

  Args:
    panels: one per policy.
    policies: number of parameters by policy.
    problems: number of problems by policy, where it is to be told.
  """
  for panel, (name, parameters) in zip(panels, policies.items(), strict=True):
    own = problems.get(name) if problems else None
    panel.set_title(wording.policy(name, parameters, own))


def by_policy(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
  """The rows of each policy, in the order of panels."""
  return [
    (policy, frames.select(rows, policy=policy))
    for policy in selection.policies_of(rows)
  ]


def bands_of(names: Iterable[str]) -> list[str]:
  """Strategies whose intervals are drawn: of more than four the main kinds."""
  names = strategies.in_order(names)
  few = [name for name in names if strategies.kind_of(name) in _BANDED]
  return few if len(names) > _MOST_BANDS and len(few) > 1 else names


def band_words(names: Iterable[str]) -> str:
  """The addition to a title if not all bands are drawn."""
  names = list(names)
  few = bands_of(names)
  if len(few) == len(set(names)):
    return ""
  *words, last = map(strategies.strategy_name, few)
  words = ", ".join(words)
  return f"\n(95% intervals of {words} and {last} alone)"


def strategy_handles(names: Iterable[str]) -> list[lines.Line2D]:
  """Legend entries of all strategies of a figure, one each, in order."""
  handles = []
  for strategy, look in style.strategy_styles(names).items():
    keys = marker_keys(look)
    if strategies.kind_of(strategy) == strategies.GREEDY:
      keys["linestyle"] = ""
    name = strategies.strategy_name(strategy)
    handles.append(lines.Line2D([], [], label=name, **keys))
  return handles
