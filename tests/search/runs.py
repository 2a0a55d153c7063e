"""Searches on the toy policy and table, one compilation a strategy."""

import collections
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from inference_scaling import search
from tests.search import toy

NUM_BEAMS = 6
MAX_DEPTH = 5
PROBLEMS = (3, 0, 2, 1)
POLICY = toy.TreePolicy(NUM_BEAMS)
REWARD = toy.TableReward()

# How often the step was traced, by policy, rules and number of problems.
traces = collections.Counter()


class World(NamedTuple):
  """Numbers of a toy world, none of which compiles anything anew.

  Attributes:
    stop: the chance that a step is the last.
    table: float32[problems, nodes], rewards.
    seed: what every problem's key is made of beside its number.
    greedy: whether the policy decides without chance.
  """

  stop: float = 0.375
  table: jax.Array = toy.table(4)
  seed: int = 0
  greedy: bool = False

  @property
  def params(self):
    return toy.PolicyParams(jnp.float32(self.stop), jnp.asarray(self.greedy))

  def keys(self, problems):
    return toy.keys([number + 100 * self.seed for number in problems])


WORLD = World()


def init(strategy, problems=PROBLEMS, world=WORLD, policy=POLICY):
  return search.init_search(
    policy, REWARD, strategy, world.params, world.table, jnp.asarray(problems),
    world.keys(problems), max_depth=MAX_DEPTH,
  )  # fmt: skip


# Half of the time goes to the optimizer of a program that runs a few times.
QUICK = {"xla_backend_optimization_level": 0}


@functools.partial(jax.jit, static_argnums=(0, 1), compiler_options=QUICK)
def _step(policy, static_part, params, table, state):
  traces[policy, static_part, state.depth.shape[0]] += 1
  return search.search_step(
    policy, REWARD, static_part, params, table, state,
    lookahead_params=params.replace(greedy=jnp.asarray(True)),
  )  # fmt: skip


def step(strategy, state, world=WORLD, policy=POLICY):
  """One step; look-aheads are greedy."""
  return _step(policy, strategy.static_part, world.params, world.table, state)


def states(strategy, problems=PROBLEMS, world=WORLD, policy=POLICY):
  """All states of a search, the first before any step."""
  result = [init(strategy, problems, world, policy)]
  while not search.is_done(result[-1]).all():
    result.append(step(strategy, result[-1], world, policy))
  return result


def host(state):
  """The leaves as NumPy arrays, keys as their data."""
  state = state.replace(keys=jax.random.key_data(state.keys))
  return jax.tree.map(np.asarray, state)


def assert_equal(first, second):
  jax.tree.map(np.testing.assert_array_equal, host(first), host(second))


def row(state, index):
  return jax.tree.map(lambda leaf: leaf[index : index + 1], state)
