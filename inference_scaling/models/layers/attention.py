"""Grouped-query attention over several stretches of cached keys and values.

A beam attends to the prompt, which all beams of its problem share, to its own
past, and to the tokens at hand. Each is a segment; one softmax spans them all.
Axes: P problems, N beams, T query tokens, S cached tokens, K kv heads, G query
heads a kv head, H head dim.
"""

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling.models.layers import hardware as hardware_lib

# Far below any score, yet finite: a row with nothing to attend to gives an
# average instead of NaN, and rows that wait stay free of NaN.
MASKED_SCORE = -1e30
KEYS_AXIS, VALUES_AXIS = 4, 3  # which axis of keys and of values is S
# XLA for GPU makes sums of a product with one row, and for these copies all
# keys and values into another order. One more row costs nothing there.
_LEAST_ROWS = 2


class Segment(flax.struct.PyTreeNode):
  """A stretch of keys and values to attend to.

  Their axes are those of the matrix products to come. Any other order makes XLA
  copy them for every token: on CPU decoding was up to 25 times slower.

  Attributes:
    keys: [P, N, K, H, S], after rotation, or [P, N, K, S, H]: see `keys_axis`.
      N is 1 where the beams of a problem share them, and P and N are where all
      beams of all problems do.
    values: likewise [P, N, K, S, H].
    mask: bool[P, N, T, S] or broadcastable to it; True may be attended to.
    keys_axis: which axis of the keys is S.
  """

  keys: jax.Array
  values: jax.Array
  mask: jax.Array
  keys_axis: int = flax.struct.field(pytree_node=False, default=KEYS_AXIS)


class Partial(flax.struct.PyTreeNode):
  """A softmax over some segments, to be merged with that over others.

  Attributes:
    sums: float32[P, N, K, G, T, H], of values, each times exp(score - peak).
    peaks: float32[P, N, K, G, T], the highest scores; far below any score
      where nothing was seen.
    totals: likewise, sums of exp(score - peak).
  """

  sums: jax.Array
  peaks: jax.Array
  totals: jax.Array


def keys_axis(hardware: hardware_lib.Hardware) -> int:
  """Says which axis of cached keys is that of their entries.

  Args:
    hardware: that the program is for.

  Returns:
    4 on a CPU, whose products read [H, S] as it lies. 3 on accelerators, as of
    values: their products read either order, and entries that are one stretch
    of memory are written in place, where XLA for TPU turns [H, S] around first.
  """
  return KEYS_AXIS if hardware.is_cpu else VALUES_AXIS


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


def attend(
  queries: jax.Array,
  segments: tuple[Segment, ...],
  partials: tuple[Partial, ...] = (),
  softcap: float | None = None,
) -> jax.Array:
  """Attends to all segments with one softmax, in float32.

  Args:
    queries: [P, N, K, G, T, H], after rotation.
    segments: what to attend to.
    partials: of further segments, by the same queries; at least one of both.
    softcap: of scores, as `cap_softly`.

  Returns:
    float32[P, N, K, G, T, H].
  """
  if not segments and len(partials) == 1:
    return partials[0].sums / partials[0].totals[..., None]
  rows = queries.shape[:-1]
  scores = [_scores(queries, segment, softcap) for segment in segments]
  # The softmax is written out, since concatenating the segments would copy;
  # only what has no axis S moves between the layouts of the segments.
  peaks = [_unfold(score.max(-1), rows) for score in scores]
  peaks += [partial.peaks for partial in partials]
  highest = peaks[0]
  for peak in peaks[1:]:
    highest = jnp.maximum(highest, peak)
  total = mixed = jnp.float32(0.0)
  for score, segment in zip(scores, segments, strict=True):
    weights = jnp.exp(score - _fold(highest, segment)[..., None])
    total += _unfold(weights.sum(-1), rows)
    weights = weights.astype(segment.values.dtype)
    mixed += _unfold(
      _multiply("...ts,...sd->...td", weights, segment.values, segment), rows
    )
  for partial in partials:
    share = jnp.exp(partial.peaks - highest)
    total += partial.totals * share
    mixed += partial.sums * share[..., None]
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


def cap_softly(scores: jax.Array, softcap: float | None) -> jax.Array:
  """Keeps scores within a bound, which they approach.

  Args:
    scores: [...], before they are masked.
    softcap: the bound; None for none.

  Returns:
    [...].

  References:
    Gemma Team, "Gemma 2", 2024, arXiv:2408.00118, section 2.
  """
  return scores if softcap is None else softcap * jnp.tanh(scores / softcap)


def _scores(
  queries: jax.Array, segment: Segment, softcap: float | None
) -> jax.Array:
  """Scores queries [P, N, K, G, T, H] against a segment, folded, over S."""
  P, N, _, G, T, H = queries.shape
  # The scale goes to the queries, of which there are fewer than scores.
  queries = (queries * H**-0.5).astype(segment.keys.dtype)
  # Keys are not turned around, which XLA would do in memory.
  product = "...td,...sd->...ts"
  if segment.keys_axis == KEYS_AXIS:
    product = "...td,...ds->...ts"
  scores = _multiply(product, _fold(queries, segment), segment.keys, segment)
  scores = cap_softly(scores, softcap)
  mask = segment.mask[:, :, None, None]  # [P, N, 1, G, T, S]
  if mask.shape[1:5] == (1, 1, 1, 1):
    mask = mask[:, :, 0]
  else:
    mask = jnp.broadcast_to(mask, (P, N, 1, G, T, mask.shape[-1]))
    mask = _fold(mask, segment)
  return jnp.where(mask, scores, MASKED_SCORE)


def _multiply(
  product: str, rows: jax.Array, cached: jax.Array, segment: Segment
) -> jax.Array:
  """Multiplies [..., T, C] by what is cached of a segment."""
  T = rows.shape[-2]
  if segment.keys_axis == VALUES_AXIS and T < _LEAST_ROWS:
    padding = [(0, 0)] * (rows.ndim - 2) + [(0, _LEAST_ROWS - T), (0, 0)]
    rows = jnp.pad(rows, padding)
  out = jnp.einsum(product, rows, cached, preferred_element_type=jnp.float32)
  return out[..., :T, :]


def _fold(x: jax.Array, segment: Segment) -> jax.Array:
  """Makes [P, N, K, G, T, ...] the rows of one matrix a kv head.

  Args:
    x: [P, N, K, G, T, ...].
    segment: that they meet. Where beams see the same keys, their queries are
      rows of the same matrix, so that the keys are read once.

  Returns:
    [P, N, K, G * T, ...]; [P, 1, K, N * G * T, ...] where the beams of a
    problem share the segment, [1, 1, K, P * N * G * T, ...] where all do.
  """
  if len(segment.keys) < len(x):
    x = x.reshape(1, -1, *x.shape[2:])
  P, N, K, G, T, *rest = x.shape
  if segment.keys.shape[1] == 1:
    return jnp.moveaxis(x, 1, 2).reshape(P, 1, K, N * G * T, *rest)
  return x.reshape(P, N, K, G * T, *rest)


def _unfold(x: jax.Array, rows: tuple[int, ...]) -> jax.Array:
  """Undoes `_fold`, for rows (P, N, K, G, T)."""
  P, N, K, G, T = rows
  if x.shape[:2] == (P, N):
    return x.reshape(*rows, *x.shape[4:])
  problems = len(x)
  beams = P * N // problems
  x = x.reshape(problems, K, beams, G, T, *x.shape[4:])
  return jnp.moveaxis(x, 2, 1).reshape(*rows, *x.shape[5:])
