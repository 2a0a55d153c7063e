"""Errors for models, strategies, keys and sizes that cannot make a search."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import search
from tests.search import runs, toy

POLICY, REWARD = toy.TreePolicy(4), toy.TableReward()
PROBLEMS = (0, 1)


def without(owner, name):
  """An object like another one that lacks a function (or has a text there)."""

  class Lacking(type(owner)):
    def __getattribute__(self, wanted):
      if wanted == name:
        raise AttributeError(wanted)
      return super().__getattribute__(wanted)

  fields = (owner.num_beams,) if hasattr(owner, "num_beams") else ()
  return Lacking(*fields)


def _start(policy, reward, strategy, **changes):
  arguments = {"prompts": jnp.asarray(PROBLEMS), "keys": toy.keys(PROBLEMS)}
  arguments |= {"max_depth": 2} | changes
  return arguments


def _search(policy, reward, strategy, **changes):
  arguments = _start(policy, reward, strategy, **changes)
  search.search(
    policy, reward, strategy, runs.WORLD.params, runs.WORLD.table, **arguments
  )


def _init(policy, reward, strategy, **changes):
  arguments = _start(policy, reward, strategy, **changes)
  return search.init_search(
    policy, reward, strategy, runs.WORLD.params, runs.WORLD.table, **arguments
  )


@functools.cache
def _state():
  return search.init_search(
    POLICY, REWARD, search.rebase(), runs.WORLD.params, runs.WORLD.table,
    jnp.asarray(PROBLEMS), toy.keys(PROBLEMS), max_depth=2,
  )  # fmt: skip


def _step(policy, reward, strategy):
  search.search_step(
    policy, reward, strategy, runs.WORLD.params, runs.WORLD.table, _state()
  )


def _score_and_select(policy, reward, strategy):
  search.score_and_select(
    policy, reward, strategy, runs.WORLD.params, runs.WORLD.table, _state(),
    _state().policy_state, None, jnp.ones(2, bool),
  )  # fmt: skip


ENTRIES = (_search, _init, _step, _score_and_select)


@pytest.mark.parametrize("enter", ENTRIES)
@pytest.mark.parametrize(
  ("strategy", "words"),
  [
    (search.rebase, r"is the function rebase, .*call it: rebase\(\.\.\)"),
    (search.mcts, r"is the function mcts, expected a Strategy; call it"),
    (search.Strategy, r"the function Strategy, .*call it: Strategy\(\.\.\)"),
    (lambda: search.rebase(), r"is the function <lambda>, expected a Strat"),
    ("rebase", r"strategy is 'rebase', expected a Strategy; make one, such"),
    (None, r"strategy is None, expected a Strategy"),
    (0.1, r"strategy is 0\.1, expected a Strategy"),
    ({"kind": "rebase"}, r"is \{'kind': 'rebase'\}, expected a Strategy"),
    ([search.rebase()], r"expected a Strategy"),
    (tuple(search.rebase()), r"expected a Strategy"),
    (search.rebase()._replace(select="best"), r"select is 'best', expected a"),
    (search.rebase()._replace(select=None), r"strategy\.select is None"),
    (search.rebase()._replace(init=0.1), r"strategy\.init is 0\.1, expected"),
    (search.rebase()._replace(first=[0]), r"strategy\.first is \[0\]"),
    (search.rebase()._replace(lookahead=True), r"lookahead is True, expected"),
    (search.rebase()._replace(lookahead=1.0), r"lookahead is 1\.0, expected"),
    (search.rebase()._replace(duplicates=None), r"duplicates is None, expect"),
  ],
)  # fmt: skip
def test_what_is_no_strategy_is_named(enter, strategy, words):
  with pytest.raises(ValueError, match=words):
    enter(POLICY, REWARD, strategy)


@pytest.mark.parametrize("enter", ENTRIES)
@pytest.mark.parametrize("name", ["start", "extend", "fork", "num_beams"])
def test_a_policy_that_lacks_something_is_named(enter, name):
  words = rf"the policy \(Lacking\) has no function {name}"
  if name == "num_beams":
    words = r"the policy \(Lacking\) has no num_beams"
  with pytest.raises(ValueError, match=words):
    enter(without(POLICY, name), REWARD, search.rebase())


@pytest.mark.parametrize("enter", ENTRIES)
@pytest.mark.parametrize("name", ["start", "score", "fork"])
def test_a_reward_that_lacks_something_is_named(enter, name):
  words = rf"the reward \(Lacking\) has no function {name}, expected an ob"
  with pytest.raises(ValueError, match=words):
    enter(POLICY, without(REWARD, name), search.rebase())


@pytest.mark.parametrize("enter", ENTRIES)
def test_models_in_the_wrong_place_are_named(enter):
  strategy = search.rebase()
  for policy, reward, words in (
    (REWARD, POLICY, r"the policy \(TableReward\) has no function extend"),
    (
      POLICY,
      None,
      r"the reward \(NoneType\) has no function start and no score",
    ),
    (
      None,
      REWARD,
      r"the policy \(NoneType\) has no function start and no extend",
    ),
    ("model", REWARD, r"the policy \(str\) has no function"),
    (toy.TreePolicy, REWARD, r"policy is the class TreePolicy.*make one: Tree"),
    (POLICY, toy.TableReward, r"the reward is the class TableReward, expected"),
  ):
    with pytest.raises(ValueError, match=words):
      enter(policy, reward, strategy)


@pytest.mark.parametrize("number", [0, -1, 2.0, "4", None, True, np.array(4)])
def test_sizes_are_whole_numbers(number):
  with pytest.raises(ValueError, match=r"max_depth is .*expected a whole"):
    _init(POLICY, REWARD, search.rebase(), max_depth=number)
  with pytest.raises(ValueError, match=r"num_beams is .*expected a whole"):
    _init(toy.TreePolicy(number), REWARD, search.rebase())


def test_sizes_may_be_numpy_numbers():
  policy = toy.TreePolicy(np.int64(4))
  state = _init(policy, REWARD, search.rebase(), max_depth=np.int32(2))
  assert state.tree.active.shape[1:] == (2, 4)


@pytest.mark.parametrize(
  "make",
  [
    lambda: None, lambda: 0, lambda: [0, 1], lambda: "seed",
    lambda: np.zeros(2, np.uint32), lambda: jax.random.key(0),
    lambda: jnp.zeros((2, 2), jnp.uint32),
    lambda: jax.random.split(jax.random.key(0), (2, 2)),
  ],
)  # fmt: skip
def test_wrong_keys_are_named(make):
  with pytest.raises(ValueError, match=r"keys are .*typed PRNG keys \[P\]"):
    _init(POLICY, REWARD, search.rebase(), keys=make())


def test_the_rules_of_a_strategy_take_a_step_but_start_nothing():
  static_part = search.rebase().static_part
  _step(POLICY, REWARD, static_part)
  with pytest.raises(ValueError, match=r"init is None.*not its static part"):
    _init(POLICY, REWARD, static_part)


def test_a_look_ahead_without_rewind_is_named_before_any_step():
  words = r"the (policy|reward) \(Lacking\) has no function rewind"
  strategy = search.beam_search(2, lookahead=1)
  for models in (
    (without(POLICY, "rewind"), REWARD), (POLICY, without(REWARD, "rewind"))
  ):  # fmt: skip
    for enter in ENTRIES:
      with pytest.raises(ValueError, match=words):
        enter(*models, strategy)
    _init(*models, search.beam_search(2))


@pytest.mark.parametrize("enter", [_step, _score_and_select])
def test_a_policy_with_other_beams_than_the_state_is_named(enter):
  with pytest.raises(ValueError, match=r"4 beams a problem .*num_beams=5"):
    enter(toy.TreePolicy(5), REWARD, search.rebase())


@pytest.mark.parametrize(
  ("numbers", "beams", "depths"),
  [((4, 2, 8), 18, 10), ((2, 2, 1), 2, 2), ((5, 2, 3), 9, 6)],
)
def test_expansions_that_do_not_fit_into_the_depths_are_named(
  numbers, beams, depths
):
  root_children, children, expansions = numbers
  strategy = search.mcts(root_children, children, expansions=expansions)
  assert search.mcts_shape(*numbers) == (beams, depths)
  for less in (1, depths - 1):
    words = rf"mcts: max_depth is {less}, expected at least {depths} for"
    for enter in (_init, _search):
      with pytest.raises(ValueError, match=words):
        enter(toy.TreePolicy(beams), REWARD, strategy, max_depth=less)
  _init(toy.TreePolicy(beams), REWARD, strategy, max_depth=depths)
  # Without a number, there are as many as fit.
  strategy = search.mcts(root_children, children)
  _init(toy.TreePolicy(beams), REWARD, strategy, max_depth=1)


@pytest.mark.parametrize(
  ("change", "words"),
  [
    ({"status": 3}, r"Step\.status .* is 3 for beam 0 of problem 0"),
    ({"status": -1}, r"Step\.status .*expected RUNNING \(0\), FINISHED"),
    ({"num_tokens": -2}, r"Step\.num_tokens .* is -2 .*at least 0"),
  ],
)
def test_impossible_steps_are_named_where_their_values_are_known(change, words):
  class Faulty(toy.TreePolicy):
    def extend(self, params, keys, node, active):
      node, step = super().extend(params, keys, node, active)
      numbers = {k: jnp.full(active.shape, v) for k, v in change.items()}
      return node, step.replace(**numbers)

  with pytest.raises(ValueError, match=words):
    _step(Faulty(4), REWARD, search.rebase())
