"""Votes against counts in plain Python, ties and order included."""

import collections
import itertools
import math
from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import voting


def _winner(votes):
  """The smallest id with the most votes, out of a dict."""
  if not votes:
    return voting.ABSTAIN
  return min(votes, key=lambda answer: (-votes[answer], answer))


def _random_votes(count=300, size=9):
  generator = np.random.default_rng(0)
  answers = generator.integers(-1, 4, (count, size)).astype(np.int32)
  answers[:3] = -1
  # Sixteenths: sums are exact, so ties are ties.
  scores = generator.integers(-4, 16, (count, size)) / 16
  return answers, scores.astype(np.float32)


def test_votes_agree_with_counts_in_plain_python():
  answers, scores = _random_votes()
  majority, best, weighted = [], [], []
  for row, weights in zip(answers.tolist(), scores.tolist(), strict=True):
    counts, sums, tops = collections.Counter(), collections.Counter(), {}
    for answer, weight in zip(row, weights, strict=True):
      if answer >= 0:
        counts[answer] += 1
        sums[answer] += Fraction(weight)
        tops[answer] = max(weight, tops.get(answer, -math.inf))
    majority.append(_winner(counts))
    best.append(_winner(tops))
    weighted.append(_winner(sums))
  assert voting.majority(answers).tolist() == majority
  assert voting.best_of_n(answers, scores).tolist() == best
  assert voting.weighted(answers, scores).tolist() == weighted
  assert len(set(map(str, (majority, best, weighted)))) == 3


@pytest.mark.parametrize(
  ("answers", "scores", "majority", "best", "weighted"),
  [
    ([2, 1, 1], [0.9, 0.3, 0.3], 1, 2, 2),
    ([2, 1, 1], [0.6, 0.5, 0.2], 1, 2, 1),
    ([2, 1], [0.5, 0.5], 1, 1, 1),
    ([-1, -1, 3], [0.9, 0.9, 0.1], 3, 3, 3),
    ([-1, -1], [0.9, 0.9], -1, -1, -1),
    ([1, 0], [-0.2, -0.5], 0, 1, 1),
    ([0, 1], [math.nan, -math.inf], 0, 1, 0),
    ([0, 1], [math.nan, 0.1], 0, 1, 1),
    ([1, 0], [math.nan, math.nan], 0, 0, 0),
    ([0, 1], [-0.0, 0.0], 0, 0, 0),
    ([5], [0.1], 5, 5, 5),
    ([], [], -1, -1, -1),
  ],
)
def test_worked_examples(answers, scores, majority, best, weighted):
  assert int(voting.majority(answers)) == majority
  assert int(voting.best_of_n(answers, scores)) == best
  assert int(voting.weighted(answers, scores)) == weighted


def test_the_order_of_candidates_never_matters():
  """Scores whose float sums differ in the last bit by order."""
  answers = np.array([0, 0, 0, 1, 1, 1], np.int32)
  scores = np.array([0.9, 0.1, 0.3, 0.3, 0.1, 0.9], np.float32)
  sums = {
    float(np.float32(np.float32(a + b) + c))
    for a, b, c in itertools.permutations(scores[:3])
  }
  assert len(sums) > 1  # so a naive sum would have a winner by order
  orders = np.array(list(itertools.permutations(range(6))))
  for vote in (
    voting.majority(answers[orders]),
    voting.best_of_n(answers[orders], scores[orders]),
    voting.weighted(answers[orders], scores[orders]),
  ):
    assert set(vote.tolist()) == {0}


def test_leading_axes_are_batches():
  answers, scores = _random_votes(count=6)
  for vote in (
    lambda a, s: voting.majority(a),
    voting.best_of_n,
    voting.weighted,
  ):
    batched = vote(answers.reshape(2, 3, 9), scores.reshape(2, 3, 9))
    assert batched.shape == (2, 3) and batched.dtype == np.int32
    assert batched.ravel().tolist() == vote(answers, scores).tolist()


def test_class_ids_are_ranks_of_sorted_texts():
  ids = voting.class_ids(["7", None, "12", "7", "x"])
  assert ids.tolist() == [1, -1, 0, 1, 2]
  assert ids.dtype == np.int32
  assert voting.class_ids([None]).tolist() == [-1]


