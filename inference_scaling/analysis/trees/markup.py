"""The search tree as HTML: steps one can click on, over lines in SVG.

Python places everything, so that the tree is whole without a script; that of
the page (page.js) adds what moves.
"""

import html
from collections.abc import Callable, Mapping, Sequence

from matplotlib import colormaps, colors

from inference_scaling import names
from inference_scaling.analysis.trees import figure, layout
from inference_scaling.spec import record as record_lib

# Pixels; page.css reads the same numbers from the tree's style.
COLUMN, CHIP, ROOT, PITCH, CHIP_HEIGHT = 238, 202, 72, 29, 23
WIDEST_LINE = 23.0  # for all beams
# How a candidate ended, in words.
ENDS = {
  names.FINISHED: "finished",
  names.TRUNCATED: "cut off",
  names.UNFINISHED: "unfinished",
}
MARKS = {True: "✓", False: "✗", None: ""}
VERDICTS = {True: "right", False: "wrong", None: ""}


def tree(record: record_lib.Record, label: Callable[[str], str]) -> str:
  """Draws the tree.

  Args:
    record: its tree has all columns.
    label: makes the short text of a step out of its whole.

  Returns:
    HTML. Each step is placed twice, by `--row` among all steps and by `--kept`
    among those that are part of a candidate.
  """
  nodes = layout.place_nodes(record)
  kept = layout.place_nodes(record, kept_only=True)
  columns = 1 + max((node.depth for node in nodes), default=0)
  sizes = {
    "columns": columns,
    "rows": layout.num_leaves(nodes),
    "kept-rows": layout.num_leaves(kept),
    "root": layout.root_row(nodes),
    "kept-root": layout.root_row(kept),
    "column": f"{COLUMN}px",
    "chip": f"{CHIP}px",
    "first": f"{ROOT}px",
    "pitch": f"{PITCH}px",
    "height": f"{CHIP_HEIGHT}px",
  }
  style = ";".join(f"--{name}:{value}" for name, value in sizes.items())
  heads = [f'<span style="--x:{i}">step {i + 1}</span>' for i in range(columns)]
  rows = {node.number: node.row for node in kept}
  return "\n".join(
    [
      f'<div class="tree" id="tree" style="{style}">',
      f'<div class="heads">{"".join(heads)}</div>',
      '<div class="canvas">',
      _lines("all", nodes, record),
      _lines("kept", kept, record),
      '<div class="root" title="the question">?</div>',
      *(_step(node, rows, record, label) for node in nodes),
      "</div>",
      "</div>",
    ]
  )


def reward_cell(score: float, limits: tuple[float, float]) -> str:
  """The style of something in the colour of a reward, as CSS."""
  low, high = limits
  color = colormaps[figure.COLORMAP]((score - low) / (high - low))
  text = figure.text_color(color)
  return f"background:{colors.to_hex(color)};color:{text}"


def reward_text(score: float) -> str:
  """A reward in few characters."""
  return f"{score:.2f}" if 0 <= score <= 1 else f"{score:.3g}"


def answer_label(candidate: record_lib.Candidate, copies: int = 1) -> str:
  """What a candidate comes to: its answer and whether it is right, or its end.

  Args:
    candidate: of a record.
    copies: how many candidates are the same.

  Returns:
    HTML.
  """
  answer = candidate.answer
  many = f" <small>&times;{copies}</small>" if copies > 1 else ""
  if answer is None:
    return f'<span class="answer none">{silence(candidate)}{many}</span>'
  verdict = candidate.correct
  return (
    f'<span class="answer {VERDICTS[verdict]}">{html.escape(answer)} '
    f"{MARKS[verdict]}{many}</span>"
  )


def silence(candidate: record_lib.Candidate) -> str:
  """Why a candidate has no answer, in words."""
  status = candidate.status
  return "no answer" if status == names.FINISHED else ENDS[status]


def _lines(
  name: str, nodes: Sequence[layout.Node], record: record_lib.Record
) -> str:
  """The lines from parents to children, as wide as beams."""
  at = {node.number: node for node in nodes}
  beam = WIDEST_LINE / max(layout.num_beams(record), 1)
  paths = []
  for node in nodes:
    if node.parent is None:
      x, row = 34.0, layout.root_row(nodes)
    else:
      x = ROOT + node.depth * COLUMN - COLUMN + CHIP
      row = at[node.parent].row
    end, y0, y1 = ROOT + node.depth * COLUMN, _middle(row), _middle(node.row)
    bend = (x + end) / 2
    lost = "" if node.kept else ' class="lost"'
    paths.append(
      f'<path data-node="{node.number}"{lost} d="M{x:g} {y0:g}'
      f'C{bend:g} {y0:g} {bend:g} {y1:g} {end:g} {y1:g}" '
      f'stroke-width="{max(node.beams * beam, 1.25):.3g}"/>'
    )
  return f'<svg class="lines {name}" aria-hidden="true">{"".join(paths)}</svg>'


def _middle(row: float) -> float:
  """The height at which lines meet a step of a row."""
  return round(row * PITCH + CHIP_HEIGHT / 2, 1)


def _step(
  node: layout.Node,
  kept_rows: Mapping[int, float],
  record: record_lib.Record,
  label: Callable[[str], str],
) -> str:
  """One step: its reward, short text, beams, and answer if it is the last."""
  columns, number = record.tree, node.number
  text, scores = columns.texts[number], columns.scores
  status = columns.status[number]
  place = f"--x:{node.depth};--row:{node.row:g}"
  if node.kept:
    place += f";--kept:{kept_rows[number]:g}"
  kinds = ["step", *([] if node.kept else ["lost"])]
  if status or node.candidates:
    kinds.append(names.STEP_STATUSES[status])
  parts = []
  if scores is not None:
    cell = reward_cell(scores[number], layout.score_limits(record))
    parts.append(f'<b style="{cell}">{reward_text(scores[number])}</b>')
  parts.append(f"<i>{html.escape(label(text))}</i>")
  if node.beams > 1 and not node.candidates:
    parts.append(f"<em>&times;{node.beams}</em>")
  if names.STEP_STATUSES[status] == names.DUPLICATE:
    parts.append('<span class="answer none">duplicate</span>')
  if node.candidates:
    first = record.candidates[node.candidates[0]]
    parts.append(answer_label(first, len(node.candidates)))
  return (
    f'<button type="button" class="{" ".join(kinds)}" data-node="{number}" '
    f'style="{place}" title="{html.escape(text.strip())}" tabindex="-1">'
    f"{''.join(parts)}</button>"
  )
