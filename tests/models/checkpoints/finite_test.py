"""What is no number is found, in every dtype and wherever it stands."""

import jax
import ml_dtypes
import numpy as np
import pytest

from inference_scaling.models.checkpoints import finite

FLOATS = [np.float64, np.float32, np.float16, ml_dtypes.bfloat16]
SHAPES = [(1,), (70_001,), (300, 257), (3, 5, 7), (2, 70_001), (0,), (0, 3), ()]


def _array(shape, dtype):
  values = np.random.default_rng(0).normal(size=shape)
  return np.asarray(values, dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_one_value_that_is_no_number_is_found(shape, dtype):
  array = _array(shape, dtype)
  assert finite.all_finite(array)
  for position in {0, array.size // 2, array.size - 1} if array.size else ():
    for bad in (np.nan, -np.nan, np.inf, -np.inf):
      result = array.copy()
      result.flat[position] = bad
      assert not finite.all_finite(result)
      assert not finite.all_finite(result.T)


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_largest_numbers_are_finite(dtype):
  """Whose sum is not."""
  largest = ml_dtypes.finfo(dtype).max
  array = np.full((5, 9), largest, dtype)
  array[3:] = -largest
  assert finite.all_finite(array) and finite.all_finite(array[:, ::2])
  array[2, 2] = np.inf
  assert not finite.all_finite(array)


def test_whole_numbers_are_finite():
  for dtype in (np.int64, np.uint8, np.bool_):
    assert finite.all_finite(np.full(9, -1 if dtype is np.int64 else 1, dtype))


@pytest.mark.parametrize("first", FLOATS)
@pytest.mark.parametrize("second", FLOATS)
@pytest.mark.parametrize("shape", SHAPES[1:5])
def test_equal_is_equal_in_numbers(first, second, shape):
  narrow = _array(shape, ml_dtypes.bfloat16).astype(np.float16)
  narrow = narrow.astype(ml_dtypes.bfloat16)  # both hold these exactly
  actual, expected = narrow.astype(first), narrow.astype(second)
  assert finite.equal(actual, expected) and finite.equal(actual.T, expected.T)
  expected.flat[-1] += 1
  assert not finite.equal(actual, expected)
  actual.flat[-1] = expected.flat[-1] = np.nan
  assert finite.equal(actual, expected)
  actual.flat[0], expected.flat[0] = 0.0, -0.0
  assert finite.equal(actual, expected)


def test_the_error_counts_and_names():
  array = np.array([1, np.nan, np.inf, -np.inf, np.nan], np.float32)
  text = str(finite.error("some/where", "a.weight", array, array.dtype))
  assert "some/where: tensor a.weight" in text
  assert "of its 5 values 2 are NaN and 2 infinite" in text
  good = np.array([1e9], np.float32)
  text = str(finite.error("some/where", "a.weight", good, np.dtype("float16")))
  assert "beyond the range of float16" in text
  assert jax.numpy.isfinite(good).all()
