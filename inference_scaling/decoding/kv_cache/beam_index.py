"""Which beams a model works on, and moving them out of a state and back.

A strategy may keep many beams of which few are active at once, and a problem
may be ready for its reward while others are not. Models then run on R beams of
Q problems, which are taken out before and put back after.

Axis letters: P problems in flight, N beams, Q problems and R active beams.
"""

from collections.abc import Callable, Sequence
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from jax import lax


class BeamIndex(flax.struct.PyTreeNode):
  """A choice of beams of a choice of problems.

  Attributes:
    slots: int32[Q], which problems, all different; None for all of them. On a
      mesh that splits problems it must be None: to pick some would gather all.
    beams: int32[Q, R], which beams, all different for one problem; None for all
      of them, of all problems or of one.
  """

  slots: jax.Array | None
  beams: jax.Array | None

  def problems(self, tree: Any) -> Any:
    """Takes problems: arrays [P, ...] to [Q, ...]."""
    if self.slots is None:
      return tree
    slots = self.slots
    if slots.shape == (1,):  # a slice, which is read where it is used
      return jax.tree.map(
        lambda leaf: lax.dynamic_slice_in_dim(leaf, slots[0], 1), tree
      )
    return jax.tree.map(lambda leaf: leaf[slots], tree)

  def put_problems(self, tree: Any, new: Any) -> Any:
    """Puts problems back: arrays [P, ...] and [Q, ...] to [P, ...]."""
    if self.slots is None:
      return new
    slots = self.slots
    if slots.shape == (1,):
      return jax.tree.map(
        lambda leaf, part: lax.dynamic_update_slice_in_dim(
          leaf, part, slots[0], 0
        ),
        tree, new,
      )  # fmt: skip
    return jax.tree.map(
      lambda leaf, part: leaf.at[self.slots].set(part, unique_indices=True),
      tree, new,
    )  # fmt: skip

  def take(self, tree: Any) -> Any:
    """Takes beams: arrays [P, N, ...] to [Q, R, ...]."""
    if self.beams is None:
      return self.problems(tree)
    if self.slots is not None:
      index = (self.slots[:, None], self.beams)
      return jax.tree.map(lambda leaf: leaf[index], tree)
    # Mapped over problems, not indexed by them: so it is plain to the compiler
    # that a mesh which splits problems need not gather their caches.
    pick = jax.vmap(lambda leaf, chosen: leaf[chosen])
    return jax.tree.map(lambda leaf: pick(leaf, self.beams), tree)

  def put(self, tree: Any, new: Any) -> Any:
    """Puts beams back: arrays [P, N, ...] and [Q, R, ...] to [P, N, ...]."""
    if self.beams is None:
      return self.put_problems(tree, new)
    if self.slots is not None:
      index = (self.slots[:, None], self.beams)
      return jax.tree.map(
        lambda leaf, rows: leaf.at[index].set(rows, unique_indices=True),
        tree, new,
      )  # fmt: skip
    write = jax.vmap(
      lambda leaf, chosen, rows: leaf.at[chosen].set(rows, unique_indices=True)
    )
    return jax.tree.map(
      lambda leaf, rows: write(leaf, self.beams, rows), tree, new
    )

  def take_window(self, leaf: jax.Array, size: int, axis: int) -> jax.Array:
    """Takes the first entries of beams along an axis; zeros past its end.

    Args:
      leaf: [P, N, ...].
      size: how many entries.
      axis: of the entries, at least 2.

    Returns:
      [Q, R, ...], `size` along the axis.
    """
    shape = list(leaf.shape)
    shape[axis] = min(size, shape[axis])
    if self.beams is None:
      rows = lax.slice_in_dim(self.problems(leaf), 0, shape[axis], axis=axis)
    elif self.slots is None:
      rows = jax.vmap(
        lambda own, beams: jax.vmap(
          lambda beam: _slice(own, (beam,), shape[1:])
        )(beams)
      )(leaf, self.beams)
    else:
      rows = jax.vmap(
        lambda slot, beams: jax.vmap(
          lambda beam: _slice(leaf, (slot, beam), shape)
        )(beams)
      )(self.slots, self.beams)
    return _pad(rows, size, axis)

  def put_window(
    self, leaf: jax.Array, window: jax.Array, starts: jax.Array, axis: int
  ) -> jax.Array:
    """Writes some entries of beams.

    Args:
      leaf: [P, N, ...], updated where it is.
      window: [Q, R, ...], fewer entries along the axis.
      starts: int32[Q, R], where they begin.
      axis: of the entries, at least 2.

    Returns:
      [P, N, ...].
    """
    beams = self.beams
    if beams is None:
      beams = jnp.broadcast_to(jnp.arange(leaf.shape[1])[None], starts.shape)
    index, problems = [beams, starts], (0,)
    if self.slots is not None:
      slots = jnp.broadcast_to(self.slots[:, None], starts.shape)
      index, problems = [slots, *index], ()
    return lax.scatter(
      leaf,
      jnp.stack(index, axis=-1).astype(jnp.int32),
      window,
      lax.ScatterDimensionNumbers(
        update_window_dims=tuple(range(2, leaf.ndim)),
        inserted_window_dims=(1,) if problems else (0, 1),
        scatter_dims_to_operand_dims=(1, axis) if problems else (0, 1, axis),
        operand_batching_dims=problems,
        scatter_indices_batching_dims=problems,
      ),
      unique_indices=True,
      mode=lax.GatherScatterMode.PROMISE_IN_BOUNDS,
    )


