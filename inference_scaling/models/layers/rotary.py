"""Rotary positions: queries and keys rotate by angles that grow with them."""

import math

import jax
import jax.numpy as jnp

from inference_scaling.models.layers import (
  architecture,
  products,
)
from inference_scaling.models.layers import hardware as hardware_lib

Rotation = tuple[jax.Array, jax.Array]  # cosines and sines


def rotary(
  positions: jax.Array,
  config: architecture.DecoderConfig,
  hardware: hardware_lib.Hardware,
) -> Rotation:
  """Computes cosines and sines of the rotary angles, in float32.

  Args:
    positions: int32[P, N, T].
    config: the architecture; R is its `rotary_dim`.
    hardware: that the program is for.

  Returns:
    Cosines and sines, [R / 2, P, N, T] each.

  References:
    Su et al., "RoFormer", 2021, arXiv:2104.09864, section 3.4.
  """
  size = config.rotary_dim
  exponents = jnp.arange(0, size, 2, dtype=jnp.float32) / size
  frequencies = config.rope_theta**-exponents
  if config.rope_scaling is not None:
    frequencies = scale(frequencies, config.rope_scaling)
  frequencies = jnp.expand_dims(frequencies, range(1, positions.ndim + 1))
  angles = positions[None].astype(jnp.float32) * frequencies
  return (
    products.materialise(jnp.cos(angles), hardware),
    products.materialise(jnp.sin(angles), hardware),
  )


def scale(
  frequencies: jax.Array, scaling: architecture.RopeScaling
) -> jax.Array:
  """Lowers frequencies, so that a model reads longer texts.

  Args:
    frequencies: float32[R / 2], in radians a token.
    scaling: how.

  Returns:
    float32[R / 2].

  References:
    Chen et al., "Extending context window of large language models via
      positional interpolation", 2023, arXiv:2306.15595, section 2.3.
    Grattafiori et al., "The Llama 3 herd of models", 2024, arXiv:2407.21783;
      the formula is that of the code released with Llama 3.1.
  """
  lowered = frequencies / scaling.factor
  low, high = scaling.low_frequency_factor, scaling.high_frequency_factor
  length = scaling.original_length
  if low is None or high is None or length is None:  # of kind "linear"
    return lowered
  # How many whole turns are made within the original length.
  turns = length * frequencies / (2 * math.pi)
  kept = jnp.clip((turns - low) / (high - low), 0.0, 1.0)
  return kept * frequencies + (1.0 - kept) * lowered


def rotate(x: jax.Array, rotation: Rotation) -> jax.Array:
  """Rotates the first R numbers of each head, the two halves of them.

  In the order of Hugging Face, number i is rotated with R / 2 + i.

  Args:
    x: float32[heads, H, P, N, T].
    rotation: cosines and sines from `rotary`, R / 2 of each.

  Returns:
    As x; what lies beyond R stays as it is.
  """
  cosine, sine = (part[None] for part in rotation)
  half = cosine.shape[1]
  first, second, rest = jnp.split(x, (half, 2 * half), axis=1)
  rotated = [first * cosine - second * sine, second * cosine + first * sine]
  return jnp.concatenate([*rotated, rest], axis=1)
