"""Closed forms and dynamic programming against every order by hand."""

import collections
import itertools
import math

import numpy as np
import pytest

from inference_scaling import names, stopping
from inference_scaling.analysis.stopping import (
  count_states,
  orders,
  replays,
  samples,
)

RULES = {
  "window of 2": stopping.make_rule("window", 2),
  "window of 3": stopping.make_rule("window", 3),
  "beta": stopping.make_rule("beta", threshold=0.8),
  "beta by 2": stopping.make_rule("beta", 2, 0.7),
  "dirichlet": stopping.make_rule("dirichlet", threshold=0.75),
  "doubling": stopping.make_rule("doubling"),
  "doubling from 1": stopping.make_rule("doubling", 1, 0.6),
}
# Ids sort as their texts do; -1 abstains. Two right answers, ties, none right.
PROBLEMS = (
  ([1, 1, 1, 0, 0, -1], {1}),
  ([0, 0, 1, 1, 2, 2], {1, 2}),
  ([3, 3, 3, 3, 0, 1], {3}),
  ([-1, -1, 0, 1, 0, 2], {0}),
  ([0, 0, 0, 1, 1, 2], set()),
  ([-1] * 6, set()),
  ([0] * 6, {0}),
)
NO_ORDERS = np.zeros((2, 0), int)


def beta(a, b):
  """P(p > 1/2) of Beta(a + 1, b + 1) by counting coins."""
  n = a + b + 1
  return sum(math.comb(n, k) for k in range(a + 1)) / 2**n


def dirichlet(counts):
  """By the trapezoid rule on the Gamma variables; one unseen joins one."""
  counts = sorted(counts, reverse=True) + [0] * (len(counts) == 1)
  x = np.linspace(0, 60, 40001)

  def density(c):
    return x**c * np.exp(-x) / math.factorial(c)

  def below(c):
    return 1 - sum(density(k) for k in range(c + 1))

  values = density(counts[0]) * np.prod([below(c) for c in counts[1:]], axis=0)
  return np.trapezoid(values, x)


def stops(rule, drawn):
  """Whether a rule stops after these answers, from the words of its paper."""
  votes = collections.Counter(answer for answer in drawn if answer >= 0)
  counts = sorted(votes.values(), reverse=True)
  if rule.kind == "window":
    window = drawn[-rule.batch :]
    return window[0] >= 0 and len(set(window)) == 1
  if rule.kind == "doubling":
    return bool(counts) and counts[0] / len(drawn) >= rule.threshold
  if not counts:
    return False
  if rule.kind == "beta":
    return beta(*[*counts, 0][:2]) > rule.threshold
  return dirichlet(counts) > rule.threshold


def looks_of(rule, n):
  step = rule.batch
  if rule.kind == "doubling":
    return {step * 2**k for k in range(10)} | {n}
  return {*range(step, n, step), n}


def one_order(rule, answers, right, most):
  """How many samples of an order are drawn, and whether their vote is right."""
  for m in range(1, most + 1):
    drawn = answers[:m]
    if m == most or (m in looks_of(rule, 99) and stops(rule, drawn)):
      votes = collections.Counter(a for a in drawn if a >= 0)
      best = min(votes, key=lambda a: (-votes[a], a)) if votes else None
      return m, best in right
  raise AssertionError


def every_order(one, n, most):
  """Accuracy, and the probability of each sample to be drawn."""
  right, drawn, count = 0.0, np.zeros(n), 0
  for order in itertools.permutations(range(n)):
    m, share = one(order, most)
    right += share
    drawn[list(order[:m])] += 1
    count += 1
  return right / count, drawn / count


