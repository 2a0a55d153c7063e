"""Rows that stay in the storage of all beams while a model works on them.

On a CPU a row is written and read by index, as far as it goes: see
`cached_attention`. Beams that take turns for a few rows need not be copied out
of storage and back at every turn.

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
from inference_scaling.models.kernels.cpu import cached_attention, code
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
  whole = all(size % code.WIDTH == 0 for size in (*sizes, config.head_dim))
  return alone and plain and whole


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
    del num_tokens
    slots, beams = self._places()
    rows = slots[:, None] * self.own[0][0].shape[1] + beams

    def attend(
      layer: int, queries: jax.Array, keys: jax.Array, values: jax.Array
    ) -> tuple[jax.Array, KeysValues]:
      scaled = queries.astype(jnp.float32) * queries.shape[-1] ** -0.5
      sums, kept = cached_attention.attend(
        scaled.swapaxes(3, 4), (keys, values), self.own[layer], rows,
        self.lengths, self.prompt[layer], slots, self.prompt_lengths,
      )  # fmt: skip
      partial = attention_lib.Partial(*(x.swapaxes(3, 4) for x in sums))
      segments = ()
      if self.prefix:
        seen = jnp.ones((1, 1, 1, self.prefix[layer][0].shape[-1]), bool)
        segments = (attention_lib.Segment(*self.prefix[layer], seen),)
      return attention_lib.attend(queries, segments, (partial,)), kept

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
    """The slot of each problem, int32[Q], and the beams, int32[Q, R]."""
    Q, R = self.lengths.shape
    slots, beams = self.beam_index.slots, self.beam_index.beams
    if slots is None:
      slots = jnp.arange(Q, dtype=jnp.int32)
    if beams is None:
      beams = jnp.broadcast_to(jnp.arange(R, dtype=jnp.int32), (Q, R))
    return slots.astype(jnp.int32), beams.astype(jnp.int32)


AnyRows = working_rows.Rows | StoredRows


def as_prompts(prefix: Layers, num_problems: int) -> Layers:
  """Gives a prefix to each problem, in whole registers.

  Args:
    prefix: for each layer keys [1, 1, K, H, S] and values [1, 1, K, S, H].
    num_problems: P.

  Returns:
    The same [P, 1, ...], with zeros behind S.
  """
  spare = -working_rows.prefix_size(prefix) % code.WIDTH

  def widen(array: jax.Array, axis: int) -> jax.Array:
    padding = [(0, 0)] * array.ndim
    padding[axis] = (0, spare)
    array = jnp.pad(array, padding)
    return jnp.broadcast_to(array, (num_problems, *array.shape[1:]))

  return working_rows.map_arrays(widen, attention_lib.KEYS_AXIS, prefix)
