"""The loop itself on a toy policy and a table of rewards."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import search
from tests.search import runs, toy

NUM_BEAMS, MAX_DEPTH = runs.NUM_BEAMS, runs.MAX_DEPTH
PROBLEMS = np.array(runs.PROBLEMS)
POLICY, REWARD = runs.POLICY, runs.REWARD
PARAMS, TABLE = runs.WORLD.params, runs.WORLD.table


def test_the_jitted_loop_is_the_steps_one_by_one():
  strategy = search.rebase(0.3)
  whole = jax.jit(
    lambda prompts, keys: search.search(
      POLICY, REWARD, strategy, PARAMS, TABLE, prompts, keys,
      max_depth=MAX_DEPTH,
    ),
    compiler_options=runs.QUICK,
  )(jnp.asarray(PROBLEMS), toy.keys(PROBLEMS))  # fmt: skip
  runs.assert_equal(whole, runs.states(strategy)[-1])


def test_a_temperature_may_be_traced():
  traces = []

  @functools.partial(jax.jit, compiler_options=runs.QUICK)
  def run(temperature):
    traces.append(temperature)
    return search.search(
      POLICY, REWARD, search.rebase(temperature), PARAMS, TABLE,
      jnp.asarray(PROBLEMS), toy.keys(PROBLEMS), max_depth=MAX_DEPTH,
    )  # fmt: skip

  hot, cold = run(100.0), run(1e-3)
  assert len(traces) == 1
  assert (hot.tree.parents != cold.tree.parents).any()


def test_a_replaced_lane_goes_on_like_a_search_of_its_own():
  strategy = search.rebase(0.3)
  state = runs.states(strategy)[2]
  fresh = runs.init(strategy, [2])
  replaced = search.replace_slot(state, jnp.int32(1), fresh)
  runs.assert_equal(runs.row(replaced, 0), runs.row(state, 0))
  while not search.is_done(replaced).all():
    replaced = runs.step(strategy, replaced)
  runs.assert_equal(runs.row(replaced, 1), runs.states(strategy, [2])[-1])
  runs.assert_equal(
    runs.row(replaced, 3), runs.row(runs.states(strategy)[-1], 3)
  )


class _Memory(NamedTuple):
  calls: jax.Array
  key: jax.Array


def _park_select(key, beams, carry):
  """Beam 0 alone goes on; remembers calls and the last key."""
  slots = jnp.arange(beams.status.shape[0], dtype=jnp.int32)
  carry = _Memory(carry.calls + 1, jax.random.key_data(key))
  return slots, slots == 0, carry


def test_strategies_may_remember_draw_and_park():
  memory = _Memory(np.int32(0), jax.random.key_data(jax.random.key(0)))
  strategy = search.Strategy(lambda num_beams: memory, _park_select)
  states = runs.states(strategy)
  final = states[-1]
  active = np.asarray(final.tree.active)
  assert active[:, 0].all() and not active[:, 1:, 1:].any()
  assert final.carry.calls.tolist() == final.depth.tolist()
  for row, problem in enumerate(PROBLEMS):
    key = jax.random.fold_in(toy.keys(PROBLEMS)[row], final.depth[row] - 1)
    key = jax.random.fold_in(key, NUM_BEAMS)
    assert problem == PROBLEMS[row]
    np.testing.assert_array_equal(
      final.carry.key[row], jax.random.key_data(key)
    )
  # Parked beams were dropped: they are neither finished nor cut.
  assert (np.asarray(final.status)[:, 1:] == search.RUNNING).any()


def _wake_select(key, beams, carry):
  """All but beam 0 go on; it is woken when it is too late."""
  del key
  slots = jnp.arange(beams.status.shape[0], dtype=jnp.int32)
  return slots, (slots > 0) | (carry == MAX_DEPTH - 1), carry + 1


def test_a_search_ends_at_its_last_depth_whatever_a_strategy_wants():
  strategy = search.Strategy(lambda num_beams: np.int32(0), _wake_select)
  world = runs.World(stop=0.0)
  final = runs.states(strategy, world=world)[-1]
  assert final.depth.tolist() == [MAX_DEPTH] * len(PROBLEMS)
  status = np.asarray(final.status)
  assert (status[:, 0] == search.RUNNING).all()
  assert (status[:, 1:] == search.TRUNCATED).all()


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    ({"init": None}, r"init is None.*not its static part"),
    ({"duplicates": "fold"}, r"duplicates is 'fold', expected one of"),
    ({"lookahead": -1}, r"lookahead is -1, expected a whole number"),
    ({"lookahead": 1.5}, r"lookahead is 1\.5, expected a whole number"),
  ],
)
def test_a_strategy_that_cannot_start_is_named(changes, words):
  strategy = search.sampling()._replace(**changes)
  with pytest.raises(ValueError, match=words):
    runs.init(strategy)


def _broken(method, result):
  """A toy policy or reward of which one function returns something else."""
  owner = toy.TableReward if method == "score" else toy.TreePolicy
  changed = {method: lambda self, *arguments: result(*arguments)}
  made = type("Broken", (owner,), changed)
  return (POLICY, made()) if method == "score" else (made(NUM_BEAMS), REWARD)


_SHAPE = (4, NUM_BEAMS)
_STEP = search.Step(
  jnp.zeros(_SHAPE, jnp.int32), jnp.zeros(_SHAPE, jnp.int32), None
)
_NODES = jnp.zeros(_SHAPE, jnp.int32)


@pytest.mark.parametrize(
  ("method", "result", "message"),
  [
    ("start", lambda params, prompts: jnp.zeros((7, 2)),
     r"policy.start has shape \[7, 2\], expected its first axes to be \[4\]"),
    ("extend", lambda *args: _STEP,
     r"policy.extend returned a Step, expected \(state, Step\)"),
    ("extend", lambda *args: (_NODES, 1), r"beside the state, expected a Step"),
    ("extend", lambda *args: (_NODES, _STEP.replace(status=_NODES[0])),
     r"Step.status from policy.extend is int32\[6\], expected int32\[4, 6\]"),
    ("extend", lambda *args: (_NODES, _STEP.replace(num_tokens=_NODES > 0)),
     r"Step.num_tokens from policy.extend is bool\[4, 6\], expected int32"),
    ("extend", lambda *args: (_NODES, _STEP.replace(content=_NODES[0])),
     r"Step.content from policy.extend has shape \[6\]"),
    ("extend", lambda *args: (_NODES + 0.5, _STEP),
     r"state from policy.extend is float32\[4, 6\], expected int32\[4, 6\]"),
    ("extend", lambda *args: ((_NODES,), _STEP),
     r"state from policy.extend has the structure"),
    ("score", lambda *args: (_NODES[:, 0], _NODES),
     r"scores from reward.score is int32\[4, 6\], expected float32\[4, 6\]"),
    ("score", lambda *args: (_NODES[:, 0], 1.0), r"scores .* is a float"),
    ("fork", lambda node, parents: node[:, :1],
     r"state from policy.fork is int32\[4, 1\], expected int32\[4, 6\]"),
  ],
)  # fmt: skip
def test_wrong_values_from_user_functions_are_named(method, result, message):
  policy, reward = _broken(method, result)
  with pytest.raises(ValueError, match=message):
    search.search(
      policy, reward, search.sampling(), PARAMS, TABLE,
      jnp.asarray(PROBLEMS), toy.keys(PROBLEMS), max_depth=2,
    )  # fmt: skip


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (lambda p, a, c: (p, a), r"select returned a tuple of 2"),
    (lambda p, a, c: (p[:2], a, c), r"parents from select is int32\[2\]"),
    (lambda p, a, c: (p, p, c), r"active from select is int32\[6\]"),
    (lambda p, a, c: (p, a, p), r"the carry from select has the structure"),
  ],
)
def test_wrong_values_from_select_are_named(change, message):
  def select(key, beams, carry):
    return change(*search.sampling().select(key, beams, carry))

  strategy = search.Strategy(lambda num_beams: (), select)
  with pytest.raises(ValueError, match=message):
    runs.states(strategy)


def _trace(strategy, policy=POLICY, reward=REWARD):
  """Traces a search, with no compilation."""
  return jax.eval_shape(
    lambda prompts, keys: search.search(
      policy, reward, strategy, PARAMS, TABLE, prompts, keys, max_depth=2
    ),
    jnp.asarray(PROBLEMS), toy.keys(PROBLEMS),
  )  # fmt: skip


class _Forward(toy.TreePolicy):
  """A policy that cannot take steps back."""

  def __getattribute__(self, name):
    if name == "rewind":
      raise AttributeError(name)
    return super().__getattribute__(name)


class _Speechless(toy.TreePolicy):
  """Steps that hold no whole number."""

  def extend(self, params, keys, state, active):
    node, step = super().extend(params, keys, state, active)
    content = {"node": step.content["node"].astype(jnp.float32)}
    return node, step.replace(content=content)


class _Constant(toy.TableReward):
  """Reads no step."""

  def score(self, params, problem, step, active):
    return problem, jnp.zeros(active.shape, jnp.float32)


def test_what_look_ahead_and_duplicates_need_is_named():
  with pytest.raises(ValueError, match=r"policy \(_Forward\) has no .* rewind"):
    _trace(search.beam_search(2, lookahead=1), _Forward(6))
  with pytest.raises(ValueError, match=r"holds no whole numbers.*'keep'"):
    _trace(search.rebase(duplicates="drop"), _Speechless(6), _Constant())
  with pytest.raises(ValueError, match=r"duplicates is 'skip', .*'merge'"):
    _trace(search.rebase()._replace(duplicates="skip"))


def test_wrong_arguments_are_named():
  with pytest.raises(ValueError, match=r"max_depth is 0"):
    search.init_search(
      POLICY, REWARD, search.sampling(), PARAMS, TABLE,
      jnp.asarray(PROBLEMS), toy.keys(PROBLEMS), max_depth=0,
    )  # fmt: skip
  with pytest.raises(ValueError, match=r"num_beams is 0"):
    runs.init(search.sampling(), policy=toy.TreePolicy(0))
  for keys in (jax.random.key(0), jnp.zeros((4, 2), jnp.uint32)):
    with pytest.raises(ValueError, match=r"expected typed PRNG keys \[P\]"):
      search.init_search(
        POLICY, REWARD, search.sampling(), PARAMS, TABLE,
        jnp.asarray(PROBLEMS), keys, max_depth=2,
      )  # fmt: skip
  with pytest.raises(ValueError, match=r"prompts has shape \[3\]"):
    search.init_search(
      POLICY, REWARD, search.sampling(), PARAMS, TABLE,
      jnp.arange(3), toy.keys(PROBLEMS), max_depth=2,
    )  # fmt: skip
