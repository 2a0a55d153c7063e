"""Numbers held as an unevaluated sum of two float32: about 44 bits.

A width of REBASE is the ceiling of a quotient, so an error of one unit in the
last place of float32 can move a child from one beam to another. Accelerators
have no fast float64 and JAX disables it by default, hence this arithmetic.

Compilers may contract `a * b + c` to one fused operation, which breaks the
usual error-free product (`p = a * b`, then subtract `p` from partial products).
Here every product is one of two 12-bit halves, exact in float32, so that fusing
it with a sum changes nothing. Sums are not reassociated by XLA, but for
constants: it turns `(1 + y) - 1` into `y`. So no constant is ever added here.

References:
  T. J. Dekker, "A floating-point technique for extending the available
    precision", Numerische Mathematik 18, 1971.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

# Clears the low 12 bits of a float32: 12 significant bits are left, so the
# product of two such halves fits in the 24 bits of a float32.
_HIGH_HALF = np.uint32(0xFFFFF000)

# exp(-x) = 2^-(k // 32) * 2^-((k % 32) / 32) * exp(-r), x = k log(2) / 32 + r.
_TABLE_SIZE = 32
_TABLE = np.exp2(-np.arange(_TABLE_SIZE) / _TABLE_SIZE)
_STEP = np.log(2.0) / _TABLE_SIZE

# A number this close to a whole number is that number. Equal weights give
# quotients such as 16 * (1 / 2), which rounding may move over the whole number
# and a floor or a ceiling would then turn into one too few or too many.
SNAP = 5e-6

# The largest argument of `exp_negative`: both parts of the result are still
# normal float32 numbers.
MAX_EXPONENT = 60.0


class Double(NamedTuple):
  """The number `high + low`, where `high` is that sum rounded to float32.

  Attributes:
    high: float32[...].
    low: float32[...], at most half a unit in the last place of `high`.
  """

  high: jax.Array
  low: jax.Array


def split(value: Any) -> Double:
  """Makes a Double out of an array, keeping what float32 would drop.

  Args:
    value: numbers of any shape: a JAX array (usually float32, then `low` is 0)
      or anything NumPy makes a float64 array of, or a Double already.

  Returns:
    A Double of the shape of `value`. A value beyond float32 becomes infinite.
  """
  if isinstance(value, Double):
    return value
  if isinstance(value, jax.Array):
    high = value.astype(jnp.float32)
    if value.dtype != jnp.float64:
      return Double(high, jnp.zeros_like(high))
    finite = jnp.isfinite(high)
    rest = jnp.where(finite, value, 0) - jnp.where(finite, high, 0)
    return Double(high, rest.astype(jnp.float32))
  value = np.asarray(value, np.float64)
  with np.errstate(over="ignore"):
    high = value.astype(np.float32)
  finite = np.isfinite(high)
  rest = np.where(finite, value, 0.0) - np.where(finite, high, 0.0)
  return Double(jnp.asarray(high), jnp.asarray(rest.astype(np.float32)))


def _two_sum(x: jax.Array, y: jax.Array) -> Double:
  """The exact sum of two float32."""
  total = x + y
  part = total - x
  return Double(total, (x - (total - part)) + (y - part))


def _quick_two_sum(x: jax.Array, y: jax.Array) -> Double:
  """The exact sum of two float32 of which `x` is the larger."""
  total = x + y
  return Double(total, y - (total - x))


def _halves(x: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Two float32 of at most 12 significant bits each that add up to `x`."""
  bits = jax.lax.bitcast_convert_type(x, jnp.uint32) & _HIGH_HALF
  high = jax.lax.bitcast_convert_type(bits, jnp.float32)
  return high, x - high


def _two_product(x: jax.Array, y: jax.Array) -> Double:
  """The product of two float32, to the last bit but one of a Double."""
  x_high, x_low = _halves(x)
  y_high, y_low = _halves(y)
  first = _two_sum(x_high * y_high, x_high * y_low)
  second = _two_sum(first.high, x_low * y_high)
  third = _two_sum(second.high, x_low * y_low)
  return _quick_two_sum(third.high, first.low + second.low + third.low)


