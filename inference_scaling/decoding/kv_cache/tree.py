"""Keys and values of a tree of steps: beams share those of common steps.

Each distinct token of a problem is held once, in an entry of a store, and a
beam is the list of the entries along its path. So the store grows with the
distinct tokens, a fork copies lists of indices alone, and a token that no beam
leads through frees its entry for another.

Models work on rows that are gathered out of the store and hold each path whole
and in order: what they compute has the same bits as with rows of a `Cache`.

Axis letters: P problems in flight, N beams, T tokens of a beam's text, S
entries of a problem's store, Q problems and R active beams of each, B tokens
of a row, K kv heads, H head dim.
"""

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling.decoding.kv_cache import (
  append_buffer,
  prompts,
  tree_store,
  working_rows,
)
from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.models.layers import attention
from inference_scaling.models.layers import hardware as hardware_lib

Layers = working_rows.Layers
BeamIndex = beam_index_lib.BeamIndex


class TreeCache(flax.struct.PyTreeNode):
  """What attention remembers of every beam, each distinct token once.

  Attributes:
    prompt: for each layer keys and values [P, 1, K, S, H] of the S tokens of a
      prompt's buffer; on a CPU keys are [P, 1, K, H, S].
    prompt_lengths: int32[P], how many of them count.
    own: for each layer keys and values [P, S, K, H] of generated tokens, in no
      order. An entry is one stretch of memory, since a gather of paths is then
      as fast on a CPU as a copy of so many bytes.
    entries: int32[P, N, T], where each beam's tokens lie in the store, from its
      first token on; anything behind its length.
    lengths: int32[P, N], tokens of each beam.
    most_entries: int32[P], the most entries that the problem needed at once.
      More than S is an error: tokens that do not fit are not stored, and
      their beams attend to wrong tokens from then on.
    hardware: that the programs are for.
  """

  prompt: Layers
  prompt_lengths: jax.Array
  own: Layers
  entries: jax.Array
  lengths: jax.Array
  most_entries: jax.Array
  hardware: hardware_lib.Hardware = flax.struct.field(pytree_node=False)

  @property
  def overflow(self) -> jax.Array:
    """Entries that a problem needed where it had fewer, int32[P]; else 0."""
    capacity = self.own[0][0].shape[1]
    return jnp.where(self.most_entries > capacity, self.most_entries, 0)

  def open_rows(
    self,
    beam_index: BeamIndex,
    size: int,
    prompt_size: int,
    buffer: int | None = None,
    in_place: bool = False,
  ) -> working_rows.Rows:
    """Copies beams for a model to work on.

    Args:
      beam_index: which beams.
      size: B of the rows; at least what any of them will hold.
      prompt_size: S of the prompts; none is longer.
      buffer: as of a `dense.Cache`.
      in_place: never, as a path lies scattered.

    Returns:
      The rows.
    """
    assert not in_place
    lengths = beam_index.take(self.lengths)
    entries = beam_index.take_window(self.entries, size, axis=2)
    # One entry stands for all behind a row's end: it is masked there, and to
    # read the same again costs little.
    written = jnp.arange(size)[None, None] < lengths[..., None]
    entries = jnp.where(written, entries, 0)
    keys_axis = attention.keys_axis(self.hardware)
    # The axes [Q, R, B, K, H] of what is gathered, in the order of rows.
    orders = {attention.KEYS_AXIS: (0, 1, 3, 4, 2), attention.VALUES_AXIS: (
      0, 1, 3, 2, 4
    )}  # fmt: skip
    with jax.named_scope("gather_paths"):
      own = working_rows.map_arrays(
        lambda store, axis: tree_store.gather(
          store, beam_index, entries
        ).transpose(orders[axis]),
        keys_axis,
        self.own,
      )
    return working_rows.Rows(
      prompt=prompts.take(beam_index, self.prompt, prompt_size, keys_axis),
      prompt_lengths=beam_index.problems(self.prompt_lengths),
      own=own,
      lengths=lengths,
      buffer=append_buffer.start(own, lengths.shape, buffer),
      prompt_size=prompt_size,
      size=size,
      keys_axis=keys_axis,
    )

  def close_rows(
    self, beam_index: BeamIndex, rows: working_rows.Rows, width: int
  ) -> "TreeCache":
    """Stores the tokens of rows that are not stored yet.

    Args:
      beam_index: as given to `open_rows`.
      rows: as it made them, longer by at most `width` tokens each.
      width: the most new tokens of a row.

    Returns:
      The cache, with new tokens in entries that were free.
    """
    capacity = self.own[0][0].shape[1]
    lengths = beam_index.take(self.lengths)
    grown = rows.lengths - lengths
    used = tree_store.used(
      beam_index.problems(self.entries),
      beam_index.problems(self.lengths),
      capacity,
    )
    needed = used.sum(axis=1, dtype=jnp.int32) + grown.sum(axis=1)
    chosen = tree_store.choose(used, grown, width)
    with jax.named_scope("store_tokens"):
      if rows.buffer is None:
        own = tree_store.put(
          self.own, beam_index, rows.own, lengths, grown, chosen
        )
      else:
        own = tree_store.put_buffer(
          self.own, beam_index, rows.buffer.layers, chosen, self.hardware
        )
    entries = tree_store.append(
      beam_index.take(self.entries), lengths, grown, chosen
    )
    most = jnp.maximum(beam_index.problems(self.most_entries), needed)
    return self.replace(
      own=own,
      # What does not fit must not point outside of the store.
      entries=beam_index.put(self.entries, jnp.minimum(entries, capacity - 1)),
      lengths=beam_index.put(self.lengths, rows.lengths),
      most_entries=beam_index.put_problems(self.most_entries, most),
    )

  def fork(
    self, parents: jax.Array, num_rows: int, num_slots: int
  ) -> "TreeCache":
    """Lets beam n go on from beam parents[n] of the same problem.

    Args:
      parents: int32[P, N].
      num_rows: as for a `Cache`; a tree copies no keys or values.
      num_slots: likewise.

    Returns:
      The cache of the chosen beams.
    """
    del num_rows, num_slots
    beams = beam_index_lib.BeamIndex(None, parents)
    return self.replace(
      entries=beams.take(self.entries), lengths=beams.take(self.lengths)
    )

  def rewind(self, after: "TreeCache") -> "TreeCache":
    """Forgets what was appended.

    Args:
      after: this cache, longer, and not forked since.

    Returns:
      The cache as it was before, made of `after`: its entries are in use there
      too, so none of them was written over, and all others are free.
    """
    return after.replace(lengths=self.lengths)


