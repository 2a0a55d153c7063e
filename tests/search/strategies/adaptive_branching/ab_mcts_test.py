"""AB-MCTS-A against a search in plain Python that is given the same draws."""

import functools
import math

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import stats

from inference_scaling import names, search
from inference_scaling.search.strategies.adaptive_branching import (
  posteriors,
  tree,
)
from tests.search import ab_mcts_oracle, runs, world_searches

N, MAX_DEPTH = 12, search.ab_mcts_shape(12)[1]
PROBLEMS, ROOTS = world_searches.PROBLEMS, world_searches.ROOTS
ROWS = {"child": 0, "gen": 1, "cont": 2}
searches = world_searches.Searches(N, MAX_DEPTH)


def _search(numbers, scores, stop=0, roots=ROOTS):
  """The final state, of NumPy arrays, for the keyword arguments of ab_mcts."""
  return searches.run(search.ab_mcts(**numbers), scores, stop, roots)


@functools.partial(jax.jit, compiler_options=runs.QUICK)
def _keys(root):
  """Of the posteriors by depth and by the slot that is chosen for."""
  folds = jax.vmap(jax.random.fold_in, (None, 0))
  depths = folds(jax.random.key(root), jnp.arange(MAX_DEPTH))
  chosen = jax.vmap(jax.random.fold_in, (0, None))(depths, N)
  slots = jax.vmap(folds, (0, None))(chosen, jnp.arange(N))
  split = lambda key: jax.random.split(key, (3, N + 1))  # noqa: E731
  return jax.vmap(jax.vmap(split))(slots)


@functools.partial(jax.jit, compiler_options=runs.QUICK)
def _uniforms(keys):
  draw = lambda key: jax.random.uniform(key, (2,))  # noqa: E731
  return jax.vmap(draw)(keys.reshape(-1)).reshape(*keys.shape, 2)


@jax.jit
def _beta(key, a, b):
  return jax.random.beta(key, a, b)


def _reference(row, numbers, scores, stop=0):
  """The same search by objects, with the draws of the library's keys."""
  keys, batch = _keys(int(ROOTS[row])), numbers.get("batch", 1)
  uniforms = np.asarray(_uniforms(keys), float)
  mean = numbers.get("prior_mean", 0.5)
  count = numbers.get("prior_count", 1)

  def draw(slot, kind, node, heard):
    at = slot // batch - 1, slot, ROWS[kind], N if node is None else node
    if numbers.get("posterior") == "beta":
      heard = np.clip(heard, 0, 1)
      prior = mean * count, count - mean * count
      return float(_beta(keys[at], *ab_mcts_oracle.beta(heard, prior)))
    prior = (
      numbers.get("prior_mean", 0), count, numbers.get("prior_degrees", 1),
      numbers.get("prior_variance", 0.1),
    )  # fmt: skip
    center, degrees, scale = ab_mcts_oracle.normal(heard, prior)
    return center + scale * ab_mcts_oracle.student(uniforms[at], degrees)

  return ab_mcts_oracle.Search(
    ab_mcts_oracle.Node(int(ROOTS[row])),
    world_searches.table(scores)[row].tolist(), stop, N, batch,
    numbers.get("max_steps") or math.inf, draw,
  ).run()  # fmt: skip


def _assert_same_tree(state, row, oracle):
  """Node by node, round by round, with all that posteriors are made of."""
  memory = jax.tree.map(lambda leaf: leaf[row], state.carry)
  tree = jax.tree.map(lambda leaf: leaf[row], state.tree)
  slots = {node: slot for slot, node in enumerate(oracle.nodes)}
  slots[oracle.root] = N
  parents = [slots[node.parent] for node in oracle.nodes]
  assert memory.parents.tolist() == parents
  active = [np.flatnonzero(row).tolist() for row in tree.active if row.any()]
  assert active == oracle.rounds
  assert state.depth[row] == len(oracle.rounds)
  nodes = search.list_nodes(tree.parents, tree.active)
  assert nodes.parents.tolist() == [
    search.NO_NODE if parent == N else parent for parent in parents
  ]
  made_by = (nodes.rounds, nodes.slots)
  assert tree.contents["node"][made_by].tolist() == [
    node.number for node in oracle.nodes
  ]
  assert tree.status[made_by].tolist() == [n.status for n in oracle.nodes]
  for kind, at in ROWS.items():
    for node, slot in slots.items():
      if node is oracle.root and kind == "child":
        continue
      heard = node.scores[kind]
      assert memory.observed.count[at, slot] == len(heard)
      mean = np.mean(heard) if heard else 0
      np.testing.assert_allclose(
        memory.observed.mean[at, slot], mean, rtol=1e-5, atol=1e-6
      )


