"""Keys and values of the problems in flight, and their growth step by step.

The prompt's keys and values are computed once a problem and shared by its
beams; each beam has its own beside them. During a step nothing of this is
written: the step's keys and values gather in a chunk, and are merged at its
end. So a token costs no copy of the past.
"""

import functools
from collections.abc import Sequence

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling import models
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.models import attention

KeysValues = tuple[jax.Array, jax.Array]  # of one layer
Layers = tuple[KeysValues, ...]


@flax.struct.dataclass
class Cache:
  """What attention remembers of every beam, in the layout of its segments.

  Attributes:
    prompt: for each layer keys [P, 1, K, H, S] and values [P, 1, K, S, H].
    prompt_lengths: int32[P], how many of them count.
    own: for each layer keys [P, N, K, H, S] and values [P, N, K, S, H] of the
      generated text.
    lengths: int32[P, N], how many of them count.
  """

  prompt: Layers
  prompt_lengths: jax.Array
  own: Layers
  lengths: jax.Array


def compute_prompt(
  model, weights, prompts: limits_lib.Prompts
) -> tuple[jax.Array, Layers]:
  """Runs a model over whole prompts, once a problem.

  Args:
    model: the model.
    weights: its params.
    prompts: P prompts in a buffer of S tokens; what lies behind a prompt's
      end is computed too, and must be masked by whoever attends to it.

  Returns:
    Hidden states [P, S, D], and for each layer keys [P, 1, K, H, S] and values
    [P, 1, K, S, H].
  """
  tokens = prompts.tokens[:, None]
  positions = jnp.arange(tokens.shape[-1])[None, None]
  hidden, new = model.forward(
    weights, tokens, jnp.broadcast_to(positions, tokens.shape)
  )
  return hidden[:, 0], _to_layout(new)


def _to_layout(new: Sequence[KeysValues]) -> Layers:
  """Lays out a model's new keys and values as segments have them."""
  segments = [attention.to_segment(*layer, None) for layer in new]
  return tuple((segment.keys, segment.values) for segment in segments)


def start(
  prompt: Layers, prompt_lengths: jax.Array, num_beams: int, size: int
) -> Cache:
  """Makes a cache that holds only prompts.

  Args:
    prompt: for each layer keys [P, 1, K, H, S] and values [P, 1, K, S, H].
    prompt_lengths: int32[P].
    num_beams: N.
    size: S of the beams' own caches.

  Returns:
    The cache.
  """
  P = prompt_lengths.shape[0]
  return Cache(
    prompt=prompt,
    prompt_lengths=prompt_lengths,
    own=_empty(prompt, (P, num_beams), size),
    lengths=jnp.zeros((P, num_beams), jnp.int32),
  )


def _empty(like: Layers, rows: tuple[int, int], size: int) -> Layers:
  """Makes buffers of S = size tokens for each of [P, N] rows."""
  _, _, K, H, _ = like[0][0].shape
  dtype = like[0][0].dtype
  keys = jnp.zeros((*rows, K, H, size), dtype)
  return tuple((keys, keys.swapaxes(-1, -2)) for _ in like)


def positions(cache: Cache) -> jax.Array:
  """Returns the position of each beam's next token, int32[P, N]."""
  return cache.prompt_lengths[:, None] + cache.lengths


def empty_chunk(cache: Cache, size: int) -> Layers:
  """Makes buffers for a step of at most C = size tokens of each beam."""
  return _empty(cache.own, cache.lengths.shape, size)


def write_chunk(
  chunk: Layers, new: Sequence[KeysValues], index: jax.Array
) -> Layers:
  """Puts new keys and values at one index of the chunk, common to all rows.

  Args:
    chunk: for each layer keys [P, N, K, H, C] and values [P, N, K, C, H].
    new: for each layer keys and values [P, N, T, K, H] of the model.
    index: int32[], at most C - T.

  Returns:
    The chunk; in a loop it is updated in place.
  """
  write = jax.lax.dynamic_update_slice_in_dim
  return tuple(
    (write(keys, k, index, axis=4), write(values, v, index, axis=3))
    for (keys, values), (k, v) in zip(chunk, _to_layout(new), strict=True)
  )


