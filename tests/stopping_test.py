"""Rules that stop drawing: posteriors by counting, looks, and bad numbers."""

import fractions
import math

import numpy as np
import pytest

from inference_scaling import names, stopping


def test_the_beta_posterior_counts_coins():
  """P(p > 1/2) of Beta(a + 1, b + 1): at most a heads of a + b + 1."""
  for most in range(0, 64, 3):
    for second in range(0, most + 1, 2):
      n = most + second + 1
      heads = sum(math.comb(n, k) for k in range(most + 1))
      got = stopping.ahead_of_second(np.array(most), np.array(second))
      expected = float(fractions.Fraction(heads, 2**n))
      assert got == pytest.approx(expected, abs=1e-13)


def test_of_two_answers_the_dirichlet_posterior_is_the_beta_posterior():
  counts = np.array([(a, b) for a in range(1, 200, 9) for b in range(a + 1)])
  got = stopping.ahead_of_all(counts)
  beta = stopping.ahead_of_second(counts[:, 0], counts[:, 1])
  np.testing.assert_allclose(got, beta, atol=1e-11)


@pytest.mark.parametrize("counts", [(7, 3, 2, 2), (2, 1, 1), (5, 5, 1)])
def test_the_dirichlet_posterior_is_that_of_draws(counts):
  draws = np.random.default_rng(0).dirichlet(np.add(counts, 1), 400_000)
  (got,) = stopping.ahead_of_all(np.array([counts]))
  assert got == pytest.approx((draws.argmax(axis=1) == 0).mean(), abs=4e-3)
  # Classes that were not seen do not matter, nor does the order.
  (again,) = stopping.ahead_of_all(np.array([(0, *counts[::-1], 0)]))
  assert again == pytest.approx(got, abs=1e-12)


@pytest.mark.parametrize(
  ("kind", "batch", "expected"),
  [
    ("window", None, (5, 10, 12)),
    ("beta", None, tuple(range(1, 13))),
    ("dirichlet", 4, (4, 8, 12)),
    ("doubling", None, (2, 4, 8, 12)),
    ("doubling", 3, (3, 6, 12)),
    ("window", 20, (12,)),
  ],
)
def test_looks_end_with_all_samples(kind, batch, expected):
  assert stopping.looks(stopping.make_rule(kind, batch), 12) == expected


@pytest.mark.parametrize(
  ("kind", "answers", "expected"),
  [
    ("window", [0, 1, 1, 1, 1, 1], True),
    ("window", [1, 1, 1, 1, 0], False),
    ("window", [-1, -1, -1, -1, -1], False),
    ("beta", [2, 2, 2], False),  # 0.9375
    ("beta", [2, 2, 2, 2], True),  # 0.96875
    ("beta", [2, -1, 2, 2, -1, 2], True),
    ("beta", [2, 2, 2, 2, 0], False),
    ("dirichlet", [0] * 9 + [1, 2, 3] * 2, False),
    ("dirichlet", [0] * 10 + [1, 2, 3] * 2, True),
    ("doubling", [0, 0, 0, 1], True),
    ("doubling", [0, 0, 0, -1, -1, 0, 0, 1], False),
    ("doubling", [-1, -1], False),
  ],
)
def test_rules_stop_where_their_papers_do(kind, answers, expected):
  rule = stopping.make_rule(kind)
  assert stopping.agree(rule, np.array(answers)) == expected


def test_only_samples_that_answer_pass_a_threshold():
  classes, scores = np.array([0, -1, 2, 1]), np.array([0.9, 1, 0.5, np.nan])
  got = stopping.passes(classes, scores, 0.9)
  assert got.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
  ("numbers", "words"),
  [
    (("majority",), "rule is 'majority'; expected one of window, beta"),
    (("window", 1), "batch is 1; expected a whole number of at least 2"),
    (("beta", 0), "batch is 0; expected a whole number of at least 1"),
    (("beta", 2.0), "batch is 2.0; expected a whole number"),
    (("beta", True), "batch is True; expected a whole number"),
    (("window", 5, 0.9), "threshold is 0.9, but the rule 'window' has none"),
    (("beta", 1, 1.0), "threshold is 1.0; expected a number from 0.5 to 1"),
    (("doubling", 2, 0.4), "threshold is 0.4; expected a number from 0.5"),
  ],
)
def test_bad_numbers_are_named(numbers, words):
  with pytest.raises(ValueError, match=words):
    stopping.make_rule(*numbers)


def test_whole_numbers_of_numpy_are_taken():
  made = stopping.make_rule("beta", np.int64(2))
  assert made == stopping.make_rule("beta", 2)


def test_every_rule_has_its_numbers():
  assert set(stopping.DEFAULTS) == set(names.STOPPING_RULES)