@hypothesis.settings(
  max_examples=10, deadline=None, derandomize=True, database=None
)
@hypothesis.given(
  st.lists(st.floats(0, 1, width=32), min_size=1, max_size=9),
  st.sampled_from([0, 30, 70]), st.sampled_from([1, 2, 5]),
  st.sampled_from([None, 1, 2, 3]),
  st.sampled_from(
    [{}, {"prior_mean": 0.4, "prior_count": 0.3, "prior_degrees": 2.5,
          "prior_variance": 0.02},
     {"posterior": "beta"},
     {"posterior": "beta", "prior_mean": 0.2, "prior_count": 3.0}]),
)  # fmt: skip
def test_agrees_node_by_node_with_plain_python(
  scores, stop, batch, max_steps, prior
):
  numbers = {"batch": batch, "max_steps": max_steps, **prior}
  state = _search(numbers, scores, stop)
  for row in range(len(PROBLEMS)):
    _assert_same_tree(state, row, _reference(row, numbers, scores, stop))


def test_the_trees_of_these_tests_go_wide_and_deep():
  wide = deep = 0
  for scores in ([0.2], [0.9], [0.1, 0.5, 0.9]):
    parents = _search({}, scores).carry.parents
    wide = max(wide, (parents == N).sum(axis=1).max())
    deep = max(deep, _search({}, scores).carry.steps.max())
  assert wide >= 7 and deep >= 4


def test_new_numbers_compile_nothing():
  for numbers in (
    {}, {"prior_mean": 0.3}, {"prior_count": 2}, {"prior_degrees": 3.0},
    {"prior_variance": 1}, {"max_steps": 2}, {"batch": 3},
    {"posterior": "beta"}, {"posterior": "beta", "prior_mean": 0.9},
  ):  # fmt: skip
    _search(numbers, [0.5])
  assert (
    len(searches.traces) == len(set(searches.traces)) == 2
  )  # of all tests above, too


def _beams(scores):
  """Running beams of one problem; those without a score were not extended."""
  values = jnp.array([*scores, *[0.0] * (8 - len(scores))])
  return search.Beams(
    values, jnp.zeros(8, jnp.int32), jnp.arange(8) < len(scores),
    jnp.ones(8, jnp.int32),
  )  # fmt: skip


def _two_levels(scores, owners, told):
  """A memory of children of the root, and of children of these."""
  memory = search.ab_mcts(batch=len(scores)).init(8)
  memory = tree.back_up(memory, _beams(scores), jnp.array(_pad(scores)))
  chosen = jnp.array(_pad([*[8] * len(scores), *owners])).astype(jnp.int32)
  _, _, memory = tree.grow(memory.replace(batch=jnp.int32(len(told))), chosen)
  values = [*scores, *told]
  return tree.back_up(memory, _beams(values), jnp.array(_pad(values)))


def _pad(values):
  return [*values, *[0.0] * (8 - len(values))]


def _above(first, others):
  """The probability that a draw of one distribution is above all others."""
  grid = np.linspace(-30, 30, 120_001)
  density = first.pdf(grid) * np.prod([o.cdf(grid) for o in others], axis=0)
  return np.trapezoid(density, grid)


def _student(scores):
  center, degrees, scale = ab_mcts_oracle.normal(scores, (0, 1, 1, 0.1))
  return stats.t(degrees, center, scale)


