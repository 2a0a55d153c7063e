"""Which beams may go on, which slots are free, and where children go.

A problem has N slots. An ended beam (FINISHED or TRUNCATED) holds its slot; the
slots of all others are the budget of the next depth: B = N - held. A running
beam that got no step at some depth was given up; its slot, like that of a
DROPPED duplicate, waits for a child of another beam.
"""

import jax
import jax.numpy as jnp

from inference_scaling.search import base


def expandable(beams: base.Beams) -> jax.Array:
  """The beams that may have children.

  Args:
    beams: of one problem.

  Returns:
    bool[N], True for beams that run and made a step at this depth.
  """
  return beams.active & (beams.status == base.RUNNING)


def free(beams: base.Beams) -> jax.Array:
  """The slots that no ended beam holds; their number is the budget.

  Args:
    beams: of one problem.

  Returns:
    bool[N].
  """
  return (beams.status == base.RUNNING) | (beams.status == base.DROPPED)


def children_to_parents(widths: jax.Array, free: jax.Array) -> jax.Array:
  """Places children in slots: which slot each slot goes on from.

  As few beams move as can be: a beam's first child stays in the beam's slot.
  Further children go to the free slots of beams without children, in ascending
  order of parent and of slot. A slot holds a child where
  `widths[parents] > 0`; every other slot keeps what is in it.

  Args:
    widths: int32[N], how many slots are to go on from each beam. Their sum
      should be at most the number of free slots: fewer leave the last free
      slots as they are, and children beyond that number are not placed.
    free: bool[N], the slots that may be given to another beam once their own
      has no children. All of them where ended beams are resampled; else those
      that no ended beam holds, be their own beam running, dropped or given up.

  Returns:
    int32[N] parents.
  """
  slots = jnp.arange(widths.shape[0], dtype=jnp.int32)
  ends = jnp.cumsum(jnp.maximum(widths - 1, 0), dtype=jnp.int32)
  vacant = free & (widths <= 0)
  rank = jnp.cumsum(vacant, dtype=jnp.int32) - 1  # of a vacant slot among them
  # The r-th further child belongs to the first beam whose running count of
  # further children exceeds r.
  owner = jnp.searchsorted(ends, rank, side="right").astype(jnp.int32)
  return jnp.where(vacant & (rank < ends[-1]), owner, slots)
