"""Positions of the steps of a record's tree, in its picture and on its page."""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from inference_scaling.spec import record as record_lib

# Left out of labels: the number in front of a step, which its depth shows, and
# the tag behind it, at which rewards are read.
UNLABELLED = (
  re.compile(r"^(?:#+ *)?Step \d+ *[:.]? *"),
  re.compile(r"(?:^| )ки$"),
)


@dataclasses.dataclass(frozen=True)
class Node:
  """A step of the search with its position.

  Attributes:
    number: its number in the record.
    parent: that of the step it goes on from; None for a first step.
    depth: how many steps of the text come before it; its column.
    row: its vertical position; leaves have whole numbers from 0 on.
    beams: how many beams go on from it; at a last step, how many candidates end
      in it.
    candidates: which of the record's candidates end in it.
    kept: whether it is part of any candidate.
  """

  number: int
  parent: int | None
  depth: int
  row: float
  beams: int
  candidates: tuple[int, ...]
  kept: bool


def place_nodes(
  record: record_lib.Record, *, kept_only: bool = False
) -> list[Node]:
  """Places the steps of a tree so that no two lines cross.

  Args:
    record: its tree has all columns.
    kept_only: whether to leave out steps that are part of no candidate.

  Returns:
    The nodes in the order of the record, parents before their children.
  """
  parents = column(record.tree, "parents")
  depths = column(record.tree, "depths")
  widths = column(record.tree, "widths")
  ends: dict[int, list[int]] = {}
  for i, candidate in enumerate(record.candidates):
    ends.setdefault(candidate.path[-1], []).append(i)
  kept = {node for c in record.candidates for node in c.path}
  numbers = sorted(kept) if kept_only else range(len(parents))
  rows = _rows({number: parents[number] for number in numbers})
  return [
    Node(
      number=number,
      parent=parents[number],
      depth=depths[number],
      row=rows[number],
      beams=widths[number] + len(ends.get(number, ())),
      candidates=tuple(ends.get(number, ())),
      kept=number in kept,
    )
    for number in numbers
  ]


def column(tree: record_lib.Tree, name: str) -> list[Any]:
  """A column of a tree; a ValueError names one that the tree lacks."""
  values = getattr(tree, name)
  if values is None:
    raise ValueError(f"the tree of the record has no {name}; expected a list")
  return values


def root_row(nodes: Iterable[Node]) -> float:
  """The vertical position of the question, from which first steps go on."""
  rows = [node.row for node in nodes if node.parent is None]
  return (rows[0] + rows[-1]) / 2 if rows else 0.0


def num_leaves(nodes: Iterable[Node]) -> int:
  """How many rows the nodes take."""
  return 1 + int(max((node.row for node in nodes), default=0))


def num_beams(record: record_lib.Record) -> int:
  """How many beams the thickest line stands for: all of them.

  MCTS, which does not share out beams, ends in many leaves and has thin lines.
  """
  first = column(record.tree, "parents").count(None)
  return max(first, len(record.candidates))


def score_limits(record: record_lib.Record) -> tuple[float, float] | None:
  """The limits of the colour scale; None where there are no scores.

  Rewards between 0 and 1 have the same scale in all pictures; other scores
  extend it.
  """
  scores = record.tree.scores
  if scores is None:
    return None
  return min([0.0, *scores]), max([1.0, *scores])


def short_text(text: str, most: int | None = None) -> str:
  """One line of a step's text, without its number and the tag at its end.

  Args:
    text: of a step.
    most: characters; None for all of them.

  Returns:
    The line.
  """
  line = " ".join(text.split())
  for part in UNLABELLED:
    line = part.sub("", line)
  line = line.strip()
  if most is None or len(line) <= most:
    return line
  return line[: most - 1].rstrip() + "…"


def _rows(parents: Mapping[int, int | None]) -> dict[int, float]:
  """Rows of nodes: leaves one below another, others amid their children."""
  children: dict[int | None, list[int]] = {}
  for node, parent in parents.items():
    children.setdefault(parent, []).append(node)
  order, waiting = [], children.get(None, [])[::-1]
  while waiting:
    node = waiting.pop()
    order.append(node)
    waiting += children.get(node, [])[::-1]
  leaves = [node for node in order if node not in children]
  rows = {node: float(row) for row, node in enumerate(leaves)}
  for node in reversed(order):
    if node in children:
      first, last = children[node][0], children[node][-1]
      rows[node] = (rows[first] + rows[last]) / 2
  return rows
