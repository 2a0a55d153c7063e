"""The keys and values of one call's tokens, apart from those of before.

Rows of different lengths take new tokens at different entries. On accelerators
that costs: for every token and layer, XLA for TPU writes row after row in a
loop, and XLA for GPU copies what it writes to into another order. Here all rows
write at one index, that of the token in its call, in a single update. When the
call is done, its tokens are moved to where they belong: see `moving.py`.

Axis letters: Q problems, R rows of each, W tokens of a call, T of them at hand,
K kv heads, H head dim.
"""

from collections.abc import Sequence

import flax.struct
import jax
import jax.numpy as jnp
from jax import lax

from inference_scaling.models.layers import attention

KeysValues = tuple[jax.Array, jax.Array]  # of one layer


class AppendBuffer(flax.struct.PyTreeNode):
  """What a call has appended to its rows so far.

  Attributes:
    layers: for each layer keys and values [W, Q, R, K, H]. Tokens lead, so
      that those of one index are one stretch of memory.
    index: int32[], tokens that all rows have computed.
    counts: int32[Q, R], how many of these each row keeps, from the first on.
  """

  layers: tuple[KeysValues, ...]
  index: jax.Array
  counts: jax.Array

  @property
  def width(self) -> int:
    """W, the most tokens."""
    return self.layers[0][0].shape[0]

  def write(
    self, number: int, keys: jax.Array, values: jax.Array
  ) -> KeysValues:
    """Appends tokens to one layer.

    Args:
      number: of the layer.
      keys: [Q, R, K, H, T].
      values: [Q, R, K, T, H].

    Returns:
      The layer's keys and values [W, Q, R, K, H].
    """

    def put(old: jax.Array, new: jax.Array) -> jax.Array:
      new = new.astype(old.dtype)
      return lax.dynamic_update_slice_in_dim(old, new, self.index, 0)

    old_keys, old_values = self.layers[number]
    return (
      put(old_keys, jnp.moveaxis(keys, 4, 0)),
      put(old_values, jnp.moveaxis(values, 3, 0)),
    )

  def mask(self, num_tokens: int) -> jax.Array:
    """Marks what the next T tokens may see of it: bool[Q, R, T, W]."""
    entries = jnp.arange(self.width)[None, None, None]
    ends = self.counts[..., None] + jnp.arange(num_tokens)[None, None]
    return entries <= ends[..., None]

  def advance(
    self, layers: Sequence[KeysValues], counts: jax.Array, num_tokens: int
  ) -> "AppendBuffer":
    """Takes up T tokens that `write` appended.

    Args:
      layers: of `write`, one after the other.
      counts: int32[Q, R], how many of the tokens each row keeps.
      num_tokens: T.

    Returns:
      The fuller buffer.
    """
    return self.replace(
      layers=tuple(layers),
      index=self.index + num_tokens,
      counts=self.counts + counts,
    )


def start(
  like: Sequence[KeysValues], shape: tuple[int, ...], width: int | None
) -> AppendBuffer | None:
  """Makes a buffer that holds nothing.

  Args:
    like: for each layer keys and values [.., K, S, H], for K, H and dtype.
    shape: [Q, R].
    width: W; None where rows keep new tokens behind the others.

  Returns:
    The buffer, or None.
  """
  if width is None:
    return None
  values = like[0][1]
  K, _, H = values.shape[-3:]
  nothing = jnp.zeros((width, *shape, K, H), values.dtype)
  return AppendBuffer(
    layers=tuple((nothing, nothing) for _ in like),
    index=jnp.int32(0),
    counts=jnp.zeros(shape, jnp.int32),
  )


def segment(layer: KeysValues, mask: jax.Array) -> attention.Segment:
  """Shows a layer of a buffer to attention.

  Args:
    layer: keys and values [W, Q, R, K, H].
    mask: bool[Q, R, T, W].

  Returns:
    The segment.
  """
  keys, values = (array.transpose(1, 2, 3, 0, 4) for array in layer)
  return attention.Segment(keys, values, mask, attention.VALUES_AXIS)
