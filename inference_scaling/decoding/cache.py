"""Keys and values of the problems in flight, and their growth step by step.

The prompt's keys and values are computed once a problem and shared by its
beams; each beam has its own beside them. During a step nothing of this is
written: the step's keys and values gather in a chunk, and are merged at its
end. So a token costs no copy of the past.
"""

from collections.abc import Sequence

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling.decoding import limits as limits_lib
from inference_scaling.models import attention

KeysValues = tuple[jax.Array, jax.Array]  # of one layer
Layers = tuple[KeysValues, ...]


@flax.struct.dataclass
class Cache:
  """What attention remembers of every beam.

  Attributes:
    prompt: for each layer keys and values [P, 1, S, K, H] of the prompts.
    prompt_lengths: int32[P], how many of them count.
    own: for each layer keys and values [P, N, S, K, H] of the generated text.
    lengths: int32[P, N], how many of them count.
  """

  prompt: Layers
  prompt_lengths: jax.Array
  own: Layers
  lengths: jax.Array


def compute_prompt(
  model, weights, prompts: limits_lib.Prompts
) -> list[KeysValues]:
  """Runs a model over whole prompts, once a problem.

  Args:
    model: the model.
    weights: its params.
    prompts: P prompts in a buffer of S tokens; what lies behind a prompt's
      end is computed too, and must be masked by whoever attends to it.

  Returns:
    For each layer keys and values [P, 1, S, K, H].
  """
  tokens = prompts.tokens[:, None]
  positions = jnp.arange(tokens.shape[-1])[None, None]
  _, keys_values = model.forward(
    weights,
    tokens,
    jnp.broadcast_to(positions, tokens.shape),
    [()] * model.config.num_layers,
    None,
  )
  return keys_values


def start(
  prompt: Sequence[KeysValues],
  prompt_lengths: jax.Array,
  num_beams: int,
  size: int,
) -> Cache:
  """Makes a cache that holds only prompts.

  Args:
    prompt: for each layer keys and values [P, 1, S, K, H].
    prompt_lengths: int32[P].
    num_beams: N.
    size: S of the beams' own caches.

  Returns:
    The cache.
  """
  P, _, _, K, H = prompt[0][0].shape
  empty = jnp.zeros((P, num_beams, size, K, H), prompt[0][0].dtype)
  return Cache(
    prompt=tuple(prompt),
    prompt_lengths=prompt_lengths,
    own=tuple((empty, empty) for _ in prompt),
    lengths=jnp.zeros((P, num_beams), jnp.int32),
  )


def positions(cache: Cache) -> jax.Array:
  """Returns the position of each beam's next token, int32[P, N]."""
  return cache.prompt_lengths[:, None] + cache.lengths


def empty_chunk(cache: Cache, size: int) -> Layers:
  """Makes buffers [P, N, C, K, H] for a step of at most C = size tokens."""
  P, N, _, K, H = cache.own[0][0].shape
  empty = jnp.zeros((P, N, size, K, H), cache.own[0][0].dtype)
  return tuple((empty, empty) for _ in cache.own)


def write_chunk(
  chunk: Layers, new: Sequence[KeysValues], index: jax.Array
) -> Layers:
  """Puts new keys and values at one index of the chunk, common to all rows.

  Args:
    chunk: buffers [P, N, C, K, H].
    new: for each layer keys and values [P, N, T, K, H].
    index: int32[], at most C - T.

  Returns:
    The chunk; in a loop it is updated in place.
  """
  return jax.tree.map(
    lambda old, part: jax.lax.dynamic_update_slice_in_dim(
      old, part, index, axis=2
    ),
    chunk,
    tuple(new),
  )


def segments(
  cache: Cache, chunk: Layers, written: jax.Array
) -> list[tuple[attention.Segment, ...]]:
  """Lists what the next tokens may attend to beside themselves.

  Args:
    cache: the past of the beams.
    chunk: keys and values of the step so far.
    written: int32[], how many entries of the chunk are written.

  Returns:
    For each layer the segments of the prompt, the beams' past and the chunk.
  """
  in_prompt = _before(cache.prompt[0][0], cache.prompt_lengths[:, None])
  in_own = _before(cache.own[0][0], cache.lengths)
  in_chunk = _before(chunk[0][0], jnp.reshape(written, (1, 1)))
  return [
    (
      attention.Segment(*prompt, in_prompt),
      attention.Segment(*own, in_own),
      attention.Segment(*step, in_chunk),
    )
    for prompt, own, step in zip(cache.prompt, cache.own, chunk, strict=True)
  ]


def _before(keys: jax.Array, lengths: jax.Array) -> jax.Array:
  """Marks the entries before a length, bool[P or 1, N or 1, 1, S]."""
  index = jnp.arange(keys.shape[2])[None, None, None]
  return index < lengths[..., None, None]


def merge(cache: Cache, chunk: Layers, counts: jax.Array) -> Cache:
  """Appends the first entries of a chunk to each beam's own cache.

  Args:
    cache: the cache.
    chunk: keys and values [P, N, C, K, H] of a step.
    counts: int32[P, N], how many entries to append; 0 leaves a beam alone.

  Returns:
    The cache, longer by `counts`.
  """
  P, N, C = chunk[0][0].shape[:3]
  index = jnp.arange(cache.own[0][0].shape[2])[None, None]
  source = index - cache.lengths[..., None]
  fresh = (source >= 0) & (source < counts[..., None])
  source = jnp.clip(source, 0, C - 1)
  p, n = jnp.arange(P)[:, None, None], jnp.arange(N)[None, :, None]

  def append(old, new):
    return jnp.where(fresh[..., None, None], new[p, n, source], old)

  own = jax.tree.map(append, cache.own, chunk)
  return cache.replace(own=own, lengths=cache.lengths + counts)


def take_beams(tree, parents: jax.Array):
  """Lets beam n go on from beam parents[n] of its problem.

  Args:
    tree: any pytree of arrays [P, N, ...].
    parents: int32[P, N].

  Returns:
    The tree with its beams copied.
  """
  p = jnp.arange(parents.shape[0])[:, None]
  return jax.tree.map(lambda leaf: leaf[p, parents], tree)


def fork(cache: Cache, parents: jax.Array) -> Cache:
  """Copies the beams' own part; the prompts stay where they are.

  Args:
    cache: the cache.
    parents: int32[P, N].

  Returns:
    The cache of the chosen beams.
  """
  return cache.replace(
    own=take_beams(cache.own, parents),
    lengths=take_beams(cache.lengths, parents),
  )
