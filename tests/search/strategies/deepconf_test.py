"""DeepConf online, beside a replay of whole samples in plain loops."""

import jax
import numpy as np
import pytest

from inference_scaling import search
from inference_scaling.search import base
from tests.search import runs

N, WARM = runs.NUM_BEAMS, 3


def answers(problem, tree):
  """The last node of each beam, modulo 2; one in five abstains."""
  del problem
  nodes = np.where(tree.active, tree.contents["node"], 0).max(axis=0)
  return np.where(nodes % 5 == 0, -1, nodes % 2)


def run(strategy, world):
  """The final trees, of NumPy arrays, problem by problem."""
  final = search.run_search(
    runs.POLICY, runs.REWARD, strategy, world.params, world.table,
    np.asarray(runs.PROBLEMS), world.keys(runs.PROBLEMS),
    max_depth=runs.MAX_DEPTH, answers=answers,
  )  # fmt: skip
  tree = runs.host(final).tree
  return [jax.tree.map(lambda leaf, p=p: leaf[p], tree) for p in range(4)]


def replay(whole, percent):
  """How many steps each beam makes, by the scores of all of its steps."""
  steps = whole.active.sum(axis=0)
  warm = [whole.scores[steps[n] - 1, n] for n in range(WARM)]
  bar = np.percentile(np.array(warm, np.float64), 100 - percent)
  for n in range(WARM, N):
    low = np.flatnonzero(whole.scores[: steps[n], n] < bar)
    if low.size:
      steps[n] = low[0] + 1
  return steps


@pytest.mark.parametrize("percent", [10, 50, 90])
@pytest.mark.parametrize("batch", [None, 1])
def test_a_search_is_the_replay_of_as_many_samples(percent, batch):
  stopped = 0
  for seed in range(4):
    world = runs.World(stop=0.3, seed=seed)
    wholes = run(search.sampling(), world)
    trees = run(search.deepconf(WARM, percent, batch), world)
    for tree, whole in zip(trees, wholes, strict=True):
      steps = replay(whole, percent)
      np.testing.assert_array_equal(tree.active.sum(axis=0), steps)
      made = np.arange(len(tree.active))[:, None] < steps
      np.testing.assert_array_equal(
        np.where(made, tree.scores, 0), np.where(made, whole.scores, 0)
      )
      same = steps == whole.active.sum(axis=0)
      status = np.where(same, search.final_status(whole), base.RUNNING)
      # One whose score is low at its end has ended all the same.
      np.testing.assert_array_equal(search.final_status(tree), status)
      listed = search.list_candidates(tree)
      assert [len(one.path) for one in listed] == steps.tolist()
      # Charged for what it has written, and for no more.
      spent = np.where(made, whole.num_tokens, 0).sum()
      assert tree.num_tokens.sum() == spent == search.candidate_tokens(tree)
      stopped += int((~same).sum())
  assert stopped > 4


def agree(scores, classes, percent, share):
  """Whether one answer has its share of the votes that reach the bar."""
  bar = np.percentile(np.array(scores[:WARM], np.float64), 100 - percent)
  totals = {}
  for score, klass in zip(scores, classes, strict=True):
    if klass >= 0 and score >= bar - 1e-9:
      totals[klass] = totals.get(klass, 0.0) + float(score)
  total = sum(totals.values())
  return bool(totals) and max(totals.values()) >= share * total


@pytest.mark.parametrize("share", [0.7, 1.0])
def test_no_more_begin_once_the_votes_agree(share):
  seen = set()
  for seed in range(4):
    world = runs.World(stop=0.4, seed=seed)
    every = run(search.deepconf(WARM, 90, 1), world)
    for tree, all_drawn in zip(
      run(search.deepconf(WARM, 90, 1, share), world), every, strict=True
    ):
      finished = search.final_status(all_drawn) == base.FINISHED
      classes = np.where(finished, answers(0, all_drawn), -1)
      last = all_drawn.active.sum(axis=0) - 1
      scores = all_drawn.scores[last, range(N)]
      drawn = WARM
      while drawn < N and not agree(scores[:drawn], classes[:drawn], 90, share):
        drawn += 1
      begun = tree.active.any(axis=0)
      np.testing.assert_array_equal(begun, np.arange(N) < drawn)
      seen.add(drawn)
  assert len(seen) > 1


@pytest.mark.parametrize("percent", [1, 10, 25, 90, 100])
def test_the_bar_is_the_percentile_of_the_first_scores(percent):
  random = np.random.default_rng(percent)
  for size in (1, 2, 5, 11, 16):
    scores = random.uniform(1, 9, 20).astype(np.float32)
    warm = np.arange(20) < size
    bar = search.confidence_bar(scores, warm, percent)
    wanted = np.percentile(scores[:size].astype(float), 100 - percent)
    np.testing.assert_allclose(bar, wanted, rtol=1e-6)
    keeps = search.reach_bar(scores, size, percent)
    np.testing.assert_array_equal(keeps, scores >= wanted - 1e-6)


def test_a_score_of_0_says_nothing():
  scores = np.float32([0, 4, 0, 2])
  assert search.confidence_bar(scores, np.ones(4, bool), 50) == 3
  assert search.confidence_bar(scores, scores == 0, 50) == -np.inf
  assert search.reach_bar(scores, 1, 10).all()
  assert not search.reach_bar([], 1, 10).size
  strategy = search.deepconf(2, 10)
  status = np.zeros(4, np.int32)
  beams = base.Beams(
    np.float32([5, 6, 0, 2]), status, np.arange(4) >= 2, status + 1
  )
  _, active, _ = strategy.select(None, beams, strategy.init(4))
  assert active.tolist() == [False, False, True, False]


@pytest.mark.parametrize(
  ("numbers", "words"),
  [
    ({"warmup": 0}, "deepconf: warmup is 0, expected a whole number"),
    ({"percent": 101}, "percent is 101, expected a number above 0 and at most"),
    ({"percent": 0}, "deepconf: percent is 0, expected a whole number"),
    ({"batch": 0}, "deepconf: batch is 0, expected a whole number"),
    ({"consensus": 1.5}, "consensus is 1.5, expected a number above 0 and at"),
    ({"consensus": 0.0}, "consensus is 0.0, expected a number above 0 and at"),
  ],
)
def test_numbers_out_of_range_are_named(numbers, words):
  with pytest.raises(ValueError, match=words):
    search.deepconf(**numbers)
