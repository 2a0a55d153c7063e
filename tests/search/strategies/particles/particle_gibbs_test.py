"""Particle Gibbs against plain Python, and against its exact distribution."""

import functools
import itertools

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import stats

from inference_scaling import search
from tests.search import gibbs_oracle, runs, toy, world_searches

PROBLEMS, ROOTS = world_searches.PROBLEMS, world_searches.ROOTS
# One program serves all sizes that need no more than these.
N, MAX_DEPTH = search.particle_gibbs_shape(4, 4, 3)
SIZES = ("particles", "max_steps", "iterations")
searches = world_searches.Searches(N, MAX_DEPTH)


def _search(numbers, scores, stop=0, roots=ROOTS):
  """The final state, of NumPy arrays, for these keyword arguments."""
  return searches.run(search.particle_gibbs(**numbers), scores, stop, roots)


@functools.partial(jax.jit, compiler_options=runs.QUICK)
def _draws(root, turn):
  """Uniform numbers of each round, at one turn: of each of three purposes."""

  def of_round(depth):
    key = jax.random.fold_in(jax.random.key(root), depth)
    keys = jax.random.fold_in(jax.random.fold_in(key, N), turn)
    keys = jax.random.split(keys, 3)
    many = jax.vmap(lambda key: jax.random.uniform(key, (N,)))(keys)
    return many, jax.random.uniform(keys[1])

  return jax.vmap(of_round)(jnp.arange(MAX_DEPTH))


def _reference(row, numbers, scores, stop=0):
  @functools.cache
  def at_turn(turn):
    return jax.tree.map(np.asarray, _draws(int(ROOTS[row]), turn))

  def draw(depth, turn):
    many, one = at_turn(turn)
    return many[depth, 0].tolist(), float(one[depth]), many[depth, 2].tolist()

  return gibbs_oracle.Search(
    int(ROOTS[row]), world_searches.table(scores)[row].tolist(), stop,
    numbers["particles"], numbers["max_steps"], numbers["iterations"],
    numbers.get("temperature", 1.0), numbers.get("entropic", False), draw,
  ).run()  # fmt: skip


def _assert_same(state, row, expected):
  tree = jax.tree.map(lambda leaf: leaf[row], state.tree)
  nodes = tree.contents["node"]
  made = [
    {int(slot): int(nodes[depth, slot]) for slot in np.flatnonzero(active)}
    for depth, active in enumerate(tree.active)
    if active.any()
  ]
  assert made == expected.rounds
  assert state.depth[row] == len(made)
  listed = search.list_nodes(tree.parents, tree.active)
  numbers = nodes[listed.rounds, listed.slots]
  statuses = tree.status[listed.rounds, listed.slots]
  candidates = search.list_candidates(tree, listed)
  assert [
    [(int(numbers[i]), int(statuses[i])) for i in candidate.path]
    for candidate in candidates
  ] == expected.candidates
  assert [c.status for c in candidates] == [
    path[-1][1] for path in expected.candidates
  ]


sizes = st.sampled_from([(4, 4, 3), (2, 4, 3), (3, 1, 2), (5, 3, 1), (2, 2, 2)])


@hypothesis.settings(
  max_examples=12, deadline=None, derandomize=True, database=None
)
@hypothesis.given(
  st.lists(st.floats(0, 1, width=32), min_size=1, max_size=9), sizes,
  st.sampled_from([0, 35, 70]), st.sampled_from([0.4, 1.0, 3.0]), st.booleans(),
)  # fmt: skip
def test_agrees_with_plain_python(scores, size, stop, temperature, entropic):
  numbers = dict(zip(SIZES, size, strict=True))
  numbers |= {"temperature": temperature, "entropic": entropic}
  state = _search(numbers, scores, stop)
  for row in range(len(PROBLEMS)):
    _assert_same(state, row, _reference(row, numbers, scores, stop))


def test_searches_of_these_tests_keep_references_in_every_way():
  """Branched off, kept whole, and gone on alone while all others have ended."""
  numbers = {"particles": 4, "max_steps": 4, "iterations": 3}
  whole = branched = alone = 0
  for stop in (0, 35, 70):
    for row in range(len(PROBLEMS)):
      oracle = _reference(row, numbers, [0.5], stop)
      for was, now in itertools.pairwise(oracle.references):
        whole += was == now
        branched += was != now and was[0] == now[0]
      alone += oracle.turn > 0
  assert whole and branched and alone


def test_new_numbers_compile_nothing():
  for numbers in ((4, 4, 3), (2, 3, 1)):
    for temperature in (1, 0.5):
      for entropic in (False, True):
        size = dict(zip(SIZES, numbers, strict=True))
        size |= {"temperature": temperature, "entropic": entropic}
        _search(size, [0.5])
  assert (
    len(searches.traces) == len(set(searches.traces)) == 2
  )  # of all tests above, too


