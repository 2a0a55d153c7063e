"""The loop and every strategy on a toy policy and a table of rewards."""

import functools
import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import search
from tests.search import oracle, toy

NUM_BEAMS = 6
MAX_DEPTH = 5
STOP = 0.375
PROBLEMS = np.array([3, 0, 2, 1])

# Every strategy as a function of one number; a new one joins all tests here.
STRATEGIES = {
  "sampling": lambda number: search.sampling(),
  "rebase": lambda number: search.rebase(number),
  "rebase_round": lambda number: search.rebase(number, rule="round"),
}
all_strategies = pytest.mark.parametrize("name", sorted(STRATEGIES))

POLICY = toy.TreePolicy(NUM_BEAMS)
REWARD = toy.TableReward()
PARAMS = toy.PolicyParams(stop=jnp.float32(STOP))
TABLE = toy.table(4)


def _init(strategy, problems=PROBLEMS, max_depth=MAX_DEPTH, policy=POLICY):
  return search.init_search(
    policy, REWARD, strategy, PARAMS, TABLE, jnp.asarray(problems),
    toy.keys(problems), max_depth=max_depth,
  )  # fmt: skip


@functools.partial(jax.jit, static_argnums=(0, 1))
def _step(policy, rules, state):
  return search.search_step(policy, REWARD, rules, PARAMS, TABLE, state)


def _states(strategy, problems=PROBLEMS, policy=POLICY):
  """All states of a search, the first before any step."""
  states = [_init(strategy, problems, policy=policy)]
  while not search.is_done(states[-1]).all():
    states.append(_step(policy, strategy.rules, states[-1]))
  return states


def _host(state):
  """The leaves as NumPy arrays, keys as their data."""
  state = state.replace(keys=jax.random.key_data(state.keys))
  return jax.tree.map(np.asarray, state)


def _assert_equal(first, second):
  jax.tree.map(np.testing.assert_array_equal, _host(first), _host(second))


def _row(state, index):
  return jax.tree.map(lambda leaf: leaf[index : index + 1], state)


def _reference(problem, temperature):
  """A search of one problem in plain Python; T_b None is sampling."""
  key, table = jax.random.key(problem), np.asarray(TABLE)[problem]
  nodes, status = [0] * NUM_BEAMS, [search.RUNNING] * NUM_BEAMS
  scores = [0.0] * NUM_BEAMS
  levels = []
  for depth in range(MAX_DEPTH):
    active = [s == search.RUNNING for s in status]
    if not any(active):
      break
    tokens = [0] * NUM_BEAMS
    depth_key = jax.random.fold_in(key, depth)
    for slot in np.flatnonzero(active):
      draws = jax.random.uniform(jax.random.fold_in(depth_key, slot), (2,))
      branch = int(draws[0] * POLICY.branching)
      nodes[slot] = nodes[slot] * POLICY.branching + 1 + branch
      tokens[slot] = 1 + branch
      scores[slot] = table[nodes[slot] % len(table)]
      if draws[1] < STOP:
        status[slot] = search.FINISHED
      elif depth == MAX_DEPTH - 1:
        status[slot] = search.TRUNCATED
    parents = _reference_parents(scores, status, temperature)
    made = [n if on else 0 for n, on in zip(nodes, active, strict=True)]
    levels.append((parents, active, scores[:], status[:], tokens, made))
    nodes, status, scores = (
      [values[parent] for parent in parents]
      for values in (nodes, status, scores)
    )
  return levels


def _reference_parents(scores, status, temperature):
  """The slot that each slot goes on from."""
  parents = list(range(NUM_BEAMS))
  running = [s == search.RUNNING for s in status]
  if temperature is None or not any(running):
    return parents
  widths, _ = oracle.ceil_widths(scores, running, sum(running), temperature)
  free = [n for n in parents if running[n] and not widths[n]]
  for parent, width in enumerate(widths):
    for _ in range(width - 1):
      parents[free.pop(0)] = parent
  return parents


@pytest.mark.parametrize("temperature", [None, 0.1, 1.0])
def test_trees_agree_with_a_search_in_plain_python(temperature):
  strategy = search.rebase(temperature) if temperature else search.sampling()
  final = _states(strategy)[-1]
  tree = final.tree
  fields = [tree.parents, tree.active, tree.scores, tree.status]
  fields += [tree.num_tokens, tree.contents["node"]]
  forked = 0
  for row, problem in enumerate(PROBLEMS):
    levels = _reference(int(problem), temperature)
    assert final.depth[row] == len(levels)
    for depth, level in enumerate(levels):
      for field, expected in zip(fields, level, strict=True):
        np.testing.assert_array_equal(np.asarray(field)[row, depth], expected)
      forked += level[0] != list(range(NUM_BEAMS))
    assert not np.asarray(tree.active)[row, len(levels) :].any()
  assert forked if temperature else not forked


