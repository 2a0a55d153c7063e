"""Rotary positions: queries and keys rotate by angles that grow with them."""

import math

import jax
import jax.numpy as jnp

from inference_scaling.models.layers import architecture, products
from inference_scaling.models.layers import hardware as hardware_lib
from inference_scaling.models.layers.rope import scaling as scaling_lib

Rotation = tuple[jax.Array, jax.Array]  # cosines and sines


def rotary(
  positions: jax.Array,
  config: architecture.DecoderConfig,
  hardware: hardware_lib.Hardware,
  local: bool = False,
) -> Rotation:
  """Computes cosines and sines of the rotary angles, in float32.

  Args:
    positions: int32[P, N, T].
    config: the architecture; R is its `rotary_dim`.
    hardware: that the program is for.
    local: whether for layers with a sliding window, where these have a base of
      their own.

  Returns:
    Cosines and sines, [R / 2, P, N, T] each.

  References:
    Su et al., "RoFormer", 2021, arXiv:2104.09864, section 3.4.
  """
  size = config.rotary_dim
  theta, scaling = config.rope_theta, config.rope_scaling
  if local and config.local_rope_theta is not None:
    theta, scaling = config.local_rope_theta, None
  exponents = jnp.arange(0, size, 2, dtype=jnp.float32) / size
  frequencies = theta**-exponents
  if scaling is not None:
    frequencies = scale(frequencies, scaling, theta)
  frequencies = jnp.expand_dims(frequencies, range(1, positions.ndim + 1))
  angles = positions[None].astype(jnp.float32) * frequencies
  parts = jnp.cos(angles), jnp.sin(angles)
  if scaling is not None and scaling.attention_factor != 1.0:
    cosines, sines = (part * scaling.attention_factor for part in parts)
    parts = cosines, sines
  cosines, sines = parts
  return (
    products.materialise(cosines, hardware),
    products.materialise(sines, hardware),
  )


def scale(
  frequencies: jax.Array, scaling: scaling_lib.RopeScaling, theta: float
) -> jax.Array:
  """Lowers frequencies, so that a model reads longer texts.

  Args:
    frequencies: float32[R / 2], in radians a token.
    scaling: how.
    theta: base of the wave lengths.

  Returns:
    float32[R / 2].

  References:
    Chen et al., "Extending context window of large language models via
      positional interpolation", 2023, arXiv:2306.15595, section 2.3.
    Grattafiori et al., "The Llama 3 herd of models", 2024, arXiv:2407.21783;
      the formula is that of the code released with Llama 3.1.
    Peng et al., "YaRN: efficient context window extension of large language
      models", 2023, arXiv:2309.00071, section 3.2.
    Ding et al., "LongRoPE", 2024, arXiv:2402.13753, section 3.2.
  """
  if scaling.short_factors is not None:
    return frequencies / jnp.array(scaling.short_factors, jnp.float32)
  lowered = frequencies / scaling.factor
  if scaling.kind == "yarn":
    kept = _kept_by_yarn(len(frequencies), scaling, theta)
    return kept * frequencies + (1.0 - kept) * lowered
  low, high = scaling.low_frequency_factor, scaling.high_frequency_factor
  length = scaling.original_length
  if low is None or high is None or length is None:  # of kind "linear"
    return lowered
  # How many whole turns are made within the original length.
  turns = length * frequencies / (2 * math.pi)
  kept = jnp.clip((turns - low) / (high - low), 0.0, 1.0)
  return kept * frequencies + (1.0 - kept) * lowered


def _kept_by_yarn(
  count: int, scaling: scaling_lib.RopeScaling, theta: float
) -> jax.Array:
  """Says how much of each frequency stays: float32[R / 2], 1 for all of it."""
  length, fast, slow = (
    scaling.original_length, scaling.beta_fast, scaling.beta_slow,
  )  # fmt: skip
  assert length is not None and fast is not None and slow is not None
  # Number i of R / 2 frequencies turns this often where i is the bound.
  first, last = (
    count * math.log(length / (turns * 2 * math.pi)) / math.log(theta)
    for turns in (fast, slow)
  )
  if scaling.truncate:
    first, last = math.floor(first), math.ceil(last)
  first, last = max(first, 0), min(last, 2 * count - 1)
  width = last - first or 0.001  # a step, where both bounds are one
  ramp = (jnp.arange(count, dtype=jnp.float32) - first) / width
  return 1.0 - jnp.clip(ramp, 0.0, 1.0)


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
