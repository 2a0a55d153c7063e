"""What every strategy keeps to, on toy searches: one compilation a row."""

import itertools

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from inference_scaling import search
from tests.search import reference, runs, toy
from tests.search.table import STRATEGIES

N = runs.NUM_BEAMS
PROBLEMS = np.array(runs.PROBLEMS)
MAX_TOKENS = runs.POLICY.branching  # of one step

# Not weakly typed: that would compile every strategy again.
EQUAL = jnp.full((4, 1000), 0.3, jnp.float32)

SLOW = runs.World(stop=0.15, seed=1)  # searches that go on for longer

all_strategies = pytest.mark.parametrize("name", sorted(STRATEGIES))


def _states(row, number, *args, **options):
  """All states of a search with the beams that the row needs."""
  policy = toy.TreePolicy(row.beams)
  return runs.states(row.make(number), *args, policy=policy, **options)


few = hypothesis.settings(
  max_examples=5, deadline=None, derandomize=True, database=None
)
worlds = st.builds(
  lambda seed, stop: runs.World(stop, toy.table(4, seed=seed), seed),
  st.integers(0, 99),
  st.sampled_from([0.1, 0.375, 0.7]),
)
numbers = st.sampled_from([0.05, 0.3, 0.7, 2.0])


@all_strategies
@few
@hypothesis.given(worlds, numbers)
def test_no_search_exceeds_its_budget(name, world, number):
  row = STRATEGIES[name]
  states, N = _states(row, number, world=world), row.beams
  for before, after in itertools.pairwise(map(runs.host, states)):
    held = np.isin(after.status, (search.FINISHED, search.TRUNCATED))
    budget = N - held.sum(axis=1)
    spent = after.active.sum(axis=1)
    assert (spent <= budget).all()
    assert (after.status[after.active] == search.RUNNING).all()
    assert (after.active <= after.active.any(axis=1, keepdims=True)).all()
    tree = after.tree
    for problem, depth in enumerate(before.depth):
      if not before.active[problem].any():
        continue  # done before
      running = tree.status[problem, depth] == search.RUNNING
      running &= tree.active[problem, depth]
      # Only what made a step goes on, and each child has one parent.
      parents = tree.parents[problem, depth]
      widths = np.bincount(parents[after.active[problem]], minlength=N)
      if row.fills and running.any():
        assert spent[problem] == budget[problem]
      if row.fills or name.startswith("rebase"):
        assert (widths[~running] == 0).all()
  tree = runs.host(states[-1]).tree
  made = tree.active.sum(axis=(1, 2))
  assert (tree.num_tokens.sum(axis=(1, 2)) <= MAX_TOKENS * made).all()
  assert (tree.num_tokens[~tree.active] == 0).all()
  assert (made <= N * states[-1].depth).all()
  for problem in range(len(PROBLEMS)):
    one = jax.tree.map(lambda leaf, p=problem: leaf[p], tree)
    assert len(search.list_candidates(one)) <= N
    assert search.candidate_tokens(one) <= one.num_tokens.sum()


@all_strategies
@few
@hypothesis.given(worlds, numbers)
def test_ended_beams_never_change(name, world, number):
  """They stay in their slots, or are whole copies where they may move."""
  row = STRATEGIES[name]
  ended, depth = _check_ended(name, world, number)
  # Where few beams begin, all may end at once; where ended beams move, those
  # that run may take all slots. The next test looks at these rows.
  seldom = not row.fills or row.moves_ended
  assert ended or seldom or (depth <= 1).all() or world.stop < 0.2


@all_strategies
def test_every_strategy_has_beams_that_end_before_others(name):
  worlds = [runs.World(0.375, toy.table(4, seed=s), s) for s in range(4)]
  assert sum(
    _check_ended(name, world, number)[0]
    for world in worlds
    for number in (0.3, 2.0)
  )


def _check_ended(name, world, number):
  """Checks beams that had ended before a step; their number, and depths."""
  row = STRATEGIES[name]
  states = [runs.host(s) for s in _states(row, number, world=world)]
  ended = 0
  for before, after in itertools.pairwise(states):
    for problem, depth in enumerate(before.depth):
      if not before.active[problem].any():
        continue
      parents = after.tree.parents[problem, depth]
      status = before.status[problem][parents]
      # Beams that had ended before this step, by the slots they are in now.
      held = np.isin(status, (search.FINISHED, search.TRUNCATED))
      held &= ~before.active[problem][parents]
      if name.endswith("/drop"):
        held &= after.status[problem] != search.DROPPED
      for field in ("status", "scores", "policy_state"):
        old = getattr(before, field)[problem][parents][held]
        np.testing.assert_array_equal(getattr(after, field)[problem][held], old)
      if not row.moves_ended:
        were = np.isin(
          before.status[problem], (search.FINISHED, search.TRUNCATED)
        )
        assert (parents[were] == np.flatnonzero(were)).all()
        assert were.sum() == held.sum()
      ended += held.sum()
  return ended, states[-1].depth


