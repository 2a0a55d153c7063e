"""Draws the next token of each beam, and its token statistics."""

import math

import jax
import jax.numpy as jnp

from inference_scaling.decoding import policy_state
from inference_scaling.decoding.tokens import sampling
from inference_scaling.models.layers import hardware as hardware_lib


def uniforms(keys: jax.Array, begin: jax.Array, size: int) -> jax.Array:
  """Draws the randomness of tokens: token t comes from fold_in(key, t) alone.

  All at once, before the loop, because a vectorised draw costs far less than
  one a token.

  Args:
    keys: typed PRNG keys [P, N], of a step.
    begin: int32[P, N], the first t of each.
    size: how many tokens, I.

  Returns:
    float32[I, P, N], in [0, 1).
  """
  draw_beam = jax.vmap(
    lambda key, first: jax.vmap(
      lambda t: jax.random.uniform(jax.random.fold_in(key, t))
    )(first + jnp.arange(size))
  )
  uniform = draw_beam(keys.reshape(-1), begin.reshape(-1))
  return uniform.T.reshape(size, *keys.shape)


def draw(
  params: policy_state.PolicyParams,
  uniform: jax.Array,
  logits: jax.Array,
  hardware: hardware_lib.Hardware,
) -> tuple[jax.Array, jax.Array]:
  """Draws the next token of each beam.

  Args:
    params: the sampler.
    uniform: float32[P, N].
    logits: float32[P, N, V].
    hardware: that the program is for.

  Returns:
    int32[P, N] tokens, and bool[P, N], whether the logits are numbers.
  """
  columns = _columns(logits)
  tokens = sampling.sample_tokens(
    uniform.reshape(-1), columns.T, params.temperature, params.top_k,
    params.top_p, hardware.model_parts, 1 if hardware.is_cpu else 4,
  )  # fmt: skip
  finite = _finite(columns, hardware.model_parts)
  return tokens.reshape(uniform.shape), finite.reshape(uniform.shape)


def token_stats(
  logits: jax.Array, tokens: jax.Array, likeliest: int = 0
) -> policy_state.TokenStats:
  """Computes the statistics of tokens.

  Args:
    logits: float32[P, N, V].
    tokens: int32[P, N].
    likeliest: k, how many tokens make the confidence, or the whole vocabulary
      where that is smaller; 0 for no confidence.

  Returns:
    The statistics, each [P, N].

  References:
    Fu et al. 2025, Deep Think with Confidence
    (https://arxiv.org/abs/2508.15260), section 2: confidence.
    Kang et al. 2025, Scalable Best-of-N Selection for Large Language Models via
    Self-Certainty (https://arxiv.org/abs/2502.18581), section 3: certainty.
  """
  columns, V = _columns(logits), logits.shape[-1]
  highest = columns.max(axis=0)
  total = highest + jnp.log(jnp.exp(columns - highest[None]).sum(axis=0))
  chosen = jnp.take_along_axis(columns, tokens.reshape(1, -1), axis=0)[0]
  # -1/V sum_j log(V p_j): no probability is formed, so none underflows.
  certainty = total - columns.mean(axis=0) - math.log(V)
  certainty = jnp.maximum(certainty, 0.0)  # rounding may pass 0
  confidence = None
  if likeliest:
    top, _ = jax.lax.top_k(logits, min(likeliest, V))
    confidence = total.reshape(tokens.shape) - top.mean(axis=-1)
  return policy_state.TokenStats(
    (chosen - total).reshape(tokens.shape),
    certainty.reshape(tokens.shape),
    confidence,
  )


def _finite(columns: jax.Array, parts: int) -> jax.Array:
  """Returns whether logits [V, B] are numbers: bool[B].

  NaN or +inf anywhere shows in the maximum, and so does a column of -inf. But a
  maximum over devices may lose a NaN, as it does on CPUs.
  """
  if parts == 1 or columns.shape[0] % parts:
    return jnp.isfinite(columns.max(axis=0))
  highest = columns.reshape(parts, -1, columns.shape[1]).max(axis=1)
  wrong = jnp.isnan(highest) | jnp.isposinf(highest)
  return ~wrong.any(axis=0) & (columns.max(axis=0) > -jnp.inf)


def _columns(logits: jax.Array) -> jax.Array:
  """The vocabulary first, [V, P * N], as it leaves the unembedding."""
  return jnp.moveaxis(logits, -1, 0).reshape(logits.shape[-1], -1)
