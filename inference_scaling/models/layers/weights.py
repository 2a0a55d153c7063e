"""Weights of a decoder, each with a scale where it is quantised.

What multiplies by a weight, or looks rows of it up, takes its scale beside it:
None for weights of floating point. `quantisation/` says what scales are.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from inference_scaling.models.layers import hardware as hardware_lib
from inference_scaling.models.layers import (
  products,
  quantised_products,
)


class Linear(nnx.Module):
  """A matrix product; the weight is [out, in], its scale [out] if quantised."""

  def __init__(
    self, size_in: int, size_out: int, rngs: nnx.Rngs, bias: bool = False
  ):
    init = nnx.initializers.lecun_normal()
    self.weight = nnx.Param(init(rngs.params(), (size_in, size_out)).T)
    self.scale: nnx.Param | None = None  # see `quantisation.modules`
    self.bias = nnx.Param(jnp.zeros((size_out,))) if bias else None

  @property
  def dtype(self) -> jnp.dtype:
    """In which inputs are multiplied."""
    return dtype(self.weight, self.scale)

  def __call__(
    self, x: jax.Array, hardware: hardware_lib.Hardware
  ) -> jax.Array:
    """Maps [in, ...] to float32[out, ...]."""
    out = multiply(self.weight, self.scale, x, hardware)
    if self.bias is not None:
      bias = self.bias[...].astype(jnp.float32)
      out += jnp.expand_dims(bias, range(1, x.ndim))
    return out


def dtype(weight: nnx.Param, scale: nnx.Param | None) -> jnp.dtype:
  """Says in what dtype a weight is multiplied by.

  Args:
    weight: [out, in].
    scale: [out]; None where the weight is not quantised.

  Returns:
    The dtype that inputs are taken in.
  """
  return (weight if scale is None else scale).dtype


def multiply(
  weight: nnx.Param,
  scale: nnx.Param | None,
  x: jax.Array,
  hardware: hardware_lib.Hardware,
) -> jax.Array:
  """Multiplies by a weight.

  Args:
    weight: [out, in].
    scale: [out]; None where the weight is not quantised.
    x: [in, ...].
    hardware: that the program is for.

  Returns:
    float32[out, ...].
  """
  if scale is None:
    return products.multiply(weight[...], x)
  return quantised_products.multiply(weight[...], scale[...], x, hardware)


def look_up(
  table: nnx.Param,
  scale: nnx.Param | None,
  rows: jax.Array,
  hardware: hardware_lib.Hardware,
) -> jax.Array:
  """Takes rows of a table.

  Args:
    table: [V, D].
    scale: [V]; None where the table is not quantised.
    rows: int32[...].
    hardware: that the program is for.

  Returns:
    [..., D], in the `dtype` of the table.
  """
  if scale is None:
    return products.look_up(table[...], rows, hardware)
  return quantised_products.look_up(table[...], scale[...], rows, hardware)
