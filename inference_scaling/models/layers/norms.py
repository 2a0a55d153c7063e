"""Normalisation layers; statistics are computed in float32."""

import jax
import jax.numpy as jnp
from flax import nnx

from inference_scaling.models.layers import architecture


class RMSNorm(nnx.Module):
  """Root-mean-square normalisation."""

  def __init__(self, size: int, epsilon: float):
    self.scale = nnx.Param(jnp.ones((size,)))
    self.epsilon = epsilon

  def __call__(self, x: jax.Array) -> jax.Array:
    """Normalises [D, ...] over its first axis, in float32."""
    wide = x.astype(jnp.float32)
    mean_square = jnp.mean(jnp.square(wide), axis=0, keepdims=True)
    normal = wide * jax.lax.rsqrt(mean_square + self.epsilon)
    return normal * _widen(self.scale, x.ndim)


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


def _widen(part: nnx.Param, ndim: int) -> jax.Array:
  """Gives a vector [D] the axes of what it scales, [D, 1, ...]."""
  return jnp.expand_dims(part[...].astype(jnp.float32), range(1, ndim))


def make_norm(config: architecture.DecoderConfig) -> RMSNorm | LayerNorm:
  """Makes the norm that an architecture uses throughout.

  Args:
    config: the architecture.

  Returns:
    The layer, over D.
  """
  norm = {"rms": RMSNorm, "layer": LayerNorm}[config.norm]
  return norm(config.hidden_size, config.norm_eps)