def segments(
  cache: Cache,
  chunk: Layers,
  written: jax.Array,
  config: models.DecoderConfig,
  num_tokens: int = 1,
) -> list[tuple[attention.Segment, ...]]:
  """Lists what the next tokens may attend to beside themselves.

  Args:
    cache: the past of the beams.
    chunk: keys and values of the step so far.
    written: int32[], how many entries of the chunk are written.
    config: the architecture, for its sliding window.
    num_tokens: T, how many tokens of each beam come next.

  Returns:
    For each layer the segments of the prompt, the beams' past and the chunk.
  """
  filled = (
    _before(cache.prompt[0], cache.prompt_lengths[:, None]),
    _before(cache.own[0], cache.lengths),
    _before(chunk[0], jnp.reshape(written, (1, 1))),
  )
  seen = filled
  window, size = config.sliding_window, sum(x.shape[-1] for x in filled)
  if window is not None and window < size:
    ends = (positions(cache) + written)[..., None] - window
    ends += jnp.arange(num_tokens)[None, None]
    near = _after(cache, filled, ends)
    seen = tuple(x & y for x, y in zip(filled, near, strict=True))
  stretches = zip(cache.prompt, cache.own, chunk, strict=True)
  return [
    tuple(
      attention.Segment(*stretch, mask)
      for stretch, mask in zip(
        layer, filled if config.window(number) is None else seen, strict=True
      )
    )
    for number, layer in enumerate(stretches)
  ]


def _after(
  cache: Cache, masks: tuple[jax.Array, ...], ends: jax.Array
) -> list[jax.Array]:
  """Marks the entries of prompt, past and chunk that stand after a position.

  Args:
    cache: the past of the beams.
    masks: of the three, with the last axis S of each.
    ends: int32[P, N, T], a position for each of the next tokens.

  Returns:
    bool[P, N, T, S] for each of the three.
  """
  prompt_lengths = cache.prompt_lengths[:, None]
  begins = (jnp.zeros_like(prompt_lengths), prompt_lengths, positions(cache))
  return [
    begin[..., None, None] + jnp.arange(mask.shape[-1])[None, None, None]
    > ends[..., None]
    for begin, mask in zip(begins, masks, strict=True)
  ]


def _before(layer: KeysValues, lengths: jax.Array) -> jax.Array:
  """Marks the entries before a length, bool[P or 1, N or 1, 1, S]."""
  index = jnp.arange(layer[0].shape[-1])[None, None, None]
  return index < lengths[..., None, None]


def merge(cache: Cache, chunk: Layers, counts: jax.Array) -> Cache:
  """Appends the first entries of a chunk to each beam's own cache.

  Only a window of C entries a beam is read and written, whatever its length.

  Args:
    cache: the cache.
    chunk: keys [P, N, K, H, C] and values [P, N, K, C, H] of a step.
    counts: int32[P, N], how many entries to append; 0 leaves a beam alone.

  Returns:
    The cache, longer by `counts`.
  """
  size, width = cache.own[0][0].shape[-1], chunk[0][0].shape[-1]
  # A window that would pass the end is moved back over older entries.
  starts = jnp.minimum(cache.lengths, size - width)
  source = jnp.arange(width)[None, None] + (starts - cache.lengths)[..., None]
  fresh = (source >= 0) & (source < counts[..., None])
  source = jnp.clip(source, 0, width - 1)

  def append(axis, old, new, start, source, fresh):
    """Appends to one beam; `axis` is that of its tokens."""
    window = jax.lax.dynamic_slice_in_dim(old, start, width, axis)
    fresh = jnp.expand_dims(fresh, (0, 3 - axis))
    window = jnp.where(fresh, jnp.take(new, source, axis), window)
    return jax.lax.dynamic_update_slice_in_dim(old, window, start, axis)

  def append_all(axis, old, new):
    beam = functools.partial(append, axis)
    return jax.vmap(jax.vmap(beam))(old, new, starts, source, fresh)

  own = tuple(
    (append_all(2, keys, k), append_all(1, values, v))
    for (keys, values), (k, v) in zip(cache.own, chunk, strict=True)
  )
  return cache.replace(own=own, lengths=cache.lengths + counts)


def rewind(before: Cache, after: Cache) -> Cache:
  """Forgets what was appended.

  Args:
    before: the cache.
    after: the same, longer: entries are only ever appended.

  Returns:
    The cache as it was before. Nothing of it needs to have been kept: it is
    still there in `after`, and what stands behind its lengths is masked until
    it is written over.
  """
  return after.replace(lengths=before.lengths)
