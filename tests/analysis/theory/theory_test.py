"""Limits, bounds and exact curves: by hand, by enumeration, by simulation."""

import fractions
import math

import numpy as np
import pytest

from inference_scaling.analysis.estimates import subset_votes, subsets
from inference_scaling.analysis.theory import convergence, finite_votes
from tests.analysis import by_hand

Fraction = fractions.Fraction
# Probabilities of answers 0, 1, ...; which are right. The rest abstains.
CASES = (
  (("1/2", "1/4", "1/4"), (True, False, False)),
  (("1/4", "1/4", "1/5", "1/10"), (False, True, False, True)),
  (("1/3", "1/3"), (False, True)),
  (("0", "1/10", "2/5", "2/5"), (True, True, False, True)),
  (("1",), (True,)),
)


def distribution(answers, correct, rewards, probabilities):
  return convergence.AnswerDistribution(
    np.array(answers),
    np.array(correct, bool),
    np.array(rewards, float),
    np.array([float(Fraction(p)) for p in probabilities]),
  )


def outcomes_of(one):
  """The distribution for `by_hand.over_samples`, silence included."""
  distributions = [
    (Fraction(p).limit_denominator(100), (a if a >= 0 else None, r, w))
    for a, r, w, p in zip(
      one.answers.tolist(), one.correct, one.rewards, one.probabilities,
      strict=True,
    )
  ]  # fmt: skip
  rest = 1 - sum(chance for chance, _ in distributions)
  return [*distributions, (rest, (None, False, 0.0))]


@pytest.mark.parametrize(("chances", "right"), CASES)
def test_exact_majority_equals_enumeration(chances, right):
  one = distribution(range(len(right)), right, [1] * len(right), chances)
  sizes = [1, 2, 3, 6]
  got = finite_votes.exact_majority(one.probabilities, one.correct, sizes)
  for n, value in zip(sizes, got, strict=True):
    expected = by_hand.over_samples(by_hand.majority, outcomes_of(one), n)
    assert value == pytest.approx(float(expected), abs=1e-13)


@pytest.mark.parametrize("n", [64, 256, 1000])
def test_exact_majority_stays_exact_for_many_draws(n):
  p = Fraction(9, 20)  # against 11/20, which loses ties
  expected = sum(
    math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n // 2, n + 1)
  )
  got = finite_votes.exact_majority([0.45, 0.55], [True, False], [n])
  assert got.item() == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.parametrize(
  ("chances", "right", "by_size"),
  [
    (
      [0.3, 0.25, 0.2], [True, False, False],
      {1: 0.3, 2: 0.51, 7: 0.5595112734375006, 64: 0.6924329937790681,
       300: 0.8844069637955781},
    ),
    (
      [0.2, 0.2, 0.2, 0.1], [False, True, False, True],
      {3: 0.345, 16: 0.34735834975050883, 65: 0.33389663951529336,
       256: 0.3327406573643084},
    ),
    (
      [0.01, 0.02], [True, False],
      {5: 0.0488954741, 40: 0.27850139263246737, 500: 0.1195840625149194},
    ),
    (
      [0.6, 0.4], [False, True],
      {1: 0.4, 8: 0.1736704, 33: 0.12109869219437416,
       1000: 6.70097701347027e-11},
    ),
  ],
)  # fmt: skip
def test_exact_majority_has_the_numbers_of_published_reports(
  chances, right, by_size
):
  got = finite_votes.exact_majority(chances, right, list(by_size))
  np.testing.assert_allclose(got, list(by_size.values()), rtol=0, atol=1e-12)


def test_exact_majority_sums_to_one_over_answers_that_never_abstain():
  chances = np.random.default_rng(3).dirichlet(np.full(12, 0.7))
  wins = [
    finite_votes.exact_majority(chances, np.arange(12) == i, [3, 40])
    for i in range(12)
  ]
  np.testing.assert_allclose(np.sum(wins, axis=0), 1, atol=1e-12)


WEIGHTED = distribution(
  [0, 0, 1, 2, -1], [False, False, True, False, False],
  [0.25, 0.5, 0.75, 0, 1], ["1/4", "1/5", "3/10", "1/10", "1/20"],
)  # fmt: skip


def test_exact_weighted_votes_equal_enumeration():
  got = finite_votes.weighted_votes([WEIGHTED, WEIGHTED], [1, 2, 4])
  assert not got.variance.any()
  for row, n in enumerate((1, 2, 4)):
    expected = by_hand.over_samples(by_hand.weighted, outcomes_of(WEIGHTED), n)
    np.testing.assert_allclose(got.accuracy[row], float(expected), atol=1e-13)


def test_sampled_weighted_votes_agree_within_their_error():
  sizes = [2, 3, 5]
  exact = finite_votes.weighted_votes([WEIGHTED], sizes)
  drawn = finite_votes.weighted_votes(
    [WEIGHTED], sizes, num_draws=4000, exact_limit=0
  )
  assert (drawn.variance > 0).all()
  assert (
    abs(drawn.accuracy - exact.accuracy) < 4 * np.sqrt(drawn.variance)
  ).all()


