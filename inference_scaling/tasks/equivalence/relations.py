r"""Equations and inequalities: when two say the same, and what one stands for.

Two equations are the same where the difference of the sides of one is a
constant times that of the other (`y = 2x + 3` and `2x - y + 3 = 0`). Two
inequalities are the same where that constant keeps or reverses their signs.
"""

import fractions
import functools

import mpmath

from inference_scaling.tasks.equivalence import values
from inference_scaling.tasks.equivalence.decimals import is_approximation
from inference_scaling.tasks.equivalence.factors import FUNCTIONS
from inference_scaling.tasks.equivalence.nodes import (
  ARITHMETIC,
  Node,
  negative,
  symbols,
  walk,
)
from inference_scaling.tasks.equivalence.operations import (
  Float,
  UndefinedError,
  to_float,
)

_REVERSED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}
_ORDER = frozenset(["<", ">", "<=", ">="])
_EQUALS = frozenset(["=", "~"])
_DIGITS = 60


def stated_value(relation: Node) -> Node | None:
  r"""Returns what an equation gives as the value of its left side.

  Args:
    relation: such as `x = 5`, `f(x) = 2x`, `S = 1 + 1 = 2`, `3/4 = 0.75` or
      `\pi \approx 3.14`.

  Returns:
    The value, the exact one of several; None where it is another relation.
  """
  signs, parts = relation.args[0], list(relation.args[1:])
  if not _EQUALS.issuperset(signs):
    return None
  if is_name(parts[-1]) and len(parts) == 2 and not is_name(parts[0]):
    parts.reverse()
  if is_name(parts[0]):
    # A quantity that is only about a value is stated as that value.
    name, parts, signs = parts[0], parts[1:], signs[1:]
    if name.op == "symbol" and any(name.args[0] in symbols(p) for p in parts):
      return None
  if len(parts) == 1:
    return parts[0]
  for sign, part in zip(signs, parts[1:], strict=True):
    if any(n.op not in ARITHMETIC or symbols(n) for n in (parts[0], part)):
      return None
    same = values.is_same_value(parts[0], part)
    if not same and not (sign == "~" and is_approximation(part, parts[0])):
      return None
  return parts[0]


def is_name(node: Node) -> bool:
  """Says whether a node is a name: `x`, `f(x)`, `(x, y)`, `AB` or `P(A)`."""
  if node.op == "call":
    return node.args[0] not in FUNCTIONS
  if node.op == "bracket":
    items = node.args[2:]
    return node.args[0] == "(" and all(item.op == "symbol" for item in items)
  if not symbols(node):  # f(1) + f(2)
    return any(n.op == "call" and is_name(n) for n in walk(node))
  parts = [n for n in walk(node) if n.op != "*"]
  symbol = all(part.op == "symbol" for part in parts)
  return symbol and (len(parts) == 1 or all(p.args[0].isupper() for p in parts))


def names_of(relation: Node) -> frozenset[str]:
  """Returns the variable that a relation is about; none for other nodes."""
  if relation.op != "relation":
    return frozenset()
  names = (symbols(part) for part in relation.args[1:] if is_name(part))
  return next(names, frozenset())


def interval(relation: Node) -> Node | None:
  r"""Returns the interval of an inequality in one variable.

  Args:
    relation: such as `x < 2` or `-2 \leq x < 7`.

  Returns:
    The interval, or all numbers but one for `x \neq 2`; None for another
    relation.
  """
  signs, parts = relation.args[0], relation.args[1:]
  if signs == ("!=",):
    return _all_but_one(*parts)
  if not _ORDER.issuperset(signs):
    return None
  if signs[0].startswith(">"):
    signs = tuple(_REVERSED[sign] for sign in reversed(signs))
    parts = tuple(reversed(parts))
  if any(sign.startswith(">") for sign in signs):
    return None
  infinity = Node("constant", ("infinity",))
  if len(parts) == 2 and _is_variable(parts[0]):
    low, high, signs = negative(infinity), parts[1], ("<", signs[0])
  elif len(parts) == 2 and _is_variable(parts[1]):
    low, high, signs = parts[0], infinity, (signs[0], "<")
  elif len(parts) == 3 and _is_variable(parts[1]):
    low, high = parts[0], parts[2]
  else:
    return None
  if symbols(low) or symbols(high):
    return None
  left = "(" if signs[0] == "<" else "["
  right = ")" if signs[1] == "<" else "]"
  return Node("bracket", (left, right, low, high))


