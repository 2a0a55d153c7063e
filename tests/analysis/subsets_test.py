"""Closed forms, enumeration and sampling against every subset by hand."""

import itertools
import math

import numpy as np
import pytest

from inference_scaling import voting
from inference_scaling.analysis import subsets

SIZES = [1, 2, 3, 5, 8]


def random_problem(rng, n):
  """Answers, correctness and scores of n candidates, with many ties."""
  answers = rng.integers(-1, 4, n)
  correct = (answers == 2) & (answers >= 0)
  scores = rng.integers(0, 4, n) / 4
  return answers, correct, scores


def oracle_vote(answers, scores):
  """Winner by plain Python: largest sum, smallest id; None if all abstain."""
  totals = {}
  for answer, score in zip(answers, scores, strict=True):
    if answer >= 0:
      totals[answer] = totals.get(answer, 0) + score
  return min(totals, key=lambda a: (-totals[a], a)) if totals else None


def oracle_best(answers, scores):
  best = {}
  for answer, score in zip(answers, scores, strict=True):
    if answer >= 0:
      best[answer] = max(best.get(answer, -1), score)
  return min(best, key=lambda a: (-best[a], a)) if best else None


def mean_over_subsets(right, n, m):
  found = [right(list(s)) for s in itertools.combinations(range(n), m)]
  return sum(found) / len(found)


@pytest.fixture(name="problems")
def _problems():
  rng = np.random.default_rng(7)
  found = [random_problem(rng, 8) for _ in range(40)]
  found[0] = (np.full(8, -1), np.zeros(8, bool), np.ones(8))  # all abstain
  found[1] = (np.full(8, 2), np.ones(8, bool), np.zeros(8))  # weights of 0
  found[2] = (np.array([0, 2] * 4), np.array([0, 1] * 4) > 0, -np.ones(8))
  return [np.stack(part) for part in zip(*found, strict=True)]


def no_orders(answers):
  return np.zeros((len(answers), 2, answers.shape[1]), int)


def test_pass_at_equals_enumeration(problems):
  _, correct, _ = problems
  got = subsets.pass_at(correct, SIZES)
  for row, m in enumerate(SIZES):
    for p, right in enumerate(correct):
      expected = mean_over_subsets(lambda s, r=right: r[s].any(), 8, m)
      assert got.accuracy[row, p] == pytest.approx(expected, abs=1e-12)
  assert not got.variance.any()


def test_best_of_equals_enumeration(problems):
  got = subsets.best_of(*problems, SIZES)
  for row, m in enumerate(SIZES):
    for p, (a, c, w) in enumerate(zip(*problems, strict=True)):
      truth = {int(answer): bool(r) for answer, r in zip(a, c, strict=True)}
      expected = mean_over_subsets(
        lambda s, a=a, w=w, t=truth: t.get(oracle_best(a[s], w[s]), False),
        8,
        m,
      )
      assert got.accuracy[row, p] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_exact_votes_equal_enumeration(problems, weighted):
  answers, correct, scores = problems
  weights = scores if weighted else np.ones_like(scores)
  got = subsets.vote_of(answers, correct, weights, SIZES, no_orders(answers))
  for row, m in enumerate(SIZES):
    for p, (a, c, w) in enumerate(zip(answers, correct, weights, strict=True)):
      truth = {int(answer): bool(r) for answer, r in zip(a, c, strict=True)}
      expected = mean_over_subsets(
        lambda s, a=a, w=w, t=truth: t.get(oracle_vote(a[s], w[s]), False),
        8,
        m,
      )
      assert got.accuracy[row, p] == pytest.approx(expected, abs=1e-12)
  assert not got.variance.any()


def test_sampled_votes_agree_with_exact_ones_within_their_error(problems):
  answers, correct, scores = problems
  exact = subsets.vote_of(answers, correct, scores, [3, 4], no_orders(answers))
  orders = subsets.random_orders(range(len(answers)), 8, 400, seed=3)
  sampled = subsets.vote_of(
    answers, correct, scores, [3, 4], orders, exact_limit=1
  )
  assert sampled.variance.max() > 0
  error = np.sqrt(sampled.variance.sum(axis=1)) / len(answers)
  gap = abs(sampled.accuracy.mean(axis=1) - exact.accuracy.mean(axis=1))
  assert (gap < 4 * error).all()
  # The error is honest: standardized gaps of single problems have unit size.
  spread = sampled.variance > 0
  z = (sampled.accuracy - exact.accuracy)[spread] / np.sqrt(
    sampled.variance[spread]
  )
  assert 0.6 < np.sqrt(np.mean(z**2)) < 1.4


