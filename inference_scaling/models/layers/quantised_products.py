"""Products with quantised weights, which no program widens in memory.

A weight is values [out, in] of one byte and a scale for each output channel,
which is of the dtype of the activations. On accelerators the values become that
dtype inside the product, where XLA fuses the conversion, and the sums are
scaled: values of int8 and e4m3 are exact in bfloat16, so that nothing is
rounded but the activations. (Scaled first, as qwix does it, each weight would
be rounded once more.)

A CPU would write the converted weight for every token, which took 7 to 15 times
the time of a product in float32. It multiplies int8 by int8. Where it has the
instructions, a kernel does (`kernels/cpu/`): activations are of int8, too, with
a scale for each 128 of a column. Elsewhere XLA does, for which each column is
written as two digits of int8: with few columns that is twice as fast as
float32. Sums are exact whole numbers in both, and bits do not depend on what
else is in the batch.
"""

import jax
import jax.numpy as jnp

from inference_scaling.models.kernels.cpu import int8_product
from inference_scaling.models.layers import hardware as hardware_lib

_LARGEST = 127.0
# A second digit counts 254ths of the first: its rest is at most half of one.
_BASE = 2 * _LARGEST


def multiply(
  values: jax.Array,
  scale: jax.Array,
  x: jax.Array,
  hardware: hardware_lib.Hardware,
) -> jax.Array:
  """Multiplies by a quantised weight.

  Args:
    values: int8 or float8[out, in].
    scale: [out], in the dtype that activations are taken in.
    x: [in, ...].
    hardware: that the program is for.

  Returns:
    float32[out, ...].
  """
  rest = x.shape[1:]
  columns = x.astype(scale.dtype).reshape(x.shape[0], -1)
  if _has_kernel(values, hardware):
    product = int8_product.multiply(
      values, scale.astype(jnp.float32), columns.astype(jnp.float32)
    )
    return _settled(product).reshape(-1, *rest)
  if hardware.is_cpu and values.dtype == jnp.int8:
    out = _multiply_digits(values, columns.astype(jnp.float32))
  else:
    out = jnp.matmul(
      values.astype(scale.dtype), columns, preferred_element_type=jnp.float32
    )
  factor = scale.astype(jnp.float32)[:, None]
  return _settled(out * factor).reshape(-1, *rest)


def look_up(
  values: jax.Array,
  scale: jax.Array,
  rows: jax.Array,
  hardware: hardware_lib.Hardware,
) -> jax.Array:
  """Takes rows of a quantised table.

  Args:
    values: int8 or float8[V, D].
    scale: [V].
    rows: int32[...].
    hardware: that the program is for.

  Returns:
    [..., D], in the dtype of the scale.
  """
  if hardware.is_cpu and values.dtype != jnp.int8:
    # As integers: a gather of floats converts the whole table on a CPU.
    bits = jax.lax.bitcast_convert_type(values, jnp.uint8)[rows]
    taken = jax.lax.bitcast_convert_type(bits, values.dtype)
  else:
    taken = values[rows]
  scaled = (
    taken.astype(jnp.float32) * scale[rows].astype(jnp.float32)[..., None]
  )
  return scaled.astype(scale.dtype)


def _has_kernel(values: jax.Array, hardware: hardware_lib.Hardware) -> bool:
  """Whether the kernel for CPUs takes a weight; XLA cannot split it."""
  split = hardware.data_parts * hardware.model_parts > 1
  if not hardware.is_cpu or split or values.dtype != jnp.int8:
    return False
  return values.shape[1] % 4 == 0 and int8_product.is_available()


def _multiply_digits(values: jax.Array, columns: jax.Array) -> jax.Array:
  """Multiplies int8[out, in] by float32[in, B], to 2^-15 of the largest."""
  unit = jnp.max(jnp.abs(columns), axis=0, keepdims=True) / _LARGEST
  wide = columns / jnp.where(unit > 0, unit, 1.0)
  first = jnp.round(wide)
  second = jnp.round((wide - first) * _BASE)
  # Both in one product, which reads the weight once; a single column would take
  # a path of XLA's that is 25 times slower than two.
  digits = jnp.stack([first, second], axis=-1).astype(jnp.int8)
  # Exact up to 133,000 products to a sum: 127 * 127 * in < 2^31.
  sums = jnp.matmul(
    values, digits.reshape(len(columns), -1), preferred_element_type=jnp.int32
  )
  sums = sums.reshape(len(values), -1, 2).astype(jnp.float32)
  return (sums[..., 0] + _settled(sums[..., 1] / _BASE)) * unit


def _settled(product: jax.Array) -> jax.Array:
  """Has a product rounded before anything is added to it.

  Fused into what follows, x * s - max becomes one operation that rounds once,
  so that the largest logit is not at a distance of 0 from itself: greedy
  decoding then finds no likeliest token.

  Args:
    product: float32[..].

  Returns:
    The same. Compilers do not fuse across a choice by the number itself; one by
    the scale they would take out of the loop over columns.
  """
  return jnp.where(product != 0, product, 0.0)