@all_strategies
@few
@hypothesis.given(
  worlds, st.permutations(range(4)), st.tuples(*[st.integers(0, 3)] * 3)
)
def test_neighbours_and_their_order_do_not_matter(name, world, order, others):
  row = STRATEGIES[name]
  final = _states(row, 0.3, world=world)[-1]
  turned = _states(row, 0.3, PROBLEMS[order], world)[-1]
  for slot, number in enumerate(order):
    runs.assert_equal(runs.row(turned, slot), runs.row(final, number))
  among = _states(row, 0.3, [PROBLEMS[1], *others], world)[-1]
  runs.assert_equal(runs.row(among, 0), runs.row(final, 1))


@all_strategies
def test_a_problem_that_is_done_passes_through_unchanged(name):
  row = STRATEGIES[name]
  states = _states(row, 0.3)
  for before, after in itertools.pairwise(states):
    for slot in np.flatnonzero(search.is_done(before)):
      runs.assert_equal(runs.row(before, slot), runs.row(after, slot))
  policy = toy.TreePolicy(row.beams)
  last = runs.step(row.make(0.3), states[-1], policy=policy)
  runs.assert_equal(states[-1], last)


@all_strategies
def test_chance_comes_from_the_keys_alone(name):
  row = STRATEGIES[name]
  final = _states(row, 0.3)[-1]
  runs.assert_equal(final, _states(row, 0.3)[-1])
  other = _states(row, 0.3, world=runs.World(seed=1))[-1]
  assert (final.tree.contents["node"] != other.tree.contents["node"]).any()


@all_strategies
def test_types_stay_and_no_number_compiles_anything(name):
  traced, row = [], STRATEGIES[name]
  for number in (0.1, 0.7, 2):
    strategy = row.make(number)
    states = _states(row, number)
    first, last = (
      [(leaf.aval, leaf.aval.weak_type) for leaf in jax.tree.leaves(state)]
      for state in (states[0], states[-1])
    )
    assert first == last
    policy = toy.TreePolicy(row.beams)
    program = policy, strategy.static_part, len(PROBLEMS)
    traced.append(runs.traces[program])
  assert traced[0] and set(traced) == {traced[0]}
  again = row.make(number)
  assert again == strategy and hash(again) == hash(strategy)


@pytest.mark.parametrize(
  "name", sorted(n for n, row in STRATEGIES.items() if row.reference)
)
def test_trees_agree_with_a_search_in_plain_python(name):
  row, forked = STRATEGIES[name], False
  for number, world in ((0.2, SLOW), (0.6, runs.WORLD), (1.2, SLOW)):
    strategy = row.make(number)
    final = runs.host(runs.states(strategy, world=world)[-1])
    tree = final.tree
    fields = [tree.parents, tree.active, tree.scores, tree.status]
    fields += [tree.num_tokens, tree.contents["node"]]
    for slot, problem in enumerate(PROBLEMS):
      levels = reference.run(
        strategy, row.reference(number), int(problem), world, N, runs.MAX_DEPTH
      )
      assert final.depth[slot] == len(levels)
      for depth, level in enumerate(levels):
        for field, expected in zip(fields, level, strict=True):
          np.testing.assert_array_equal(field[slot, depth], expected)
        forked |= level[0] != list(range(N))
      assert not tree.active[slot, len(levels) :].any()
  assert forked == (name != "sampling")


@pytest.mark.parametrize(
  "name", [n for n in sorted(STRATEGIES) if n.endswith(("/drop", "/merge"))]
)
def test_no_two_beams_are_the_same_where_that_is_asked_for(name):
  world = runs.World(stop=0.15)
  final = runs.host(runs.states(STRATEGIES[name].make(0.7), world=world)[-1])
  dropped = 0
  for problem, depths in enumerate(final.depth):
    node = np.zeros(N, int)
    for depth in range(depths):
      tree = jax.tree.map(
        lambda leaf, at=(problem, depth): leaf[at], final.tree
      )
      node = np.where(tree.active, tree.contents["node"], node)
      there = tree.status != search.DROPPED
      if name.endswith("merge"):
        there = tree.status == search.RUNNING
      for status in (search.RUNNING, search.FINISHED, search.TRUNCATED):
        paths = node[there & (tree.status == status)].tolist()
        assert len(paths) == len(set(paths))
      dropped += (tree.status == search.DROPPED).sum()
      node = node[tree.parents]
  assert dropped


def _trees(strategy, **options):
  return runs.host(runs.states(strategy, **options)[-1]).tree


def _assert_same_trees(first, second, **options):
  jax.tree.map(
    np.testing.assert_array_equal,
    _trees(first, **options), _trees(second, **options),
  )  # fmt: skip


def test_beam_search_with_one_child_a_beam_is_sampling():
  _assert_same_trees(search.beam_search(1), search.sampling())


@pytest.mark.parametrize("children", [1, 2, 3, 6])
@pytest.mark.parametrize("subtree_beams", [N, N + 1, 100])
def test_dvts_with_one_subtree_is_beam_search(children, subtree_beams):
  _assert_same_trees(
    search.dvts(children, subtree_beams), search.beam_search(children)
  )


def test_dvts_with_subtrees_of_one_beam_is_sampling():
  _assert_same_trees(search.dvts(3, 1), search.sampling())


