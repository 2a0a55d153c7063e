"""The loop that encodes given steps, a block of tokens at a time.

For a reward model, and for a policy that reads what another one wrote.

Axis letters: Q problems and R beams that are scored, C tokens of a step's
buffer, T tokens of a block.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from inference_scaling import models
from inference_scaling.decoding.kv_cache import stored_rows
from inference_scaling.models.layers import hardware as hardware_lib

# On a CPU few tokens keep it busy, and what a block has beyond the longest step
# is lost.
_CPU_BLOCK = 8
# Rows of a tile of bfloat16 on a TPU. Also, keys and values are read once for a
# block, and where each query head has its own they outweigh the weights.
_TILE = 16


def block_size(
  hardware: hardware_lib.Hardware, num_rows: int, step_tokens: int
) -> int:
  """Says how many tokens of each step are encoded in a pass.

  A step is encoded in blocks, as far as the longest step: most are far shorter
  than their buffer. On an accelerator a pass takes the time to read all weights
  however few its tokens, so a block is as long as comes for free: until the
  rows' tokens take as long to compute. Longer ones would only waste more beyond
  the end of the longest step.

  Args:
    hardware: that the program is for.
    num_rows: Q * R, over all devices.
    step_tokens: C.

  Returns:
    T.
  """
  if hardware.is_cpu:
    return _CPU_BLOCK
  rows = max(1, num_rows // hardware.data_parts)
  tiles = math.ceil(hardware.flops_per_byte / rows / _TILE)
  return min(tiles * _TILE, step_tokens)


def encoded_size(
  hardware: hardware_lib.Hardware, num_rows: int, step_tokens: int
) -> int:
  """Says how many tokens the longest step takes, in whole blocks.

  Args:
    hardware: as of `block_size`.
    num_rows: likewise.
    step_tokens: likewise.

  Returns:
    A multiple of T, at least C.
  """
  block = block_size(hardware, num_rows, step_tokens)
  return math.ceil(step_tokens / block) * block


def run(
  model: models.RewardModel,
  params: Any,
  head: Any,
  rows: stored_rows.AnyRows,
  tokens: jax.Array,
  lengths: jax.Array,
) -> tuple[Any, stored_rows.AnyRows]:
  """Runs the model over steps, block by block.

  Args:
    model: the reward model.
    params: its weights.
    head: the `HeadState` of the rows before the step.
    rows: their keys and values.
    tokens: int32[Q, R, C].
    lengths: int32[Q, R].

  Returns:
    The `HeadState` at the last tokens (the old one for a step of no tokens),
    and the rows after the step.
  """

  def encode(head: Any, block: jax.Array, hidden: jax.Array) -> Any:
    return model.encode(params, head, block, hidden)

  return _run(model, params, head, rows, tokens, lengths, encode)


def read(
  model: models.Model,
  params: Any,
  rows: stored_rows.AnyRows,
  tokens: jax.Array,
  lengths: jax.Array,
) -> stored_rows.AnyRows:
  """Runs a policy over given tokens, block by block.

  Args:
    model: the policy's.
    params: its weights.
    rows: keys and values.
    tokens: int32[Q, R, C].
    lengths: int32[Q, R].

  Returns:
    The rows behind these tokens.
  """
  _, rows = _run(model, params, (), rows, tokens, lengths, lambda *_: ())
  return rows


def _run(
  model: models.Model | models.RewardModel,
  params: Any,
  head: Any,
  rows: stored_rows.AnyRows,
  tokens: jax.Array,
  lengths: jax.Array,
  encode: Callable[[Any, jax.Array, jax.Array], Any],
) -> tuple[Any, stored_rows.AnyRows]:
  """As `run`; `encode` makes the head of a head, tokens and hidden states."""
  Q, R, C = tokens.shape
  T = block_size(model.hardware, Q * R, C)
  spare = encoded_size(model.hardware, Q * R, C) - C
  tokens = jnp.pad(tokens, ((0, 0), (0, 0), (0, spare)))
  longest = lengths.max()
  config = model.config

  def encode_block(carry: tuple[jax.Array, Any, stored_rows.AnyRows]):
    index, head, rows = carry
    left = lengths - index
    block = lax.dynamic_slice_in_dim(tokens, index, T, axis=2)
    positions = rows.positions()[..., None] + jnp.arange(T)[None, None]
    attend = rows.attention(config, T, model.decode_kernel)
    hidden, kept = model.forward(params, block, positions, attend)
    after = encode(head, block, hidden)
    rows = rows.advance(kept, jnp.clip(left, 0, T), num_tokens=T)
    return index + T, _at_last(head, after, left), rows

  _, head, rows = lax.while_loop(
    lambda carry: carry[0] < longest,
    encode_block,
    (jnp.int32(0), head, rows),
  )
  return head, rows


def row_sizes(
  hardware: hardware_lib.Hardware, text: int, num_rows: int, step_tokens: int
) -> tuple[int, int | None]:
  """Says how large rows must be for `run` and `read`.

  Args:
    hardware: as of `block_size`.
    text: most tokens of a row once the step is encoded.
    num_rows: as of `block_size`.
    step_tokens: likewise.

  Returns:
    Entries of rows, and of an append buffer where there is one.
  """
  if hardware.is_cpu:  # the last block may pass the last token
    return text + block_size(hardware, num_rows, step_tokens), None
  return text, encoded_size(hardware, num_rows, step_tokens)


def _at_last(old: Any, after: Any, left: jax.Array) -> Any:
  """Takes the `HeadState` after a block: at its end, or where the step ends.

  Args:
    old: before the block, leaves [Q, R, ...].
    after: after each of its tokens, leaves [Q, R, T, ...].
    left: int32[Q, R], tokens of the step from the block's start on; 0 or less
      where the step ended before, whose state stays.

  Returns:
    The `HeadState`, leaves [Q, R, ...].
  """

  def pick(old_leaf: jax.Array, leaf: jax.Array) -> jax.Array:
    extra = (1,) * (old_leaf.ndim - 2)
    index = jnp.clip(left - 1, 0, leaf.shape[2] - 1)
    last = jnp.take_along_axis(
      leaf, index.reshape(*index.shape, 1, *extra), axis=2
    )[:, :, 0]
    return jnp.where((left > 0).reshape(*left.shape, *extra), last, old_leaf)

  return jax.tree.map(pick, old, after)
