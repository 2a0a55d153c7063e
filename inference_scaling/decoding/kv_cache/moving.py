"""Moves the tokens of an append buffer to where they belong in a dense cache.

Once a call, for all rows, in place: XLA makes no copy of a cache of it, and on
TPU no loop over rows.

Axis letters: P problems, N beams, Q problems and R rows of each that the buffer
is of, W its tokens, S entries, K kv heads, H head dim.
"""

import jax
import jax.numpy as jnp
from jax import lax

from inference_scaling.decoding.kv_cache import append_buffer
from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.models.layers import hardware as hardware_lib

Layers = tuple[append_buffer.KeysValues, ...]
BeamIndex = beam_index_lib.BeamIndex


def scatters(hardware: hardware_lib.Hardware) -> bool:
  """Whether writes through indices are one operation.

  Args:
    hardware: that the program is for.

  Returns:
    False for TPU, where XLA makes a loop over the indices of them.
  """
  return hardware.platform != "tpu"


def move(
  own: Layers,
  buffer: append_buffer.AppendBuffer,
  beam_index: BeamIndex,
  lengths: jax.Array,
  size: int,
  hardware: hardware_lib.Hardware,
) -> Layers:
  """Moves the tokens of a buffer behind those of their beams.

  Args:
    own: for each layer keys and values [P, N, K, S, H], updated where they are.
    buffer: of the rows.
    beam_index: the beam of each row.
    lengths: int32[P, N], where each beam's new tokens begin.
    size: entries that hold all of them in the end.
    hardware: that the program is for.

  Returns:
    As own.
  """
  starts = beam_index.take(lengths)
  several = beam_index.slots is not None and len(beam_index.slots) > 1
  if scatters(hardware) or several:

    def put(old: jax.Array, new: jax.Array) -> jax.Array:
      return scatter(old, new, beam_index, starts, buffer.counts)

    return jax.tree.map(put, own, buffer.layers)
  counts, chosen = buffer.counts, None
  if beam_index.beams is not None:
    chosen = one_hot(beam_index.beams, lengths.shape[1])
    counts = jnp.where(chosen, counts[:, None], 0).sum(axis=2)
    starts = beam_index.problems(lengths)

  def put_whole(old: jax.Array, new: jax.Array) -> jax.Array:
    if chosen is not None:
      new = spread(new, chosen)
    part = lax.slice_in_dim(beam_index.problems(old), 0, size, axis=3)
    part = merge(part, new, starts, counts)
    slot = 0 if beam_index.slots is None else beam_index.slots[0]
    return lax.dynamic_update_slice(old, part, (slot, 0, 0, 0, 0))

  return jax.tree.map(put_whole, own, buffer.layers)


def scatter(
  own: jax.Array,
  new: jax.Array,
  beam_index: BeamIndex,
  starts: jax.Array,
  counts: jax.Array,
) -> jax.Array:
  """Writes entries through indices, which is one operation on a GPU.

  Args:
    own: [P, N, K, S, H].
    new: [W, Q, R, K, H].
    beam_index: the beam of each row.
    starts: int32[Q, R], where a row's new entries begin.
    counts: int32[Q, R], how many of them count.

  Returns:
    As own.
  """
  width, size = new.shape[0], own.shape[3]
  offsets = jnp.arange(width)[None, None]
  # What does not count goes beyond the end, each to another entry, where it
  # is dropped.
  begins = jnp.where(offsets < counts[..., None], starts[..., None], size)
  entries = begins + offsets
  new = new.transpose(1, 2, 0, 3, 4)  # [Q, R, W, K, H]
  beams = beam_index.beams
  if beams is None:
    beams = jnp.broadcast_to(jnp.arange(own.shape[1])[None], starts.shape)
  if beam_index.slots is not None:
    slots = beam_index.slots[:, None, None]
    index = own.at[slots, beams[..., None], :, entries]
    return index.set(new, mode="drop", unique_indices=True)

  def write(own, new, beams, entries):
    index = own.at[beams[:, None], :, entries]
    return index.set(new, mode="drop", unique_indices=True)

  # Mapped, not indexed, so that a mesh which splits problems gathers nothing.
  return jax.vmap(write)(own, new, beams, entries)


def merge(
  own: jax.Array, new: jax.Array, starts: jax.Array, counts: jax.Array
) -> jax.Array:
  """Reads and writes all entries, which is one operation on a TPU.

  A product with a matrix of 0 and 1 finds each entry: exact, as it adds the
  entry to zeros. 2 S W H operations a head and row are, at W = 64, less than
  the time that the bytes take; these are once in W tokens what each token
  reads.

  Args:
    own: [P, N, K, S, H].
    new: [W, P, N, K, H], all of it finite.
    starts: int32[P, N], where a beam's new entries begin.
    counts: int32[P, N], how many of them count.

  Returns:
    As own.
  """
  width, size = new.shape[0], own.shape[3]
  offsets = jnp.arange(size)[None, None] - starts[..., None]  # [P, N, S]
  fresh = (offsets >= 0) & (offsets < counts[..., None])
  chosen = offsets[:, :, None] == jnp.arange(width)[None, None, :, None]
  moved = jnp.einsum(
    "wpnkh,pnws->pnksh",
    new,
    (chosen & fresh[:, :, None]).astype(new.dtype),
    precision=lax.Precision.HIGHEST,  # or float32 would be rounded
    preferred_element_type=new.dtype,
  )
  return jnp.where(fresh[:, :, None, :, None], moved, own)


def one_hot(beams: jax.Array, num_beams: int) -> jax.Array:
  """Marks the row of each beam, bool[P, N, R], for beams int32[P, R]."""
  every = jnp.arange(num_beams, dtype=beams.dtype)
  return beams[:, None] == every[None, :, None]


def spread(new: jax.Array, chosen: jax.Array) -> jax.Array:
  """Gives each beam the new entries of its row, zeros to one without.

  Args:
    new: [W, P, R, K, H], all of it finite.
    chosen: bool[P, N, R].

  Returns:
    [W, P, N, K, H].
  """
  return jnp.einsum(
    "wprkh,pnr->wpnkh", new, chosen.astype(new.dtype),
    precision=lax.Precision.HIGHEST, preferred_element_type=new.dtype,
  )  # fmt: skip
