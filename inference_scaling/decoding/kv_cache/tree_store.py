"""The store of a `TreeCache`: entries of distinct tokens, in no order.

Axis letters: as in `tree.py`.
"""

import jax
import jax.numpy as jnp
from jax import lax

from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.decoding.kv_cache import moving, working_rows
from inference_scaling.models.layers import hardware as hardware_lib

Layers = working_rows.Layers
BeamIndex = beam_index_lib.BeamIndex

# New tokens are stored in windows of this many of each row, no further than the
# row with the most of them.
_WINDOW = 32


def gather(
  store: jax.Array, beam_index: BeamIndex, entries: jax.Array
) -> jax.Array:
  """Reads entries of a store.

  Args:
    store: [P, S, K, H].
    beam_index: of the rows.
    entries: int32[Q, R, B], all below S.

  Returns:
    [Q, R, B, K, H].
  """
  if beam_index.slots is not None:
    index = (beam_index.slots[:, None, None], entries)
    rows = store.at[index].get(mode="promise_in_bounds")
  else:
    rows = jax.vmap(
      lambda own, entries: own.at[entries].get(mode="promise_in_bounds")
    )(store, entries)
  # Or a gather is fused with the transposition that follows, and reads single
  # numbers instead of whole entries: twice the time.
  return lax.optimization_barrier(rows)


def used(entries: jax.Array, lengths: jax.Array, capacity: int) -> jax.Array:
  """Marks the entries that some beam leads through.

  Args:
    entries: int32[Q, N, T].
    lengths: int32[Q, N].
    capacity: S.

  Returns:
    bool[Q, S].
  """
  written = jnp.arange(entries.shape[-1])[None, None] < lengths[..., None]
  entries = jnp.where(written, entries, capacity).reshape(len(entries), -1)
  nothing = jnp.zeros(capacity, bool)
  return jax.vmap(lambda own: nothing.at[own].set(True, mode="drop"))(entries)


def choose(used: jax.Array, grown: jax.Array, width: int) -> jax.Array:
  """Gives each new token a free entry.

  Args:
    used: bool[Q, S].
    grown: int32[Q, R], new tokens of each row.
    width: the most of one row.

  Returns:
    int32[Q, R, width], all different within a problem; S where there is no
    token, or no entry for it.
  """
  capacity, most = used.shape[1], grown.shape[1] * width
  every = jnp.arange(capacity, dtype=jnp.int32)
  nothing = jnp.full(most, capacity, jnp.int32)

  def choose_free(used: jax.Array, grown: jax.Array) -> jax.Array:
    number = jnp.where(used, most, jnp.cumsum(~used) - 1)
    free = nothing.at[number].set(every, mode="drop")
    # Rows take free entries one after the other.
    offsets = jnp.arange(width)[None]
    wanted = (jnp.cumsum(grown) - grown)[:, None] + offsets
    return jnp.where(offsets < grown[:, None], free[wanted], capacity)

  return jax.vmap(choose_free)(used, grown)


def append(
  entries: jax.Array, lengths: jax.Array, grown: jax.Array, chosen: jax.Array
) -> jax.Array:
  """Adds new tokens to the lists of rows.

  Args:
    entries: int32[Q, R, T].
    lengths: int32[Q, R], before.
    grown: int32[Q, R], new tokens.
    chosen: int32[Q, R, width], where they lie.

  Returns:
    int32[Q, R, T].
  """
  number = jnp.arange(entries.shape[-1])[None, None] - lengths[..., None]
  new = _pick(chosen, number)
  fresh = (number >= 0) & (number < grown[..., None])
  return jnp.where(fresh, new, entries)


