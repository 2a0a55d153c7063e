"""The search tree of one record as a picture."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import axes as axes_lib
from matplotlib import cm, colors, lines, patches, path, patheffects
from matplotlib import figure as figure_lib

from inference_scaling import names
from inference_scaling.analysis import strategies
from inference_scaling.analysis.figures import style, texts
from inference_scaling.analysis.trees import layout
from inference_scaling.spec import record as record_lib

# Rises evenly in lightness and reads the same with any colour vision.
COLORMAP = "cividis"
WIDEST_LINE = 9.0  # points, for all beams
MANY_ROWS = 40  # from here on all is drawn smaller
_ROOT_DEPTH = -1
_MOST_LETTERS = 16  # of an answer beside its step
_NODE_SIZE = 130  # square points
_STEP = "step"  # one that goes on
_MARKERS = {
  _STEP: "o", names.FINISHED: "s", names.TRUNCATED: "X",
  names.UNFINISHED: ">", names.DUPLICATE: "d",
}  # fmt: skip
_KEPT, _GIVEN_UP = "-", (0, (2, 1.5))


@style.styled
def search_tree(
  record: Mapping[str, Any],
  label: Callable[[str], str] | None = None,
) -> figure_lib.Figure:
  """Draws a search: steps from left to right, coloured by their reward.

  Without rewards they are grey.

  A step shows how many beams go on from it, and the line to it is as wide; a
  dashed line leads to a step that was given up. Candidates are squares (crosses
  if they were cut off, triangles if they were unfinished when the search ended)
  beside their answers, and thin diamonds are steps that were dropped as copies
  of another one; "x3" says that three candidates end in one step.

  Args:
    record: as in records.jsonl, or of `sweep.solve`.
    label: makes a short text out of that of a step, to be written above it;
      None for no texts.

  Returns:
    The figure.
  """
  parsed = record_lib.parse(record)
  nodes = layout.place_nodes(parsed)
  depths = 1 + max(node.depth for node in nodes)
  leaves = layout.num_leaves(nodes)
  scale = float(np.clip(MANY_ROWS / leaves, 0.45, 1.0))
  figure = figure_lib.Figure(
    figsize=(2.0 + 1.5 * depths, 1.6 + 0.32 * scale * leaves),
    layout=texts.Layout(),
  )
  axes = figure.subplots()
  limits = layout.score_limits(parsed)
  colormap = limits and cm.ScalarMappable(colors.Normalize(*limits), COLORMAP)
  root = float(_ROOT_DEPTH), layout.root_row(nodes)
  points = {node.number: (float(node.depth), node.row) for node in nodes}
  width_of_beam = WIDEST_LINE / layout.num_beams(parsed)
  for node in nodes:
    start = root if node.parent is None else points[node.parent]
    _draw_line(axes, node, start, width_of_beam)
  axes.scatter(
    *root, s=90, marker="D", c="white", edgecolors=style.BLACK, zorder=3
  )
  for node in nodes:
    _draw_node(axes, node, parsed.tree, colormap, label, scale)
    _write_answers(axes, node, parsed, scale)
  _finish_axes(figure, axes, parsed, nodes, colormap)
  return figure


def _draw_line(
  axes: axes_lib.Axes,
  node: layout.Node,
  start: tuple[float, float],
  width_of_beam: float,
) -> None:
  """Draws the line from a node's parent: level at both ends."""
  middle = (start[0] + node.depth) / 2
  kept = node.beams > 0
  curve = path.Path(
    [start, (middle, start[1]), (middle, node.row), (node.depth, node.row)],
    [path.Path.MOVETO, *[path.Path.CURVE4] * 3],
  )
  axes.add_patch(
    patches.PathPatch(
      curve,
      facecolor="none",
      edgecolor="#9A9A9A" if kept else "#B4B4B4",
      linewidth=max(node.beams * width_of_beam, 1.0),
      linestyle=_KEPT if kept else _GIVEN_UP,
      zorder=1,
    )
  )


def _kind(node: layout.Node, tree: record_lib.Tree) -> str:
  """The key of a node's marker."""
  kind = names.STEP_STATUSES[layout.column(tree, "status")[node.number]]
  goes_on = kind == names.UNFINISHED and not node.candidates
  return _STEP if goes_on else kind


