"""The rows that a model works on: dense, contiguous copies of active beams.

Storage may hold beams in any way (see `dense.py`); what a model reads and
writes while it decodes is this. Token j of a beam's text is always entry j of
its row, whatever ran before and however often the work was interrupted, so
results keep their bits. Rows are only as long as they must be: attention costs
what it reads.

Axis letters: Q problems, R rows of each, T new tokens, S entries of a row.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from jax import lax

from inference_scaling import models
from inference_scaling.decoding.kv_cache import append_buffer
from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.models.layers import attention as attention_lib
from inference_scaling.models.layers import decode_attention

KeysValues = tuple[jax.Array, jax.Array]  # of one layer
Layers = tuple[KeysValues, ...]


class Rows(flax.struct.PyTreeNode):
  """What attention sees of some beams, in the layout of its segments.

  Attributes:
    prompt: for each layer keys and values [Q, 1, K, S, H], the keys as
      `keys_axis` says; () where the text follows the prefix.
    prompt_lengths: int32[Q], how many of them count.
    own: for each layer keys and values [Q, R, K, S, H] of the generated text.
    lengths: int32[Q, R], tokens of each row, those of the buffer included.
    buffer: the last of these tokens, where they are kept apart; None where
      they stand behind the others in `own`.
    prompt_size: entries of the prompts that are read.
    size: likewise of `own`.
    keys_axis: of `attention.keys_axis`: which axis of keys is S.
    slots: int32[1], the problem that `prompt` and `own`, of all problems, are
      read for; None where they are of the Q problems.
    prefix: for each layer keys and values [1, 1, K, S, H] of what stands before
      all prompts; () for nothing.
  """

  prompt: Layers
  prompt_lengths: jax.Array
  own: Layers
  lengths: jax.Array
  buffer: append_buffer.AppendBuffer | None
  prompt_size: int = flax.struct.field(pytree_node=False)
  size: int = flax.struct.field(pytree_node=False)
  keys_axis: int = flax.struct.field(pytree_node=False)
  slots: jax.Array | None = None
  prefix: Layers = ()

  def positions(self) -> jax.Array:
    """Returns the position of each row's next token, int32[Q, R]."""
    begin = prefix_size(self.prefix)
    return begin + self.prompt_lengths[:, None] + self.lengths

  def attention(
    self,
    config: models.DecoderConfig,
    num_tokens: int,
    kernel: decode_attention.DecodeKernel | None = None,
  ) -> list[Any]:
    """Makes the attention of the next tokens, layer by layer.

    Args:
      config: the architecture, for its sliding windows and its soft cap.
      num_tokens: T, how many tokens of each row come next; there must be
        space for them, or they overwrite older ones.
      kernel: that attends to `own` where there is a buffer; None for products
        of XLA, which read all entries of it.

    Returns:
      For each layer a `models.AttendFn` that keeps the row's own keys and
      values, with the new ones appended.
    """
    wide = self._masks(num_tokens, None)
    near = wide
    if config.sliding_window is not None:
      near = self._masks(num_tokens, config.sliding_window)
    windows = [config.window(number) for number in range(config.num_layers)]
    return [
      self._attend(
        number,
        wide if window is None else near,
        window,
        kernel,
        config.attention_softcap,
      )
      for number, window in enumerate(windows)
    ]

  def advance(
    self, kept: Sequence[KeysValues], counts: jax.Array, num_tokens: int
  ) -> "Rows":
    """Takes up what attention kept.

    Args:
      kept: for each layer, own keys and values, or those of the buffer.
      counts: int32[Q, R], how many of the new tokens count.
      num_tokens: T, as given to `attention`.

    Returns:
      The longer rows.
    """
    lengths = self.lengths + counts
    if self.buffer is None:
      return self.replace(own=tuple(kept), lengths=lengths)
    buffer = self.buffer.advance(kept, counts, num_tokens)
    return self.replace(buffer=buffer, lengths=lengths)

  def _attend(
    self,
    number: int,
    masks: Sequence[jax.Array],
    window: int | None,
    kernel: decode_attention.DecodeKernel | None,
    softcap: float | None,
  ) -> Any:
    """Makes the attention of one layer."""
    masks, shared = list(masks), []
    if self.prefix:
      keys, values = self.prefix[number]
      shared.append(
        attention_lib.Segment(keys, values, masks.pop(0), self.keys_axis)
      )
    if self.prompt:
      shared.append(
        self._segment(self.prompt[number], self.prompt_size, masks.pop(0))
      )
    own = self.own[number]
    run = functools.partial(attention_lib.attend, softcap=softcap)

    def attend_behind(queries: jax.Array, keys: jax.Array, values: jax.Array):
      if self.keys_axis != attention_lib.KEYS_AXIS:
        keys = keys.swapaxes(-1, -2)
      kept = (
        append(own[0], keys, self.lengths, self.keys_axis - 2),
        append(own[1], values, self.lengths, attention_lib.VALUES_AXIS - 2),
      )
      past = self._segment(kept, self.size, masks[0])
      return run(queries, (*shared, past)), kept

    def attend_apart(queries: jax.Array, keys: jax.Array, values: jax.Array):
      assert self.buffer is not None
      kept = self.buffer.write(number, keys, values)
      fresh = append_buffer.segment(kept, masks[1])
      if kernel and kernel.serves(queries, own[0], window, self.slots, softcap):
        partial = self._by_kernel(kernel, queries, own, window)
        return run(queries, (*shared, fresh), (partial,)), kept
      segments = (*shared, self._segment(own, self.size, masks[0]), fresh)
      return run(queries, segments), kept

    return attend_behind if self.buffer is None else attend_apart

  def _by_kernel(
    self,
    kernel: decode_attention.DecodeKernel,
    queries: jax.Array,
    own: KeysValues,
    window: int | None,
  ) -> attention_lib.Partial:
    """Attends to one layer of what stood in rows before the call."""
    assert self.buffer is not None
    # Without a window all tokens begin below 0, the last one too.
    starts = jnp.full_like(self.lengths, -queries.shape[4])
    if window is not None:
      starts = self.lengths + 1 - window
    return kernel.attend(
      queries, *own, starts, self.lengths - self.buffer.counts,
      size=self.size, slots=self.slots,
    )  # fmt: skip

  def _segment(
    self, layer: KeysValues, size: int, mask: jax.Array
  ) -> attention_lib.Segment:
    """The first entries of a layer.

    Taken where they are read: taken before a loop, they would be copied.
    """
    slots = self.slots
    if slots is not None and self.buffer is not None:
      # Or XLA would take the slice before the loop after all.
      slots, _ = lax.optimization_barrier((slots, self.buffer.index))
    beam_index = beam_index_lib.BeamIndex(slots, None)

    def take(array: jax.Array, axis: int) -> jax.Array:
      return lax.slice_in_dim(beam_index.problems(array), 0, size, axis=axis)

    ((keys, values),) = map_arrays(take, self.keys_axis, [layer])
    return attention_lib.Segment(keys, values, mask, self.keys_axis)

  def _masks(self, num_tokens: int, window: int | None) -> list[jax.Array]:
    """Marks what the next tokens may see: bool[Q, R, T, S] of each part."""
    steps = jnp.arange(num_tokens)[None, None]
    ends = self.positions()[..., None] + steps  # [Q, R, T], their positions
    own = jnp.arange(self.size)[None, None, None]
    before = prefix_size(self.prefix)
    begins = before + self.prompt_lengths[:, None, None, None]
    parts = []
    if self.prefix:
      prefix = jnp.arange(before)[None, None, None]
      parts.append((prefix, jnp.ones(prefix.shape, bool)))
    if self.prompt:
      prompt = before + jnp.arange(self.prompt_size)[None, None, None]
      parts.append((prompt, prompt < begins))
    if self.buffer is None:
      seen = own <= (self.lengths[..., None] + steps)[..., None]
      parts.append((own + begins, seen))
    else:
      stored = (self.lengths - self.buffer.counts)[..., None, None]
      seen = self.buffer.mask(num_tokens)
      fresh = jnp.arange(seen.shape[-1])[None, None, None] + stored
      parts += [(own + begins, own < stored), (fresh + begins, seen)]
    sizes = sum(positions.shape[-1] for positions, _ in parts)
    if window is None or window >= sizes:
      return [seen for _, seen in parts]
    first = (ends - window)[..., None]
    return [seen & (positions > first) for positions, seen in parts]


