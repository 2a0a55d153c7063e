"""Normalisation layers; statistics are computed in float32."""

import jax
import jax.numpy as jnp
from flax import nnx

from inference_scaling.models.layers import architecture


class RMSNorm(nnx.Module):
  """Root-mean-square normalisation."""

  def __init__(self, size: int, epsilon: float, offset: float = 0.0):
    """Makes a norm that only normalises.

    Args:
      size: of the axis that is normalised.
      epsilon: added to the mean square before its root.
      offset: added to the scale, which is stored without it.
    """
    self.scale = nnx.Param(jnp.full((size,), 1.0 - offset, jnp.float32))
    self.epsilon = epsilon
    self.offset = offset

  def __call__(self, x: jax.Array, axis: int = 0) -> jax.Array:
    """Normalises [D, ...] over its first axis, or another, in float32."""
    wide = x.astype(jnp.float32)
    mean_square = jnp.mean(jnp.square(wide), axis=axis, keepdims=True)
    normal = wide * jax.lax.rsqrt(mean_square + self.epsilon)
    scale = _widen(self.scale, x.ndim, axis)
    return normal * (scale + self.offset if self.offset else scale)


class LayerNorm(nnx.Module):
  """Normalisation to mean 0 and variance 1, then scale and bias."""

  def __init__(self, size: int, epsilon: float):
    self.scale = nnx.Param(jnp.ones((size,)))
    self.bias = nnx.Param(jnp.zeros((size,)))
    self.epsilon = epsilon

  def __call__(self, x: jax.Array) -> jax.Array:
    """Normalises [D, ...] over its first axis, in float32."""
    wide = x.astype(jnp.float32)
    wide -= jnp.mean(wide, axis=0, keepdims=True)
    variance = jnp.mean(jnp.square(wide), axis=0, keepdims=True)
    normal = wide * jax.lax.rsqrt(variance + self.epsilon)
    return normal * _widen(self.scale, x.ndim) + _widen(self.bias, x.ndim)


def _widen(part: nnx.Param, ndim: int, axis: int = 0) -> jax.Array:
  """Gives a vector [D] the axes of what it scales, such as [D, 1, ...]."""
  others = [i for i in range(ndim) if i != axis]
  return jnp.expand_dims(part[...].astype(jnp.float32), others)


def make_norm(config: architecture.DecoderConfig) -> RMSNorm | LayerNorm:
  """Makes the norm that an architecture uses throughout.

  Args:
    config: the architecture.

  Returns:
    The layer, over D.
  """
  if config.norm == "layer":
    return LayerNorm(config.hidden_size, config.norm_eps)
  return make_rms_norm(config, config.hidden_size)


def make_rms_norm(config: architecture.DecoderConfig, size: int) -> RMSNorm:
  """Makes a norm of an architecture over another axis than D.

  Args:
    config: the architecture.
    size: of the axis.

  Returns:
    The layer.
  """
  return RMSNorm(size, config.norm_eps, config.norm_offset)