def test_a_beam_of_one_at_temperature_zero_is_greedy():
  """All beams are one chain, whatever the rewards, which no key changes."""
  for seed in (0, 1):
    world = runs.World(stop=0.01, seed=seed, greedy=True)
    tree = _trees(search.beam_search(N), world=world)
    greedy = _trees(search.sampling(), world=world)
    nodes = tree.contents["node"]
    assert (nodes == nodes[:, :, :1]).all()
    np.testing.assert_array_equal(nodes, greedy.contents["node"])
  assert len({*nodes[0, :, 0]}) == runs.MAX_DEPTH  # a chain, not a point


@pytest.mark.parametrize(
  "name", ["rebase", "rebase/stochastic", "dvts", "particle_filter"]
)
def test_a_search_of_one_beam_is_a_chain(name):
  strategy = STRATEGIES[name].make(0.3)
  select = jax.jit(strategy.select, compiler_options=runs.QUICK)
  one, running = jnp.ones(1, jnp.int32), jnp.full(1, search.RUNNING, jnp.int32)
  for status in (search.RUNNING, search.FINISHED, search.TRUNCATED):
    beams = search.Beams(0.3 * one, running + status, one > 0, one)
    parents, active, _ = select(jax.random.key(0), beams, strategy.init(1))
    assert parents.tolist() == [0]
    assert active.tolist() == [status == search.RUNNING]


def test_no_look_ahead_is_no_look_ahead():
  assert search.beam_search(3, lookahead=0) == search.beam_search(3)
  assert search.dvts(3, lookahead=0) == search.dvts(3)


def test_look_ahead_changes_choices_but_no_recorded_score():
  options = {"world": runs.World(stop=0.15)}
  near = _trees(search.beam_search(2), **options)
  far = _trees(search.beam_search(2, 2, "merge"), **options)
  # Depth 0 is made of the same keys; what is chosen of it differs.
  np.testing.assert_array_equal(near.scores[:, 0], far.scores[:, 0])
  np.testing.assert_array_equal(
    near.contents["node"][:, 0], far.contents["node"][:, 0]
  )
  assert (near.parents[:, 0] != far.parents[:, 0]).any()


def test_tokens_of_a_look_ahead_are_counted_and_nothing_else_stays():
  policy = toy.CountingPolicy(N)
  world = runs.World(stop=0.15)
  strategy = search.beam_search(2, 2, "merge")
  final = runs.host(runs.states(strategy, world=world, policy=policy)[-1])
  plain = _trees(strategy, world=world)
  jax.tree.map(np.testing.assert_array_equal, final.tree, plain)
  for problem, depths in enumerate(final.depth):
    spent = final.tree.num_tokens[problem].sum()
    for depth in range(depths):
      tree = jax.tree.map(lambda leaf, at=(problem, depth): leaf[at], plain)
      # No solution gets beyond the last depth, and so no look-ahead does.
      steps = min(strategy.lookahead, runs.MAX_DEPTH - 1 - depth)
      for node in tree.contents["node"][
        tree.active & (tree.status == search.RUNNING)
      ]:
        spent += _greedy_tokens(node, world.stop, steps)
    assert final.policy_state["spent"][problem].sum() == spent
  assert (final.depth == runs.MAX_DEPTH).any()


def _greedy_tokens(node, stop, steps):
  """Tokens of so many steps of the greedy toy policy, or until it ends."""
  if not steps:
    return 0
  branch = (node * 7 + 3) % 128 * 3 // 128
  if (node * 31 + 7) % 128 / 128 < stop:
    return 1 + branch
  return 1 + branch + _greedy_tokens(node * 3 + 1 + branch, stop, steps - 1)


@pytest.mark.parametrize("rule", ["ceil", "round", "exact", "stochastic"])
def test_rebase_with_equal_rewards_keeps_every_beam(rule):
  world = runs.World(table=EQUAL)
  _assert_same_trees(search.rebase(0.1, rule), search.sampling(), world=world)


@pytest.mark.parametrize("rule", ["ceil", "round", "exact", "stochastic"])
def test_rebase_splits_evenly_when_hot_and_takes_the_best_when_cold(rule):
  world = runs.World(stop=0.15)
  _assert_same_trees(search.rebase(1e9, rule), search.sampling(), world=world)
  tree = _trees(search.rebase(1e-6, rule), world=world)
  for problem in range(len(PROBLEMS)):
    running = tree.status[problem, 0] == search.RUNNING
    scores, parents = tree.scores[problem, 0], tree.parents[problem, 0]
    assert (scores[parents][running] == scores[running].max()).all()


def test_systematic_particles_of_equal_reward_stay():
  world = runs.World(table=EQUAL)
  _assert_same_trees(search.particle_filter(), search.sampling(), world=world)


def test_a_cold_particle_filter_keeps_the_best_alone():
  tree = _trees(search.particle_filter(temperature=1e-6))
  for problem in range(len(PROBLEMS)):
    scores, parents = tree.scores[problem, 0], tree.parents[problem, 0]
    assert (scores[parents] == scores.max()).all()
