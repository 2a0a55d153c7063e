"""A policy without chance: what a beam's slot takes it to is known beforehand.

A beam is a number. The numbers of its children and whether it ends follow from
it, so that a search in plain Python or by another library sees the same tree.
"""

import dataclasses

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from inference_scaling import search

NUM_NUMBERS = 10_007  # a prime, so that nodes seldom share a number


def child_number(number, branch):
  """The number of a child; of Python's, NumPy's and JAX's numbers."""
  return (number * 31 + branch + 1) % NUM_NUMBERS


def status_of(number, stop):
  """Finished or truncated with the chance `stop`, a whole percentage."""
  ends = number * 7919 % NUM_NUMBERS < stop * (NUM_NUMBERS // 100)
  return ends * (1 + number % 2)


@flax.struct.dataclass
class WorldParams:
  """What the world is made of.

  Attributes:
    branches: int32[N], the branch that each slot takes from its node.
    stop: int32[], how many nodes in a hundred end.
  """

  branches: jax.Array
  stop: jax.Array


@dataclasses.dataclass(frozen=True)
class WorldPolicy:
  """Walks the world; prompts are the numbers of the roots."""

  num_beams: int

  def start(self, params, prompts):
    del params
    return jnp.broadcast_to(
      prompts[:, None], (prompts.shape[0], self.num_beams)
    )

  def extend(self, params, keys, number, active):
    del keys
    branches = jnp.broadcast_to(params.branches[None], number.shape)
    child = child_number(number, branches)
    status = status_of(child, params.stop).astype(jnp.int32)
    step = search.Step(status, jnp.ones_like(child), {"node": child})
    return jnp.where(active, child, number), step

  def fork(self, number, parents):
    return jnp.take_along_axis(number, parents, axis=1)


def branches(num_beams, root_children, children, same=1):
  """Which child each slot is; `same` siblings in a row share their number."""
  slots = np.arange(num_beams)
  later = (slots - root_children) % children
  ranks = np.where(slots < root_children, slots, later)
  return (ranks // same).astype(np.int32)