def _draw_node(
  axes: axes_lib.Axes,
  node: layout.Node,
  tree: record_lib.Tree,
  colormap: cm.ScalarMappable | None,
  label: Callable[[str], str] | None,
  scale: float,
) -> None:
  """Draws a step, how many beams go on from it, and its label."""
  point, kind = (node.depth, node.row), _kind(node, tree)
  color: Any = colors.to_rgba(style.GREY)
  if colormap is not None:
    color = colormap.to_rgba(layout.column(tree, "scores")[node.number])
  axes.scatter(
    *point, s=_NODE_SIZE * scale, marker=_MARKERS[kind], color=color,
    edgecolors=style.BLACK, linewidths=0.7 * scale, zorder=3,
  )  # fmt: skip
  if kind == _STEP:
    axes.annotate(
      str(node.beams), point, ha="center", va="center_baseline",
      fontsize=7 * scale, color=text_color(color), zorder=4,
    )  # fmt: skip
  if label is not None:
    axes.annotate(
      label(layout.column(tree, "texts")[node.number]), point, (0, 7 * scale),
      textcoords="offset points", ha="center", va="bottom",
      fontsize=7 * scale, color="#404040" if node.beams else "#808080",
      path_effects=[patheffects.withStroke(linewidth=2, foreground="white")],
      zorder=4,
    )  # fmt: skip


def text_color(background: tuple[float, ...]) -> str:
  """Black or white, whichever is read better on a colour (RGB, 0 to 1)."""
  red, green, blue = background[:3]
  light = 0.3 * red + 0.6 * green + 0.1 * blue > 0.5
  return style.BLACK if light else "white"


def _write_answers(
  axes: axes_lib.Axes,
  node: layout.Node,
  record: record_lib.Record,
  scale: float,
) -> None:
  """Writes the answer beside a candidate's last step."""
  if not node.candidates or _kind(node, record.tree) == names.UNFINISHED:
    return
  candidate = record.candidates[node.candidates[0]]
  answer = candidate.answer
  answer = "(no answer)" if answer is None else _shortened(answer)
  verdict = {True: " ✓", False: " ✗", None: ""}[candidate.correct]
  copies = f" x{len(node.candidates)}" if len(node.candidates) > 1 else ""
  axes.annotate(
    answer + verdict + copies, (node.depth, node.row), (9 * scale, 0),
    textcoords="offset points", va="center", fontsize=8 * scale,
    fontweight="bold" if candidate.correct else "normal",
  )  # fmt: skip


def _shortened(answer: str) -> str:
  """The start of a long answer; a page shows all of it."""
  if len(answer) <= _MOST_LETTERS:
    return answer
  return answer[: _MOST_LETTERS - 2] + ".."


def _finish_axes(
  figure: figure_lib.Figure,
  axes: axes_lib.Axes,
  record: record_lib.Record,
  nodes: Sequence[layout.Node],
  colormap: cm.ScalarMappable | None,
) -> None:
  """Adds limits, ticks, title, colour bar and legend."""
  depths = 1 + max(node.depth for node in nodes)
  axes.set_xlim(_ROOT_DEPTH - 0.2, depths - 1 + 0.6)
  # The first on top, as when printed.
  axes.set_ylim(layout.num_leaves(nodes) - 1 + 0.7, -1.0)
  axes.set_xticks(
    range(_ROOT_DEPTH, depths), ["question", *map(str, range(1, depths + 1))]
  )
  axes.set_yticks([])
  axes.set_xlabel("step")
  axes.grid(False)
  axes.spines["left"].set_visible(False)
  run = record.run
  strategy = strategies.strategy_name(run.strategy)
  axes.set_title(f"{run.policy}, {strategy}, n = {run.n}")
  if colormap is not None:
    bar = figure.colorbar(colormap, ax=axes, fraction=0.03, pad=0.01, aspect=30)
    bar.set_label("reward")
    bar.outline.set_visible(False)
  style.legend(figure, _legend(record, nodes))


def _legend(
  record: record_lib.Record, nodes: Sequence[layout.Node]
) -> list[lines.Line2D]:
  """Handles of the markers and lines that the picture has."""
  keys: dict[str, Any] = {
    "color": style.GREY, "markersize": 9, "linestyle": ""
  }  # fmt: skip
  edge: dict[str, Any] = {
    "markeredgecolor": style.BLACK, "markeredgewidth": 0.7
  }  # fmt: skip
  labels = {
    _STEP: "step, with the beams going on",
    names.FINISHED: "last step of a candidate",
    names.TRUNCATED: "candidate cut off",
    names.UNFINISHED: "candidate unfinished",
    names.DUPLICATE: "same as another step",
  }
  kinds = {_kind(node, record.tree) for node in nodes}
  handles = [
    lines.Line2D([], [], marker=_MARKERS[kind], label=label, **keys, **edge)
    for kind, label in labels.items()
    if kind in kinds
  ]
  if any(not node.beams for node in nodes):
    keys |= {"linestyle": _GIVEN_UP, "linewidth": 1.0}
    handles.append(lines.Line2D([], [], label="given up", **keys))
  return handles
