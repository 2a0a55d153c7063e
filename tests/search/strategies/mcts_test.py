"""MCTS against a search in plain Python, against mctx and by hand."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import search
from tests.search import mcts_oracle, runs, toy, world

# One program serves all numbers, as long as they need no more than these.
EXPANSIONS = 24
NUM_BEAMS, MAX_DEPTH = search.mcts_shape(16, 2, EXPANSIONS)
PROBLEMS = np.arange(6)
ROOTS = 17 * PROBLEMS
TABLE = np.asarray(toy.table(len(PROBLEMS), world.NUM_NUMBERS))
traces = []


class Rewards(toy.TableReward):
  """Prompts are the numbers of the roots."""

  def start(self, params, prompts):
    return prompts // 17


@functools.partial(
  jax.jit, static_argnums=(0, 1, 2), compiler_options=runs.QUICK
)
def _run(policy, static_part, max_depth, carry, params, table, roots):
  traces.append(static_part)
  strategy = static_part._replace(init=lambda num_beams: carry)
  return search.search(
    policy, Rewards(), strategy, params, table, roots, toy.keys(roots),
    max_depth=max_depth,
  )  # fmt: skip


def _search(numbers, stop=0, same=1, table=TABLE, roots=ROOTS):
  """The final state, of NumPy arrays, for the keyword arguments of mcts."""
  strategy = search.mcts(**numbers)
  params = world.WorldParams(
    branches=world.branches(
      NUM_BEAMS, numbers["root_children"], numbers["children"], same
    ),
    stop=np.int32(stop),
  )
  state = _run(
    world.WorldPolicy(NUM_BEAMS), strategy.static_part, MAX_DEPTH,
    strategy.init(NUM_BEAMS), params,
    table, roots,
  )  # fmt: skip
  return jax.tree.map(np.asarray, state.replace(keys=None))


def _reference(row, numbers, stop=0, same=1, table=TABLE):
  root = mcts_oracle.Node(int(ROOTS[row]), None, search.RUNNING)
  numbers = {"max_steps": math.inf, **numbers}
  return mcts_oracle.Search(
    root, table[row].tolist(), stop, same=same, **numbers
  ).run()


def _assert_same_tree(state, row, oracle):
  """Node by node, value by value and round by round."""
  memory = jax.tree.map(lambda leaf: leaf[row], state.carry)
  tree = jax.tree.map(lambda leaf: leaf[row], state.tree)
  size, places = len(oracle.nodes), {oracle.root: NUM_BEAMS}
  places |= {node: slot for slot, node in enumerate(oracle.nodes)}
  assert memory.used == size
  assert memory.parents[:size].tolist() == [
    places[node.parent] for node in oracle.nodes
  ]
  for node, slot in places.items():
    assert memory.visits[slot] == node.visits
    mean = memory.totals[slot] / max(node.visits, 1)
    np.testing.assert_allclose(mean, node.value, rtol=1e-5, atol=1e-30)
    assert memory.expanded[slot] == node.is_expanded
    assert memory.steps[slot] == node.steps
  made = [[places[node] for node in nodes] for nodes in oracle.rounds]
  active = [np.flatnonzero(row).tolist() for row in tree.active if row.any()]
  assert active == made
  assert state.depth[row] == len(made)
  nodes = search.list_nodes(tree.parents, tree.active)
  parents = [places[node.parent] for node in oracle.nodes]
  assert nodes.parents.tolist() == [
    search.NO_NODE if slot == NUM_BEAMS else slot for slot in parents
  ]
  made_by = (nodes.rounds, nodes.slots)
  contents = tree.contents["node"][made_by]
  assert contents.tolist() == [node.number for node in oracle.nodes]
  status = tree.status[made_by]
  assert status.tolist() == [node.status for node in oracle.nodes]


@pytest.mark.parametrize("stop", [0, 40, 85])
@pytest.mark.parametrize("exploration", [0, 0.2, 1, 30])
@pytest.mark.parametrize(
  ("root_children", "children", "expansions", "max_steps"),
  [(4, 2, 24, None), (8, 2, 12, 4), (16, 2, 24, 2), (5, 3, 17, 3),
   (4, 1, 24, None)],
)  # fmt: skip
def test_agrees_node_by_node_with_plain_python(
  root_children, children, expansions, max_steps, exploration, stop
):
  numbers = {
    "root_children": root_children,
    "children": children,
    "exploration": exploration,
    "expansions": expansions,
  }
  if max_steps is not None:
    numbers["max_steps"] = max_steps
  state = _search(numbers, stop)
  for row in range(len(PROBLEMS)):
    _assert_same_tree(state, row, _reference(row, numbers, stop))


def test_the_trees_of_these_tests_end_in_every_way():
  """Some use up all expansions, some close before, some at the first step."""
  counts = set()
  for stop in (0, 40, 85):
    numbers = {"root_children": 4, "children": 2, "exploration": 1}
    numbers |= {"expansions": EXPANSIONS, "max_steps": 4}
    counts |= {
      len(_reference(row, numbers, stop).expanded)
      for row in range(len(PROBLEMS))
    }
  assert {1, EXPANSIONS} < counts and len(counts) > 3


@pytest.mark.parametrize("same", [2, 3])
@pytest.mark.parametrize("duplicates", search.DUPLICATES)
def test_duplicates_agree_with_plain_python(duplicates, same):
  numbers = {
    "root_children": 8,
    "children": 3,
    "exploration": 1.0,
    "expansions": 14,
    "duplicates": duplicates,
  }
  state = _search(numbers, stop=30, same=same)
  dropped = (state.tree.status == search.DROPPED) & state.tree.active
  assert dropped.any() == (duplicates != search.KEEP)
  for row in range(len(PROBLEMS)):
    oracle = _reference(row, numbers, stop=30, same=same)
    _assert_same_tree(state, row, oracle)


def test_a_worked_example():
  """Two children everywhere, C = 1; the second expansion is a close call."""
  strategy = search.mcts(2, 2, 1.0, expansions=3)
  memory = strategy.init(6)
  assert strategy.first(6, memory).tolist() == [True] * 2 + [False] * 4
  select = jax.jit(strategy.select, compiler_options=runs.QUICK)
  scores, status = jnp.zeros(6), jnp.zeros(6, jnp.int32)
  rounds = [
    ([0, 1], [0.5, 0.6], [1, 1]),  # equal bonuses: 0.6 is ahead
    # Node 1: Q = (0.6 + 0.1 + 0.3) / 3 = 1/3, N = 3; node 0: Q = 0.5, N = 1.
    # N(root) = 4: 0.5 + sqrt(ln 4) > 1/3 + sqrt(ln 4 / 3).
    ([2, 3], [0.1, 0.3], [0, 0]),
    ([4, 5], [0.2, 0.2], None),
  ]
  for slots, values, parents in rounds:
    scores = scores.at[jnp.array(slots)].set(jnp.array(values))
    active = jnp.isin(jnp.arange(6), jnp.array(slots))
    beams = search.Beams(scores, status, active, jnp.ones(6, jnp.int32))
    chosen, active, memory = select(jax.random.key(0), beams, memory)
    if parents is None:
      assert not active.any()
    else:
      start = slots[-1] + 1
      assert np.flatnonzero(active).tolist() == [start, start + 1]
      assert chosen[start : start + 2].tolist() == parents
      assert (jnp.delete(chosen, active) == jnp.arange(6)[~active]).all()
  assert memory.visits.tolist() == [3, 3, 1, 1, 1, 1, 6]
  means = memory.totals / memory.visits
  expected = [0.9 / 3, 1 / 3, 0.1, 0.3, 0.2, 0.2, 1.9 / 6]
  np.testing.assert_allclose(means, expected, rtol=1e-6)


def _chain_table():
  """Reward 1 for first children of first children, 0 for all others."""
  table = np.zeros_like(TABLE)
  for row, number in enumerate(ROOTS):
    for _ in range(EXPANSIONS):
      number = world.child_number(number, 0)
      table[row, number] = 1
  return table


def test_without_exploration_the_descent_is_greedy():
  numbers = {"root_children": 4, "children": 2, "expansions": 9}
  state = _search({**numbers, "exploration": 0}, table=_chain_table())
  chain = [NUM_BEAMS, 0, 4, 6, 8, 10, 12, 14, 16]
  for row in range(len(PROBLEMS)):
    assert np.flatnonzero(state.carry.expanded[row]).tolist() == sorted(chain)


def test_much_exploration_goes_in_breadth():
  numbers = {"root_children": 4, "children": 2, "expansions": 13}
  state = _search({**numbers, "exploration": 1e4}, table=_chain_table())
  for row in range(len(PROBLEMS)):
    expanded = np.flatnonzero(state.carry.expanded[row])
    # The root, its 4 children and all 8 of theirs.
    assert expanded.tolist() == [*range(12), NUM_BEAMS]


@pytest.mark.parametrize("width", [1, 4, 7, 16])
def test_one_expansion_is_one_step_best_of_k(width):
  """The first steps of k samples, and nothing else."""
  numbers = {"root_children": width, "children": 2, "expansions": 1}
  state = _search(numbers, stop=20)
  parents, active = state.tree.parents, state.tree.active
  for row in range(len(PROBLEMS)):
    nodes = search.list_nodes(parents[row], active[row])
    assert nodes.depths.tolist() == [0] * width
    paths = [candidate.path for candidate in _candidates(state, row)]
    assert paths == [[slot] for slot in range(width)]
    number = ROOTS[row]
    children = [world.child_number(number, k) for k in range(width)]
    scores = state.scores[row, :width]
    np.testing.assert_array_equal(scores, TABLE[row, children])


def _candidates(state, row):
  tree = jax.tree.map(lambda leaf: leaf[row], state.tree)
  return search.list_candidates(tree)


def test_the_candidates_are_the_leaves_and_those_that_run_are_unfinished():
  numbers = {"root_children": 8, "children": 2, "expansions": 10}
  state = _search(numbers, stop=30)
  found = set()
  for row in range(len(PROBLEMS)):
    oracle = _reference(row, {**numbers, "exploration": 1}, stop=30)
    leaves = [
      (node.status, slot)
      for slot, node in enumerate(oracle.nodes)
      if not node.is_expanded
    ]
    candidates = _candidates(state, row)
    assert [(c.status, c.path[-1]) for c in candidates] == leaves
    found |= {candidate.status for candidate in candidates}
  assert found == {search.RUNNING, search.FINISHED, search.TRUNCATED}


@pytest.mark.parametrize("stop", [0, 60])
@pytest.mark.parametrize("duplicates", search.DUPLICATES)
def test_few_beams_are_extended_and_moved_at_once(duplicates, stop):
  numbers = {"root_children": 8, "children": 3, "expansions": 14}
  numbers |= {"duplicates": duplicates}
  state = _search(numbers, stop, same=2)
  moved = state.tree.parents != np.arange(NUM_BEAMS)
  assert state.tree.active.sum(axis=-1).max() == 3
  assert moved.sum(axis=-1).max() == 3
  # The budget is kept: a round each for all expansions but the root's 3.
  assert (state.depth <= 3 + 13).all()
  assert (state.depth == 3 + 13).all() or stop
  assert (state.carry.expanded.sum(axis=-1) <= 14).all()


def test_expansions_are_as_many_as_the_beams_allow_by_default():
  state = _search({"root_children": 16, "children": 2})
  assert (state.carry.used == NUM_BEAMS).all()
  assert (state.carry.expanded.sum(axis=-1) == EXPANSIONS).all()
  # There was a round to spare: the loop has cut none of the last nodes.
  assert (state.status == search.RUNNING).all()


def test_scores_without_a_bound_keep_the_descent_in_the_tree():
  table = np.full_like(TABLE, -np.inf)
  state = _search({"root_children": 4, "children": 2}, table=table)
  assert (state.carry.expanded.sum(axis=-1) == 30).all()
  assert (state.carry.used == NUM_BEAMS).all()


def test_neighbours_do_not_matter():
  numbers = {"root_children": 8, "children": 2, "exploration": 0.3}
  both = _search(numbers, stop=10)
  turned = _search(numbers, stop=10, roots=ROOTS[::-1])
  alone = _search(numbers, stop=10, roots=ROOTS[2:3])
  for other, row in ((turned, len(ROOTS) - 3), (alone, 0)):
    jax.tree.map(
      lambda leaf, other_leaf, row=row: np.testing.assert_array_equal(
        leaf[2], other_leaf[row]
      ),
      both, other,
    )  # fmt: skip


def test_new_numbers_compile_nothing():
  """No two programs of this file differ by a number of the strategy."""
  numbers = {"root_children": 4, "children": 2}
  for changed in (
    {}, {"root_children": 7}, {"children": 1}, {"exploration": 0.5},
    {"max_steps": 3}, {"expansions": 5},
  ):  # fmt: skip
    _search({**numbers, **changed})
  before = len(traces)
  _search({"root_children": 9, "children": 3, "exploration": 2, "max_steps": 5})
  assert len(traces) == before
  assert before <= len(search.DUPLICATES) + 1  # one for a single problem


def test_numbers_may_be_traced():
  @jax.jit
  def expanded(root_children, children, exploration, expansions):
    strategy = search.mcts(
      root_children, children, exploration, expansions=expansions
    )
    carry = strategy.init(12)
    return carry.used, carry.expansions

  assert [int(n) for n in expanded(5, 2, 1.0, 7)] == [2, 6]


@pytest.mark.parametrize(
  ("numbers", "beams", "rounds"),
  [((4, 2, 32), 66, 33), ((8, 2, 64), 134, 67), ((16, 2, 128), 270, 135),
   ((5, 2, 1), 5, 3), ((1, 1, 4), 4, 4)],
)  # fmt: skip
def test_shapes(numbers, beams, rounds):
  assert search.mcts_shape(*numbers) == (beams, rounds + 1)


def test_equal_strategies_share_programs():
  assert search.mcts(4, 2) == search.mcts(4, 2)
  assert hash(search.mcts(4, 2)) == hash(search.mcts(4, 2))
  assert search.mcts(4, 2) != search.mcts(8, 2)
  assert (
    search.mcts(4, 2, 0.5).static_part
    == search.mcts(8, 3, 1.0, 5, 9).static_part
  )
  dropping = search.mcts(4, 2, duplicates=search.DROP)
  assert dropping.static_part != search.mcts(4, 2).static_part


def test_wrong_numbers_are_named():
  for name in ("root_children", "children", "max_steps", "expansions"):
    with pytest.raises(ValueError, match=rf"{name} is 0, expected a whole"):
      search.mcts(**{name: 0})
  for exploration in (-1, math.nan, math.inf):
    with pytest.raises(ValueError, match=f"exploration is {exploration}, exp"):
      search.mcts(exploration=exploration)
  with pytest.raises(ValueError, match=r"duplicates is 'first', expected one"):
    search.mcts(duplicates="first")
  with pytest.raises(ValueError, match=r"children is 2.5, expected a whole"):
    search.mcts_shape(4, 2.5, 1)
  with pytest.raises(
    ValueError, match=r"num_beams is 65, expected at least 66"
  ):
    search.mcts(4, 2, expansions=32).init(65)
