"""The rows that a model works on: dense, contiguous copies of active beams.

Storage may hold beams in any way (see `dense.py`); what a model reads and
writes while it decodes is this. Token j of a beam's text is always entry j of
its row, whatever ran before and however often the work was interrupted, so
results keep their bits. Rows are only as long as they must be: attention costs
what it reads.

Axis letters: Q problems, R rows of each, T new tokens, S entries of a row.
"""

from collections.abc import Sequence
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling import models
from inference_scaling.models.layers import attention

KeysValues = tuple[jax.Array, jax.Array]  # of one layer
Layers = tuple[KeysValues, ...]


class Rows(flax.struct.PyTreeNode):
  """What attention sees of some beams, in the layout of its segments.

  Attributes:
    prompt: for each layer keys [Q, 1, K, H, S] and values [Q, 1, K, S, H].
    prompt_lengths: int32[Q], how many of them count.
    own: for each layer keys [Q, R, K, H, S] and values [Q, R, K, S, H] of the
      generated text.
    lengths: int32[Q, R], how many of them count.
  """

  prompt: Layers
  prompt_lengths: jax.Array
  own: Layers
  lengths: jax.Array

  def positions(self) -> jax.Array:
    """Returns the position of each row's next token, int32[Q, R]."""
    return self.prompt_lengths[:, None] + self.lengths

  def attention(
    self, config: models.DecoderConfig, num_tokens: int
  ) -> list[Any]:
    """Makes the attention of the next tokens, layer by layer.

    Args:
      config: the architecture, for its sliding windows.
      num_tokens: T, how many tokens of each row come next; there must be
        space for them, or they overwrite older ones.

    Returns:
      For each layer a `models.AttendFn` that keeps the row's own keys and
      values, with the new ones appended.
    """
    wide = self._masks(num_tokens, None)
    near = wide
    if config.sliding_window is not None:
      near = self._masks(num_tokens, config.sliding_window)
    return [
      self._attend(number, wide if config.window(number) is None else near)
      for number in range(config.num_layers)
    ]

  def advance(self, kept: Sequence[KeysValues], counts: jax.Array) -> "Rows":
    """Takes up what attention kept.

    Args:
      kept: for each layer, own keys and values.
      counts: int32[Q, R], how many of the new tokens count.

    Returns:
      The longer rows.
    """
    return self.replace(own=tuple(kept), lengths=self.lengths + counts)

  def _attend(self, number: int, masks: tuple[jax.Array, jax.Array]) -> Any:
    """Makes the attention of one layer."""
    prompt_mask, own_mask = masks

    def attend(queries: jax.Array, keys: jax.Array, values: jax.Array):
      own_keys, own_values = self.own[number]
      own = (
        append(own_keys, keys, self.lengths, 2),
        append(own_values, values, self.lengths, 1),
      )
      segments = (
        attention.Segment(*self.prompt[number], prompt_mask),
        attention.Segment(*own, own_mask),
      )
      return attention.attend(queries, segments), own

    return attend

  def _masks(
    self, num_tokens: int, window: int | None
  ) -> tuple[jax.Array, jax.Array]:
    """Marks what the next tokens may see: bool[Q, R, T, S] of both parts."""
    prompt = jnp.arange(self.prompt[0][0].shape[-1])[None, None, None]
    own = jnp.arange(self.own[0][0].shape[-1])[None, None, None]
    ends = self.lengths[..., None] + jnp.arange(num_tokens)[None, None]
    before = prompt < self.prompt_lengths[:, None, None, None]
    seen = own <= ends[..., None]
    if window is None or window >= prompt.size + own.size:
      return before, seen
    begins = self.prompt_lengths[:, None, None] + ends - window
    begins = begins[..., None]
    return (
      before & (prompt > begins),
      seen & (own + self.prompt_lengths[:, None, None, None] > begins),
    )


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
    return jax.lax.dynamic_update_slice_in_dim(row, entries, start, axis)

  new = new.astype(own.dtype)
  return jax.vmap(jax.vmap(write))(own, new, starts)
