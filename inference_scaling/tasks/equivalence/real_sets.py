r"""Sets of real numbers: intervals, their unions, `\mathbb{R} \setminus \{0\}`.

A set is cut at its end points into points and the gaps between them. Each of
these is in it or not, so that union, intersection, difference and equality are
those of truth values.
"""

import functools

import mpmath

from inference_scaling.tasks.equivalence import values
from inference_scaling.tasks.equivalence.nodes import (
  ARITHMETIC,
  Node,
  UnreadableError,
  symbols,
)
from inference_scaling.tasks.equivalence.operations import (
  to_float,
)

_JOINED = frozenset(["union", "intersection", "difference"])
# What is a set of real numbers and nothing else.
OPERATIONS = _JOINED | {"set"}
_INFINITY = Node("constant", ("infinity",))


def is_set(node: Node) -> bool:
  """Says whether a node is a set of real numbers."""
  if node.op in OPERATIONS:
    return True
  if node.op != "bracket":
    return False
  left, _, *items = node.args
  return left == "\\{" or (left in "([" and len(items) == 2)


def are_same(first: Node, second: Node) -> bool:
  """Says whether two sets have the same members.

  Args:
    first: a set.
    second: likewise.

  Returns:
    True if so.

  Raises:
    UnreadableError: if an end point is no real constant.
  """
  cuts = _ordered([*_end_points(first), *_end_points(second)])
  pieces = range(2 * len(cuts) + 1)
  return all(_has(first, i, cuts) == _has(second, i, cuts) for i in pieces)


def _end_points(node: Node) -> list[Node]:
  """Returns the finite end points and members of a set."""
  if node.op in _JOINED:
    return [point for part in node.args for point in _end_points(part)]
  if node.op == "set":
    return []
  if not is_set(node):
    raise UnreadableError(f"a {node.op} in place of a set")
  points = [item for item in node.args[2:] if not _infinite(item)]
  if any(p.op not in ARITHMETIC or symbols(p) for p in points):
    raise UnreadableError("an end point that is no constant")
  return points


def _infinite(node: Node) -> int:
  """Returns 1 or -1 for an infinity, 0 for anything else."""
  if node == _INFINITY:
    return 1
  minus = node.op == "*" and node.args[1] == _INFINITY
  return -1 if minus and node.args[0].args[0] == -1 else 0


def _ordered(points: list[Node]) -> list[Node]:
  """Sorts constants by value and drops those that are the same."""
  distinct: list[Node] = []
  for point in points:
    if not any(values.is_same_value(point, other) for other in distinct):
      distinct.append(point)
  return sorted(distinct, key=functools.cmp_to_key(_compare))


def _compare(*points: Node) -> int:
  """Compares two constants by value."""
  with mpmath.workdps(60):
    first, second = (to_float(values.precise_value(n, {})) for n in points)
    if mpmath.im(first) or mpmath.im(second):
      raise UnreadableError("an end point that is not real")
    return 1 if mpmath.re(first) > mpmath.re(second) else -1


def _has(node: Node, piece: int, cuts: list[Node]) -> bool:
  """Says whether a piece is in a set; odd pieces are the cuts themselves."""
  if node.op in _JOINED:
    first, second = (_has(part, piece, cuts) for part in node.args)
    if node.op == "union":
      return first or second
    return first and (second if node.op == "intersection" else not second)
  if node.op == "set":
    return node.args[0] == "reals"
  left, right, *items = node.args
  if left == "\\{":
    return piece % 2 == 1 and any(_piece(i, cuts) == piece for i in items)
  low, high = (_piece(item, cuts) for item in items)
  above = piece > low or (piece == low and left == "[")
  return above and (piece < high or (piece == high and right == "]"))


def _piece(point: Node, cuts: list[Node]) -> int:
  """Returns the piece that an end point is."""
  if _infinite(point):
    return 2 * len(cuts) + 1 if _infinite(point) > 0 else -1
  same = (values.is_same_value(point, cut) for cut in cuts)
  return 2 * next(i for i, is_same in enumerate(same) if is_same) + 1