def add(x: Double, y: Double) -> Double:
  """The sum of two Doubles."""
  highs = _two_sum(x.high, y.high)
  lows = _two_sum(x.low, y.low)
  partial = _quick_two_sum(highs.high, highs.low + lows.high)
  return _quick_two_sum(partial.high, partial.low + lows.low)


def subtract(x: Double, y: Double) -> Double:
  """The difference of two Doubles."""
  return add(x, Double(-y.high, -y.low))


def multiply(x: Double, y: Double) -> Double:
  """The product of two Doubles."""
  product = _two_product(x.high, y.high)
  cross = x.high * y.low + x.low * y.high
  return _quick_two_sum(product.high, product.low + cross)


def divide(x: Double, y: Double) -> Double:
  """The quotient of two Doubles, by long division with three digits.

  Each digit corrects the one before it, so that a backend whose float32
  division is off by some units in the last place gives the same quotient.
  """
  first = x.high / y.high
  rest = subtract(x, multiply(split(first), y))
  second = rest.high / y.high
  rest = subtract(rest, multiply(split(second), y))
  third = rest.high / y.high
  partial = _quick_two_sum(first, second)
  return _quick_two_sum(partial.high, partial.low + third)


def sums(x: Double, reverse: bool = False) -> Double:
  """Sums of each number of a Double[N] and all before it.

  Args:
    x: Double[N], at least one number.
    reverse: whether to add up from the last number: each and all after it.

  Returns:
    Double[N].
  """
  zero = Double(*(jnp.zeros_like(part[0]) for part in x))
  return jax.lax.scan(_accumulate, zero, x, reverse=reverse)[1]


# Not a closure: outside jit, `scan` compiles again for every new function.
def _accumulate(total: Double, number: Double) -> tuple[Double, Double]:
  """Adds one number to the sum and hands the new sum out."""
  total = add(total, number)
  return total, total


def nearest(x: Double) -> tuple[jax.Array, jax.Array]:
  """The nearest whole number, int32, and the signed rest, float32.

  A rest of at most `SNAP` is 0.
  """
  whole = jnp.round(x.high)
  rest = (x.high - whole) + x.low
  rest = jnp.where(jnp.abs(rest) <= SNAP, 0.0, rest)
  return whole.astype(jnp.int32), rest


def whole_part(x: Double) -> tuple[jax.Array, jax.Array]:
  """The floor, int32, and the fraction in [0, 1), float32; 0 if snapped."""
  whole, rest = nearest(x)
  below = rest < 0
  return whole - below, jnp.where(below, rest + 1, rest)


def exp_negative(x: Double) -> Double:
  """exp(-x) for x in [0, MAX_EXPONENT], with a relative error below 1e-11."""
  steps = jnp.round(x.high * np.float32(1 / _STEP))
  rest = subtract(x, multiply(split(steps), split(_STEP)))
  power = Double(-rest.high, -rest.low)  # in [-0.011, 0.011]
  t = power.high
  # Terms from the third on are below 3e-7: float32 is enough for them.
  tail = t * t * t * (1 / 6 + t * (1 / 24 + t * (1 / 120)))
  square = multiply(power, power)
  series = add(Double(square.high / 2, square.low / 2), split(tail))
  series = add(power, series)  # exp(-r) - 1
  index = steps.astype(jnp.int32)
  table = split(_TABLE)
  entry = Double(*(part[index % _TABLE_SIZE] for part in table))
  # Not entry * (1 + series): the compiler would undo a sum with a constant.
  product = add(entry, multiply(entry, series))
  # A power of two made of its bits: exact on every backend.
  exponent = (127 - index // _TABLE_SIZE) << 23
  scale = jax.lax.bitcast_convert_type(exponent, jnp.float32)
  return Double(product.high * scale, product.low * scale)