@pytest.mark.parametrize(
  ("how", "expected"),
  [
    ("last", [0.5, 0.25, 0.75]),
    ("min", [0.5, 0.25, 0.25]),
    ("mean", [0.5, 0.375, 0.5]),
    ("product", [0.5, 0.125, 0.09375]),
  ],
)
def test_aggregations(how, expected):
  scores = [[0.5, 9, 9], [0.5, 0.25, 9], [0.5, 0.25, 0.75], [1, 1, 1]]
  mask = np.tri(4, 3, dtype=bool)
  mask[3] = False
  got = voting.aggregate(scores, mask, how)
  assert got[:3].tolist() == expected
  assert math.isnan(got[3])
  assert got.dtype == np.float32


def test_sums_and_products_add_one_number_after_the_other():
  scores = np.random.default_rng(0).uniform(0, 0.3, (50, 40))
  scores = scores.astype(np.float32)
  total, product = np.zeros(50, np.float32), np.ones(50, np.float32)
  for column in scores.T:
    total, product = total + column, product * column
  everything = np.ones(scores.shape, bool)
  mean = voting.aggregate(scores, everything, "mean")
  assert mean.tolist() == (total / np.float32(40)).tolist()
  assert (mean != scores.mean(axis=-1)).any()  # which adds in another order
  got = voting.aggregate(scores, everything, "product")
  normal = product > np.finfo(np.float32).tiny
  assert 0 < normal.sum() < 50
  assert got.tolist() == np.where(normal, product, 0).tolist()


@pytest.mark.parametrize("size", [3, 16, 64, 200])
def test_weighted_sums_are_float32_from_the_smallest_score_up(size):
  generator = np.random.default_rng(size)
  answers = generator.integers(0, 2, (400, size))
  # Close together, so that rounding decides some votes.
  scores = np.float32(1 - 1e-6 * generator.random((400, size)))
  scores *= np.where(answers, 1.0, (answers == 1).mean() * 2).astype("float32")
  expected = []
  for ids, weights in zip(answers, scores, strict=True):
    sums = {}
    for weight, answer in sorted(zip(weights, ids.tolist(), strict=True)):
      sums[answer] = sums.get(answer, np.float32(0)) + weight
    expected.append(_winner(sums))
  assert voting.weighted(answers, scores).tolist() == expected


def test_arrays_of_jax_are_taken_as_they_are():
  answers, scores = _random_votes(count=5)
  on_device = jnp.asarray(answers), jnp.asarray(scores)
  for vote in (voting.best_of_n, voting.weighted):
    assert vote(*on_device).tolist() == vote(answers, scores).tolist()
  got = voting.aggregate(jnp.asarray(scores), jnp.ones((5, 9), bool), "min")
  assert isinstance(got, np.ndarray)
  assert got.tolist() == scores.min(axis=1).tolist()


def test_lists_of_steps_become_a_table():
  table, mask = voting.pad_steps([[0.5, 0.25], [], [0.1]])
  assert table.dtype == np.float32 and mask.tolist() == [
    [True, True], [False, False], [True, False]
  ]  # fmt: skip
  assert table.tolist() == [[0.5, 0.25], [0, 0], [np.float32(0.1), 0]]
  assert voting.pad_steps([])[0].shape == (0, 0)


def test_infinite_scores_and_sums_warn_of_nothing():
  scores = np.float32([[3e38, 3e38], [np.inf, -np.inf]])
  mask = np.ones((2, 2), bool)
  assert voting.aggregate(scores, mask, "product").tolist() == [
    math.inf, -math.inf
  ]  # fmt: skip
  assert voting.weighted([[0, 0], [0, 1]], scores).tolist() == [0, 0]
  # A class of both infinities has no sum: it ranks below every number.
  assert voting.weighted([0, 0, 1], [math.inf, -math.inf, -5.0]) == 1


def test_last_reads_the_last_true_place():
  got = voting.aggregate([0.1, 0.2, 0.3], [True, True, False], "last")
  assert got == np.float32(0.2)
  assert math.isnan(voting.aggregate([], [], "last"))


@pytest.mark.parametrize(
  ("call", "message"),
  [
    (lambda: voting.aggregate([0.1], [True], "max"), r"how is 'max', expected"),
    (lambda: voting.aggregate([0.1], [True, True], "min"), r"\(1,\).*\(2,\)"),
    (lambda: voting.best_of_n([1, 2], [0.1]), r"best_of_n: answers .*\(2,\)"),
    (lambda: voting.weighted([1], [[0.1]]), r"weighted: answers have shape"),
    (
      lambda: voting.majority(np.float32([0.5])),
      r"majority: answers are float32\[1\]",
    ),
    (lambda: voting.majority(3), r"expected class ids int32\[\.\.\., N\]"),
  ],
)
def test_bad_input_is_named(call, message):
  with pytest.raises(ValueError, match=message):
    call()
