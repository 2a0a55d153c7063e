"""Copies the keys and values of beams to where other beams stand.

Axis letters: P problems in flight, N beams, Q problems and R beams of each that
are copied at once, S entries.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.decoding.kv_cache import moving, working_rows
from inference_scaling.models.layers import attention
from inference_scaling.models.layers import hardware as hardware_lib

Layers = working_rows.Layers
BeamIndex = beam_index_lib.BeamIndex

_WINDOW = 128  # entries of a beam that are copied at once


def fork(
  own: Layers,
  lengths: jax.Array,
  parents: jax.Array,
  num_rows: int,
  num_slots: int,
  hardware: hardware_lib.Hardware,
) -> Layers:
  """Lets the entries of beam n be those of beam parents[n].

  Args:
    own: for each layer keys and values [P, N, K, S, H], as of a `Cache`,
      updated where they are.
    lengths: int32[P, N], entries of each beam.
    parents: int32[P, N].
    num_rows: where at most so many beams of each problem move, no others are
      copied.
    num_slots: how many problems are copied at once; it divides P.
    hardware: that the program is for.

  Returns:
    As own.
  """
  P, N = parents.shape
  if not moving.scatters(hardware):
    # A window of all beams is one write, one of some beams a loop over them.
    num_rows, num_slots = N, P
  moved = parents != jnp.arange(N)[None]
  copy = _copier(parents, moved, lengths.max(), hardware)

  def run(beam_index: BeamIndex, own: Layers) -> Layers:
    few = num_rows < N and beam_index.problems(moved).sum(axis=1) <= num_rows
    few = jnp.all(few)
    if num_rows < N:
      own = copy(beam_index, own, num_rows, few)
    return copy(beam_index, own, N, ~few)

  return beam_index_lib.for_problems(run, own, moved.any(axis=1), num_slots, N)


def window(size: int) -> int:
  """Returns how many tokens of the beams' caches a fork copies at once.

  Args:
    size: S of these caches.

  Returns:
    A number that divides it.
  """
  return math.gcd(size, _WINDOW)


def _copier(
  parents: jax.Array,
  moved: jax.Array,
  longest: jax.Array,
  hardware: hardware_lib.Hardware,
) -> Callable[[BeamIndex, Layers, int, jax.Array], Layers]:
  """Makes `copy(beam_index, own, num_rows, wanted) -> own`.

  It copies the first `num_rows` beams that move, at once for each window, since
  one may move to where another comes from.
  """
  keys_axis = attention.keys_axis(hardware)
  scatters = moving.scatters(hardware)

  def copy(
    beam_index: BeamIndex, own: Layers, num_rows: int, wanted: jax.Array
  ) -> Layers:
    beams = beam_index_lib.first_beams(beam_index.problems(moved), num_rows)
    targets = BeamIndex(beam_index.slots, beams)
    chosen = jnp.take_along_axis(beam_index.problems(parents), beams, axis=1)
    sources = BeamIndex(beam_index.slots, chosen)
    width = window(own[0][1].shape[attention.VALUES_AXIS])

    def copy_some(array: jax.Array, axis: int, begin: jax.Array) -> jax.Array:
      part = lax.dynamic_slice_in_dim(array, begin, width, axis)
      starts = jnp.broadcast_to(begin, beams.shape)
      return targets.put_window(array, sources.take(part), starts, axis)

    def copy_all(array: jax.Array, axis: int, begin: jax.Array) -> jax.Array:
      part = lax.dynamic_slice_in_dim(array, begin, width, axis)
      part = BeamIndex(None, parents).take(part)
      return lax.dynamic_update_slice_in_dim(array, part, begin, axis)

    def copy_window(carry: tuple[jax.Array, Layers]):
      begin, own = carry
      run = copy_some if scatters else copy_all
      own = working_rows.map_arrays(
        lambda array, axis: run(array, axis, begin), keys_axis, own
      )
      return begin + width, own

    end = jnp.where(wanted, longest, 0)
    return lax.while_loop(
      lambda carry: carry[0] < end, copy_window, (jnp.int32(0), own)
    )[1]

  return copy
