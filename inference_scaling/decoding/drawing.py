"""Draws the next token of each beam, and says what the model makes of it."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from inference_scaling.decoding import policy_state, sampling


class Drawn(NamedTuple):
  """One token of each beam; the model at temperature 1, without filters.

  Attributes:
    tokens: int32[P, N].
    log_probs: float32[P, N], their log-probabilities.
    certainty: float32[P, N], self-certainty of the distributions that they are
      drawn from: the mean over the vocabulary of -log(V p), at least 0.
    finite: bool[P, N], whether the logits are numbers.
  """

  tokens: jax.Array
  log_probs: jax.Array
  certainty: jax.Array
  finite: jax.Array


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
  params: policy_state.PolicyParams, uniform: jax.Array, logits: jax.Array
) -> Drawn:
  """Draws the next token of each beam.

  Args:
    params: the sampler.
    uniform: float32[P, N].
    logits: float32[P, N, V].

  Returns:
    The tokens, and what the model makes of them.

  References:
    Kang et al. 2025, Scalable Best-of-N Selection for Large Language Models via
    Self-Certainty (https://arxiv.org/abs/2502.18581), section 3: certainty.
  """
  V = logits.shape[-1]
  columns = jnp.moveaxis(logits, -1, 0).reshape(V, -1)
  tokens = sampling.sample_tokens(
    uniform.reshape(-1), columns.T, params.temperature, params.top_k,
    params.top_p,
  )  # fmt: skip
  highest = columns.max(axis=0)
  # NaN or +inf anywhere, or no token left at all, shows in the sum.
  total = highest + jnp.log(jnp.exp(columns - highest[None]).sum(axis=0))
  chosen = jnp.take_along_axis(columns, tokens[None], axis=0)[0]
  # -1/V sum_j log(V p_j): no probability is formed, so none underflows.
  certainty = total - columns.mean(axis=0) - math.log(V)
  found = Drawn(
    tokens=tokens,
    log_probs=chosen - total,
    certainty=jnp.maximum(certainty, 0.0),  # rounding may pass 0
    finite=jnp.isfinite(total),
  )
  return Drawn(*(row.reshape(uniform.shape) for row in found))