# A world that can be listed: paths of 3 steps of 3 branches, of equal chances.
STEPS, BRANCHES = 3, 3
POTENTIALS = toy.table(1, 40, seed=4) * 0.6 + 0.2


def _exact():
  """The target: by the product of the odds at all steps."""
  weights = []
  for branches in itertools.product(range(BRANCHES), repeat=STEPS):
    node, weight = 0, 1.0
    for branch in branches:
      node = node * BRANCHES + 1 + branch
      reward = float(POTENTIALS[0, node])
      weight *= reward / (1 - reward)
    weights.append(weight)
  return np.array(weights) / sum(weights)


@functools.cache
def _sample(strategy_name, particles, iterations, number):
  """The ends of the candidates of each search, by the path's number."""
  beams, depth = particles, STEPS
  strategy = search.particle_filter("multinomial")
  if strategy_name == "particle_gibbs":
    strategy = search.particle_gibbs(particles, STEPS, iterations)
    beams, depth = search.particle_gibbs_shape(particles, STEPS, iterations)
  prompts = jnp.zeros(number, jnp.int32)
  final = jax.jit(
    lambda keys: search.search(
      toy.TreePolicy(beams, BRANCHES), toy.TableReward(), strategy,
      toy.PolicyParams(jnp.float32(0)), POTENTIALS, prompts, keys,
      max_depth=depth,
    ).policy_state,
    compiler_options=runs.QUICK,
  )(toy.keys(np.arange(number)))  # fmt: skip
  first = sum(BRANCHES**step for step in range(STEPS))
  ends = np.asarray(final) - first
  return ends[:, particles * STEPS : -1] if iterations else ends


def _of_one(ends, seed=0):
  """One candidate of each search at random: independent of the others."""
  chosen = np.random.default_rng(seed).integers(ends.shape[1], size=len(ends))
  counts = np.bincount(ends[np.arange(len(ends)), chosen], minlength=27)
  return stats.chisquare(counts, _exact() * len(ends)).pvalue


def test_the_chain_has_the_exact_distribution():
  """Of 4 particles, whose filter alone is far from it."""
  ends = _sample("particle_gibbs", 4, 6, 3000)
  assert ends.shape == (3000, 24) and ends.min() == 0 and ends.max() == 26
  assert _of_one(ends[:, :4]) < 1e-6  # the first iteration: a filter
  for last in (ends[:, 16:20], ends[:, 20:]):
    assert _of_one(last) > 1e-3


def test_filters_of_many_particles_agree_with_it():
  for name, iterations in (("particle_gibbs", 1), ("particle_filter", 0)):
    ends = _sample(name, 24, iterations, 300)
    parts = np.bincount(ends.ravel(), minlength=27) / ends.size
    assert np.abs(parts - _exact()).sum() < 0.12
  # A distribution that is not the target is further away.
  assert np.abs(_exact() - 1 / 27).sum() > 0.5


def test_the_first_iteration_is_a_particle_filter():
  ends = [_sample("particle_gibbs", 4, 6, 3000)[:, :4]]
  ends.append(_sample("particle_filter", 4, 0, 3000))
  counts = [
    np.bincount(e[np.arange(3000), np.arange(3000) % 4], minlength=27)
    for e in ends
  ]
  assert stats.chi2_contingency(counts).pvalue > 1e-3


@pytest.mark.parametrize(
  ("size", "shape"),
  [((4, 4, 3), (29, 13)), ((2, 8, 2), (21, 17)), ((6, 3, 1), (25, 4))],
)
def test_shapes(size, shape):
  assert search.particle_gibbs_shape(*size) == shape


def test_equal_strategies_share_programs():
  make = search.particle_gibbs
  assert make(4, 5) == make(4, 5, 2, 1.0)
  assert hash(make(4, 5)) == hash(make(4, 5))
  assert make(4, 5).static_part == make(3, 2, 7, 0.5).static_part
  assert make(4, 5, entropic=True).static_part != make(4, 5).static_part


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ((1, 4), r"particles is 1, expected a whole number of at least 2"),
    ((4, 0), r"max_steps is 0, expected a whole number of at least 1"),
    ((4, 4, 0), r"iterations is 0, expected a whole number of at least 1"),
    ((4, 4, 2, 0), r"temperature is 0, expected a number above 0; 1 gives"),
  ],
)
def test_wrong_arguments_are_named(arguments, message):
  with pytest.raises(ValueError, match=message):
    search.particle_gibbs(*arguments)


def test_too_small_a_search_is_named():
  strategy = search.particle_gibbs(4, 5, 2)
  with pytest.raises(
    ValueError, match=r"num_beams is 28, expected at least 29 for particles=4"
  ):
    strategy.init(28)
  with pytest.raises(
    ValueError, match=r"max_depth is 10, expected at least 11 for particles=4"
  ):
    strategy.check(29, 10)
