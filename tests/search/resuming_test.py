"""Samples that begin once the answers of others are known."""

import jax
import numpy as np
import pytest

from inference_scaling import search, stopping
from inference_scaling.search import base, resuming
from tests.search import runs

N = runs.NUM_BEAMS
RULES = (
  {"rule": "window", "batch": 2},
  {"rule": "beta", "threshold": 0.8},
  {"rule": "dirichlet", "batch": 2, "threshold": 0.6},
  {"rule": "doubling"},
  {"rule": "doubling", "batch": 1, "threshold": 0.6},
)
THRESHOLD = 0.8


def answers(problem, tree):
  """The last node of each beam, modulo 2; one in five abstains."""
  del problem
  nodes = np.where(tree.active, tree.contents["node"], 0).max(axis=0)
  return np.where(nodes % 5 == 0, -1, nodes % 2)


def run(strategy, world, entry=search.run_search, problems=runs.PROBLEMS):
  """The final trees, of NumPy arrays, problem by problem."""
  final = entry(
    runs.POLICY, runs.REWARD, strategy, world.params, world.table,
    np.asarray(problems), world.keys(problems), max_depth=runs.MAX_DEPTH,
    answers=answers,
  )  # fmt: skip
  assert search.is_done(final).all()
  tree = runs.host(final).tree
  return [
    jax.tree.map(lambda leaf, p=p: leaf[p], tree) for p in range(len(problems))
  ]


def classes_of(tree):
  finished = search.final_status(tree) == search.FINISHED
  return np.where(finished, answers(0, tree), -1)


def drawn_of(strategy, tree):
  """How many samples a rule draws of those of a tree, in their order."""
  classes, scores = classes_of(tree), tree.scores[last_rows(tree), range(N)]
  resume = strategy.resume
  for look in resume.looks(N):
    if look == N or resume.stops(classes[:look], scores[:look]):
      return look
  raise AssertionError


def last_rows(tree):
  return tree.active.sum(axis=0) - 1


def assert_first_samples(tree, whole, drawn):
  """The tree is that of all samples, but for those that never began."""
  begun = np.arange(N) < drawn
  for name in ("active", "num_tokens"):
    np.testing.assert_array_equal(
      getattr(tree, name), np.where(begun, getattr(whole, name), 0)
    )
  rows = int(tree.active.any(axis=1).sum())
  for name in ("scores", "status"):
    got, expected = getattr(tree, name), getattr(whole, name)
    np.testing.assert_array_equal(
      got[:rows, begun], expected[:rows, begun], err_msg=name
    )
    assert (got[:, ~begun] == 0).all()
  for got, expected in zip(
    jax.tree.leaves(tree.contents), jax.tree.leaves(whole.contents), strict=True
  ):
    np.testing.assert_array_equal(got[:, begun], expected[:, begun])
  listed = search.list_candidates(tree)
  assert len(listed) == drawn
  every = search.list_candidates(whole)
  assert [c.status for c in listed] == [c.status for c in every[:drawn]]
  assert [len(c.path) for c in listed] == [len(c.path) for c in every[:drawn]]


@pytest.mark.parametrize(
  "strategy",
  [
    *(search.adaptive_sampling(**rule) for rule in RULES),
    search.reward_threshold(THRESHOLD),
    search.reward_threshold(THRESHOLD, batch=4),
  ],
  ids=lambda strategy: str(strategy.resume),
)
def test_samples_are_the_first_of_all_until_the_rule_stops(strategy):
  seen = set()
  for seed in range(4):
    world = runs.World(stop=0.3, seed=seed)
    wholes = run(search.sampling(), world)
    for tree, whole in zip(run(strategy, world), wholes, strict=True):
      drawn = drawn_of(strategy, whole)
      assert_first_samples(tree, whole, drawn)
      seen.add(drawn)
  assert len(seen) > 1


def test_a_search_without_jit_and_other_neighbours_come_to_the_same():
  strategy = search.adaptive_sampling("doubling")
  world = runs.World(stop=0.3, seed=2)
  trees = run(strategy, world)
  plain = run(strategy, world, search.search)
  alone = [run(strategy, world, problems=[p])[0] for p in runs.PROBLEMS]
  for others in (plain, alone):
    jax.tree.map(np.testing.assert_array_equal, trees, others)
  assert len({int(tree.active.any(axis=0).sum()) for tree in trees}) > 1


def test_a_threshold_compiles_nothing_and_counts_are_enough():
  first, other = (
    search.adaptive_sampling("beta", 2, threshold) for threshold in (0.6, 0.9)
  )
  assert first.static_part == other.static_part
  assert hash(first) == hash(search.adaptive_sampling("beta", 2, 0.6))
  assert first != other and first.static_part.resumes
  assert not search.sampling().resumes


def test_rules_are_named_by_their_defaults():
  rule = search.adaptive_sampling("window").resume.rule
  assert rule == stopping.make_rule("window", 5)
  with pytest.raises(ValueError, match="batch is 1; expected a whole number"):
    search.adaptive_sampling("window", 1)
  with pytest.raises(ValueError, match="threshold is nan, expected a finite"):
    search.reward_threshold(float("nan"))
  with pytest.raises(ValueError, match="reward_threshold: batch"):
    search.reward_threshold(0.5, 0)


def _strategy(resume):
  strategy = search.adaptive_sampling("beta")
  return strategy._replace(resume=resume)


@pytest.mark.parametrize(
  ("strategy", "given", "words"),
  [
    (search.adaptive_sampling(), None, "answers is None, but the strategy"),
    (search.adaptive_sampling().static_part, answers, "resume is None, expec"),
    (
      search.sampling()._replace(resume=lambda seen: seen.begun), answers,
      "strategy.resumes is False beside a function resume, expected True",
    ),
    (
      search.adaptive_sampling(), lambda problem, tree: np.zeros(3),
      r"answers are float64\[3\], expected whole numbers \[6\], one for each",
    ),
    (
      _strategy(lambda seen: np.zeros(6)), answers,
      r"active from resume are float64\[6\], expected bool \[6\]",
    ),
    (
      _strategy(lambda seen: seen.begun), answers,
      r"have begun before, \[0\]; expected some of \[1, 2, 3, 4, 5\], or none",
    ),
  ],
)  # fmt: skip
def test_what_is_wrong_is_named(strategy, given, words):
  world = runs.WORLD
  with pytest.raises(ValueError, match=words):
    search.run_search(
      runs.POLICY, runs.REWARD, strategy, world.params, world.table,
      np.asarray(runs.PROBLEMS), world.keys(runs.PROBLEMS),
      max_depth=runs.MAX_DEPTH, answers=given,
    )  # fmt: skip


def test_answers_of_beams_that_are_not_finished_do_not_count():
  tree = run(search.sampling(), runs.World(stop=0.05, seed=1))[0]
  assert (search.final_status(tree) == search.TRUNCATED).any()
  tree = tree.replace(active=tree.active & (np.arange(N) < 4))
  seen = []
  strategy = _strategy(lambda answers: seen.append(answers) or ~answers.begun)
  last = np.broadcast_to(search.final_status(tree), tree.status.shape)
  beams = resuming.begin_next(
    strategy, 0, tree.replace(status=last), lambda *_: np.arange(N)
  )
  assert beams.tolist() == [False] * 4 + [True] * 2
  finished = last[0] == base.FINISHED
  expected = np.where(finished & (np.arange(N) < 4), np.arange(N), -1)
  np.testing.assert_array_equal(seen[0].classes, expected)
