"""The operations of arithmetic on exact fractions and on floats."""

import fractions
import math
from collections.abc import Callable
from typing import Any

import mpmath

from inference_scaling.tasks.equivalence.nodes import UnreadableError

# mpmath makes its classes at run time, so type checkers know none of them.
Float = Any  # mpmath.mpf or mpmath.mpc
Value = Any  # fractions.Fraction or Float

# Larger results are no answers; to compute them would take forever.
_MAX_BITS = 1 << 21
_MAX_FACTORIAL = 20_000
# Of logarithms to base 10 of floats.
_LARGEST_EXPONENT = 10**6


class UndefinedError(UnreadableError):
  """An expression has no value: 1/0."""


def to_float(value: Value) -> Float:
  """Turns a fraction into a float of the working precision."""
  if isinstance(value, fractions.Fraction):
    return mpmath.mpf(value.numerator) / value.denominator
  return value


def constant(name: str) -> Value:
  """Returns the value of a constant to the working precision."""
  if name == "infinity":
    raise UndefinedError("infinity")
  return mpmath.mpc(0, 1) if name == "i" else +getattr(mpmath, name)


def _same_type(first: Value, second: Value) -> tuple[Value, Value]:
  """Returns both values as fractions, or else both as floats."""
  if isinstance(first, fractions.Fraction) and isinstance(
    second, fractions.Fraction
  ):
    return first, second
  return to_float(first), to_float(second)


def _sum(first: Value, second: Value) -> Value:
  first, second = _same_type(first, second)
  return first + second


def _product(first: Value, second: Value) -> Value:
  first, second = _same_type(first, second)
  return first * second


def _quotient(first: Value, second: Value) -> Value:
  first, second = _same_type(first, second)
  return first / second


def _power(base: Value, exponent: Value) -> Value:
  if not base and not mpmath.re(to_float(exponent)) > 0:
    raise UndefinedError("a power of zero")
  if _is_integer(exponent) and isinstance(base, fractions.Fraction):
    power = exponent.numerator
    size = max(base.numerator.bit_length(), base.denominator.bit_length())
    if size * abs(power) <= _MAX_BITS:
      return base**power
  base, exponent = to_float(base), to_float(exponent)
  if base and abs(exponent * mpmath.log10(abs(base))) > _LARGEST_EXPONENT:
    raise UnreadableError("a power that is too large or too small")
  return mpmath.power(base, exponent)


def _root(value: Value, index: Value) -> Value:
  """The real root where there is one, of odd index for negative values."""
  if not _is_integer(index) or index < 1:
    return _power(value, _quotient(fractions.Fraction(1), index))
  degree = index.numerator
  if isinstance(value, fractions.Fraction):
    if value < 0 and degree % 2:
      return _product(fractions.Fraction(-1), _root(-value, index))
    if value >= 0:
      top = _exact_root(value.numerator, degree)
      bottom = _exact_root(value.denominator, degree)
      if top is not None and bottom is not None:
        return fractions.Fraction(top, bottom)
  value = to_float(value)
  if degree % 2 and not mpmath.im(value) and mpmath.re(value) < 0:
    return -mpmath.root(-value, degree)
  return mpmath.root(value, degree)


def _exact_root(value: int, degree: int) -> int | None:
  """Returns the integer whose power a number is, if there is one."""
  if value in (0, 1):
    return value
  if degree == 2:
    root = math.isqrt(value)
  elif value.bit_length() < 4096 and degree < value.bit_length():
    root = round(mpmath.root(value, degree))
  else:
    return None
  return root if root**degree == value else None


def _factorial(value: Value) -> Value:
  if _is_integer(value):
    if not 0 <= value <= _MAX_FACTORIAL:
      raise UnreadableError("a factorial without a value, or too large a one")
    return fractions.Fraction(math.factorial(value.numerator))
  return mpmath.gamma(to_float(value) + 1)


def _choose(top: Value, bottom: Value) -> Value:
  if _is_integer(top) and _is_integer(bottom):
    if not 0 <= bottom <= top <= _MAX_FACTORIAL:
      raise UnreadableError("a binomial coefficient without a value")
    return fractions.Fraction(math.comb(top.numerator, bottom.numerator))
  return mpmath.binomial(to_float(top), to_float(bottom))


def _rounded(
  function: Callable[[fractions.Fraction], int], value: Value
) -> Value:
  """Floor or ceiling; what is an integer but for rounding is one."""
  if isinstance(value, fractions.Fraction):
    return fractions.Fraction(function(value))
  real = mpmath.re(value)
  nearest = mpmath.nint(real)
  if abs(real - nearest) > mpmath.mpf(10) ** (-mpmath.mp.dps // 2):
    nearest = (
      mpmath.floor(real) if function is math.floor else mpmath.ceil(real)
    )
  return fractions.Fraction(int(nearest))


def _is_integer(value: Value) -> bool:
  return isinstance(value, fractions.Fraction) and value.denominator == 1


def call(name: str, values: list[Value]) -> Value:
  """Returns the value of a named function."""
  if len(name) == 1:
    # It stands for any function: another one for each name and argument.
    mixed = sum(to_float(v) * (i + 3) for i, v in enumerate(values))
    return mpmath.cos(mixed + ord(name)) + mixed * mixed / 7
  first = to_float(values[0])
  if name in _ANGLES:
    return _ANGLES[name](first)
  if name in _LOGARITHMS:
    base = to_float(values[1]) if len(values) > 1 else _LOGARITHMS[name]()
    return _quotient(mpmath.log(first), mpmath.log(base))
  if name == "exp":
    return _power(+mpmath.e, first)
  raise UnreadableError(f"the function {name}")


_ANGLES = {
  **{name: getattr(mpmath, name) for name in "sin cos tan cot sec csc".split()},
  **{name: getattr(mpmath, name) for name in "sinh cosh tanh".split()},
  **{"arcsin": mpmath.asin, "arccos": mpmath.acos, "arctan": mpmath.atan},
}
# Without a base a \\log is the common one, as in MATH.
_LOGARITHMS = {
  "ln": lambda: +mpmath.e,
  "log": lambda: mpmath.mpf(10),
  "lg": lambda: mpmath.mpf(10),
}
OPERATIONS = {
  "+": _sum,
  "*": _product,
  "/": _quotient,
  "^": _power,
  "plus": lambda value: value,
  "minus": lambda value: -value,
  "sqrt": _root,
  "|": lambda value: abs(value),
  "floor": lambda value: _rounded(math.floor, value),
  "ceil": lambda value: _rounded(math.ceil, value),
  "!": _factorial,
  "choose": _choose,
  "percent": lambda value: _quotient(value, fractions.Fraction(100)),
  "degrees": lambda value: _product(value, mpmath.pi / 180),
}