def test_choices_are_those_of_thompson_sampling():
  """GEN, or one of three children, by their exact probabilities."""
  memory = _two_levels([0.3, 0.6, 0.5], [0, 1], [0.5, 0.9])
  # Only the root and its children are open: where CONT wins, one of these.
  memory = memory.replace(open=memory.open.at[3:].set(False))
  goes_on = _above(_student([0.5, 0.9]), [_student([0.3, 0.6, 0.5])])
  children = [_student(heard) for heard in ([0.3, 0.5], [0.6, 0.9], [0.5])]
  into = [
    goes_on * _above(child, [c for c in children if c is not child])
    for child in children
  ]
  assert sum(into) == pytest.approx(goes_on, rel=1e-3)

  @functools.partial(jax.jit, compiler_options=runs.QUICK)
  @jax.vmap
  def choose(key):
    keys = jax.random.split(key, (3, 9))
    draws = posteriors.draw("normal", keys, memory.observed, memory.prior)
    return tree.descend(memory, draws)

  nodes = choose(jax.random.split(jax.random.key(3), 6000))
  counts = np.bincount(np.asarray(nodes), minlength=9)
  assert counts[3:8].sum() == 0
  counts = counts[[0, 1, 2, 8]]
  expected = np.array([*into, 1 - sum(into)]) * 6000
  assert stats.chisquare(counts, expected).pvalue > 1e-3
  assert stats.chisquare(counts, [1500] * 4).pvalue < 1e-9


def test_a_whole_answer_a_step_is_sampling():
  parents = _search({"max_steps": 1, "batch": 4}, [0.1, 0.9]).carry.parents
  assert (parents == N).all()


def test_scores_without_a_bound_keep_the_descent_in_the_tree():
  for posterior in names.POSTERIORS:
    state = _search({"posterior": posterior}, [-math.inf, math.nan, math.inf])
    assert (state.carry.used == N).all() and (state.status == 0).all()
    assert (state.carry.parents < np.arange(N)).sum() > 0


def test_neighbours_do_not_matter():
  both, turned = (_search({}, [0.4, 0.8], 20, r) for r in (ROOTS, ROOTS[::-1]))
  for leaf, other in zip(*map(jax.tree.leaves, (both, turned)), strict=True):
    np.testing.assert_array_equal(leaf, other[::-1])


@pytest.mark.parametrize(
  ("generations", "batch", "rounds"), [(16, 1, 16), (16, 5, 4), (3, 8, 1)]
)
def test_shapes(generations, batch, rounds):
  shape = search.ab_mcts_shape(generations, batch)
  assert shape == (generations, rounds + 1)


def test_equal_strategies_share_programs():
  make = search.ab_mcts
  assert make() == make("normal", 0, 1, 1, 0.1)
  assert hash(make()) == hash(make())
  assert make(batch=2).static_part == make(prior_mean=3).static_part
  assert make("beta").static_part != make().static_part


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ({"posterior": "t"}, r"posterior is 't', expected one of \('normal'"),
    ({"prior_mean": -1}, r"prior_mean is -1, .*from 0 to 1e\+15; 0 as publ"),
    ({"prior_mean": 2e15}, r"prior_mean is 20+\.0, expected a number from 0 "),
    ({"prior_count": 0}, r"prior_count is 0, .*from 1e-15 to 1e\+15; 1 as"),
    ({"prior_count": math.inf}, r"prior_count is inf, expected a number from"),
    ({"prior_count": 1e39}, r"prior_count is 1e\+39, expected a number fr"),
    ({"prior_degrees": 1e-50}, r"prior_degrees is 1e-50, expected a number fr"),
    ({"prior_degrees": math.nan}, r"prior_degrees is nan, expected a number"),
    ({"prior_variance": -1}, r"prior_variance is -1, .*1e\+15; 0.1 as publ"),
    ({"posterior": "beta", "prior_count": 1e-50}, r"prior_count is 1e-50, exp"),
    ({"posterior": "beta", "prior_mean": 1}, r"prior_mean is 1, .*0 and 1"),
    ({"posterior": "beta", "prior_degrees": 1}, r"prior_degrees is 1, but the"),
    ({"batch": 0}, r"batch is 0, expected a whole number of at least 1"),
    ({"max_steps": 0.5}, r"max_steps is 0.5, expected a whole number"),
  ],
)  # fmt: skip
def test_wrong_arguments_are_named(arguments, message):
  with pytest.raises(ValueError, match=message):
    search.ab_mcts(**arguments)


def test_too_few_depths_are_named():
  with pytest.raises(
    ValueError, match=r"max_depth is 4, expected at least 5 for 12 beams and"
  ):
    search.ab_mcts(batch=3).check(12, 4)
  search.ab_mcts(batch=3).check(12, 5)
