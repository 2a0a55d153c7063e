"""Grouped-query attention over several stretches of cached keys and values.

A beam attends to the prompt, which all beams of its problem share, to its own
past, and to the tokens at hand. Each is a segment; one softmax spans them all.
Axes: P problems, N beams, T query tokens, S cached tokens, K kv heads, G query
heads a kv head, H head dim.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

# Far below any score, yet finite: a row with nothing to attend to gives an
# average instead of NaN, and rows that wait stay free of NaN.
MASKED_SCORE = -1e30


class Segment(NamedTuple):
  """A stretch of keys and values to attend to.

  Attributes:
    keys: [P, N, S, K, H], after rotation; or [P, 1, S, K, H], shared by the
      beams of a problem.
    values: as keys.
    mask: bool[P, N, T, S] or broadcastable to it; True may be attended to.
  """

  keys: jax.Array
  values: jax.Array
  mask: jax.Array


def attend(queries: jax.Array, segments: tuple[Segment, ...]) -> jax.Array:
  """Attends to all segments with one softmax, in float32.

  Args:
    queries: [P, N, T, K, G, H], after rotation.
    segments: what to attend to; at least one.

  Returns:
    [P, N, T, K, G, H], in the dtype of the queries.
  """
  scale = queries.shape[-1] ** -0.5
  scores = [
    jnp.where(
      segment.mask[:, :, None, None], _scores(queries, segment.keys) * scale,
      MASKED_SCORE,
    )
    for segment in segments
  ]  # fmt: skip
  # The softmax is written out, since concatenating the segments would copy.
  highest = scores[0].max(-1, keepdims=True)
  for score in scores[1:]:
    highest = jnp.maximum(highest, score.max(-1, keepdims=True))
  weights = [jnp.exp(score - highest) for score in scores]
  total = sum(weight.sum(-1) for weight in weights)
  mixed = sum(
    _mix(weight, segment.values)
    for weight, segment in zip(weights, segments, strict=True)
  )
  total = jnp.moveaxis(total, -1, 2)  # [P, N, T, K, G]
  return (mixed / total[..., None]).astype(queries.dtype)


def causal_mask(num_tokens: int) -> jax.Array:
  """Lets each token attend to itself and to those before it.

  Args:
    num_tokens: T.

  Returns:
    bool[1, 1, T, T]: 1 0 0 / 1 1 0 / 1 1 1 for T = 3.
  """
  return jnp.tril(jnp.ones((num_tokens, num_tokens), bool))[None, None]


def _scores(queries: jax.Array, keys: jax.Array) -> jax.Array:
  """Scores [P, N, K, G, T, S] of queries against the keys of a segment."""
  P, N, T, K, G, H = queries.shape
  S = keys.shape[2]
  # Batch axes first and one contraction: XLA's CPU matmul is ten times slower
  # on an einsum that leaves the transposition to it.
  if keys.shape[1] == 1:
    rows = queries.transpose(0, 3, 1, 4, 2, 5).reshape(P, K, N * G * T, H)
    scores = _matmul(rows, keys[:, 0].transpose(0, 2, 3, 1))
    return scores.reshape(P, K, N, G, T, S).transpose(0, 2, 1, 3, 4, 5)
  rows = queries.transpose(0, 1, 3, 4, 2, 5).reshape(P * N, K, G * T, H)
  columns = keys.reshape(P * N, S, K, H).transpose(0, 2, 3, 1)
  return _matmul(rows, columns).reshape(P, N, K, G, T, S)


def _mix(weights: jax.Array, values: jax.Array) -> jax.Array:
  """Mixes values by weights into [P, N, T, K, G, H]."""
  P, N, K, G, T, S = weights.shape
  H = values.shape[-1]
  weights = weights.astype(values.dtype)
  if values.shape[1] == 1:
    rows = weights.transpose(0, 2, 1, 3, 4, 5).reshape(P, K, N * G * T, S)
    mixed = _matmul(rows, values[:, 0].transpose(0, 2, 1, 3))
    return mixed.reshape(P, K, N, G, T, H).transpose(0, 2, 4, 1, 3, 5)
  rows = weights.reshape(P * N, K, G * T, S)
  columns = values.reshape(P * N, S, K, H).transpose(0, 2, 1, 3)
  mixed = _matmul(rows, columns).reshape(P, N, K, G, T, H)
  return mixed.transpose(0, 1, 4, 2, 3, 5)


def _matmul(rows: jax.Array, columns: jax.Array) -> jax.Array:
  """Multiplies batches of matrices, with float32 sums."""
  return jnp.matmul(rows, columns, preferred_element_type=jnp.float32)
