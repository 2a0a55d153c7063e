r"""Says whether two expressions have the same value.

Constants: rational ones are compared as fractions. Others are computed twice:
first to see how far apart the sizes of their parts are (10^{100} beside 1, or
e^{-50} alone), then with `_DIGITS` digits more than that takes. They are equal
where all but the last ten of these digits agree, so that no difference is too
small to be seen, and there is no absolute tolerance anywhere.

Expressions with variables: equal at all sample points. The points are fractions
of many digits, at which different polynomials do not meet by chance. A root or
logarithm of a negative number says nothing about real variables, so that points
with negative values count only where both sides are real throughout.
"""

import fractions
import random
from collections.abc import Iterator
from typing import NamedTuple

import mpmath

from inference_scaling.tasks.equivalence.evaluation import Evaluator
from inference_scaling.tasks.equivalence.nodes import (
  Node,
  UnreadableError,
  symbols,
  walk,
)
from inference_scaling.tasks.equivalence.operations import (
  Float,
  UndefinedError,
  Value,
  to_float,
)

_FIRST_DIGITS = 30
_DIGITS = 60
_MAX_DIGITS = 20_000
_SPARE_DIGITS = 10
_POINTS = 3  # of each kind, all positive and mixed

Point = dict[str, fractions.Fraction]


def is_same_value(first: Node, second: Node) -> bool:
  """Says whether two expressions have the same value at every point.

  Args:
    first: arithmetic.
    second: likewise.

  Returns:
    False also where none of the sample points shows it.

  Raises:
    UnreadableError: if a constant has no value.
  """
  if first == second:
    return True
  names = symbols(first) | symbols(second)
  if not names:
    return _is_same(first, second, {})
  agreed = 0
  for point, positive in points(names):
    try:
      if not positive and not _is_comparable(first, second, point):
        continue
      if not _is_same(first, second, point):
        return False
      agreed += 1
    except UndefinedError:
      continue
  return agreed >= _POINTS


def points(names: frozenset[str]) -> Iterator[tuple[Point, bool]]:
  """Yields sample points, and whether all of their values are positive."""
  generator = random.Random(0)
  bits = 1 << 30
  for i in range(2 * _POINTS):
    positive = i < _POINTS
    point = {}
    for name in sorted(names):
      value = fractions.Fraction(
        generator.randrange(bits // 4, 4 * bits), bits + 2 * i + 1
      )
      flip = not positive and (len(names) == 1 or generator.random() < 0.6)
      point[name] = -value if flip else value
    yield point, positive


def precise_value(node: Node, point: Point) -> Value:
  """Computes a value to all digits in which the smallest part counts.

  Args:
    node: arithmetic.
    point: a value for each of its variables.

  Returns:
    Its value.

  Raises:
    UnreadableError: if there is none, or none can be computed.
  """
  first = _evaluated(node, point, _FIRST_DIGITS)
  if isinstance(first.value, fractions.Fraction):
    return first.value
  return _evaluated(node, point, _precise_digits(first)).value


class _Evaluated(NamedTuple):
  """A value, and the range of the sizes of its parts."""

  value: Value
  largest: Float
  smallest: Float
  is_real: bool


def _evaluated(node: Node, point: Point, digits: int) -> _Evaluated:
  evaluator = Evaluator(digits, point, strict=digits > _FIRST_DIGITS)
  value = evaluator.value(node)
  return _Evaluated(
    value, evaluator.largest, evaluator.smallest, evaluator.is_real
  )


def _precise_digits(*firsts: _Evaluated) -> int:
  """Returns how many digits it takes, by a first evaluation."""
  with mpmath.workdps(_FIRST_DIGITS):
    largest = max(first.largest for first in firsts)
    spread = mpmath.log10(largest / min(first.smallest for first in firsts))
  if spread > _MAX_DIGITS:
    raise UnreadableError("parts whose sizes are too far apart")
  return _DIGITS + int(spread) + 1


def _is_comparable(first: Node, second: Node, point: Point) -> bool:
  """Says whether a point with negative values tells anything."""
  imaginary = Node("constant", ("i",))
  if any(node == imaginary for side in (first, second) for node in walk(side)):
    return True
  return all(
    _evaluated(side, point, _FIRST_DIGITS).is_real for side in (first, second)
  )


def _is_same(first_node: Node, second_node: Node, point: Point) -> bool:
  """Compares the values at one point, or of two constants."""
  digits, nodes = _FIRST_DIGITS, (first_node, second_node)
  first, second = (_evaluated(n, point, digits) for n in nodes)
  if isinstance(first.value, fractions.Fraction) and isinstance(
    second.value, fractions.Fraction
  ):
    return first.value == second.value
  if _differ(first, second, digits):
    return False
  digits = _precise_digits(first, second)
  first, second = (_evaluated(n, point, digits) for n in nodes)
  return not _differ(first, second, digits)


def _differ(first: _Evaluated, second: _Evaluated, digits: int) -> bool:
  """Says whether two values differ by more than rounding."""
  with mpmath.workdps(digits):
    noise = max(first.largest, second.largest) * mpmath.mpf(10) ** (
      _SPARE_DIGITS - digits
    )
    return bool(abs(to_float(first.value) - to_float(second.value)) > noise)