def test_limits_by_hand():
  # Masses: 0.45 and 0.3 by number, 0.1625 and 0.225 by reward.
  np.testing.assert_allclose(WEIGHTED.masses(weighted=False), [0.45, 0.3, 0.1])
  np.testing.assert_allclose(WEIGHTED.masses(weighted=True), [0.1625, 0.225, 0])
  assert convergence.majority_limit(WEIGHTED) == 0
  assert convergence.weighted_limit(WEIGHTED) == 1
  tied = distribution([0, 1, 2], [0, 1, 0], [1] * 3, ["2/5", "2/5", "1/5"])
  assert convergence.majority_limit(tied) == 0.5
  silent = distribution([-1], [False], [1], ["1"])
  assert (
    convergence.majority_limit(silent)
    == convergence.weighted_limit(silent)
    == 0
  )
  impossible = distribution([0, 1], [True, False], [1, 0], ["0", "1"])
  assert convergence.weighted_limit(impossible) == 0


def test_the_exact_curve_of_a_tie_goes_to_its_limit():
  got = finite_votes.exact_majority([0.4, 0.4, 0.2], [0, 1, 0], [25, 900])
  assert abs(got[1] - 0.5) < abs(got[0] - 0.5) / 3


def test_bound_by_hand_and_never_broken():
  np.testing.assert_allclose(
    convergence.hoeffding_bound(np.array([0.1, 0.7, 0.2]), [2, 40]),
    [1, 3 * math.exp(-40 * 0.25 / 2)],
  )
  rng = np.random.default_rng(0)
  sizes = [1, 4, 16, 64, 256]
  for _ in range(20):
    chances = rng.dirichlet(np.full(5, 0.4)) * 0.95
    best = np.arange(5) == chances.argmax()
    missed = 1 - finite_votes.exact_majority(chances, best, sizes)
    bound = convergence.hoeffding_bound(chances, sizes)
    assert (missed <= bound + 1e-12).all()
  assert convergence.hoeffding_bound(np.array([0.5, 0.5]), [9]).item() == 1
  assert convergence.hoeffding_bound(np.zeros(0), [9]).item() == 1


def simulate(rng, problems, n):
  """Distributions with 6 (answer, reward) outcomes, and n samples of each."""
  distributions, drawn = [], []
  for _ in range(problems):
    answers = rng.integers(0, 4, 6)
    answers[5] = -1
    one = convergence.AnswerDistribution(
      answers, answers == 2, rng.random(6), rng.dirichlet(np.full(6, 1.0))
    )
    distributions.append(one)
    drawn.append(rng.choice(6, n, p=one.probabilities))
  pick = lambda field: np.stack(  # noqa: E731
    [getattr(f, field)[d] for f, d in zip(distributions, drawn, strict=True)]
  )
  return distributions, pick("answers"), pick("correct"), pick("rewards")


@pytest.mark.parametrize("weighted", [False, True])
def test_measured_accuracy_converges_to_the_limit_within_the_bound(weighted):
  rng = np.random.default_rng(8)
  problems, n, sizes = 200, 256, [1, 4, 16, 64, 256]
  distributions, answers, correct, rewards = simulate(rng, problems, n)
  if weighted:
    orders = subsets.random_orders(range(problems), n, 40, seed=0)
    measured = subset_votes.vote_of(answers, correct, rewards, sizes, orders)
    expected = finite_votes.weighted_votes(distributions, sizes, num_draws=200)
    limits = [convergence.weighted_limit(one) for one in distributions]
  else:
    measured = subset_votes.majority_of(answers, correct, sizes)
    curves = [
      finite_votes.exact_majority(
        one.masses(weighted=False), one.right_answers(), sizes
      )
      for one in distributions
    ]
    expected = subsets.Estimate(np.stack(curves, axis=1), 0)
    limits = [convergence.majority_limit(one) for one in distributions]
  gaps = measured.accuracy - expected.accuracy
  error = gaps.std(axis=1, ddof=1) / np.sqrt(problems)
  assert (abs(gaps.mean(axis=1)) < 4 * error).all()
  bounds = np.stack(
    [
      convergence.hoeffding_bound(f.masses(weighted=weighted), sizes)
      for f in distributions
    ]
  )
  low, high = convergence.bounded_accuracy(np.array(limits), bounds)
  curve, slack = expected.accuracy.mean(axis=1), 4 * error
  assert ((low <= curve) & (curve <= high)).all()
  mean = measured.accuracy.mean(axis=1)
  assert ((low - slack <= mean) & (mean <= high + slack)).all()
  assert high[-1] - low[-1] < 0.7 < high[0] - low[0]  # the bound says something
  distance = abs(measured.accuracy - limits).mean(axis=1)
  assert (distance <= bounds.mean(axis=0) + slack).all()
  assert (np.diff(distance) < 0).all()
  assert distance[-1] < 0.06 < 0.2 < distance[0]
  assert abs(mean[-1] - np.mean(limits)) < 0.03


def test_bad_distributions_are_refused():
  with pytest.raises(ValueError, match="the same \\[K\\]"):
    distribution([0, 1], [True], [1, 1], ["1/2", "1/2"])
  with pytest.raises(ValueError, match="at most 1"):
    distribution([0, 1], [True, False], [1, 1], ["1/2", "3/4"])
  with pytest.raises(ValueError, match="the same \\[A\\]"):
    finite_votes.exact_majority([0.5, 0.5], [True], [1])
  with pytest.raises(ValueError, match="num_draws is 1"):
    finite_votes.weighted_votes([WEIGHTED], [1], num_draws=1)
