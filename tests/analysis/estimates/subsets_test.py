"""Closed forms against every subset by hand."""

import math

import numpy as np
import pytest

from inference_scaling import voting
from inference_scaling.analysis.estimates import subsets
from tests.analysis import by_hand, problems


@pytest.mark.parametrize("n", [1, 4, 10])
def test_closed_forms_equal_every_subset(n):
  answers, correct, scores = drawn = problems.problems(n, count=10)
  sizes = range(1, n + 1)
  estimates = {
    by_hand.pass_any: subsets.pass_at(correct, sizes),
    by_hand.best_of: subsets.best_of(answers, correct, scores, sizes),
  }
  for vote, got in estimates.items():
    problems.assert_every_subset(vote, got, drawn)


def test_tied_candidates_share_the_choice():
  answers, correct = np.array([[0, 1, 1]]), np.array([[True, False, False]])
  got = subsets.best_of(answers, correct, np.full((1, 3), 0.5), [1, 2, 3])
  np.testing.assert_allclose(got.accuracy[:, 0], 1 / 3)


def test_without_ties_the_whole_set_chooses_as_the_voting_room():
  answers, correct, scores = problems.problems(9)
  scores = scores + np.random.default_rng(0).random(scores.shape) / 8
  got = subsets.best_of(answers, correct, scores, [9])
  winners = np.asarray(voting.best_of_n(answers, scores))
  # Row 3 has no score at all: its candidates tie.
  expected = np.isin(winners, (1, 3))
  np.testing.assert_array_equal(got.accuracy[0, 4:] == 1, expected[4:])


def test_order_of_candidates_does_not_matter():
  answers, correct, scores = problems.problems(8)
  shuffle = np.random.default_rng(0).permutation(8)
  one = subsets.best_of(answers, correct, scores, range(1, 9))
  shuffled = (part[:, shuffle] for part in (answers, correct, scores))
  two = subsets.best_of(*shuffled, range(1, 9))
  np.testing.assert_array_equal(one.accuracy, two.accuracy)


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
