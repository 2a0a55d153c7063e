"""The search tree of one record as a picture."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from matplotlib import cm, colors, lines, patches, path, patheffects
from matplotlib import figure as figure_lib

from inference_scaling.analysis import style

# Rises evenly in lightness and reads the same with any colour vision.
COLORMAP = "cividis"
WIDEST_LINE = 9.0  # points, for all beams
_ROOT_DEPTH = -1
_NODE_SIZE = 130  # square points
_RUNNING, _FINISHED, _TRUNCATED = 0, 1, 2  # status in records
_MARKERS = {_RUNNING: "o", _FINISHED: "s", _TRUNCATED: "X"}
_KEPT, _GIVEN_UP = "-", (0, (2, 1.5))


@dataclasses.dataclass(frozen=True)
class Node:
  """A step of the search, placed.

  Attributes:
    depth: its depth, 0 for first steps.
    slot: its slot at that depth.
    parent: slot of its parent at the depth before; None at depth 0.
    row: its vertical place; leaves have whole numbers from 0 on.
    beams: how many beams go on from it; 1 if it is a candidate's last step.
  """

  depth: int
  slot: int
  parent: int | None
  row: float
  beams: int


def place_nodes(record: Mapping[str, Any]) -> list[Node]:
  """Places the steps of a tree so that no two lines cross.

  Args:
    record: as in records.jsonl, or of `sweep.solve`.

  Returns:
    The nodes, parents before their children.
  """
  tree = record["tree"]
  ends = {(len(c["path"]) - 1, c["path"][-1]) for c in record["candidates"]}
  rows: dict[tuple[int, int], float] = {}
  num_leaves = 0
  for depth, slot, children in _children_first(tree):
    if children:
      below = [rows[depth + 1, child] for child in children]
      rows[depth, slot] = (below[0] + below[-1]) / 2
    else:
      rows[depth, slot] = float(num_leaves)
      num_leaves += 1
  return [
    Node(
      depth=depth,
      slot=slot,
      parent=tree["parents"][depth - 1][slot] if depth else None,
      row=rows[depth, slot],
      beams=max(tree["widths"][depth][slot], int((depth, slot) in ends)),
    )
    for depth, slot in sorted(rows)
  ]


@style.styled
def search_tree(
  record: Mapping[str, Any],
  label: Callable[[str], str] | None = None,
) -> figure_lib.Figure:
  """Draws a search: steps from left to right, coloured by their reward.

  Without a reward model they are grey.

  A step says how many beams go on from it, and the line to it is as wide; a
  dashed line leads to a step that was given up. Candidates are squares (crosses
  if they were cut off) beside their answers.

  Args:
    record: as in records.jsonl, or of `sweep.solve`.
    label: makes a short text out of that of a step, to be written above it;
      None for no texts.

  Returns:
    The figure.
  """
  tree, nodes = record["tree"], place_nodes(record)
  depths = len(tree["active"])
  leaves = 1 + int(max(node.row for node in nodes))
  figure = figure_lib.Figure(
    figsize=(2.0 + 1.5 * depths, 1.6 + 0.32 * leaves), layout="constrained"
  )
  axes = figure.subplots()
  colormap = cm.ScalarMappable(colors.Normalize(0, 1), COLORMAP)
  places = {(node.depth, node.slot): node.row for node in nodes}
  places[_ROOT_DEPTH, 0] = sum(n.row for n in nodes if not n.depth) / sum(
    not n.depth for n in nodes
  )
  for node in nodes:
    _draw_line(axes, node, places, WIDEST_LINE / len(tree["active"][0]))
  axes.scatter(
    _ROOT_DEPTH, places[_ROOT_DEPTH, 0], s=90, marker="D", c="white",
    edgecolors=style.BLACK, zorder=3,
  )  # fmt: skip
  for node in nodes:
    _draw_node(axes, node, tree, colormap, label)
  _write_answers(axes, record, places)
  _finish_axes(figure, axes, record, nodes, colormap)
  return figure


def _children_first(tree: Mapping[str, Any]) -> Iterator[tuple]:
  """Yields (depth, slot, slots of the children), children first."""

  def visit(depth, slot):
    children = []
    if depth + 1 < len(tree["active"]):
      children = [
        child
        for child, parent in enumerate(tree["parents"][depth])
        if parent == slot and tree["active"][depth + 1][child]
      ]
    for child in children:
      yield from visit(depth + 1, child)
    yield depth, slot, children

  for slot, active in enumerate(tree["active"][0]):
    if active:
      yield from visit(0, slot)


def _draw_line(axes, node, places, width_of_beam):
  """Draws the line from a node's parent: level at both ends."""
  start = node.depth - 1, 0 if node.parent is None else node.parent
  middle = node.depth - 0.5
  kept = node.beams > 0
  curve = path.Path(
    [
      (start[0], places[start]),
      (middle, places[start]),
      (middle, node.row),
      (node.depth, node.row),
    ],
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


def _draw_node(axes, node, tree, colormap, label):
  """Draws a step, how many beams go on from it, and its label."""
  at = node.depth, node.row
  status = tree["status"][node.depth][node.slot]
  color = colors.to_rgba(style.GREY)
  if tree["scores"] is not None:
    color = colormap.to_rgba(tree["scores"][node.depth][node.slot])
  red, green, blue, _ = color
  axes.scatter(
    *at, s=_NODE_SIZE, marker=_MARKERS[status], color=color,
    edgecolors=style.BLACK, linewidths=0.7, zorder=3,
  )  # fmt: skip
  if status == _RUNNING:
    light = 0.3 * red + 0.6 * green + 0.1 * blue > 0.5
    axes.annotate(
      str(node.beams), at, ha="center", va="center_baseline", fontsize=7,
      color=style.BLACK if light else "white", zorder=4,
    )  # fmt: skip
  if label is not None:
    axes.annotate(
      label(tree["texts"][node.depth][node.slot]), at, (0, 7),
      textcoords="offset points", ha="center", va="bottom", fontsize=7,
      color="#404040" if node.beams else "#808080", zorder=4,
      path_effects=[patheffects.withStroke(linewidth=2, foreground="white")],
    )  # fmt: skip


def _write_answers(axes, record, places):
  """Writes each candidate's answer beside its last step."""
  for candidate in record["candidates"]:
    answer = candidate["answer"]
    if answer is None:
      answer = "(no answer)"
    verdict = {True: " ✓", False: " ✗", None: ""}[candidate["correct"]]
    at = len(candidate["path"]) - 1, candidate["path"][-1]
    axes.annotate(
      answer + verdict, (at[0], places[at]), (9, 0),
      textcoords="offset points", va="center", fontsize=8,
      fontweight="bold" if candidate["correct"] else "normal",
    )  # fmt: skip


def _finish_axes(figure, axes, record, nodes, colormap):
  """Names depths, title, colours and markers."""
  depths = len(record["tree"]["active"])
  axes.set_xlim(_ROOT_DEPTH - 0.2, depths - 1 + 0.6)
  rows = [node.row for node in nodes]
  axes.set_ylim(max(rows) + 0.7, -1.0)  # the first on top, as when printed
  axes.set_xticks(
    range(_ROOT_DEPTH, depths), ["question", *range(1, depths + 1)]
  )
  axes.set_yticks([])
  axes.set_xlabel("step")
  axes.grid(False)
  axes.spines["left"].set_visible(False)
  run = record["run"]
  axes.set_title(f"{run['policy']}, {run['strategy']} n={run['n']}")
  if record["tree"]["scores"] is not None:
    bar = figure.colorbar(colormap, ax=axes, fraction=0.03, pad=0.01, aspect=30)
    bar.set_label("reward")
    bar.outline.set_visible(False)
  style.legend(figure, _legend(record, nodes), entry_width=2.4)


def _legend(record, nodes):
  """Handles for what the picture has, and nothing else."""
  keys = {"color": style.GREY, "markersize": 9, "linestyle": ""}
  edge = {"markeredgecolor": style.BLACK, "markeredgewidth": 0.7}
  names = {
    _RUNNING: "step, with the beams going on",
    _FINISHED: "last step of a candidate",
    _TRUNCATED: "candidate cut off",
  }
  found = {record["tree"]["status"][node.depth][node.slot] for node in nodes}
  handles = [
    lines.Line2D([], [], marker=_MARKERS[status], label=name, **keys, **edge)
    for status, name in names.items()
    if status in found
  ]
  if any(not node.beams for node in nodes):
    keys |= {"linestyle": _GIVEN_UP, "linewidth": 1.0}
    handles.append(lines.Line2D([], [], label="given up", **keys))
  return handles
