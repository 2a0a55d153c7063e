"""The product of int8 by machine code, against one written in NumPy."""

import re

import jax
import numpy as np
import pytest

from inference_scaling.models.kernels.cpu import (
  ffi,
  int8_product,
  quantising,
  sharing,
)

pytestmark = pytest.mark.skipif(
  not int8_product.is_available(),
  reason="this processor has no AVX-512 VNNI",
)
multiply = jax.jit(int8_product.multiply)
rng = np.random.default_rng(0)


def draw(rows, inputs, columns):
  values = rng.integers(-127, 128, (rows, inputs)).astype(np.int8)
  scale = rng.uniform(0.5, 2.0, rows).astype(np.float32)
  # Groups of very different sizes, as a trained model's activations have.
  x = rng.normal(size=(inputs, columns)) * np.exp(
    rng.normal(size=(inputs, 1)) * 3
  )
  return values, scale, x.astype(np.float32)


def oracle(values, scale, x):
  """Quantises by groups and sums in whole numbers, group after group."""
  total = np.zeros((len(values), x.shape[1]), np.float32)
  for start in range(0, len(x), quantising.GROUP):
    part = x[start : start + quantising.GROUP]
    unit = np.abs(part).max(axis=0) * np.float32(1 / 127)
    rounded = np.rint(part * (np.float32(1) / unit)).astype(np.int64)
    sums = (
      values[:, start : start + quantising.GROUP].astype(np.int64) @ rounded
    )
    total += sums.astype(np.float32) * unit * scale[:, None]
  return total


# Rows and columns around those of a block, inputs around a group.
@pytest.mark.parametrize("rows", [1, 97, 1100])
@pytest.mark.parametrize("inputs", [4, 300])
@pytest.mark.parametrize("columns", [1, 17, 47, 130])
def test_products_are_those_of_whole_numbers(rows, inputs, columns):
  values, scale, x = draw(rows, inputs, columns)
  wanted = oracle(values, scale, x)
  found = multiply(values, scale, x)
  assert found.shape == wanted.shape
  # A number between two whole ones may be rounded to either.
  size = np.abs(wanted).max()
  np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-3 * size)
  close = np.isclose(found, wanted, rtol=1e-5, atol=1e-6 * size)
  assert close.mean() > 0.98


def test_the_error_is_that_of_a_byte_in_each_group():
  values, scale, x = draw(64, 896, 64)
  exact = values.astype(np.float64) @ x.astype(np.float64) * scale[:, None]
  error = np.abs(np.asarray(multiply(values, scale, x)) - exact)
  groups = np.abs(x.reshape(7, 128, 64)).max(axis=1) / 127
  # Each rounding is off by half a unit, in either direction by chance.
  spread = np.sqrt((groups**2).sum(axis=0) * 128 / 12) * 73
  assert (error < 6 * spread * scale[:, None]).all()
  assert error.mean() > 0.1 * (spread * scale[:, None]).mean()


def test_the_largest_weights_are_exact():
  """-127 and 127 in every place: sums reach their bounds."""
  values = np.tile(np.array([[127], [-127]], np.int8), (8, 256))
  x = np.full((256, 3), 127.0, np.float32)
  found = multiply(values, np.ones(16, np.float32), x)
  assert (np.abs(found) == 127.0 * 127.0 * 256).all()


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 130, 299])
def test_what_is_no_number_does_not_pass_for_one(wrong, row):
  values, scale, x = draw(8, 300, 20)
  x[row, 3] = wrong
  finite = np.isfinite(multiply(values, scale, x))
  assert not finite[:, 3].any()
  assert np.delete(finite, 3, axis=1).all()


def test_inputs_that_do_not_fill_words_are_refused():
  values, scale, x = draw(4, 6, 2)
  with pytest.raises(
    ValueError, match="has 6 inputs; expected a multiple of 4"
  ):
    int8_product.multiply(values, scale, x)


def test_the_version_of_the_interface_is_read_from_the_header():
  major, minor = ffi.version()
  assert (major, minor >= 1) == (0, True)
  pattern = re.compile(f"XLA_FFI_API_MINOR {minor}\n")
  header = f"{jax.ffi.include_dir()}/xla/ffi/api/c_api.h"
  with open(header, encoding="utf-8") as file:
    assert pattern.search(file.read())


def test_functions_of_xla_are_called_where_the_header_has_them():
  header = f"{jax.ffi.include_dir()}/xla/ffi/api/c_api.h"
  with open(header, encoding="utf-8") as file:
    table = re.search(
      r"struct XLA_FFI_Api \{(.*?)\n\};", file.read(), re.DOTALL
    )
  fields = re.findall(r"_STRUCT_FIELD\((\w+)\)", table.group(1))
  # Behind two words, the version of three, and a pointer.
  offsets = {name: 8 * (6 + i) for i, name in enumerate(fields)}
  assert offsets["XLA_FFI_ThreadPool_Schedule"] == sharing._SCHEDULE
  assert offsets["XLA_FFI_ThreadPool_NumThreads"] == sharing._NUM_THREADS
