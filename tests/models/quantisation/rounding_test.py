"""Values and scales against an oracle that goes number by number."""

import fractions
import math

import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from inference_scaling import names
from inference_scaling.models.quantisation import formats, rounding

INT8 = formats.format_of(names.INT8)
FP8 = formats.format_of(names.FP8)
WEIGHT = np.random.default_rng(0).normal(size=(7, 40)).astype(np.float32)


def quantise(weight, form):
  weight = np.asarray(weight)
  scale = rounding.scales(weight, form)
  values = np.empty(weight.shape, form.dtype)
  rounding.values(weight, scale, form, values)
  return values, scale


def least_bfloat16(number):
  """The smallest bfloat16 that is not less than a positive fraction."""
  exponent = math.floor(math.log2(number))
  step = fractions.Fraction(2) ** (exponent - 7)
  return math.ceil(number / step) * step


def half_to_even(number):
  """Rounds a fraction to a whole number."""
  low = math.floor(number)
  rest = number - low
  if rest == fractions.Fraction(1, 2):
    return low + low % 2
  return low + (rest > fractions.Fraction(1, 2))


def test_int8_is_what_the_oracle_says_number_by_number():
  values, scale = quantise(WEIGHT, INT8)
  assert values.dtype == np.int8 and scale.dtype == np.float32
  for row, channel in enumerate(WEIGHT):
    exact = [fractions.Fraction(float(weight)) for weight in channel]
    largest = max(abs(weight) for weight in exact)
    wanted = least_bfloat16(largest / 127)
    assert fractions.Fraction(float(scale[row])) == wanted
    assert values[row].tolist() == [half_to_even(w / wanted) for w in exact]
  assert np.abs(values).max() > 100


def test_a_tie_goes_to_the_even_value():
  values, scale = quantise([[127.0, 0.5, 1.5, 2.5, -0.5, -3.5]], INT8)
  assert scale.tolist() == [1.0]
  assert values.tolist() == [[127, 0, 2, 2, 0, -4]]


def test_fp8_is_the_nearest_number_of_e4m3():
  values, scale = quantise(WEIGHT, FP8)
  every = np.arange(256, dtype=np.uint8).view(ml_dtypes.float8_e4m3fn)
  every = np.sort(every.astype(np.float64)[np.isfinite(every.astype(float))])
  wanted = WEIGHT.astype(np.float64) / scale[:, None]
  least = np.abs(wanted[..., None] - every).min(axis=-1)
  found = np.abs(wanted - values.astype(np.float64))
  np.testing.assert_allclose(found, least, rtol=0, atol=1e-5)
  assert np.abs(values.astype(np.float32)).max() > 400


@pytest.mark.parametrize("form", [INT8, FP8])
def test_a_channel_of_zeros_stays_zero(form):
  values, scale = quantise([[0.0, -0.0], [1e-40, -1e-42], [2.0, 1.0]], form)
  assert scale[:2].tolist() == [1.0, 1.0]
  assert not values[:2].astype(np.float32).any()
  assert values[2].astype(np.float32).all()


@pytest.mark.parametrize("form", [INT8, FP8])
def test_a_huge_outlier_is_kept_and_spoils_its_own_channel_alone(form):
  weight = np.array([[3e38, 1.0, -2.0], [1.0, 0.5, -0.25]], np.float32)
  values, scale = quantise(weight, form)
  assert np.isfinite(scale).all()
  back = values.astype(np.float32) * scale[:, None]
  np.testing.assert_allclose(back[0], [3e38, 0, 0], rtol=0.01)
  np.testing.assert_allclose(back[1], weight[1], rtol=0.07)


@pytest.mark.parametrize("form", [INT8, FP8])
def test_values_use_the_whole_range_and_never_leave_it(form):
  rng = np.random.default_rng(1)
  weight = rng.normal(size=(2000, 3)) * 10.0 ** rng.uniform(-20, 20, (2000, 1))
  values, _ = quantise(weight.astype(np.float32), form)
  largest = np.abs(values.astype(np.float32)).max(axis=1)
  assert largest.max() == form.largest
  # A scale is rounded up by less than one part in 128.
  assert largest.min() >= form.largest * 127 / 128 - 1


def test_scales_are_numbers_of_bfloat16():
  _, scale = quantise(WEIGHT, INT8)
  assert (scale == scale.astype(jnp.bfloat16).astype(np.float32)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_shows_in_the_scale(bad):
  weight = WEIGHT.copy()
  weight[3, 5] = bad
  finite = np.isfinite(rounding.scales(weight, INT8))
  assert finite.tolist() == [True, True, True, False, True, True, True]


@pytest.mark.parametrize("dtype", [jnp.bfloat16, np.float16, np.float64])
def test_blocks_and_dtypes_make_no_difference(monkeypatch, dtype):
  weight = WEIGHT.astype(dtype)
  whole = quantise(weight, INT8)
  monkeypatch.setattr(rounding, "_BLOCK", 80)
  for one, other in zip(whole, quantise(weight, INT8), strict=True):
    np.testing.assert_array_equal(one, other)
  wide = quantise(weight.astype(np.float32), INT8)
  np.testing.assert_array_equal(whole[0], wide[0])
