"""Keys and values of all beams in flight, each beam's in its own buffer.

The prompt's keys and values are computed once a problem and shared by its
beams. While a model works it has copies of some beams, as `working_rows.Rows`,
and storage is read before and written after; or beams stay where they are, as
`stored_rows.StoredRows`.

Axis letters: P problems in flight, N beams, Q problems and R active rows, S
entries.
"""

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling.decoding.kv_cache import (
  append_buffer,
  forking,
  moving,
  prompts,
  stored_rows,
  working_rows,
)
from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.models.layers import attention
from inference_scaling.models.layers import hardware as hardware_lib

Layers = working_rows.Layers
BeamIndex = beam_index_lib.BeamIndex


class Cache(flax.struct.PyTreeNode):
  """What attention remembers of every beam, in the layout of its segments.

  Attributes:
    prompt: for each layer keys and values [P, 1, K, S, H]; on a CPU keys are
      [P, 1, K, H, S]: see `attention.keys_axis`.
    prompt_lengths: int32[P], how many of them count.
    own: for each layer keys and values [P, N, K, S, H] of the generated text,
      keys likewise.
    lengths: int32[P, N], how many of them count.
    hardware: that the programs are for.
  """

  prompt: Layers
  prompt_lengths: jax.Array
  own: Layers
  lengths: jax.Array
  hardware: hardware_lib.Hardware = flax.struct.field(pytree_node=False)

  @property
  def keys_axis(self) -> int:
    """Which axis of keys is that of their entries."""
    return attention.keys_axis(self.hardware)

  @property
  def size(self) -> int:
    """S, the most tokens of a beam's text."""
    return self.own[0][1].shape[attention.VALUES_AXIS]

  def open_rows(
    self,
    beam_index: BeamIndex,
    size: int,
    prompt_size: int,
    buffer: int | None = None,
    in_place: bool = False,
  ) -> working_rows.Rows | stored_rows.StoredRows:
    """Takes or copies beams for a model to work on.

    Args:
      beam_index: which beams.
      size: S of the rows; at least what any of them will hold.
      prompt_size: S of the prompts; none is longer.
      buffer: most new tokens of a row, where an `AppendBuffer` keeps them
        apart; None where they are written behind the others.
      in_place: whether rows stay in storage, where `stored_rows.serves`.

    Returns:
      The rows.
    """
    lengths = beam_index.take(self.lengths)
    if in_place:
      return stored_rows.StoredRows(
        prompt=self.prompt,
        prompt_lengths=beam_index.problems(self.prompt_lengths),
        own=self.own,
        lengths=lengths,
        beam_index=beam_index,
      )
    prompt, slots = self.prompt, None
    if buffer is None:
      prompt = prompts.take(beam_index, prompt, prompt_size, self.keys_axis)
      own = working_rows.map_arrays(
        lambda array, axis: beam_index.take_window(array, size, axis),
        self.keys_axis,
        self.own,
      )
    elif beam_index.beams is None:
      own, slots = self.own, beam_index.slots
    else:
      # Whole, and cut where they are read: XLA for TPU would turn around all of
      # the storage to take parts of some beams.
      prompt, own = beam_index.problems(prompt), beam_index.take(self.own)
    return working_rows.Rows(
      prompt=prompt,
      prompt_lengths=beam_index.problems(self.prompt_lengths),
      own=own,
      lengths=lengths,
      buffer=append_buffer.start(own, lengths.shape, buffer),
      prompt_size=prompt_size,
      size=size if buffer is None else min(size, self.size),
      keys_axis=self.keys_axis,
      slots=slots,
    )

  def close_rows(
    self,
    beam_index: BeamIndex,
    rows: working_rows.Rows | stored_rows.StoredRows,
    width: int,
  ) -> "Cache":
    """Stores the tokens of rows that are not stored yet.

    Only a window of `width` entries a row is read and written.

    Args:
      beam_index: as given to `open_rows`.
      rows: as it made them, longer by at most `width` tokens each.
      width: of the window.

    Returns:
      The cache.
    """
    if isinstance(rows, stored_rows.StoredRows):
      lengths = beam_index.put(self.lengths, rows.lengths)
      return self.replace(own=rows.own, lengths=lengths)
    if rows.buffer is not None:
      own = moving.move(
        self.own, rows.buffer, beam_index, self.lengths, rows.size,
        self.hardware,
      )  # fmt: skip
      lengths = beam_index.put(self.lengths, rows.lengths)
      return self.replace(own=own, lengths=lengths)
    sizes = (self.size, rows.size)
    if beam_index.beams is None and sizes[0] == sizes[1]:
      # Rows that are all of the storage were written where they are: nothing
      # is copied, neither here nor when they are opened.
      return self.replace(own=rows.own, lengths=rows.lengths)
    width = min(width, *sizes)
    # A window that would pass the end is moved back over older entries, which
    # are the same on both sides.
    starts = jnp.minimum(beam_index.take(self.lengths), min(sizes) - width)

    def store(old: jax.Array, axis: int, new: jax.Array) -> jax.Array:
      window = working_rows.take_windows(new, starts, width, axis)
      return beam_index.put_window(old, window, starts, axis)

    return self.replace(
      own=working_rows.map_arrays(store, self.keys_axis, self.own, rows.own),
      lengths=beam_index.put(self.lengths, rows.lengths),
    )

  def fork(self, parents: jax.Array, num_rows: int, num_slots: int) -> "Cache":
    """Lets beam n go on from beam parents[n] of the same problem.

    Problems of which no beam moves cost nothing. Others are copied window by
    window, as far as the longest goes: a copy of the whole at once would hold
    all of it twice, and most of it is not written yet.

    Args:
      parents: int32[P, N].
      num_rows: where at most so many beams of each problem move, no others are
        copied.
      num_slots: how many problems are copied at once; it divides P.

    Returns:
      The cache of the chosen beams; the prompts stay where they are.
    """
    return self.replace(
      own=forking.fork(
        self.own, self.lengths, parents, num_rows, num_slots, self.hardware
      ),
      lengths=jnp.take_along_axis(self.lengths, parents, axis=1),
    )

  def rewind(self, after: "Cache") -> "Cache":
    """Forgets what was appended.

    Args:
      after: this cache, longer: entries are only ever appended.

    Returns:
      The cache as it was before. Nothing of it needs to have been kept: it is
      still there in `after`, and what stands behind its lengths is masked until
      it is written over.
    """
    return after.replace(lengths=self.lengths)


def start(
  prompt: Layers,
  prompt_lengths: jax.Array,
  num_beams: int,
  size: int,
  hardware: hardware_lib.Hardware,
) -> Cache:
  """Makes a cache that holds only prompts.

  Args:
    prompt: for each layer keys and values, as of a `Cache`.
    prompt_lengths: int32[P].
    num_beams: N.
    size: S of the beams' own entries.
    hardware: that the programs are for.

  Returns:
    The cache.
  """
  P, _, K, _, H = prompt[0][1].shape
  values = jnp.zeros((P, num_beams, K, size, H), prompt[0][1].dtype)
  turned = attention.keys_axis(hardware) != attention.VALUES_AXIS
  keys = values.swapaxes(-1, -2) if turned else values
  return Cache(
    prompt=prompt,
    prompt_lengths=prompt_lengths,
    own=tuple((keys, values) for _ in prompt),
    lengths=jnp.zeros((P, num_beams), jnp.int32),
    hardware=hardware,
  )
