"""Products with features first against plain numpy, and what must be exact."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling.models.layers import hardware, products

HOSTS = {
  "cpu": hardware.Hardware("cpu", 1),
  "cpus": hardware.Hardware("cpu", 8),
  "tpus": hardware.Hardware("tpu", 8),
}
on_any = pytest.mark.parametrize("used", HOSTS.values(), ids=HOSTS)


def _normal(seed, *shape):
  return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _double(x):
  return np.asarray(x, np.float64)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("rest", [(), (3,), (2, 3, 4)])
def test_multiply_sums_in_float32(dtype, rest):
  weight = jnp.asarray(_normal(0, 5, 300), dtype)
  x = _normal(1, 300, *rest)
  result = jax.jit(products.multiply)(weight, x)
  assert result.dtype == jnp.float32 and result.shape == (5, *rest)
  # What is multiplied has the precision of the weight, and only that.
  taken = _double(jnp.asarray(x, dtype))
  wanted = np.tensordot(_double(weight), taken, axes=1)
  np.testing.assert_allclose(result, wanted, rtol=0, atol=5e-5)


@on_any
def test_features_go_first_and_last_again(used):
  x = _normal(0, 2, 3, 4, 5)
  first = jax.jit(products.features_first, static_argnums=1)(x, used)
  for position in np.ndindex(2, 3, 4):
    np.testing.assert_array_equal(first[:, *position], x[position])
  np.testing.assert_array_equal(products.features_last(first), x)


@on_any
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_rows_of_a_table_are_bits_of_it(dtype, used):
  table = jnp.asarray(_normal(0, 7, 3), dtype)
  # Of another sign, beyond all numbers, and too small for float16.
  odd = jnp.asarray([[-0.0, np.inf, 1e-38]], dtype)
  table = jnp.concatenate([table, odd])
  rows = np.array([[7, 0], [3, 7], [0, 6]], np.int32)
  result = jax.jit(products.look_up, static_argnums=2)(table, rows, used)
  assert result.dtype == table.dtype and result.shape == (3, 2, 3)
  assert np.asarray(result).tobytes() == np.asarray(table)[rows].tobytes()


@on_any
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_table_learns_from_the_rows_that_were_taken(dtype, used):
  table = jnp.asarray(_normal(0, 4, 3), dtype)
  rows, pull = np.array([2, 0, 2], np.int32), _normal(1, 3, 3)

  def loss(table):
    taken = products.look_up(table, rows, used)
    return jnp.sum(taken.astype(jnp.float32) * pull)

  result = jax.jit(jax.grad(loss))(table)
  wanted = np.stack([pull[1], 0 * pull[0], pull[0] + pull[2], 0 * pull[0]])
  assert result.dtype == table.dtype
  np.testing.assert_allclose(
    result.astype(np.float32),
    wanted,
    rtol=2e-2 if dtype == "bfloat16" else 1e-6,
  )


@on_any
def test_what_is_computed_once_is_the_same(used):
  x = np.concatenate(
    [
      np.cos(_normal(0, 40, 2, 3)),
      1e-30 * _normal(1, 40, 2, 3),
      1e30 * _normal(2, 40, 2, 3),
    ]
  )
  result = jax.jit(products.materialise, static_argnums=1)(x, used)
  np.testing.assert_array_equal(result, x)
