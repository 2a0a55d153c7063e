"""Plain policies and rewards in an engine: the steps of `search_step`."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import search
from inference_scaling.search.porting import whole_steps
from tests.search import runs, table, toy

NAMES = ("beam_search/lookahead/merge", "mcts/drop")
PLAIN = toy.CountingPolicy(runs.NUM_BEAMS)
POLICY = search.batched_policy(PLAIN)
REWARD = search.batched_reward(runs.REWARD)
EVERYONE = jnp.ones(len(runs.PROBLEMS), bool)


def _never(live):
  return jnp.zeros((), bool)


@functools.partial(jax.jit, static_argnums=0, compiler_options=runs.QUICK)
def _advance(static_part, params, table, state):
  """What an engine does, with `begin`, `write` and `finish`."""
  policy_state = POLICY.begin(state.policy_state, state.active)
  keys = search.step_keys(state, POLICY.num_beams)
  policy_state = POLICY.write(params, keys, policy_state, _never)
  policy_state, step = POLICY.finish(policy_state, EVERYONE)
  return search.score_and_select(
    POLICY, REWARD, static_part, params, table, state, policy_state, step,
    EVERYONE, lookahead_params=params.replace(greedy=jnp.asarray(True)),
  )  # fmt: skip


def _start(strategy, world=runs.WORLD):
  return search.init_search(
    POLICY, REWARD, strategy, world.params, world.table,
    jnp.asarray(runs.PROBLEMS), world.keys(runs.PROBLEMS),
    max_depth=runs.MAX_DEPTH,
  )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_an_engine_takes_the_steps_of_search_step(name):
  strategy, world = table.STRATEGIES[name].make(0.4), runs.WORLD
  wanted = runs.states(strategy, policy=PLAIN)
  state = _start(strategy)
  for plain in wanted[1:]:
    state = _advance(strategy.static_part, world.params, world.table, state)
    inner = state.replace(
      policy_state=state.policy_state.owner,
      reward_state=state.reward_state.owner,
    )
    runs.assert_equal(inner, plain)
  # The tokens of look-aheads are in no tree, and counted all the same.
  counts, spent = POLICY.counts(state.policy_state), state.tree.num_tokens.sum()
  assert (counts.decode.sum() > spent) == ("lookahead" in name)
  np.testing.assert_array_equal(
    counts.decode, REWARD.counts(state.reward_state).decode
  )


def test_steps_that_are_written_wait_for_the_others():
  world, state = runs.WORLD, _start(search.sampling())
  keys = search.step_keys(state, POLICY.num_beams)
  _, wanted = PLAIN.extend(
    world.params, keys, state.policy_state.owner, state.active
  )
  first = jnp.arange(4)[:, None] < jnp.full((1, POLICY.num_beams), 2)
  half = POLICY.begin(state.policy_state, first)
  np.testing.assert_array_equal(POLICY.live(half), first)
  half = POLICY.write(world.params, keys, half, _never)
  assert not POLICY.live(half).any()
  whole = POLICY.write(
    world.params, keys, POLICY.begin(half, ~first), _never
  )  # fmt: skip
  jax.tree.map(
    np.testing.assert_array_equal, POLICY.finish(whole, EVERYONE)[1], wanted
  )
  idle, _ = POLICY.finish(POLICY.begin(whole, first), EVERYONE)
  assert not POLICY.live(idle).any()


def test_adapters_keep_the_laws_of_a_port():
  report = search.check(
    POLICY, REWARD, runs.WORLD.params, runs.WORLD.table, jnp.array([3, 1]),
    jit=False,
  )  # fmt: skip
  assert "rewind" in report


def test_what_is_fit_already_stays_and_equal_owners_are_equal():
  assert search.batched_policy(POLICY) is POLICY
  assert search.batched_reward(REWARD) is REWARD
  again = search.batched_policy(toy.CountingPolicy(runs.NUM_BEAMS))
  assert again == POLICY and hash(again) == hash(POLICY)


def test_an_owner_that_takes_no_step_back_has_no_rewind():
  assert not hasattr(search.batched_policy(_Bare()), "rewind")
  with pytest.raises(AttributeError, match="WholeSteps has no storage"):
    _ = POLICY.storage


class _Bare:
  num_beams = 2


class _Broken(toy.TableReward):
  """Its score of one beam is no number."""

  def score(self, params, state, step, active):
    state, scores = super().score(params, state, step, active)
    return state, scores.at[1, 2].set(jnp.nan)


def test_a_score_that_is_no_number_is_named():
  world = runs.WORLD
  reward = search.batched_reward(_Broken())
  state = reward.start(world.table, jnp.asarray(runs.PROBLEMS))
  policy_state = PLAIN.start(world.params, jnp.asarray(runs.PROBLEMS))
  active = jnp.ones((4, PLAIN.num_beams), bool)
  keys = jax.random.split(jax.random.key(0), active.shape)
  _, step = PLAIN.extend(world.params, keys, policy_state, active)
  after, _ = reward.score(world.table, state, step, active)
  report = np.asarray(reward.report(after))
  assert report.tolist() == [True, False, True, True]
  reward.check(report[0], "problem 7, depth 0")
  with pytest.raises(
    FloatingPointError, match=r"problem 8, depth 0: .*\(_Broken\) is NaN"
  ):
    reward.check(report[1], "problem 8, depth 0")
  # A beam that is not active may have any score.
  idle, _ = reward.score(world.table, state, step, active.at[1, 2].set(False))
  assert reward.report(idle).all()


@pytest.mark.parametrize(
  ("name", "value", "words"),
  [
    ("status", 9, r"status from policy.extend is 9, expected RUNNING"),
    ("status", -1, r"status from policy.extend is -1, expected RUNNING"),
    ("num_tokens", -3, r"num_tokens from policy.extend is -3, expected a num"),
  ],
)
def test_a_value_that_a_step_may_not_have_is_named(name, value, words):
  class Wrong(toy.CountingPolicy):
    def extend(self, params, keys, state, active):
      state, step = super().extend(params, keys, state, active)
      values = getattr(step, name).at[1, 2].set(value)
      return state, step.replace(**{name: values})

  params, policy = runs.WORLD.params, search.batched_policy(Wrong(5))
  before = policy.start(params, jnp.asarray(runs.PROBLEMS))
  active = jnp.ones((4, 5), bool)
  keys = jax.random.split(jax.random.key(0), active.shape)
  extend = jax.jit(policy.extend)  # values are not known while it is traced
  after, _ = extend(params, keys, before, active)
  # Taken back, as by a look-ahead, and sound ones behind it.
  after = policy.rewind(before, after)
  after, _ = extend(params, keys, after, active.at[1, 2].set(False))
  reports = [
    jax.tree.map(lambda leaf, p=p: np.asarray(leaf[p]), policy.report(after))
    for p in range(4)
  ]
  policy.check(reports[0], "problem 7, depth 0")
  with pytest.raises(ValueError, match=f"problem 8, .*Wrong.: Step.{words}"):
    policy.check(reports[1], "problem 8, depth 0")
  idle, _ = extend(params, keys, before, active.at[1, 2].set(False))
  policy.check(jax.tree.map(lambda leaf: leaf[1], policy.report(idle)), "")


def test_prompts_are_counted_where_the_owner_does_not():
  counts = POLICY.counts(_start(search.sampling()).policy_state)
  one = jax.tree.map(lambda leaf: leaf[0], counts)
  assert whole_steps.add_prompt(POLICY, one, 9).prefill == 9
  assert whole_steps.add_prompt(object(), one, 9).prefill == 0
