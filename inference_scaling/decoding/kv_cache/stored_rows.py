"""Rows that stay in the storage of all beams while a model works on them.

On a CPU a row is read by index, as far as it goes: see `past_attention`. Beams
that take turns for a few rows need not be copied out of storage and back at
every turn.

Axis letters: P problems, N beams, Q problems and R rows of each, T new tokens,
S entries of a beam, K kv heads, H head dim.
"""

import functools
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling import models
from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.decoding.kv_cache import working_rows
from inference_scaling.models.kernels.cpu import past_attention
from inference_scaling.models.layers import attention as attention_lib
from inference_scaling.models.layers import hardware as hardware_lib

KeysValues = working_rows.KeysValues
Layers = working_rows.Layers


def serves(
  config: models.DecoderConfig,
  hardware: hardware_lib.Hardware,
  sizes: tuple[int, ...],
) -> bool:
  """Says whether rows of a model may stay in storage.

  Args:
    config: the architecture.
    hardware: that the program is for.
    sizes: entries of the buffers of prompts and texts.

  Returns:
    False on a mesh, whose devices XLA cannot share machine code out to, and on
    accelerators; for windows, for scores that are capped, and for heads or
    buffers that do not fill registers.
  """
  alone = hardware.is_cpu and hardware.data_parts * hardware.model_parts == 1
  plain = config.sliding_window is None and config.attention_softcap is None
  return (
    alone
    and plain
    and all(past_attention.serves(size, config.head_dim) for size in sizes)
  )


class StoredRows(flax.struct.PyTreeNode):
  """What attention sees of some beams, as `working_rows.Rows`.

  Attributes:
    prompt: for each layer keys [P, 1, K, H, S] and values [P, 1, K, S, H].
    prompt_lengths: int32[Q], how many of them count for each row's problem.
    own: for each layer keys [P, N, K, H, S] and values [P, N, K, S, H] of the
      generated text of all beams, which are written in place.
    lengths: int32[Q, R], tokens of each row.
    beam_index: which beams the rows are.
    prefix: as of `Rows`.
  """

  prompt: Layers
  prompt_lengths: jax.Array
  own: Layers
  lengths: jax.Array
  beam_index: beam_index_lib.BeamIndex
  prefix: Layers = ()

  def positions(self) -> jax.Array:
    """Returns the position of each row's next token, int32[Q, R]."""
    begin = working_rows.prefix_size(self.prefix)
    return begin + self.prompt_lengths[:, None] + self.lengths

  def attention(
    self, config: models.DecoderConfig, num_tokens: int, kernel: Any = None
  ) -> list[Any]:
    """Makes the attention of the next tokens, layer by layer.

    Args:
      config: the architecture.
      num_tokens: T.
      kernel: of accelerators; not read.

    Returns:
      For each layer a `models.AttendFn` that keeps the keys and values of all
      beams, the new ones among them.
    """
    del kernel
    slots, beams = self._places()
    steps = jnp.arange(num_tokens, dtype=jnp.int32)[None, None]
    entries = self.lengths[..., None] + steps  # [Q, R, T]
    prompts = jnp.broadcast_to(
      self.prompt_lengths[:, None, None], entries.shape
    )
    N, S = self.own[0][0].shape[1], self.own[0][0].shape[-1]
    # What passes the end is not there: behind the last token of a step.
    stops = jnp.minimum(entries + 1, S)

    def attend(
      layer: int, queries: jax.Array, keys: jax.Array, values: jax.Array
    ) -> tuple[jax.Array, KeysValues]:
      kept = _write(self.own[layer], keys, values, slots, beams, entries)
      scaled = queries * queries.shape[-1] ** -0.5
      partials = [
        attention_lib.Partial(*past_attention.attend(scaled, *read))
        for read in (
          (*kept, slots * N + beams, stops),
          (*self.prompt[layer], slots, prompts),
        )
      ]
      segments = ()
      if self.prefix:
        seen = jnp.ones((1, 1, 1, self.prefix[layer][0].shape[-1]), bool)
        segments = (attention_lib.Segment(*self.prefix[layer], seen),)
      mixed = attention_lib.attend(queries, segments, tuple(partials))
      return mixed, kept

    return [functools.partial(attend, n) for n in range(config.num_layers)]

  def advance(
    self, kept: list[KeysValues], counts: jax.Array, num_tokens: int
  ) -> "StoredRows":
    """Takes up what attention kept.

    Args:
      kept: for each layer keys and values of all beams.
      counts: int32[Q, R], how many of the new tokens count.
      num_tokens: T.

    Returns:
      The longer rows.
    """
    del num_tokens
    return self.replace(own=tuple(kept), lengths=self.lengths + counts)

  def _places(self) -> tuple[jax.Array, jax.Array]:
    """The slot and the beam of each row, both int32[Q, R]."""
    Q, R = self.lengths.shape
    slots, beams = self.beam_index.slots, self.beam_index.beams
    if slots is None:
      slots = jnp.arange(Q, dtype=jnp.int32)
    if beams is None:
      beams = jnp.arange(R, dtype=jnp.int32)[None]
    return (
      jnp.broadcast_to(slots[:, None], (Q, R)).astype(jnp.int32),
      jnp.broadcast_to(beams, (Q, R)).astype(jnp.int32),
    )


AnyRows = working_rows.Rows | StoredRows


def as_prompts(prefix: Layers, num_problems: int) -> Layers:
  """Gives a prefix to each problem, in whole registers.

  Args:
    prefix: for each layer keys [1, 1, K, H, S] and values [1, 1, K, S, H].
    num_problems: P.

  Returns:
    The same [P, 1, ...], with zeros behind S.
  """
  spare = -working_rows.prefix_size(prefix) % past_attention.WIDTH

  def widen(array: jax.Array, axis: int) -> jax.Array:
    padding = [(0, 0)] * array.ndim
    padding[axis] = (0, spare)
    array = jnp.pad(array, padding)
    return jnp.broadcast_to(array, (num_problems, *array.shape[1:]))

  return working_rows.map_arrays(widen, attention_lib.KEYS_AXIS, prefix)


def _write(
  own: KeysValues,
  keys: jax.Array,
  values: jax.Array,
  slots: jax.Array,
  beams: jax.Array,
  entries: jax.Array,
) -> KeysValues:
  """Writes new keys [Q, R, K, H, T] and values [Q, R, K, T, H] in place.

  What would pass the end, behind the last token of a step, is dropped.
  """
  slots, beams = (
    jnp.broadcast_to(x[..., None], entries.shape) for x in (slots, beams)
  )
  how = {"mode": "drop", "unique_indices": True}
  new_keys = keys.transpose(0, 1, 4, 2, 3).astype(own[0].dtype)
  new_values = values.transpose(0, 1, 3, 2, 4).astype(own[1].dtype)
  return (
    own[0].at[slots, beams, :, :, entries].set(new_keys, **how),
    own[1].at[slots, beams, :, entries].set(new_values, **how),
  )