def prefix_size(prefix: Layers) -> int:
  """Returns how many tokens a prefix has.

  Args:
    prefix: for each layer keys and values [1, 1, K, S, H], or ().
  """
  return prefix[0][1].shape[attention_lib.VALUES_AXIS] if prefix else 0


def map_arrays(
  change: Callable[..., jax.Array], keys_axis: int, *layers: Sequence[Any]
) -> Layers:
  """Changes all keys and values.

  Args:
    change: `change(array, axis, ...)` of an array of the first layers, the axis
      of its entries, and those of the other layers.
    keys_axis: which axis of keys is that of their entries.
    *layers: for each layer keys and values.

  Returns:
    The same of what it returns.
  """

  def run(number: int, axis: int, layer: Sequence[KeysValues]) -> jax.Array:
    first, *others = (pair[number] for pair in layer)
    return change(first, axis, *others)

  return tuple(
    (run(0, keys_axis, layer), run(1, attention_lib.VALUES_AXIS, layer))
    for layer in zip(*layers, strict=True)
  )


def take_windows(
  rows: jax.Array, starts: jax.Array, width: int, axis: int
) -> jax.Array:
  """Takes some entries of each row.

  Args:
    rows: [Q, R, ...].
    starts: int32[Q, R], where they begin.
    width: how many.
    axis: of the entries, at least 2.

  Returns:
    [Q, R, ...], `width` along the axis.
  """

  def take(row: jax.Array, begin: jax.Array) -> jax.Array:
    return lax.dynamic_slice_in_dim(row, begin, width, axis - 2)

  return jax.vmap(jax.vmap(take))(rows, starts)


def append(
  own: jax.Array, new: jax.Array, starts: jax.Array, axis: int
) -> jax.Array:
  """Writes new entries behind those of each row.

  Args:
    own: [Q, R, ...], in a loop updated where it is.
    new: the same but for T entries along the axis.
    starts: int32[Q, R], where to write.
    axis: of the entries, counted without the axes Q and R.

  Returns:
    [Q, R, ...].
  """

  def write(row: jax.Array, entries: jax.Array, start: jax.Array) -> jax.Array:
    return lax.dynamic_update_slice_in_dim(row, entries, start, axis)

  new = new.astype(own.dtype)
  return jax.vmap(jax.vmap(write))(own, new, starts)
