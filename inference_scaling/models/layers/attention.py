"""Grouped-query attention over several stretches of cached keys and values.

A beam attends to the prompt, which all beams of its problem share, to its own
past, and to the tokens at hand. Each is a segment; one softmax spans them all.
Axes: P problems, N beams, T query tokens, S cached tokens, K kv heads, G query
heads a kv head, H head dim.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from inference_scaling.models.layers import hardware as hardware_lib

# Far below any score, yet finite: a row with nothing to attend to gives an
# average instead of NaN, and rows that wait stay free of NaN.
MASKED_SCORE = -1e30


class Segment(NamedTuple):
  """A stretch of keys and values to attend to.

  Their axes are those of the matrix products to come. Any other order makes XLA
  copy them for every token: on CPU decoding was up to 25 times slower.

  Attributes:
    keys: [P, N, K, H, S], after rotation; or [P, 1, K, H, S], shared by the
      beams of a problem.
    values: [P, N, K, S, H] or [P, 1, K, S, H].
    mask: bool[P, N, T, S] or broadcastable to it; True may be attended to.
  """

  keys: jax.Array
  values: jax.Array
  mask: jax.Array


def kept_dtype(
  dtype: jax.typing.DTypeLike, hardware: hardware_lib.Hardware
) -> jax.typing.DTypeLike:
  """Says in what precision keys and values are kept.

  Args:
    dtype: of the weights.
    hardware: that the program is for.

  Returns:
    That of the weights; float32 on a CPU, where bfloat16 is converted whenever
    it is read: attention to 128 tokens took twice the time.
  """
  return jnp.float32 if hardware.is_cpu else dtype


def attend(queries: jax.Array, segments: tuple[Segment, ...]) -> jax.Array:
  """Attends to all segments with one softmax, in float32.

  Args:
    queries: [P, N, K, G, T, H], after rotation.
    segments: what to attend to; at least one.

  Returns:
    float32[P, N, K, G, T, H].
  """
  rows = queries.shape[:-1]
  scores = [_scores(queries, segment) for segment in segments]
  # The softmax is written out, since concatenating the segments would copy;
  # only what has no axis S moves between the layouts of the segments.
  peaks = [_unfold(score.max(-1), rows) for score in scores]
  highest = peaks[0]
  for peak in peaks[1:]:
    highest = jnp.maximum(highest, peak)
  total = mixed = jnp.float32(0.0)
  for score, segment in zip(scores, segments, strict=True):
    shared = segment.keys.shape[1] == 1
    weights = jnp.exp(score - _fold(highest, shared)[..., None])
    total += _unfold(weights.sum(-1), rows)
    mixed += _unfold(
      jnp.matmul(
        weights.astype(segment.values.dtype), segment.values,
        preferred_element_type=jnp.float32,
      ),
      rows,
    )  # fmt: skip
  return mixed / total[..., None]


def causal_mask(num_tokens: int) -> jax.Array:
  """Lets each token attend to itself and to those before it.

  Args:
    num_tokens: T.

  Returns:
    bool[1, 1, T, T]: 1 0 0 / 1 1 0 / 1 1 1 for T = 3.
  """
  return jnp.tril(jnp.ones((num_tokens, num_tokens), bool))[None, None]


def within_window(mask: jax.Array, window: int | None) -> jax.Array:
  """Keeps each of some consecutive tokens from seeing far back among them.

  Args:
    mask: bool[P, N, T, T] or broadcastable to it.
    window: how many tokens each may see, itself among them; None for all.

  Returns:
    The mask, with 1 0 0 / 1 1 0 / 0 1 1 kept of it for T = 3 and a window of
    2, if no token may see later ones.
  """
  num_tokens = mask.shape[-1]
  if window is None or window >= num_tokens:
    return mask
  index = jnp.arange(num_tokens)
  near = index[None, :] > index[:, None] - window
  return mask & near[None, None]


def _scores(queries: jax.Array, segment: Segment) -> jax.Array:
  """Scores queries [P, N, K, G, T, H] against a segment, folded, over S."""
  P, N, _, G, T, H = queries.shape
  shared = segment.keys.shape[1] == 1
  # The scale goes to the queries, of which there are fewer than scores.
  queries = (queries * H**-0.5).astype(segment.keys.dtype)
  scores = jnp.matmul(
    _fold(queries, shared), segment.keys, preferred_element_type=jnp.float32
  )
  mask = segment.mask[:, :, None, None]  # [P, N, 1, G, T, S]
  if mask.shape[1:5] == (1, 1, 1, 1):
    mask = mask[:, :, 0]
  else:
    mask = jnp.broadcast_to(mask, (P, N, 1, G, T, mask.shape[-1]))
    mask = _fold(mask, shared)
  return jnp.where(mask, scores, MASKED_SCORE)


def _fold(x: jax.Array, shared: bool) -> jax.Array:
  """Makes [P, N, K, G, T, ...] the rows of one matrix a kv head.

  Args:
    x: [P, N, K, G, T, ...].
    shared: whether the beams of a problem see the same keys; their queries
      are then rows of the same matrix, so that the keys are read once.

  Returns:
    [P, 1, K, N * G * T, ...] if shared, else [P, N, K, G * T, ...].
  """
  P, N, K, G, T, *rest = x.shape
  if shared:
    return jnp.moveaxis(x, 1, 2).reshape(P, 1, K, N * G * T, *rest)
  return x.reshape(P, N, K, G * T, *rest)


def _unfold(x: jax.Array, rows: tuple[int, ...]) -> jax.Array:
  """Undoes `_fold`, for rows (P, N, K, G, T)."""
  P, N, K, G, T = rows
  if x.shape[1] == N:
    return x.reshape(*rows, *x.shape[4:])
  return jnp.moveaxis(x.reshape(P, K, N, G, T, *x.shape[4:]), 2, 1)