def test_whole_set_gives_the_votes_of_the_voting_room(problems):
  answers, correct, scores = problems
  scores = abs(scores)
  right = lambda ids: np.asarray(ids) == 2  # noqa: E731
  orders = no_orders(answers)
  whole = dict(sizes=[8], orders=orders)
  got = subsets.vote_of(answers, correct, np.ones_like(scores), **whole)
  np.testing.assert_array_equal(
    got.accuracy[0] == 1, right(voting.majority(answers))
  )
  got = subsets.vote_of(answers, correct, scores, **whole)
  np.testing.assert_array_equal(
    got.accuracy[0] == 1, right(voting.weighted(answers, scores))
  )
  got = subsets.best_of(answers, correct, scores, [8])
  np.testing.assert_array_equal(
    got.accuracy[0] == 1, right(voting.best_of_n(answers, scores))
  )


def test_candidates_without_a_step_count_for_nothing():
  answers, correct = np.array([[0, 1]]), np.array([[True, False]])
  scores = np.array([[np.nan, 0.0]])
  best = subsets.best_of(answers, correct, scores, [2])
  assert best.accuracy.item() == 0
  vote = subsets.vote_of(answers, correct, scores, [2], no_orders(answers))
  assert vote.accuracy.item() == 1  # 0 against 0: the smaller id


def test_order_of_candidates_does_not_matter(problems):
  answers, correct, scores = problems
  shuffle = np.random.default_rng(0).permutation(8)
  for m in SIZES:
    one = subsets.vote_of(answers, correct, scores, [m], no_orders(answers))
    two = subsets.vote_of(
      answers[:, shuffle],
      correct[:, shuffle],
      scores[:, shuffle],
      [m],
      no_orders(answers),
    )
    np.testing.assert_array_equal(one.accuracy, two.accuracy)


def test_chunks_do_not_change_the_result(problems, monkeypatch):
  answers, correct, scores = problems
  orders = subsets.random_orders(range(len(answers)), 8, 16, seed=0)
  call = lambda: subsets.vote_of(  # noqa: E731
    answers, correct, scores, SIZES, orders, exact_limit=8
  )
  whole = call()
  monkeypatch.setattr(subsets, "_CHUNK_CELLS", 100)
  np.testing.assert_array_equal(whole.accuracy, call().accuracy)


def test_random_orders_depend_on_seed_and_problem_only():
  orders = subsets.random_orders([5, 9], 6, 20, seed=1)
  assert (np.sort(orders) == np.arange(6)).all()
  alone = subsets.random_orders([9], 6, 20, seed=1)
  np.testing.assert_array_equal(orders[1], alone[0])
  other = subsets.random_orders([9], 6, 20, seed=2)
  assert (alone != other).any()


def test_large_n_binomials_stay_exact():
  n, c = 256, 3
  correct = np.arange(n)[None] < c
  got = subsets.pass_at(correct, [128]).accuracy.item()
  expected = 1 - math.comb(n - c, 128) / math.comb(n, 128)
  assert got == pytest.approx(expected, rel=1e-14)


def test_bad_arguments_are_refused():
  correct = np.ones((2, 4), bool)
  with pytest.raises(ValueError, match=r"sizes are \[5\]"):
    subsets.pass_at(correct, [5])
  with pytest.raises(ValueError, match=r"expected an array \[P, N\]"):
    subsets.pass_at(correct[0], [1])
  with pytest.raises(ValueError, match="num_subsets is 1"):
    subsets.random_orders([1], 4, 1, seed=0)


@pytest.mark.parametrize(
  ("n", "sizes"), [(1, [1]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])]
)
def test_powers_of_two(n, sizes):
  assert subsets.powers_of_two(n) == sizes
