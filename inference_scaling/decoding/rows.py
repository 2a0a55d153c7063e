"""Rows of beams: taken out of a state, put back into it, and copied.

A strategy may keep many beams of which few are active at once. The models then
run on R rows a problem, which are taken out before and put back after.

Axis letters: P problems in flight, N beams, R rows.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling.decoding import cache as cache_lib

_WINDOW = 128  # entries of a beam that a fork copies at once


def check_rows(num_rows: int | None, num_beams: int) -> int:
  """Says how many rows a model runs on.

  Args:
    num_rows: R, or None for all beams.
    num_beams: N.

  Returns:
    R.

  Raises:
    ValueError: where R is not from 1 to N.
  """
  if num_rows is None:
    return num_beams
  if not 1 <= num_rows <= num_beams:
    raise ValueError(
      f"num_rows is {num_rows}; expected 1 to {num_beams}, the number of "
      "beams, or None for all of them."
    )
  return num_rows


def widen(state: Any, mask: jax.Array) -> Any:
  """Notes how many beams are to be served at once.

  Args:
    state: of a policy or a reward, with `widest`.
    mask: bool[P, N], these beams.

  Returns:
    The state.
  """
  count = mask.sum(axis=1, dtype=jnp.int32)
  return state.replace(widest=jnp.maximum(state.widest, count))


def first_slots(mask: jax.Array, num_rows: int) -> jax.Array:
  """Lists the first R beams of a mask.

  Args:
    mask: bool[P, N].
    num_rows: R, at most N.

  Returns:
    int32[P, R], all different; where the mask has fewer, others follow.
  """
  return jnp.argsort(~mask, axis=1, stable=True)[:, :num_rows]


def take(tree, slots: jax.Array):
  """Takes some beams of each problem.

  Args:
    tree: any pytree of arrays [P, N, ...].
    slots: int32[P, R], which.

  Returns:
    The tree of arrays [P, R, ...].
  """
  # Mapped over problems, not indexed by them: so it is plain to the compiler
  # that a mesh which splits problems need not gather their caches.
  pick = jax.vmap(lambda leaf, chosen: leaf[chosen])
  return jax.tree.map(lambda leaf: pick(leaf, slots), tree)


def put(tree, slots: jax.Array, new):
  """Puts beams back where they were taken.

  Args:
    tree: any pytree of arrays [P, N, ...].
    slots: int32[P, R], all different for one problem.
    new: the same of arrays [P, R, ...].

  Returns:
    The tree of arrays [P, N, ...].
  """
  write = jax.vmap(
    lambda leaf, chosen, rows: leaf.at[chosen].set(rows, unique_indices=True)
  )
  return jax.tree.map(lambda leaf, rows: write(leaf, slots, rows), tree, new)


def spread(tree, slots: jax.Array, num_beams: int):
  """Puts beams among others of zeros.

  Args:
    tree: any pytree of arrays [P, R, ...].
    slots: int32[P, R], all different for one problem.
    num_beams: N.

  Returns:
    The tree of arrays [P, N, ...].
  """
  shape = (len(slots), num_beams)
  empty = jax.tree.map(
    lambda leaf: jnp.zeros((*shape, *leaf.shape[2:]), leaf.dtype), tree
  )
  return put(empty, slots, tree)


def take_state(state: Any, names: Sequence[str], slots: jax.Array) -> Any:
  """Takes some beams out of the state of a policy or a reward.

  Args:
    state: with a `cache` and the rest.
    names: its other fields with the axes P, N.
    slots: int32[P, R].

  Returns:
    The state of R beams a problem; what belongs to the problem is in it too.
  """
  own, beams = take(_beams(state, names), slots)
  return _replace(state, own, beams)


def put_state(
  state: Any, names: Sequence[str], slots: jax.Array, new: Any
) -> Any:
  """Undoes `take_state`.

  Args:
    state: of N beams a problem.
    names: as there.
    slots: as there.
    new: of R beams; what belongs to the problem is taken from it.

  Returns:
    The state of N beams.
  """
  own, beams = put(_beams(state, names), slots, _beams(new, names))
  return _replace(new, own, beams)


def run_on_few(
  run: Callable[[Any, Any, jax.Array], tuple[Any, Any]],
  state: Any,
  names: Sequence[str],
  num_rows: int,
  inputs: Any,
  active: jax.Array,
) -> tuple[Any, Any]:
  """Runs a model on the rows of the beams that are active.

  Args:
    run: `run(state, inputs, active) -> (state, made)`, on R rows a problem.
    state: of a policy or a reward.
    names: its fields beside `cache` that have the axes P, N.
    num_rows: R, the most beams that are active; N for all.
    inputs: any pytree of arrays [P, N, ...].
    active: bool[P, N].

  Returns:
    The new state, and what was made, [P, N, ...], zeros for other beams.
  """
  N = active.shape[1]
  state = widen(state, active)
  if num_rows == N:
    return run(state, inputs, active)
  slots = first_slots(active, num_rows)
  few = take_state(state, names, slots)
  few, made = run(few, *take((inputs, active), slots))
  return put_state(state, names, slots, few), spread(made, slots, N)


def fork(
  state: Any, names: Sequence[str], parents: jax.Array, num_rows: int
) -> Any:
  """Lets beam n go on from beam parents[n] of the same problem.

  Args:
    state: of a policy or a reward.
    names: its fields beside `cache` that have the axes P, N.
    parents: int32[P, N].
    num_rows: R, how many beams may change; N for all.

  Returns:
    The state of the chosen beams.
  """
  N = parents.shape[1]
  moved = parents != jnp.arange(N)[None]
  if num_rows == N:
    beams = {name: getattr(state, name) for name in names}
    return state.replace(
      cache=_fork_cache(state.cache, parents), **take(beams, parents)
    )
  state = widen(state, moved)
  slots = first_slots(moved, num_rows)
  sources = jnp.take_along_axis(parents, slots, axis=1)
  chosen = take_state(state, names, sources)
  return put_state(state, names, slots, chosen)


def _beams(state: Any, names: Sequence[str]):
  """What belongs to single beams: of the cache, and the rest by name."""
  cache = state.cache
  return (cache.own, cache.lengths), {
    name: getattr(state, name) for name in names
  }


def _replace(state: Any, own, beams) -> Any:
  """Puts back what `_beams` gives."""
  layers, lengths = own
  cache = state.cache.replace(own=layers, lengths=lengths)
  return state.replace(cache=cache, **beams)


def _fork_cache(cache: cache_lib.Cache, parents: jax.Array) -> cache_lib.Cache:
  """Copies the beams' own part; the prompts stay where they are.

  Window by window, as far as the longest beam goes: a copy of the whole at
  once would hold all of it twice, and most of it is not written yet.

  Args:
    cache: the cache.
    parents: int32[P, N].

  Returns:
    The cache of the chosen beams.
  """
  width = fork_window(cache.own[0][0].shape[-1])

  def copy(array, start, axis):
    window = jax.lax.dynamic_slice_in_dim(array, start, width, axis)
    window = take(window, parents)
    return jax.lax.dynamic_update_slice_in_dim(array, window, start, axis)

  def copy_window(carry):
    start, own = carry
    own = tuple(
      (copy(keys, start, 4), copy(values, start, 3)) for keys, values in own
    )
    return start + width, own

  _, own = jax.lax.while_loop(
    lambda carry: carry[0] < cache.lengths.max(),
    copy_window,
    (jnp.int32(0), cache.own),
  )
  return cache.replace(own=own, lengths=take(cache.lengths, parents))


def fork_window(size: int) -> int:
  """Says how many tokens of the beams' caches a fork copies at once.

  Args:
    size: S of these caches.

  Returns:
    A number that divides it.
  """
  return math.gcd(size, _WINDOW)