@all_strategies
def test_the_jitted_loop_is_the_steps_one_by_one(name):
  strategy = STRATEGIES[name](0.3)
  whole = jax.jit(
    lambda prompts, keys: search.search(
      POLICY, REWARD, strategy, PARAMS, TABLE, prompts, keys,
      max_depth=MAX_DEPTH,
    )
  )(jnp.asarray(PROBLEMS), toy.keys(PROBLEMS))  # fmt: skip
  _assert_equal(whole, _states(strategy)[-1])


@all_strategies
def test_budget_and_terminal_beams(name):
  """Running beams are extended, no others; a terminal beam never changes."""
  states = _states(STRATEGIES[name](0.3))
  for before, after in itertools.pairwise(states):
    terminal = np.asarray(before.status) != search.RUNNING
    assert (np.asarray(before.active) == ~terminal).all()
    for field in ("status", "scores", "policy_state"):
      old = np.asarray(getattr(before, field))[terminal]
      new = np.asarray(getattr(after, field))[terminal]
      np.testing.assert_array_equal(old, new)
  status = np.asarray(states[-1].status)
  assert (status != search.RUNNING).all()
  assert {search.FINISHED, search.TRUNCATED} == set(status.ravel().tolist())


@all_strategies
def test_a_problem_that_is_done_passes_through_unchanged(name):
  strategy = STRATEGIES[name](0.3)
  states = _states(strategy)
  waited = 0
  for before, after in itertools.pairwise(states):
    for row in np.flatnonzero(search.is_done(before)):
      _assert_equal(_row(before, row), _row(after, row))
      waited += 1
  assert waited
  _assert_equal(states[-1], _step(POLICY, strategy.rules, states[-1]))


@all_strategies
def test_neighbours_and_their_order_do_not_matter(name):
  strategy = STRATEGIES[name](0.3)
  final = _states(strategy)[-1]
  turned = _states(strategy, PROBLEMS[::-1])[-1]
  alone = _states(strategy, PROBLEMS[1:2])[-1]
  for row in range(len(PROBLEMS)):
    _assert_equal(_row(final, row), _row(turned, len(PROBLEMS) - 1 - row))
  _assert_equal(_row(final, 1), alone)


@all_strategies
def test_a_new_number_compiles_nothing(name):
  traces = []

  @functools.partial(jax.jit, static_argnums=0)
  def step(rules, state):
    traces.append(rules)
    return search.search_step(POLICY, REWARD, rules, PARAMS, TABLE, state)

  for number in (0.1, 0.7, 2):
    strategy = STRATEGIES[name](number)
    state = step(strategy.rules, _init(strategy))
    step(strategy.rules, state)
  assert len(traces) == 1


def test_a_temperature_may_be_traced():
  traces = []

  @jax.jit
  def run(temperature):
    traces.append(temperature)
    return search.search(
      POLICY, REWARD, search.rebase(temperature), PARAMS, TABLE,
      jnp.asarray(PROBLEMS), toy.keys(PROBLEMS), max_depth=MAX_DEPTH,
    )  # fmt: skip

  hot, cold = run(100.0), run(1e-3)
  assert len(traces) == 1
  assert (hot.tree.parents != cold.tree.parents).any()


@all_strategies
def test_one_beam_is_a_greedy_chain(name):
  policy = toy.TreePolicy(num_beams=1)
  final = _states(STRATEGIES[name](0.1), policy=policy)[-1]
  chain = _states(search.sampling(), policy=policy)[-1]
  jax.tree.map(np.testing.assert_array_equal, final.tree, chain.tree)


def test_rebase_with_equal_rewards_keeps_every_beam():
  strategy = search.rebase(0.1)
  state = search.search(
    POLICY, REWARD, strategy, PARAMS, jnp.full((4, 7), 0.3),
    jnp.asarray(PROBLEMS), toy.keys(PROBLEMS), max_depth=MAX_DEPTH,
  )  # fmt: skip
  assert (state.tree.parents == jnp.arange(NUM_BEAMS)[None, None]).all()


def test_a_replaced_lane_goes_on_like_a_search_of_its_own():
  strategy = search.rebase(0.3)
  state = _states(strategy)[2]
  fresh = _init(strategy, [2])
  replaced = search.replace_lane(state, jnp.int32(1), fresh)
  _assert_equal(_row(replaced, 0), _row(state, 0))
  while not search.is_done(replaced).all():
    replaced = _step(POLICY, strategy.rules, replaced)
  _assert_equal(_row(replaced, 1), _states(strategy, [2])[-1])
  _assert_equal(_row(replaced, 3), _row(_states(strategy)[-1], 3))


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
  states = _states(strategy)
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
    _states(strategy)


def test_wrong_arguments_are_named():
  with pytest.raises(ValueError, match=r"max_depth is 0"):
    _init(search.sampling(), max_depth=0)
  with pytest.raises(ValueError, match=r"num_beams is 0"):
    _init(search.sampling(), policy=toy.TreePolicy(0))
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