def arrays(answers, right):
  answers = np.array(answers)
  return answers, np.isin(answers, list(right))


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("index", range(len(PROBLEMS)))
def test_rules_of_answers_equal_every_order(index, name):
  answers, right = PROBLEMS[index]
  rule, n = RULES[name], len(answers)
  got = replays.replay(rule, *arrays(answers, right), np.zeros(n), NO_ORDERS)
  assert got.is_exact and not got.variance.any()
  cache = {}

  def one(order, most):
    key = tuple(answers[i] for i in order[:most])
    if key not in cache:
      cache[key] = one_order(rule, key, right, most)
    return cache[key]

  for most in (1, 4, n):
    cache.clear()
    accuracy, drawn = every_order(one, n, most)
    assert got.accuracy[most - 1] == pytest.approx(accuracy, abs=1e-9)
    np.testing.assert_allclose(got.drawn[most - 1], drawn, atol=1e-9)


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.75, 2.0])
def test_the_reward_rule_equals_every_order(threshold, batch):
  answers, correct = arrays([0, 1, -1, 2, 0, 1], {1})
  scores = np.array([0.9, 0.75, 0.95, 0.9, np.nan, 0.3])
  n = len(answers)
  rule = replays.Reward(threshold, batch)
  got = replays.replay(rule, answers, correct, scores, NO_ORDERS)

  def one(order, most):
    for m in range(1, most + 1):
      drawn = [i for i in order[:m] if answers[i] >= 0]
      reached = any(scores[i] >= threshold for i in drawn)
      if m == most or (m % batch == 0 and reached):
        known = [np.nan_to_num(scores[i], nan=-1.0) for i in drawn]
        ties = [i for i, s in zip(drawn, known, strict=True) if s == max(known)]
        return m, np.mean(correct[ties]) if ties else 0.0
    raise AssertionError

  for most in (1, 2, 5, n):
    accuracy, drawn = every_order(one, n, most)
    assert got.accuracy[most - 1] == pytest.approx(accuracy, abs=1e-12)
    np.testing.assert_allclose(got.drawn[most - 1], drawn, atol=1e-12)


@pytest.mark.parametrize("name", RULES)
def test_sampled_orders_agree_with_the_exact_numbers_within_their_error(name):
  rule = RULES[name]
  answers, correct = arrays(np.repeat([0, 1, 2, 3, -1], [7, 9, 3, 2, 3]), {1})
  rng = np.random.default_rng(0)
  sampled = np.stack([rng.permutation(len(answers)) for _ in range(4000)])
  exact = replays.replay(rule, answers, correct, answers * 0.0, NO_ORDERS)
  assert exact.is_exact
  classes, of_samples = samples.classify(answers, correct)
  accuracy, variance, drawn = orders.replay(rule, classes, of_samples, sampled)
  assert (np.abs(accuracy - exact.accuracy) <= 4.5 * variance**0.5).all()
  each = samples.per_sample(classes, of_samples, drawn)
  np.testing.assert_allclose(each, exact.drawn, atol=0.03)
  assert 0 < exact.drawn[-1].sum() < len(answers)


def test_where_there_are_too_many_states_orders_are_sampled():
  answers, correct = arrays(np.arange(40) % 13, {5})
  rng = np.random.default_rng(0)
  sampled = np.stack([rng.permutation(40) for _ in range(50)])
  got = replays.replay(RULES["beta"], answers, correct, answers * 0.0, sampled)
  assert not got.is_exact and got.variance.any()
  classes, _ = samples.classify(answers, correct)
  assert count_states.replay(RULES["beta"], classes) is None


def test_a_rule_that_never_stops_is_a_fixed_number_of_samples():
  answers, correct = arrays([0, 1, 1, 2, 2, 2, -1, 3], {2, 3})
  scores = np.linspace(0.1, 0.9, 8)
  never = stopping.make_rule("window", 8)
  for rule, voting in (
    (never, names.MAJORITY), (replays.Reward(5.0), names.BEST_OF_N)
  ):  # fmt: skip
    assert replays.voting_of(rule) == voting
    fixed = replays.Fixed(voting)
    got, expected = (
      replays.replay(each, answers, correct, scores, NO_ORDERS)
      for each in (rule, fixed)
    )
    np.testing.assert_allclose(got.accuracy, expected.accuracy, atol=1e-12)
    np.testing.assert_allclose(got.drawn, expected.drawn, atol=1e-12)


def test_the_window_rule_is_exact_at_64_samples():
  """Against many orders: here the sums change sign up to 12 windows."""
  answers, correct = arrays(np.repeat([0, 1, 2, 3, 4], [30, 22, 7, 3, 2]), {1})
  rule = stopping.make_rule("window")
  rng = np.random.default_rng(0)
  sampled = np.stack([rng.permutation(64) for _ in range(2000)])
  got = replays.replay(rule, answers, correct, answers * 0.0, NO_ORDERS)
  classes, of_samples = samples.classify(answers, correct)
  accuracy, variance, drawn = orders.replay(rule, classes, of_samples, sampled)
  assert got.is_exact
  assert (np.abs(accuracy - got.accuracy) <= 4.5 * variance**0.5).all()
  each = samples.per_sample(classes, of_samples, drawn)
  np.testing.assert_allclose(each.sum(1), got.drawn.sum(1), rtol=0.05)