def described_set(condition: Node) -> Node | None:
  """Returns the set of the numbers that a condition holds for.

  Args:
    condition: an inequality in one variable, or several with "or" between.

  Returns:
    An interval or a union of them; None for another condition.
  """
  parts = condition.args if condition.op == "either" else [condition]
  if any(part.op != "relation" for part in parts):
    return None
  intervals = [node for part in parts if (node := interval(part)) is not None]
  if len(intervals) < len(parts) or len({symbols(p) for p in parts}) > 1:
    return None
  return functools.reduce(lambda a, b: Node("union", (a, b)), intervals)


def _is_variable(node: Node) -> bool:
  """Says whether a node is a variable or the value of a function."""
  return node.op == "symbol" or (node.op == "call" and is_name(node))


def _all_but_one(left: Node, right: Node) -> Node | None:
  """Returns all real numbers but the constant that a variable differs from."""
  if _is_variable(right):
    left, right = right, left
  if not _is_variable(left) or symbols(right):
    return None
  point = Node("bracket", ("\\{", "\\}", right))
  return Node("difference", (Node("set", ("reals",)), point))


def are_same(first: Node, second: Node) -> bool:
  """Says whether two relations without sets say the same.

  Args:
    first: a relation.
    second: likewise.

  Returns:
    True if each step of one is a step of the other, in order or reversed.
  """
  first_steps, steps = _steps(first), _steps(second)
  if first_steps is None or steps is None or len(first_steps) != len(steps):
    return False
  reverse = [(_REVERSED[s], negative(d)) for s, d in reversed(steps)]
  return any(
    all(_is_same_step(a, b) for a, b in zip(first_steps, order, strict=True))
    for order in (steps, reverse)
  )


def _steps(relation: Node) -> list[tuple[str, Node]] | None:
  """Returns each sign with the difference of its sides."""
  signs, parts = relation.args[0], relation.args[1:]
  if any(part.op not in ARITHMETIC for part in parts):
    return None
  steps = []
  for i, sign in enumerate(signs):
    sign = "=" if sign == "~" else sign
    if sign not in _REVERSED:
      return None
    steps.append((sign, Node("+", (parts[i], negative(parts[i + 1])))))
  return steps


def _is_same_step(first: tuple[str, Node], second: tuple[str, Node]) -> bool:
  sign, difference = first
  other_sign, other_difference = second
  if difference == other_difference:
    return sign == other_sign
  factor = _constant_factor(difference, other_difference)
  if factor is None:
    return False
  return other_sign == (sign if factor > 0 else _REVERSED[sign])


def _constant_factor(first: Node, second: Node) -> Float | None:
  """Returns the ratio of two expressions if it is real and the same always."""
  names = symbols(first)
  if names != symbols(second) or not names:
    return None
  ratios = []
  for point, _ in values.points(names):
    try:
      top = values.precise_value(first, point)
      bottom = values.precise_value(second, point)
    except UndefinedError:
      continue
    if not top or not bottom:
      return None
    if isinstance(top, fractions.Fraction) and isinstance(
      bottom, fractions.Fraction
    ):
      ratios.append(top / bottom)
      continue
    with mpmath.workdps(_DIGITS):
      ratios.append(to_float(top) / to_float(bottom))
  if len(ratios) < 3:
    return None
  with mpmath.workdps(_DIGITS):
    factor = to_float(ratios[0])
    noise = abs(factor) * mpmath.mpf(10) ** (20 - _DIGITS)
    same = all(abs(to_float(ratio) - factor) <= noise for ratio in ratios)
  return mpmath.re(factor) if same and not mpmath.im(factor) else None
