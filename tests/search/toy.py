"""A policy and a reward without a model: draws from keys, and a table.

A beam is a node of a tree with `branching` children a node: a child is
node * branching + 1 + branch, so that a node number is a whole path.
"""

import dataclasses

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling import search


@flax.struct.dataclass
class PolicyParams:
  """Numbers of the toy policy.

  Attributes:
    stop: float32[], the chance that a step is the last.
  """

  stop: jax.Array


@dataclasses.dataclass(frozen=True)
class TreePolicy:
  """Walks down the tree by chance; a prompt is the number of a problem."""

  num_beams: int
  branching: int = 3

  def start(self, params, prompts):
    del params
    return jnp.zeros((prompts.shape[0], self.num_beams), jnp.int32)

  def extend(self, params, keys, node, active):
    draws = jax.vmap(jax.vmap(lambda key: jax.random.uniform(key, (2,))))(keys)
    branch = (draws[..., 0] * self.branching).astype(jnp.int32)
    child = node * self.branching + 1 + branch
    stops = draws[..., 1] < params.stop
    step = search.Step(
      status=jnp.where(stops, search.FINISHED, search.RUNNING),
      num_tokens=1 + branch,
      content={"node": child},
    )
    return jnp.where(active, child, node), step

  def fork(self, node, parents):
    return jnp.take_along_axis(node, parents, axis=1)


@dataclasses.dataclass(frozen=True)
class TableReward:
  """Looks rewards up; params are the table, float32[problems, nodes]."""

  def start(self, params, prompts):
    del params
    return prompts

  def score(self, params, problem, step, active):
    del active
    nodes = step.content["node"] % params.shape[1]
    return problem, params[problem[:, None], nodes]

  def fork(self, problem, parents):
    del parents
    return problem


def keys(numbers):
  """A key for each problem number."""
  return jax.vmap(jax.random.key)(jnp.asarray(numbers))


def table(num_problems, num_nodes=1000, seed=0):
  """Random rewards in [0, 1)."""
  shape = (num_problems, num_nodes)
  return jax.random.uniform(jax.random.key(seed), shape)
