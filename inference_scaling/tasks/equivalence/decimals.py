"""Decimals stand for themselves, to their last digit.

Two decimals are equal where their values are. A gold answer that is a decimal
is what the exact value was rounded to: an exact answer is right where it rounds
to that decimal, and so 1/3 is right for 0.33. Not so where the exact value has
an end of its own as a decimal (27/50 is 0.54, which nobody rounds to 0.5 to
mean the same), or where the decimal has a single digit that counts. An exact
gold answer is equal to no rounded one.
"""

import fractions

import mpmath

from inference_scaling.tasks.equivalence import values
from inference_scaling.tasks.equivalence.evaluation import to_float
from inference_scaling.tasks.equivalence.nodes import Node, symbols, walk

_LEAST_DIGITS = 2


def is_rounded(decimal: Node, exact: Node) -> bool:
  """Says whether an exact value rounds to a decimal.

  Args:
    decimal: a number.
    exact: arithmetic.

  Returns:
    True if so; False where one of them is not what its name says.
  """
  if decimal.op != "number" or not decimal.args[1] or symbols(exact):
    return False
  value, places = decimal.args
  digits = str(abs(value) * 10**places)
  if len(digits.lstrip("0")) < _LEAST_DIGITS or _has_decimals(exact):
    return False
  wanted = values.precise_value(exact, {})
  if isinstance(wanted, fractions.Fraction):
    if _ends(wanted):
      return False
    return abs(wanted - value) * 2 * 10**places < 1
  if isinstance(wanted, mpmath.mpc) and wanted.imag:
    return False
  with mpmath.workdps(60):
    off = abs(to_float(value) - mpmath.re(wanted))
    return bool(off * 2 * mpmath.mpf(10) ** places < 1)


def _has_decimals(node: Node) -> bool:
  return any(n.op == "number" and n.args[1] for n in walk(node))


def _ends(value: fractions.Fraction) -> bool:
  """Says whether a fraction has finitely many decimal places."""
  rest = value.denominator
  for prime in (2, 5):
    while rest % prime == 0:
      rest //= prime
  return rest == 1
