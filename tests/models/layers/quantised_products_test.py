"""Products with quantised weights against float64, and their bits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling.models.layers import hardware, quantised_products

CPU = hardware.Hardware("cpu", 1)
# A kernel cannot be split over devices: XLA multiplies digits of int8.
SPLIT_CPU = hardware.Hardware("cpu", 2, data_parts=2)
CPUS = [CPU, SPLIT_CPU]
TPU = hardware.Hardware("tpu", 8)
SIZE_OUT, SIZE_IN = 24, 300
rng = np.random.default_rng(0)
VALUES = {
  "int8": rng.integers(-127, 128, (SIZE_OUT, SIZE_IN)).astype(np.int8),
  "fp8": (100 * rng.normal(size=(SIZE_OUT, SIZE_IN))).astype(jnp.float8_e4m3fn),
}
SCALE = rng.uniform(0.001, 0.1, SIZE_OUT).astype(jnp.bfloat16)

multiply = jax.jit(quantised_products.multiply, static_argnums=3)
look_up = jax.jit(quantised_products.look_up, static_argnums=3)


def oracle(values, x):
  wide = values.astype(np.float64) * SCALE.astype(np.float64)[:, None]
  return np.tensordot(wide, np.asarray(x, np.float64), axes=1)


def draw(*rest):
  return rng.normal(size=(SIZE_IN, *rest)).astype(np.float32)


@pytest.mark.parametrize("rest", [(), (1,), (3,), (2, 3, 4)])
@pytest.mark.parametrize("kind", VALUES)
def test_a_cpu_multiplies_in_float32(kind, rest):
  x = draw(*rest)
  scale = SCALE.astype(np.float32)
  result = multiply(VALUES[kind], scale, x, SPLIT_CPU)
  assert result.dtype == jnp.float32 and result.shape == (SIZE_OUT, *rest)
  wanted = oracle(VALUES[kind], x)
  # Two digits of int8: 1 / (2 * 127 * 254) of the largest input, per term.
  np.testing.assert_allclose(
    result, wanted, rtol=0, atol=5e-5 * np.abs(wanted).max()
  )


@pytest.mark.parametrize("kind", VALUES)
def test_accelerators_round_nothing_but_activations(kind):
  x = draw(5)
  result = multiply(VALUES[kind], SCALE, x, TPU)
  wanted = oracle(VALUES[kind], x.astype(jnp.bfloat16))
  np.testing.assert_allclose(
    result, wanted, rtol=0, atol=1e-6 * np.abs(wanted).max()
  )


@pytest.mark.parametrize("used", CPUS)
def test_inputs_of_zeros_and_huge_ones_stay_finite(used):
  x = np.zeros((SIZE_IN, 3), np.float32)
  x[:, 1] = draw()
  x[7, 1] = 1e30
  result = np.asarray(
    multiply(VALUES["int8"], SCALE.astype(np.float32), x, used)
  )
  assert not result[:, [0, 2]].any()
  np.testing.assert_allclose(
    result[:, 1], oracle(VALUES["int8"], x)[:, 1], rtol=1e-4
  )


@pytest.mark.parametrize("used", CPUS)
def test_bits_do_not_depend_on_the_rest_of_the_batch(used):
  x = draw(90)
  scale = SCALE.astype(np.float32)
  whole = np.asarray(multiply(VALUES["int8"], scale, x, used))
  for start, stop in ((0, 1), (5, 8), (15, 16), (7, 60)):
    part = multiply(VALUES["int8"], scale, x[:, start:stop], used)
    assert np.asarray(part).tobytes() == whole[:, start:stop].tobytes()


@pytest.mark.parametrize("used", CPUS)
def test_sums_of_a_wide_layer_do_not_overflow(used):
  width = 70_000
  values = np.full((2, width), 127, np.int8)
  x = np.ones((width, 1), np.float32)
  result = multiply(values, np.ones(2, np.float32), x, used)
  np.testing.assert_allclose(result, 127.0 * width, rtol=1e-5)


@pytest.mark.parametrize("used", [CPU, TPU])
@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_rows_of_a_table_are_scaled_and_rounded_once(kind, dtype, used):
  rows = np.array([[3, 0], [23, 3]], np.int32)
  result = look_up(VALUES[kind], SCALE.astype(dtype), rows, used)
  assert result.dtype == jnp.dtype(dtype) and result.shape == (2, 2, SIZE_IN)
  # A byte times a bfloat16 is exact in float32.
  scaled = VALUES[kind].astype(np.float32) * SCALE.astype(np.float32)[:, None]
  wanted = scaled.astype(dtype)[rows]
  assert np.asarray(result).tobytes() == wanted.tobytes()


@pytest.mark.parametrize("used", CPUS)
@pytest.mark.parametrize("rows", [1, 3, 64])
@pytest.mark.parametrize("kind", VALUES)
def test_the_likeliest_token_is_found_in_the_same_program(kind, rows, used):
  """A fused multiplication and subtraction would miss the largest logit."""
  x = draw(rows)
  scale = SCALE.astype(np.float32)
  apart = np.asarray(multiply(VALUES[kind], scale, x, used))

  @jax.jit
  def distances(values, scale, x):
    logits = quantised_products.multiply(values, scale, x, used)
    return logits - jnp.max(logits, axis=0, keepdims=True)

  found = np.asarray(distances(VALUES[kind], scale, x))
  np.testing.assert_array_equal(found.argmax(axis=0), apart.argmax(axis=0))
  assert not found.max(axis=0).any()
