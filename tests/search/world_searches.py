"""Searches of the world by strategies that grow a tree of their own."""

import jax
import numpy as np

from inference_scaling import search
from tests.search import runs, toy, world

PROBLEMS = np.arange(3)
ROOTS = 17 * PROBLEMS


class Rewards(toy.TableReward):
  """Prompts are the numbers of the roots."""

  def start(self, params, prompts):
    return prompts // 17


def table(scores):
  """Rewards by number: the scores, again and again."""
  numbers = np.arange(len(PROBLEMS) * world.NUM_NUMBERS)
  rewards = np.asarray(scores, np.float32)[numbers % len(scores)]
  return rewards.reshape(len(PROBLEMS), -1)


class Searches:
  """Searches of one size.

  Attributes:
    traces: static parts of the strategies, one for each time it was compiled.
  """

  def __init__(self, num_beams, max_depth):
    self._num_beams, self._max_depth = num_beams, max_depth
    self.traces = []
    self._run = jax.jit(
      self._search, static_argnums=0, compiler_options=runs.QUICK
    )

  def run(self, strategy, scores, stop=0, roots=ROOTS):
    """The final state, of NumPy arrays."""
    params = world.WorldParams(
      branches=np.arange(self._num_beams, dtype=np.int32), stop=np.int32(stop)
    )
    carry = strategy.init(self._num_beams)
    state = self._run(strategy.static_part, carry, params, table(scores), roots)
    return jax.tree.map(np.asarray, state.replace(keys=None))

  def _search(self, static_part, carry, params, rewards, roots):
    self.traces.append(static_part)
    strategy = static_part._replace(init=lambda num_beams: carry)
    return search.search(
      world.WorldPolicy(self._num_beams), Rewards(), strategy, params, rewards,
      roots, toy.keys(roots), max_depth=self._max_depth,
    )  # fmt: skip
