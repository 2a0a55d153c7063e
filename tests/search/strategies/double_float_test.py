"""Pairs of float32 against exact fractions."""

import decimal
import operator
from fractions import Fraction

import jax
import numpy as np
import pytest

from inference_scaling.search.strategies import double_float


def _exact(pair):
  return [
    Fraction(float(high)) + Fraction(float(low))
    for high, low in zip(*pair, strict=True)
  ]


def _random_pair(seed):
  generator = np.random.default_rng(seed)
  numbers = generator.normal(size=500) * 10 ** generator.uniform(-3, 3, 500)
  return double_float.split(numbers)


@pytest.mark.parametrize(
  ("function", "operation"),
  [
    (double_float.add, operator.add),
    (double_float.subtract, operator.sub),
    (double_float.multiply, operator.mul),
    (double_float.divide, operator.truediv),
  ],
)
def test_operations_are_good_to_43_bits(function, operation):
  x, y = _random_pair(0), _random_pair(1)
  got = jax.jit(function)(x, y)
  for a, b, c in zip(_exact(x), _exact(y), _exact(got), strict=True):
    expected = operation(a, b)
    scale = max(abs(a), abs(b), abs(expected))
    if function in (double_float.multiply, double_float.divide):
      scale = abs(expected)
    assert abs(c - expected) <= scale * Fraction(1, 2**43)


def test_exponential_is_good_to_eleven_digits():
  generator = np.random.default_rng(2)
  numbers = np.concatenate(
    [
      [0, double_float.MAX_EXPONENT],
      generator.uniform(0, double_float.MAX_EXPONENT, 300),
      10 ** generator.uniform(-9, 0, 99),
    ]
  )
  x = double_float.split(numbers)
  # Jitted: the compiler is what could undo the error terms.
  got = jax.jit(double_float.exp_negative)(x)
  assert float(got.high[0]) == 1 and float(got.low[0]) == 0
  with decimal.localcontext(prec=40):
    for argument, value in zip(_exact(x), _exact(got), strict=True):
      exponent = decimal.Decimal(-argument.numerator) / argument.denominator
      expected = Fraction(exponent.exp())
      assert abs(value - expected) <= expected * Fraction(1, 10**11)


def test_split_keeps_what_float32_drops():
  pair = double_float.split([0.1, np.inf, -np.inf, 1e300])
  assert float(pair.high[0]) + float(pair.low[0]) == pytest.approx(
    0.1, rel=1e-15
  )
  assert pair.high[1:].tolist() == [np.inf, -np.inf, np.inf]
  assert pair.low[1:].tolist() == [0, 0, 0]
  assert double_float.split(pair) is pair
  whole = double_float.split(jax.numpy.arange(3))
  assert whole.high.tolist() == [0, 1, 2]
  assert np.isnan(double_float.split(np.nan).high)
