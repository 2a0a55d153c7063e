"""Makes operations out of nodes that arithmetic is defined on."""

from inference_scaling.tasks.equivalence.nodes import (
  ARITHMETIC,
  Node,
  UnreadableError,
  negative,
  number,
)


def grouped(node: Node) -> Node:
  """Returns what brackets around one value hold."""
  plain = node.op == "bracket" and node.args[:2] in (("(", ")"), ("[", "]"))
  if plain and len(node.args) == 3:
    return node.args[2]
  return node


def make(op: str, *args: Node | str) -> Node:
  """Makes an operation on values; structures have no arithmetic."""
  args = tuple(grouped(a) if isinstance(a, Node) else a for a in args)
  values = [arg for arg in args if isinstance(arg, Node)]
  matrices = [arg for arg in values if arg.op == "matrix"]
  if matrices and op == "*" and len(matrices) == 1:
    factor = next(arg for arg in values if arg.op != "matrix")
    if factor.op in ARITHMETIC:
      return _scale(factor, matrices[0])
  for arg in values:
    if arg.op not in ARITHMETIC:
      raise UnreadableError(f"arithmetic with a {arg.op}")
  return Node(op, args)


def _scale(factor: Node, matrix: Node) -> Node:
  rows = matrix.args
  return Node(
    "matrix", tuple(tuple(make("*", factor, x) for x in row) for row in rows)
  )


def negated(node: Node) -> Node:
  """Puts a minus sign before a value."""
  return negative(node) if node.op == "number" else make("*", number(-1), node)