def put(
  own: Layers,
  beam_index: BeamIndex,
  new: Layers,
  lengths: jax.Array,
  grown: jax.Array,
  chosen: jax.Array,
) -> Layers:
  """Writes new tokens of rows into entries of the store.

  Args:
    own: for each layer keys and values [P, S, K, H].
    beam_index: of the rows.
    new: for each layer keys [Q, R, K, H, B] and values [Q, R, K, B, H].
    lengths: int32[Q, R], how many of these tokens are not new.
    grown: int32[Q, R], how many of those behind them are.
    chosen: int32[Q, R, width], the entry of each new token.

  Returns:
    The store, updated where it is.
  """
  capacity, length = own[0][0].shape[1], new[0][0].shape[-1]
  size = min(_WINDOW, chosen.shape[-1], length)

  def store_window(carry: tuple[jax.Array, Layers]):
    done, own = carry
    # A window that would pass the end of its row is moved back.
    starts = jnp.minimum(lengths + done, length - size)
    number = (starts - lengths)[..., None] + jnp.arange(size)[None, None]
    fresh = (number >= 0) & (number < grown[..., None])
    entries = jnp.where(fresh, _pick(chosen, number), capacity)

    def write(store: jax.Array, rows: jax.Array, axis: int) -> jax.Array:
      tokens = working_rows.take_windows(rows, starts, size, axis)
      return _scatter(store, beam_index, entries, jnp.moveaxis(tokens, axis, 2))

    own = tuple(
      (write(keys, new_keys, 4), write(values, new_values, 3))
      for (keys, values), (new_keys, new_values) in zip(own, new, strict=True)
    )
    return done + size, own

  _, own = lax.while_loop(
    lambda carry: carry[0] < grown.max(), store_window, (jnp.int32(0), own)
  )
  return own


def put_buffer(
  own: Layers,
  beam_index: BeamIndex,
  new: Layers,
  chosen: jax.Array,
  hardware: hardware_lib.Hardware,
) -> Layers:
  """Writes the tokens of an append buffer into entries of the store.

  Args:
    own: for each layer keys and values [P, S, K, H].
    beam_index: of the rows.
    new: for each layer keys and values [W, Q, R, K, H], all of it finite.
    chosen: int32[Q, R, W], the entry of each token; S for none.
    hardware: that the program is for.

  Returns:
    The store, updated where it is.
  """

  def write(store: jax.Array, tokens: jax.Array) -> jax.Array:
    if moving.scatters(hardware) or beam_index.slots is not None:
      tokens = tokens.transpose(1, 2, 0, 3, 4)
      return _scatter(store, beam_index, chosen, tokens)
    return _merge(store, chosen, tokens)

  return jax.tree.map(write, own, new)


def _merge(store: jax.Array, chosen: jax.Array, tokens: jax.Array) -> jax.Array:
  """As `moving.merge`: writes [W, P, R, K, H] to entries [P, R, W] of P, S."""
  every = jnp.arange(store.shape[1])[None, None, None]
  match = chosen[..., None] == every  # [P, R, W, S]
  moved = jnp.einsum(
    "wprkh,prws->pskh", tokens, match.astype(tokens.dtype),
    precision=lax.Precision.HIGHEST, preferred_element_type=tokens.dtype,
  )  # fmt: skip
  return jnp.where(match.any(axis=(1, 2))[..., None, None], moved, store)


def _pick(chosen: jax.Array, number: jax.Array) -> jax.Array:
  """Looks up chosen entries by the number of the new token, clipped."""
  number = jnp.clip(number, 0, chosen.shape[-1] - 1)
  return jnp.take_along_axis(chosen, number, axis=2)


def _scatter(
  store: jax.Array, beam_index: BeamIndex, entries: jax.Array, tokens: jax.Array
) -> jax.Array:
  """Writes [Q, R, W, K, H] to entries [Q, R, W]; leaves out those beyond S."""
  if beam_index.slots is not None:
    index = store.at[beam_index.slots[:, None, None], entries]
    return index.set(tokens, mode="drop")
  return jax.vmap(
    lambda own, entries, tokens: own.at[entries].set(tokens, mode="drop")
  )(store, entries, tokens)
