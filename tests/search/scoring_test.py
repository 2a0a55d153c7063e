"""Problems that are resolved in any order, and not all at once."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import search
from tests.search import runs, table, toy

# One program each: between them they look ahead, park beams, drop and merge
# duplicates, remember, and draw in `select`.
NAMES = ("beam_search/lookahead/merge", "mcts/drop", "particle_filter")
POLICY = toy.CountingPolicy(runs.NUM_BEAMS)


@functools.partial(jax.jit, static_argnums=0, compiler_options=runs.QUICK)
def _score_and_select(static_part, params, table, state, ready):
  """Extends and scores some problems; the others have not begun theirs."""
  keys = search.step_keys(state, POLICY.num_beams)
  policy_state, step = POLICY.extend(
    params, keys, state.policy_state, state.active & ready[:, None]
  )
  return search.score_and_select(
    POLICY, runs.REWARD, static_part, params, table, state, policy_state, step,
    ready, lookahead_params=params.replace(greedy=jnp.asarray(True)),
  )  # fmt: skip


def _advance(name, state, ready):
  static_part, world = _strategy(name).static_part, runs.WORLD
  return _score_and_select(
    static_part, world.params, world.table, state, jnp.asarray(ready)
  )


def _strategy(name):
  return table.STRATEGIES[name].make(0.4)


def _init(name, problems=runs.PROBLEMS):
  return runs.init(_strategy(name), problems, policy=POLICY)


@functools.cache
def _together(name):
  """All states of a search whose problems go in step."""
  return runs.states(_strategy(name), policy=POLICY)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_problems_gives_the_same_bits(name, seed):
  random = np.random.default_rng(seed)
  state, apart = _init(name), 0
  while not search.is_done(state).all():
    # A problem that is done, or all or none of them, may be called ready too.
    state = _advance(name, state, random.random(len(runs.PROBLEMS)) < 0.4)
    apart = max(apart, int(jnp.ptp(state.depth)))
  runs.assert_equal(state, _together(name)[-1])
  assert apart > 1


@pytest.mark.parametrize("name", NAMES)
def test_others_pass_through_bit_for_bit(name):
  before = _together(name)[1]
  ready = np.array([True, False, True, False])
  after, together = _advance(name, before, ready), _together(name)[2]
  for problem, went in enumerate(ready):
    wanted = together if went else before
    runs.assert_equal(runs.row(after, problem), runs.row(wanted, problem))
    assert after.depth[problem] == before.depth[problem] + went
  runs.assert_equal(_advance(name, before, ready & False), before)


def test_keys_come_from_the_problem_its_depth_and_the_slot():
  state = _together("mcts/drop")[2]
  found = jax.random.key_data(search.step_keys(state, 3))
  for row, problem in enumerate(runs.PROBLEMS):
    key = jax.random.fold_in(toy.keys([problem])[0], state.depth[row])
    for slot in range(3):
      wanted = jax.random.key_data(jax.random.fold_in(key, slot))
      np.testing.assert_array_equal(found[row, slot], wanted)
