"""Decimals stand for themselves, to their last digit.

Two decimals are equal where their values are. A gold answer that is a decimal
may be what an exact value was rounded to: an exact answer is right where it
rounds to that decimal, and so 1/3 is right for 0.33. Most decimals are exact,
though, and few digits are met by chance: 4.5 is not 2 sqrt(5). So the decimal
must have two places at least, and three digits that count or a simple fraction
as the answer; and an answer that ends as a decimal itself stands for itself
(27/50 is 0.54). An exact gold answer is equal to no rounded one.
"""

import fractions

import mpmath

from inference_scaling.tasks.equivalence import values
from inference_scaling.tasks.equivalence.nodes import Node, symbols, walk
from inference_scaling.tasks.equivalence.operations import (
  Value,
  to_float,
)

_MIN_PLACES = 2
_MIN_DIGITS = 3
_LARGEST_SIMPLE = 9  # denominator: thirds, sixths, sevenths and ninths


def is_rounded(decimal: Node, exact: Node) -> bool:
  """Says whether a decimal is an exact value in a rounded form.

  Args:
    decimal: the gold answer.
    exact: arithmetic.

  Returns:
    True if so; False where one of them is not what its name says.
  """
  if decimal.op != "number" or symbols(exact) or _has_decimals(exact):
    return False
  value, places = decimal.args
  if places is None or places < _MIN_PLACES:
    return False
  wanted = values.precise_value(exact, {})
  rational = isinstance(wanted, fractions.Fraction)
  if rational and _ends(wanted):
    return False
  simple = rational and wanted.denominator <= _LARGEST_SIMPLE
  if len(str(abs(value) * 10**places)) < _MIN_DIGITS and not simple:
    return False
  return _rounds_to(wanted, value, places)


def is_approximation(decimal: Node, exact: Node) -> bool:
  r"""Says whether a number is right to its last digit: `\pi \approx 3`.

  Args:
    decimal: what stands behind the sign.
    exact: what stands before it, arithmetic without variables.

  Returns:
    True if so.
  """
  if decimal.op != "number":
    return False
  value, places = decimal.args
  return _rounds_to(values.precise_value(exact, {}), value, places or 0)


def _rounds_to(exact: Value, decimal: fractions.Fraction, places: int) -> bool:
  """Says whether two numbers are less than half a last digit apart."""
  if isinstance(exact, mpmath.mpc) and exact.imag:
    return False
  with mpmath.workdps(len(str(decimal)) + 30):
    off = abs(to_float(decimal) - mpmath.re(to_float(exact)))
    return bool(off * 2 * mpmath.mpf(10) ** places <= 1)


def _has_decimals(node: Node) -> bool:
  return any(n.op == "number" and n.args[1] for n in walk(node))


def _ends(value: fractions.Fraction) -> bool:
  """Says whether a fraction has finitely many decimal places."""
  rest = value.denominator
  for prime in (2, 5):
    while rest % prime == 0:
      rest //= prime
  return rest == 1
