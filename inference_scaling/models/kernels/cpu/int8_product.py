"""Products with int8 weights on a CPU that has AVX-512 VNNI.

Axis letters: N rows of a weight, K inputs, M columns, G groups of K.
"""

import functools
import math

import jax
import jax.numpy as jnp
from llvmlite import binding

from inference_scaling.models.kernels.cpu import int8_handler, quantising
from inference_scaling.models.kernels.cpu.code import WIDTH

_FEATURES = ("avx512f", "avx512bw", "avx512vnni")


@functools.cache
def is_available() -> bool:
  """Tells whether this machine's processor has the instructions."""
  features = binding.get_host_cpu_features()
  return all(features.get(name, False) for name in _FEATURES)


def multiply(
  values: jax.Array, scale: jax.Array, columns: jax.Array
) -> jax.Array:
  """Multiplies a quantised weight by columns, which are quantised, too.

  Each group of 128 inputs of a column has a scale of its own. Sums of a group
  are exact, and groups are added in their order: a column does not depend on
  what stands beside it.

  Args:
    values: int8[N, K]; K is a multiple of 4.
    scale: float32[N].
    columns: float32[K, M].

  Returns:
    float32[N, M].

  Raises:
    ValueError: where K is not a multiple of 4.
  """
  rows, inputs = values.shape
  if inputs % 4:
    raise ValueError(
      f"a weight of int8 has {inputs} inputs; expected a multiple of 4."
    )
  int8_handler.register()
  quantised, offsets, units = _quantise(columns)
  call = jax.ffi.ffi_call(
    int8_handler.PRODUCT,
    jax.ShapeDtypeStruct((rows, units.shape[1]), jnp.float32),
  )
  out = call(values, quantised, offsets, units, scale)
  return out[:, : columns.shape[1]]


def _quantise(
  columns: jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Quantises float32[K, M] and lays it out as `panels.write` reads it."""
  inputs, count = columns.shape
  groups = math.ceil(inputs / quantising.GROUP)
  vectors = math.ceil(count / WIDTH)
  width = vectors * WIDTH
  if width > count:
    columns = jnp.pad(columns, [(0, 0), (0, width - count)])
  call = jax.ffi.ffi_call(
    int8_handler.QUANTISE,
    (
      jax.ShapeDtypeStruct((vectors, inputs // 4, WIDTH, 4), jnp.int8),
      jax.ShapeDtypeStruct((groups, width), jnp.int32),
      jax.ShapeDtypeStruct((groups, width), jnp.float32),
    ),
  )
  quantised, offsets, units = call(columns)
  return quantised, offsets, units
