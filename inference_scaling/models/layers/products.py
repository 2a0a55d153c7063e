"""Matrix products, in the one form that is fast wherever models run.

Activations have their features first, [D, ...], and weights are [out, in] as
PyTorch stores them, so that a layer is W x. On a CPU the rows of a decoding
step are few and the weights are large: W x reads the weights as they lie, while
x W would repack them for every token, which was measured at 1.3 times the time
(64 rows, 135M parameters). Accelerators are indifferent.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import layout

from inference_scaling.models.layers import hardware as hardware_lib


def multiply(weight: jax.Array, x: jax.Array) -> jax.Array:
  """Multiplies by a weight.

  Args:
    weight: [out, in].
    x: [in, ...]; taken in the dtype of the weight.

  Returns:
    float32[out, ...]. Sums in bfloat16 are slower on a CPU, and less exact.
  """
  rest = x.shape[1:]
  columns = x.astype(weight.dtype).reshape(x.shape[0], -1)
  out = jnp.matmul(weight, columns, preferred_element_type=jnp.float32)
  return out.reshape(-1, *rest)


def features_first(x: jax.Array, hardware: hardware_lib.Hardware) -> jax.Array:
  """Moves the last axis to the front, in memory as well.

  Args:
    x: [..., D].
    hardware: that the program is for.

  Returns:
    [D, ...].
  """
  x = jnp.moveaxis(x, -1, 0)
  if not hardware.lays_out:
    return x
  # Left to itself, XLA keeps the order of before and transposes every product
  # after it; for want of such a product in bfloat16 it then converts all
  # weights to float32.
  return layout.with_layout_constraint(x, layout.Layout(tuple(range(x.ndim))))


def features_last(x: jax.Array) -> jax.Array:
  """Undoes `features_first`, without a say about memory."""
  return jnp.moveaxis(x, 0, -1)


def look_up(
  table: jax.Array, rows: jax.Array, hardware: hardware_lib.Hardware
) -> jax.Array:
  """Takes rows of a table.

  Args:
    table: [V, D].
    rows: int32[...].
    hardware: that the program is for.

  Returns:
    [..., D].
  """
  if not hardware.is_cpu or table.dtype != jnp.bfloat16:
    return table[rows]
  return _look_up_bits(table, rows)


def materialise(x: jax.Array, hardware: hardware_lib.Hardware) -> jax.Array:
  """Has something computed once, however many use it.

  XLA on a CPU would rather compute cosines anew in each layer than read them,
  which took a twentieth of a decoding step, and it ignores barriers. A product
  it leaves alone, and one with the identity is exact.

  Args:
    x: float32[D, ...], finite.
    hardware: that the program is for.

  Returns:
    The same.
  """
  if not hardware.is_cpu:
    return x
  columns = x.reshape(x.shape[0], -1)
  same = jnp.matmul(jnp.eye(len(x)), columns, precision="highest")
  return same.reshape(x.shape)


@jax.custom_jvp
def _look_up_bits(table: jax.Array, rows: jax.Array) -> jax.Array:
  """As integers: a gather of bfloat16 converts the whole table on a CPU."""
  bits = jax.lax.bitcast_convert_type(table, jnp.uint16)[rows]
  return jax.lax.bitcast_convert_type(bits, table.dtype)


@_look_up_bits.defjvp
def _look_up_tangent(
  primals: tuple[jax.Array, jax.Array], tangents: tuple[jax.Array, Any]
) -> tuple[jax.Array, jax.Array]:
  # Bits have no gradient, and nothing would say so.
  table, rows = primals
  return _look_up_bits(table, rows), tangents[0][rows]