def start(
  prompt: Layers,
  prompt_lengths: jax.Array,
  num_beams: int,
  size: int,
  capacity: int,
  hardware: hardware_lib.Hardware,
) -> TreeCache:
  """Makes a cache that holds only prompts.

  Args:
    prompt: for each layer keys and values, as of a `TreeCache`.
    prompt_lengths: int32[P].
    num_beams: N.
    size: T, the most tokens of a beam.
    capacity: S, the most distinct tokens of a problem at once.
    hardware: that the programs are for.

  Returns:
    The cache.
  """
  P = prompt_lengths.shape[0]
  return TreeCache(
    prompt=prompt,
    prompt_lengths=prompt_lengths,
    own=empty_own(prompt, capacity),
    entries=jnp.zeros((P, num_beams, size), jnp.int32),
    lengths=jnp.zeros((P, num_beams), jnp.int32),
    most_entries=jnp.zeros(P, jnp.int32),
    hardware=hardware,
  )


def empty_own(prompt: Layers, capacity: int) -> Layers:
  """Makes a store in which all entries are free.

  Args:
    prompt: for each layer keys and values, as of a `TreeCache`.
    capacity: S of the store.

  Returns:
    For each layer keys and values [P, S, K, H].
  """
  P, _, K, _, H = prompt[0][1].shape
  entries = jnp.zeros((P, capacity, K, H), prompt[0][0].dtype)
  return tuple((entries, entries) for _ in prompt)
