"""Values of the page of a search tree: positions, colours and words.

Python computes all positions, so that the page shows the tree without scripts;
page.js adds interaction. The markup is in the templates.
"""

import collections
import functools
import json
import math
from typing import Any

import markupsafe
import numpy as np
from matplotlib import colormaps, colors

from inference_scaling import names
from inference_scaling.analysis.trees import figure, layout
from inference_scaling.spec import record as record_lib

# Pixels; page.css reads the same numbers from the tree's style.
_SIZES = {"column": 238, "chip": 202, "first": 72, "pitch": 29, "height": 23}
_WIDEST_LINE = 23.0  # for all beams
_SHADES = 256  # of a colormap
_SCALE_STEPS = 11  # colours in the legend
# How a candidate ended, in words.
_ENDS = {
  names.FINISHED: "finished",
  names.TRUNCATED: "cut off",
  names.UNFINISHED: "unfinished",
}
_MARKS = {True: "✓", False: "✗", None: ""}
_VOTES = {
  names.MAJORITY: "Majority",
  names.BEST_OF_N: "Best of n",
  names.WEIGHTED: "Weighted",
}


def values(record: record_lib.Record) -> dict[str, Any]:
  """The variables of the templates, but for styles and scripts.

  Args:
    record: its tree has all columns.

  Returns:
    The values by name: data of the record, in the order of the page, and the
    functions that write a part of it.
  """
  limits = layout.score_limits(record)
  votes = _votes(record)
  return {
    "record": record,
    "tree": record.tree,
    "data": markupsafe.Markup(_data(record)),
    "every": _drawing(record),
    "kept": _drawing(record, kept_only=True),
    "sizes": _SIZES,
    "limits": limits,
    "scale": [] if limits is None else np.linspace(*limits, _SCALE_STEPS),
    "counts": collections.Counter(c.status for c in record.candidates),
    "votes": votes,
    "aggregations": list(
      dict.fromkeys(
        name for columns in votes.values() for name in columns if name
      )
    ),
    "answers": _answers(record),
    "candidates": _candidates(record),
    "kinds": names.STEP_STATUSES,
    "ends": _ENDS,
    "marks": _MARKS,
    "verdicts": {True: "right", False: "wrong", None: ""},
    "vote_names": _VOTES,
    "power": _power,
    "reward_cell": functools.partial(_reward_cell, limits=limits or (0.0, 1.0)),
    "reward_text": _reward_text,
    "short_text": layout.short_text,
    "silence": _silence,
  }


def constants() -> dict[str, Any]:
  """What a script needs that draws trees as the templates do, as JSON data."""
  shades = [colormaps[figure.COLORMAP](i) for i in range(_SHADES)]
  return {
    "sizes": _SIZES,
    "widest": _WIDEST_LINE,
    "scale": _SCALE_STEPS,
    "kinds": names.STEP_STATUSES,
    "ends": _ENDS,
    "marks": {str(key).lower(): mark for key, mark in _MARKS.items()},
    "votes": _VOTES,
    "shades": list(map(colors.to_hex, shades)),
    "inks": list(map(figure.text_color, shades)),
    "unlabelled": [part.pattern for part in layout.UNLABELLED],
  }


def _drawing(
  record: record_lib.Record, *, kept_only: bool = False
) -> dict[str, Any]:
  """Nodes, their rows, and the lines to them from their parents."""
  nodes = layout.place_nodes(record, kept_only=kept_only)
  row_of = {node.number: node.row for node in nodes}
  root = layout.root_row(nodes)
  beam = _WIDEST_LINE / max(layout.num_beams(record), 1)
  lines = []
  for node in nodes:
    end = _SIZES["first"] + node.depth * _SIZES["column"]
    x, row = 34.0, root
    if node.parent is not None:
      x = end - _SIZES["column"] + _SIZES["chip"]
      row = row_of[node.parent]
    y0, y1, bend = _middle(row), _middle(node.row), (x + end) / 2
    curve = f"M{x:g} {y0:g}C{bend:g} {y0:g} {bend:g} {y1:g} {end:g} {y1:g}"
    lines.append((node, curve, max(node.beams * beam, 1.25)))
  return {
    "nodes": nodes,
    "row_of": row_of,
    "rows": layout.num_leaves(nodes),
    "root": root,
    "lines": lines,
  }


def _middle(row: float) -> float:
  """The height at which lines meet a step of a row."""
  return round(row * _SIZES["pitch"] + _SIZES["height"] / 2, 1)


def _votes(record: record_lib.Record) -> dict[str, dict[str, record_lib.Vote]]:
  """Votes by method and aggregation, "" of one that reads no rewards."""
  votes: dict[str, dict[str, record_lib.Vote]] = {}
  for name, vote in record.votes.items():
    method, _, aggregation = name.partition("/")
    votes.setdefault(method, {})[aggregation] = vote
  return votes


def _answers(record: record_lib.Record) -> list[list[record_lib.Candidate]]:
  """Candidates by their answer, the most first, those without one last."""
  groups: dict[str | None, list[record_lib.Candidate]] = {}
  for candidate in record.candidates:
    groups.setdefault(candidate.answer, []).append(candidate)
  return sorted(
    groups.values(), key=lambda group: (group[0].answer is None, -len(group))
  )


def _candidates(record: record_lib.Record) -> list[record_lib.Candidate]:
  """The candidates, those with an answer first, by their last reward."""
  return sorted(
    record.candidates,
    key=lambda c: (
      c.answer is None,
      c.status == names.UNFINISHED,
      [-score for score in c.step_scores[-1:]],
    ),
  )


def _data(record: record_lib.Record) -> str:
  """The input of the script: the steps, by node, as JSON."""
  tree = record.tree
  data = {
    name: getattr(tree, name)
    for name in ("parents", "rounds", "widths", "tokens", "texts")
  }
  data["ends"] = {
    node.number: ", ".join(_end(record.candidates[i]) for i in node.candidates)
    for node in layout.place_nodes(record)
    if node.candidates
  }
  text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
  # Or a step could close the script's element.
  return text.replace("<", "\\u003c")


def _end(candidate: record_lib.Candidate) -> str:
  """A candidate in words."""
  if candidate.answer is None:
    return _silence(candidate)
  return f"{candidate.answer} {_MARKS[candidate.correct]}".strip()


def _silence(candidate: record_lib.Candidate) -> str:
  """Why a candidate has no answer, in words."""
  status = candidate.status
  return "no answer" if status == names.FINISHED else _ENDS[status]


def _reward_cell(score: float, limits: tuple[float, float]) -> str:
  """The style of something in the colour of a reward, as CSS."""
  low, high = limits
  color = colormaps[figure.COLORMAP]((score - low) / (high - low))
  text = figure.text_color(color)
  return f"background:{colors.to_hex(color)};color:{text}"


def _reward_text(score: float) -> str:
  """A reward in few characters."""
  return f"{score:.2f}" if 0 <= score <= 1 else f"{score:.3g}"


def _power(value: float) -> markupsafe.Markup | str:
  """A number as 1.23 x 10^9, in HTML."""
  if not value:
    return "0"
  exponent = math.floor(math.log10(value))
  return markupsafe.Markup(
    f"{value / 10**exponent:.2f} &times; 10<sup>{exponent}</sup>"
  )