ALL = BeamIndex(None, None)


def check_rows(num_rows: int | None, num_beams: int) -> int:
  """Checks how many rows of a problem a model runs on.

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


def first_beams(mask: jax.Array, num_rows: int) -> jax.Array:
  """Lists the first R beams of a mask.

  Args:
    mask: bool[P, N].
    num_rows: R, at most N.

  Returns:
    int32[P, R], all different; where the mask has fewer, others follow.
  """
  return jnp.argsort(~mask, axis=1, stable=True)[:, :num_rows]


def for_problems(
  run: Callable[[BeamIndex, Any], Any],
  carry: Any,
  wanted: jax.Array,
  num_slots: int,
  num_beams: int,
) -> Any:
  """Runs a function for the problems that need it, Q at a time.

  Args:
    run: `run(beam_index, carry) -> carry`. The index may hold problems that do
      not need it, but none twice.
    carry: any pytree of arrays.
    wanted: bool[P], the problems that need it. If there are none, `run` is not
      called.
    num_slots: Q, problems at a time; it divides P.
    num_beams: N.

  Returns:
    The last carry.
  """
  P = wanted.shape[0]
  if num_slots == P:
    # A loop, not a branch, whose caches would be copied.
    rounds = wanted.any().astype(jnp.int32)
    return lax.fori_loop(0, rounds, lambda _, carry: run(ALL, carry), carry)
  order = jnp.argsort(~wanted, stable=True).astype(jnp.int32)
  groups = -(-wanted.sum() // num_slots)

  def run_group(index: jax.Array, carry: Any) -> Any:
    slots = lax.dynamic_slice_in_dim(order, index * num_slots, num_slots)
    if num_slots == 1:
      return run(BeamIndex(slots, None), carry)
    beams = jnp.arange(num_beams, dtype=jnp.int32)
    beams = jnp.broadcast_to(beams[None], (num_slots, num_beams))
    return run(BeamIndex(slots, beams), carry)

  return lax.fori_loop(0, groups, run_group, carry)


def _slice(
  leaf: jax.Array, index: tuple[Any, ...], shape: Sequence[int]
) -> jax.Array:
  """Slices one beam out of [..., ...], without its leading axes of size 1."""
  starts = (*index, *[0] * (leaf.ndim - len(index)))
  sizes = (*[1] * len(index), *shape[len(index) :])
  rows = lax.dynamic_slice(leaf, starts, sizes)
  return rows.reshape(sizes[len(index) :])


def _pad(rows: jax.Array, size: int, axis: int) -> jax.Array:
  """Adds zeros up to a size."""
  padding = [(0, 0)] * rows.ndim
  padding[axis] = (0, size - rows.shape[axis])
  return jnp.pad(rows, padding) if padding[axis][1] else rows
