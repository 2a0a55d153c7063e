"""Counting, enumeration and sampling against every subset by hand."""

import fractions
import math

import numpy as np
import pytest

from inference_scaling import voting
from inference_scaling.analysis.estimates import subset_votes, subsets
from tests.analysis import by_hand, problems

NO_ORDERS = np.zeros((0, 2, 1), int)


def exact(answers, correct, scores, sizes):
  return subset_votes.vote_of(
    answers, correct, scores, sizes, NO_ORDERS, exact_limit=10**6
  )


@pytest.mark.parametrize("n", [1, 4, 10])
def test_votes_equal_every_subset(n):
  answers, correct, _ = drawn = problems.problems(n, count=10)
  sizes = range(1, n + 1)
  estimates = {
    by_hand.majority: subset_votes.majority_of(answers, correct, sizes),
    by_hand.weighted: exact(*drawn, sizes),
  }
  for vote, got in estimates.items():
    problems.assert_every_subset(vote, got, drawn)


def test_negative_weights_equal_every_subset():
  answers, correct, scores = problems.problems(6, count=12)
  scores = scores - 0.5
  got = exact(answers, correct, scores, [2, 5]).accuracy
  for p, problem in enumerate(zip(answers, correct, scores, strict=True)):
    mine = problems.candidates(*problem)
    for row, m in enumerate((2, 5)):
      expected = float(by_hand.over_subsets(by_hand.weighted, mine, m))
      assert got[row, p] == pytest.approx(expected, abs=1e-12)


def test_majority_counts_exactly_at_256():
  # 100 right, 120 wrong that sort first, 36 silent: by integer binomials.
  n, sizes = 256, [1, 2, 37, 128, 255, 256]
  answers = np.repeat([1, 0, -1], [100, 120, 36])[None]
  got = subset_votes.majority_of(answers, answers == 1, sizes)
  for row, m in enumerate(sizes):
    wins = sum(
      math.comb(100, k) * math.comb(120, j) * math.comb(36, m - k - j)
      for k in range(1, min(100, m) + 1)
      for j in range(min(k, m - k + 1))
    )
    expected = fractions.Fraction(wins, math.comb(n, m))
    assert got.accuracy[row, 0] == pytest.approx(float(expected), rel=1e-11)


def test_sampled_votes_agree_with_exact_ones_within_their_error():
  drawn = problems.problems(8, count=40)
  truth = exact(*drawn, [3, 4])
  orders = subsets.random_orders(range(40), 8, 400, seed=3)
  sampled = subset_votes.vote_of(*drawn, [3, 4], orders, exact_limit=1)
  assert sampled.variance.max() > 0
  error = np.sqrt(sampled.variance.sum(axis=1)) / 40
  gap = abs(sampled.accuracy.mean(axis=1) - truth.accuracy.mean(axis=1))
  assert (gap < 4 * error).all()
  # The error is honest: standardized gaps of single problems have unit size.
  spread = sampled.variance > 0
  z = (sampled.accuracy - truth.accuracy)[spread] / np.sqrt(
    sampled.variance[spread]
  )
  assert 0.6 < np.sqrt(np.mean(z**2)) < 1.4


def test_sampled_majority_agrees_with_the_exact_count_at_every_size():
  answers, correct, _ = problems.problems(24, count=6)
  sizes = range(1, 25)
  truth = subset_votes.majority_of(answers, correct, sizes).accuracy
  orders = subsets.random_orders(range(6), 24, 2000, seed=0)
  sampled = subset_votes.vote_of(
    answers, correct, np.ones(answers.shape), sizes, orders, exact_limit=1
  )
  assert abs(sampled.accuracy - truth).max() < 4.5 * np.sqrt(0.25 / 2000)


def test_whole_set_gives_the_votes_of_the_voting_room():
  answers, correct, scores = problems.problems(9)
  got = subset_votes.majority_of(answers, correct, [9]).accuracy[0]
  winners = np.asarray(voting.majority(answers))
  np.testing.assert_allclose(got, np.isin(winners, (1, 3)), atol=1e-12)
  got = exact(answers, correct, scores, [9]).accuracy[0]
  winners = np.asarray(voting.weighted(answers, scores))
  np.testing.assert_array_equal(got, np.isin(winners, (1, 3)))


def test_order_of_candidates_does_not_matter():
  drawn = problems.problems(8)
  shuffle = np.random.default_rng(0).permutation(8)
  shuffled = [part[:, shuffle] for part in drawn]
  for count in (
    lambda a, c, s: subset_votes.majority_of(a, c, range(1, 9)),
    lambda a, c, s: exact(a, c, s, range(1, 9)),
  ):
    one, two = count(*drawn).accuracy, count(*shuffled).accuracy
    np.testing.assert_array_equal(one, two)


def test_chunks_do_not_change_the_result(monkeypatch):
  drawn = problems.problems(8)
  orders = subsets.random_orders(range(24), 8, 16, seed=0)
  call = lambda: subset_votes.vote_of(  # noqa: E731
    *drawn, [2, 4, 8], orders, exact_limit=8
  )
  whole = call()
  monkeypatch.setattr(subset_votes, "_CHUNK_CELLS", 100)
  np.testing.assert_array_equal(whole.accuracy, call().accuracy)


def test_sizes_may_come_in_any_order_and_twice():
  drawn = problems.problems(8)
  orders = subsets.random_orders(range(24), 8, 16, seed=0)
  call = lambda sizes: subset_votes.vote_of(  # noqa: E731
    *drawn, sizes, orders, exact_limit=8
  )
  one, two = call([1, 3, 4, 8]), call([4, 8, 4, 1, 3, 1])
  for part, other in zip(one, two, strict=True):
    np.testing.assert_array_equal(part[[2, 3, 2, 0, 1, 0]], other)


def test_bad_arguments_are_refused():
  with pytest.raises(ValueError, match=r"sizes are \[0\]"):
    subset_votes.majority_of(np.zeros((1, 3), int), np.ones((1, 3), bool), [0])
  many = np.zeros((1, 1001), int)
  with pytest.raises(ValueError, match="1001 candidates"):
    subset_votes.majority_of(many, many == 0, [1])
