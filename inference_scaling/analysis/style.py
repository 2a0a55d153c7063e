"""How figures look: colours, markers, lines, axes and files.

Colours are those of Okabe and Ito, told apart with any colour vision; marker
and line style repeat what colour says, so that grey print can be read too.
Policies and strategies never share a colour.

References:
  Okabe and Ito, Color Universal Design, 2008, https://jfly.uni-koeln.de/color/
"""

import functools
import pathlib
from collections.abc import Callable, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib
from matplotlib import ticker

from inference_scaling.analysis import outcomes

BLACK, GREY = "#000000", "#8C8C8C"
POLICY_COLORS = ("#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#B8A900")
POLICY_MARKERS = ("o", "s", "^", "D", "v")
STRATEGY_COLORS = {
  "greedy": BLACK,
  "sampling": "#D55E00",
  "rebase": "#0072B2",
}
# Sampling is open and dashed, tree search is filled and solid.
STRATEGY_LINES = {"sampling": (0, (4, 1.6))}
STRATEGY_MARKERS = {"greedy": "*", "sampling": "o", "rebase": "s"}
VOTING_LINES = {
  outcomes.WEIGHTED: "-",
  outcomes.MAJORITY: (0, (4, 1.6)),
  outcomes.BEST_OF_N: (0, (1, 1.2)),
}
CONVENTION_LABELS = {
  "flops_paper": "FLOPs per problem\n(paper: policy's generated tokens)",
  "flops_with_reward": "FLOPs per problem\n(with_reward: + scored tokens)",
  "flops_full": "FLOPs per problem\n(full: + prompts, attention, unembedding)",
}
STYLE = {
  "axes.edgecolor": "#404040",
  "axes.grid": True,
  "axes.axisbelow": True,
  "axes.labelsize": 9.5,
  "axes.spines.right": False,
  "axes.spines.top": False,
  "axes.titlesize": 10.5,
  "axes.titleweight": "bold",
  "figure.dpi": 160,
  "font.size": 9,
  "grid.color": "#E4E4E4",
  "grid.linewidth": 0.7,
  "legend.frameon": False,
  "legend.handlelength": 3.2,
  "lines.linewidth": 1.6,
  "lines.markersize": 5,
  "pdf.fonttype": 42,  # text stays text in print and search
  "xtick.color": "#404040",
  "ytick.color": "#404040",
}


def styled(draw: Callable) -> Callable:
  """Runs a drawing function under STYLE, leaving global settings alone."""

  @functools.wraps(draw)
  def wrapper(*args, **kwargs):
    with matplotlib.rc_context(STYLE):
      return draw(*args, **kwargs)

  return wrapper


def new_figure(
  rows: int, columns: int, *, width: float = 3.1, height: float = 2.9, **share
) -> tuple[figure_lib.Figure, np.ndarray]:
  """A figure without pyplot's global state, and its axes [rows, columns]."""
  figure = figure_lib.Figure(
    figsize=(max(width * columns, 4.6), height * rows + 0.5),
    layout="constrained",
  )
  return figure, figure.subplots(rows, columns, squeeze=False, **share)


def strategy_color(strategy: str) -> str:
  """Colour of a strategy; those without their own are drawn grey."""
  known = strategy in STRATEGY_COLORS
  return STRATEGY_COLORS[strategy] if known else GREY


def strategy_line(strategy: str):
  """Line style of a strategy; solid but for sampling."""
  return STRATEGY_LINES[strategy] if strategy in STRATEGY_LINES else "-"


def strategy_marker(strategy: str) -> str:
  """Marker of a strategy."""
  known = strategy in STRATEGY_MARKERS
  return STRATEGY_MARKERS[strategy] if known else "D"


def draw_curve(
  axes: axes_lib.Axes,
  rows: pd.DataFrame,
  x: str,
  *,
  part: str = "",
  band: bool = True,
  filled: bool = True,
  **line,
) -> None:
  """Draws error in percent with its 95% band.

  Args:
    axes: where to draw.
    rows: rows of the summary, one curve.
    x: column of the horizontal axis.
    part: "", "_easy" or "_hard".
    band: whether to draw the interval.
    filled: whether markers are filled.
    **line: passed to `Axes.plot`.
  """
  rows = rows.sort_values(x).dropna(subset=[f"accuracy{part}"])
  if rows.empty:
    return
  at = rows[x].to_numpy(float)
  error, top, bottom = (
    100 * (1 - rows[f"{name}{part}"].to_numpy(float))
    for name in ("accuracy", "low", "high")
  )
  color = line["color"]
  if band and len(rows) > 1:
    axes.fill_between(at, bottom, top, color=color, alpha=0.13, linewidth=0)
  elif band:
    axes.vlines(at, bottom, top, color=color, linewidth=1.0)
  face = color if filled else "white"
  axes.plot(at, error, markerfacecolor=face, markeredgecolor=color, **line)


def sizes_axis(axes: axes_lib.Axes, sizes: Sequence[int]) -> None:
  """A horizontal axis of powers of two."""
  axes.set_xscale("log", base=2)
  ticks = sorted(set(sizes))
  axes.set_xticks(ticks[:: -(-len(ticks) // 8)])
  axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%d"))
  axes.xaxis.set_minor_locator(ticker.NullLocator())
  axes.set_xlabel("candidates n")


def flops_axis(axes: axes_lib.Axes, flops: str) -> None:
  """A logarithmic axis of FLOPs that names its convention; after the curves."""
  axes.set_xscale("log")
  low, high = axes.get_xlim()
  decades = np.log10(high / low)
  # Left alone, an axis with a single power of ten in it labels the numbers
  # between, one over another.
  between = (2, 5) if decades < 1.6 else (3,) if decades < 3.5 else ()
  axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, *between)))
  axes.xaxis.set_major_formatter(
    ticker.LogFormatterSciNotation(minor_thresholds=(np.inf, np.inf))
  )
  axes.xaxis.set_minor_formatter(ticker.NullFormatter())
  axes.set_xlabel(CONVENTION_LABELS[flops])


def error_axis(axes: axes_lib.Axes) -> None:
  """The vertical axis of every figure."""
  axes.set_ylabel("error rate (%)")


def legend(
  figure: figure_lib.Figure, handles: list, entry_width: float = 1.5
) -> None:
  """One legend for all panels, below them; entry_width is in inches."""
  columns = int(figure.get_figwidth() / entry_width)
  figure.legend(
    handles=handles,
    loc="outside lower center",
    ncols=min(columns, len(handles)),
  )


@styled
def save(
  figure: figure_lib.Figure, folder: pathlib.Path, name: str
) -> list[pathlib.Path]:
  """Writes <name>.png and <name>.pdf; the same figure gives the same bytes."""
  folder.mkdir(parents=True, exist_ok=True)
  paths = [folder / f"{name}.png", folder / f"{name}.pdf"]
  for path, key in zip(paths, ("Software", "CreationDate"), strict=True):
    figure.savefig(path, metadata={key: None})
  return paths
