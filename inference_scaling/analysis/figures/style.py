"""How figures look: colours, markers, lines, axes and files.

Kinds of strategies have the colours of Okabe and Ito, and of Tol for the last,
told apart with any colour vision; policies, which have an order, have steps
from light to dark. Markers and line styles repeat what colour says, so that
grey print can be read too. No figure has both policies and strategies in
colour.

References:
  Okabe and Ito, Color Universal Design, 2008, https://jfly.uni-koeln.de/color/
  Tol, Colour Schemes, 2021 (muted), https://sronpersonalpages.nl/~pault/
"""

import functools
import io
import itertools
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib import artist, colors, ticker
from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib

from inference_scaling.analysis import files, strategies, votings
from inference_scaling.analysis.figures import hover, texts
from inference_scaling.analysis.figures import ticks as ticks_lib

BLACK, GREY = "#000000", "#8C8C8C"
POLICY_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
KIND_COLORS = {
  strategies.GREEDY: BLACK,
  strategies.SAMPLING: "#D55E00",
  "adaptive_sampling": "#009E73",
  "reward_threshold": "#CC79A7",
  "deepconf": "#332288",
  strategies.REBASE: "#0072B2",
  "beam_search": "#009E73",
  "dvts": "#56B4E9",
  "particle_filter": "#CC79A7",
  "particle_gibbs": "#882255",
  strategies.MCTS: "#E69F00",
  "ab_mcts": "#999933",
}
KIND_MARKERS = {
  strategies.GREEDY: "*",
  strategies.SAMPLING: "o",
  "adaptive_sampling": "h",
  "reward_threshold": "p",
  "deepconf": "d",
  strategies.REBASE: "s",
  "beam_search": "^",
  "dvts": "v",
  "particle_filter": "P",
  "particle_gibbs": "p",
  strategies.MCTS: "X",
  "ab_mcts": "h",
}
DASHED, DOTTED = (0, (4, 1.6)), (0, (1, 1.2))
# Of the variants of a kind in their order; with the fill of the markers, which
# changes from one to the next, each looks different.
VARIANT_LINES = ("-", DASHED, DOTTED, (0, (6, 1.5, 1, 1.5)))
# Points of variants often lie at the same cost: their shapes differ, too.
VARIANT_MARKERS = ("o", "D", "^", "v", "s", "p", "h", "<", ">")
VOTING_LINES = {
  votings.WEIGHTED: "-",
  votings.MAJORITY: DASHED,
  votings.BEST_OF_N: DOTTED,
}
# What n is where it is no number of candidates.
_OTHER_SIZES = {
  "particle_gibbs": "particle Gibbs: of each filter",
  strategies.MCTS: "MCTS: expansions",
  "ab_mcts": "AB-MCTS: steps",
}
COST_LABELS = {
  "flops_paper": "FLOPs per problem\n(paper: policy's generated tokens)",
  "flops_with_reward": "FLOPs per problem\n(with_reward: + scored tokens)",
  "flops_full": "FLOPs per problem\n(full: + prompts, attention, unembedding)",
  "hours": "machine hours per 1,000 problems",
  "dollars": "dollars per 1,000 problems",
}
STYLE: dict[Any, Any] = {
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
  def wrapper(*args: Any, **kwargs: Any) -> Any:
    with matplotlib.rc_context(STYLE):
      return draw(*args, **kwargs)

  return wrapper


def new_figure(
  rows: int,
  columns: int,
  *,
  width: float = 3.1,
  height: float = 2.9,
  sharex: Any = False,
  sharey: Any = False,
) -> tuple[figure_lib.Figure, np.ndarray]:
  """A figure without pyplot's global state, and its axes [rows, columns]."""
  figure = figure_lib.Figure(
    figsize=(max(width * columns, 4.6), height * rows + 0.5),
    layout=texts.Layout(),
  )
  return figure, figure.subplots(
    rows, columns, squeeze=False, sharex=sharex, sharey=sharey
  )


def policy_styles(policies: Sequence[str]) -> dict[str, dict[str, Any]]:
  """Colour and marker of each policy, from light to dark.

  Args:
    policies: names, ordered by parameters.

  Returns:
    Keywords of `draw_curve` by policy.
  """
  shades = matplotlib.colormaps["viridis_r"](
    np.linspace(0.12, 0.95, max(len(policies), 2))
  )
  return {
    policy: {
      "color": colors.to_hex(shades[index]),
      "marker": POLICY_MARKERS[index % len(POLICY_MARKERS)],
    }
    for index, policy in enumerate(policies)
  }


def strategy_color(strategy: str) -> str:
  """Colour of a strategy's kind; a kind without its own is drawn grey."""
  kind = strategies.kind_of(strategy)
  return KIND_COLORS[kind] if kind in KIND_COLORS else GREY


def strategy_styles(names: Iterable[str]) -> dict[str, dict[str, Any]]:
  """How the curve of each strategy of a figure is drawn.

  The first of a kind is solid with filled markers; the others differ by line,
  shape and fill. Sampling, against which all are compared, is dashed and open.

  Args:
    names: all strategies of the figure.

  Returns:
    Keywords of `draw_curve` by strategy.
  """
  styles = {}
  for kind, group in strategies.variants_of(names).items():
    first = kind == strategies.SAMPLING
    own = KIND_MARKERS[kind] if kind in KIND_MARKERS else "D"
    others = [marker for marker in VARIANT_MARKERS if marker != own]
    shapes = itertools.chain([own], itertools.cycle(others))
    for index, strategy in enumerate(group, first):
      styles[strategy] = {
        "color": strategy_color(strategy),
        "marker": next(shapes),
        "markersize": 11 if kind == strategies.GREEDY else 5,
        "linestyle": VARIANT_LINES[index % len(VARIANT_LINES)],
        "filled": index % 2 == 0,
      }
  return styles


def sizes_label(names: Iterable[str]) -> str:
  """Label of an axis of n for these strategies."""
  kinds = set(map(strategies.kind_of, names))
  others = [words for kind, words in _OTHER_SIZES.items() if kind in kinds]
  return f"candidates n ({'; '.join(others)})" if others else "candidates n"


def sizes_axis(axes: axes_lib.Axes, sizes: Sequence[int], label: str) -> None:
  """A horizontal axis of powers of two."""
  axes.set_xscale("log", base=2)
  ticks = sorted(set(sizes))
  axes.set_xticks(ticks[:: -(-len(ticks) // 8)])
  axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%d"))
  axes.xaxis.set_minor_locator(ticker.NullLocator())
  axes.set_xlabel(label)


def cost_axis(axes: axes_lib.Axes, cost: str, *, label: bool = True) -> None:
  """A logarithmic axis of a cost; its label names convention or unit."""
  axes.set_xscale("log")
  axes.xaxis.set_major_locator(ticks_lib.LogTicks())
  if cost.startswith("flops_"):
    powers = ticker.LogFormatterSciNotation(minor_thresholds=(np.inf, np.inf))
    axes.xaxis.set_major_formatter(powers)
  else:
    axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
  axes.xaxis.set_minor_formatter(ticker.NullFormatter())
  if label:
    axes.set_xlabel(COST_LABELS[cost])


def cost_unit(column: str) -> str:
  """What a cost column is in, in words: that of its axis."""
  return next(
    label.partition("\n")[0]
    for cost, label in COST_LABELS.items()
    if column.startswith(cost)
  )


def error_axis(axes: axes_lib.Axes, label: str = "error rate (%)") -> None:
  """A vertical axis of percentages in [0, 100]; call it after the curves."""
  axes.set_ylabel(label)
  low, high = axes.get_ylim()
  axes.set_ylim(max(low, 0.0), min(high, 100.0))


def legend(figure: figure_lib.Figure, handles: Sequence[artist.Artist]) -> None:
  """One legend for all panels, below them, in as many columns as fit."""
  inches = figure.get_figwidth()
  labels = [
    texts.wrap(
      str(handle.get_label()),
      inches - 2 * texts.handle_width(),
      texts.legend_font(),
    )
    for handle in handles
  ]
  figure.legend(
    handles=handles,
    labels=labels,
    loc="outside lower center",
    ncols=texts.legend_columns(labels, inches),
  )


@styled
def save(
  figure: figure_lib.Figure, folder: pathlib.Path, name: str
) -> list[pathlib.Path]:
  """Writes <name>.png, .pdf and .svg; the same figure gives the same bytes."""
  paths = [folder / f"{name}.png", folder / f"{name}.pdf"]
  for path, key in zip(paths, ("Software", "CreationDate"), strict=True):
    drawn = io.BytesIO()
    figure.savefig(drawn, format=path.suffix[1:], metadata={key: None})
    files.write(path, drawn.getvalue())
    # Laid out once: the others are to look like the first, and are quicker.
    figure.set_layout_engine("none")
  paths.append(folder / f"{name}.svg")
  files.write(paths[-1], hover.svg(figure, name))
  return paths
