"""The tree that an answer is read into."""

import fractions
from collections.abc import Iterator
from typing import Any, NamedTuple


class UnreadableError(Exception):
  """A text, or a part of it, is not covered by the grammar."""


class Node(NamedTuple):
  """An operation and its arguments; equal trees are equal tuples.

  Arithmetic:
    number: a fraction, the decimal places it was written with (None for a
      whole number and for a repeating decimal).
    symbol: a name. constant: pi, e, i or infinity.
    +, *, /, ^, sqrt (value, index), |, floor, ceil, !, choose: nodes.
    pm, mp: the node behind the sign; plus, minus: once a sign is chosen.
    call: a name, then nodes. percent, degrees: a node.
  Structure:
    list: nodes; either: a list with "or" between them.
    bracket: left, right, then nodes. matrix: rows of nodes.
    relation: a tuple of signs, then the nodes between them.
    union, intersection, difference: two nodes. set: "reals" or "empty".
    base: digits and the base. ratio: nodes.
  """

  op: str
  args: tuple[Any, ...]


ARITHMETIC = frozenset(
  "number symbol constant + * / ^ sqrt | floor ceil ! choose pm mp plus minus"
  " call percent degrees".split()
)


def number(value: int | fractions.Fraction, places: int | None = None) -> Node:
  """Makes a number."""
  return Node("number", (fractions.Fraction(value), places))


def negative(node: Node) -> Node:
  """Puts a minus sign before a node."""
  if node.op == "number":
    return number(-node.args[0], node.args[1])
  return Node("*", (number(-1), node))


def walk(node: Node) -> Iterator[Node]:
  """Yields a node and all nodes in it."""
  yield node
  for child in children(node):
    yield from walk(child)


def children(node: Node) -> Iterator[Node]:
  """Yields the nodes among the arguments."""
  for arg in node.args:
    if isinstance(arg, Node):
      yield arg
    elif node.op == "matrix":
      yield from arg


def symbols(node: Node) -> frozenset[str]:
  """Returns the names of the variables in a tree."""
  return frozenset(n.args[0] for n in walk(node) if n.op == "symbol")


def replace(node: Node, old: str, new: str) -> Node:
  """Renames the operation `old` to `new` throughout a tree."""
  args = []
  for arg in node.args:
    if isinstance(arg, Node):
      arg = replace(arg, old, new)
    elif node.op == "matrix":
      arg = tuple(replace(item, old, new) for item in arg)
    args.append(arg)
  return Node(new if node.op == old else node.op, tuple(args))
