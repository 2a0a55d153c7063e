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
    greedy: bool[], True where the node decides and no key does, like a model at
      temperature 0.
  """

  stop: jax.Array
  greedy: bool | jax.Array = False


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
    draws = jnp.where(params.greedy, decided(node), draws)
    branch = (draws[..., 0] * self.branching).astype(jnp.int32)
    child = node * self.branching + 1 + branch
    stops = draws[..., 1] < params.stop
    step = search.Step(
      status=jnp.where(stops, search.FINISHED, search.RUNNING),
      num_tokens=1 + branch,
      content={"node": child, "ends": stops},
    )
    return jnp.where(active, child, node), step

  def fork(self, node, parents):
    return jnp.take_along_axis(node, parents, axis=1)

  def rewind(self, before, after):
    del after  # nothing is counted
    return before


def decided(node):
  """Two multiples of 1/128 in [0, 1) for each node: exact in any arithmetic."""
  numbers = jnp.stack([node * 7 + 3, node * 31 + 7], axis=-1)
  return (numbers % 128).astype(jnp.float32) / 128


@dataclasses.dataclass(frozen=True)
class CountingPolicy(TreePolicy):
  """Counts, slot by slot, the tokens that were ever made there."""

  def start(self, params, prompts):
    node = super().start(params, prompts)
    return {"node": node, "spent": jnp.zeros_like(node)}

  def extend(self, params, keys, state, active):
    node, step = super().extend(params, keys, state["node"], active)
    spent = state["spent"] + jnp.where(active, step.num_tokens, 0)
    return {"node": node, "spent": spent}, step

  def fork(self, state, parents):
    return {**state, "node": super().fork(state["node"], parents)}

  def rewind(self, before, after):
    return {**before, "spent": after["spent"]}


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

  def rewind(self, before, after):
    del after
    return before


def keys(numbers):
  """A key for each problem number."""
  return jax.vmap(jax.random.key)(jnp.asarray(numbers))


def table(num_problems, num_nodes=1000, seed=0):
  """Random rewards in [0, 1)."""
  shape = (num_problems, num_nodes)
  return jax.random.uniform(jax.random.key(seed), shape)
