"""The allocation of REBASE against exact arithmetic, and its properties."""

import functools
import math
from fractions import Fraction

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from inference_scaling.search.strategies import (
  allocation,
  double_float,
)
from tests.search import oracle

N = 64
CASES = 3000

KEY = jax.random.key(0)
DETERMINISTIC = ("ceil", "round", "exact")

_rebase_widths = jax.jit(
  functools.partial(allocation.rebase_widths, key=KEY), static_argnames="rule"
)


def _scores(generator, kind):
  """Rewards like those of a reward model, ties, logits, near ties."""
  return [
    lambda: generator.beta(2, 1, N),
    lambda: generator.integers(0, 4, N) / 4,
    lambda: np.full(N, generator.random()),
    lambda: generator.normal(size=N) * 100,
    lambda: 1 - generator.random(N) * 1e-4,
  ][kind % 5]().astype(np.float32)


def _random_cases():
  """Cases of up to 64 beams, budgets to 256 and T_b from 1e-3 to 1e3."""
  generator = np.random.default_rng(0)
  for case in range(CASES):
    num_running = generator.choice([0, 1, 2, 3, 5, 8, 16, 32, 64])
    running = generator.permutation(N) < num_running
    budget = int(generator.integers(0, 257))
    temperature = 10 ** generator.uniform(-3, 3)
    yield _scores(generator, case), running, budget, temperature


def test_ceil_agrees_with_exact_arithmetic():
  cases = list(_random_cases())
  scores, running, budgets, temperatures = map(
    np.array, zip(*cases, strict=True)
  )
  widths = jax.jit(jax.vmap(allocation.rebase_widths))(
    scores, running, budgets, double_float.split(temperatures)
  )
  compared = 0
  for case, got in zip(cases, np.asarray(widths), strict=True):
    expected, doubtful = oracle.ceil_widths(*case)
    assert got.sum() == (case[2] if case[1].any() else 0)
    if not doubtful:
      np.testing.assert_array_equal(got, expected)
      compared += 1
  assert compared > 2000


def test_a_python_temperature_is_not_rounded_to_float32():
  generator = np.random.default_rng(1)
  widths = jax.jit(
    lambda scores: allocation.rebase_widths(scores, [True] * N, 256, 0.1)
  )
  for _ in range(20):
    scores = generator.beta(2, 1, N).astype(np.float32)
    expected, doubtful = oracle.ceil_widths(scores, np.ones(N, bool), 256, 0.1)
    assert doubtful or widths(scores).tolist() == expected
  assert float(double_float.split(0.1).low) != 0


@pytest.mark.parametrize(
  ("scores", "budget", "temperature", "expected"),
  [
    ([0.9, 0.8, 0.5, 0.1], 16, 0.2, [10, 5, 1, 0]),
    ([0.9, 0.1], 4, 0.2, [4, 0]),
    ([0.99, 0.98, 0.97, 0.2, 0.1], 8, 0.2, [3, 3, 2, 0, 0]),
    ([0.5] * 10, 4, 0.2, [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]),
    ([0.5] * 3, 16, 0.2, [6, 5, 5]),
    ([0.5] * 10, 10, 0.1, [1] * 10),
    ([0.1, 0.5, 0.5], 3, 1e-6, [0, 2, 1]),
    ([0.1, 0.5, 0.5], 5, 0.0, [0, 3, 2]),
    ([0.1, 0.9], 5, -1.0, [0, 5]),
    ([0.1, 0.5, 0.9], 7, math.inf, [2, 2, 3]),
    ([math.nan, 0.0, -5.0], 9, 1e3, [0, 5, 4]),
    ([math.nan] * 3, 4, 0.1, [2, 1, 1]),
    ([math.inf, 1.0, -math.inf], 4, 0.1, [4, 0, 0]),
    ([-math.inf, math.nan], 3, 0.1, [2, 1]),
    ([3e38, -3e38], 3, 1e3, [3, 0]),
    ([0.5, 0.6], 0, 0.1, [0, 0]),
    ([0.5, 0.6], -3, 0.1, [0, 0]),
    ([0.5], 256, 0.1, [256]),
  ],
)
def test_worked_examples(scores, budget, temperature, expected):
  padding = 10 - len(scores)  # one shape, one compilation
  got = _rebase_widths(
    np.array(scores + [7.0] * padding, np.float32),
    np.array([True] * len(scores) + [False] * padding),
    budget,
    temperature,
  )
  assert got.tolist() == expected + [0] * padding
  assert got.dtype == jnp.int32


def test_plain_lists_and_numbers_need_no_jit():
  got = allocation.rebase_widths([0.9, 0.8, 0.5, 0.1], [True] * 4, 16, 0.2)
  assert got.tolist() == [10, 5, 1, 0]
  assert allocation.rebase_widths([], [], 4, 0.1).tolist() == []


def test_beams_that_do_not_run_get_nothing_and_set_no_maximum():
  scores = np.array([100.0, 0.4, np.nan, 0.4] + [1.0] * 6, np.float32)
  running = np.array([False, True, False, True] + [False] * 6)
  for rule in allocation.RULES:
    got = _rebase_widths(scores, running, 5, 0.1, rule=rule).tolist()
    if rule == "stochastic" and got[1] == 2:
      got[1], got[3] = got[3], got[1]
    assert got == [0, 3, 0, 2, 0, 0, 0, 0, 0, 0]
    none = _rebase_widths(scores, running & False, 5, 0.1, rule=rule)
    assert none.tolist() == [0] * 10


def test_round_and_exact_agree_with_exact_arithmetic():
  generator = np.random.default_rng(2)
  compared = agreed = 0
  for case in range(300):
    scores, budget = _scores(generator, case), int(generator.integers(1, 257))
    running = generator.permutation(N) < generator.choice([2, 3, 8, N])
    temperature = 10 ** generator.uniform(-2, 1)
    quotas = oracle.quotas(scores, running, budget, temperature)
    arguments = scores, running, budget, double_float.split(temperature)
    exact = _rebase_widths(*arguments, rule="exact").tolist()
    assert sum(exact) == budget
    # Never further than one child from the exact quota.
    assert all(
      abs(width - quota) < 1 + 1e-5
      for width, quota in zip(exact, quotas, strict=True)
    )
    if any(0 < abs(quota % 1 - Fraction(1, 2)) < 1e-5 for quota in quotas):
      continue
    printed = _rebase_widths(*arguments, rule="round").tolist()
    assert printed == oracle.round_widths(quotas, scores, running, budget)
    compared += 1
    halves = any(quota % 1 == Fraction(1, 2) for quota in quotas)
    if sum(map(round, quotas)) == budget and not halves:
      assert exact == printed == list(map(round, quotas))
      agreed += 1
  assert compared > 280 and agreed > 50


@pytest.mark.parametrize(
  ("scores", "budget", "printed", "exact"),
  [
    # Quotas 1.33 x 3: one child is not given; the lowest slot takes it.
    ([0.5, 0.5, 0.5], 4, [1, 1, 1], [2, 1, 1]),
    # Quotas 1.67 x 3: the last beam served gets what is left.
    ([0.5, 0.5, 0.5], 5, [2, 2, 1], [2, 2, 1]),
    # Quotas 1.67 x 3, but two beams are better: they are served first.
    ([0.5, 0.5001, 0.5001], 5, [1, 2, 2], [1, 2, 2]),
    # Quotas of exactly one half go up.
    ([0.5, 0.5], 1, [1, 0], [1, 0]),
    ([0.5, 0.5], 3, [2, 1], [2, 1]),
    # Quotas 0.33 x 3: none is given, until the remainders are looked at.
    ([0.5, 0.5, 0.5], 1, [0, 0, 0], [1, 0, 0]),
    ([0.9, 0.1], 4, [4, 0], [4, 0]),
  ],
)
def test_round_as_printed_and_repaired(scores, budget, printed, exact):
  padding = 10 - len(scores)
  running = np.array([True] * len(scores) + [False] * padding)
  scores = np.array(scores + [7.0] * padding, np.float32)
  for rule, expected in (("round", printed), ("exact", exact)):
    got = _rebase_widths(scores, running, budget, 0.2, rule=rule)
    assert got.tolist() == expected + [0] * padding


def test_the_stochastic_rule_has_the_quotas_as_its_mean():
  scores = np.array([0.9, 0.5, 0.62, 0.1, 0.62, 0.3, 0.88, 0.0], np.float32)
  running = np.array([True] * 6 + [False, True])
  quotas = np.array(oracle.quotas(scores, running, 11, Fraction(1, 4)), float)
  draws = 4000
  widths = np.asarray(
    jax.jit(
      jax.vmap(
        lambda key: allocation.rebase_widths(
          scores, running, 11, 0.25, "stochastic", key=key
        )
      )
    )(jax.random.split(KEY, draws))
  )
  assert (widths.sum(axis=1) == 11).all()
  assert (widths >= np.floor(quotas)).all()
  assert (widths <= np.ceil(quotas)).all()
  # A width is one of two integers: five standard errors of a coin's mean.
  chance = quotas % 1
  error = 5 * np.sqrt(chance * (1 - chance) / draws)
  assert (abs(widths.mean(axis=0) - quotas) <= error + 1e-6).all()
  assert (quotas[running] < 1).any() and (widths[:, running].max(0) > 0).all()


@pytest.mark.parametrize("rule", DETERMINISTIC)
def test_a_multiplicity_weighs_like_that_many_equal_beams(rule):
  """Three equal beams get what one that stands for three gets, in all."""
  apart = np.array([0.5, 0.5, 0.5, 0.7, 0.2] + [0.0] * 5, np.float32)
  merged = np.array([0.5, 0.7, 0.2] + [0.0] * 7, np.float32)
  ones = np.ones(10, np.int32)
  for budget in (15, 30, 36):
    first = _rebase_widths(
      apart, np.arange(10) < 5, budget, 0.5, rule=rule, multiplicity=ones
    ).tolist()
    second = _rebase_widths(
      merged, np.arange(10) < 3, budget, 0.5, rule=rule,
      multiplicity=ones + 2 * (np.arange(10) == 0),
    ).tolist()  # fmt: skip
    assert abs(sum(first[:3]) - second[0]) <= 1
    assert abs(first[3] - second[1]) <= 1 and abs(first[4] - second[2]) <= 1
    assert second[0] > second[1]  # though its reward is lower


@st.composite
def _problems(draw):
  size = 10  # one shape, one compilation
  score = st.floats(-2, 2, width=32) | st.sampled_from([0.0, 0.25, 0.5])
  scores = draw(st.lists(score, min_size=size, max_size=size))
  running = draw(st.lists(st.booleans(), min_size=size, max_size=size))
  budget = draw(st.integers(0, 256))
  temperature = draw(st.sampled_from([1e-3, 0.1, 0.2, 1.0, 1e3]))
  return np.array(scores, np.float32), np.array(running), budget, temperature


_quick = hypothesis.settings(
  max_examples=60, deadline=None, derandomize=True, database=None
)


@_quick
@hypothesis.given(_problems(), st.sampled_from(allocation.RULES))
def test_widths_sum_to_the_budget_and_grow_with_the_reward(problem, rule):
  scores, running, budget, _ = problem
  widths = np.asarray(_rebase_widths(*problem, rule=rule))
  assert (widths >= 0).all()
  assert widths[~running].sum() == 0
  total = budget if running.any() else 0
  assert widths.sum() == total or (rule == "round" and widths.sum() < total)
  if rule == "stochastic":
    return  # chance may favour the worse of two
  order = sorted(np.flatnonzero(running), key=lambda n: (-scores[n], n))
  assert (np.diff(widths[order]) <= 0).all()


@_quick
@hypothesis.given(
  _problems(), st.permutations(range(10)), st.sampled_from(allocation.RULES)
)
def test_permuting_beams_permutes_widths(problem, order, rule):
  scores, running, budget, temperature = problem
  hypothesis.assume(len(set(scores[running])) == running.sum())
  order = np.array(order)
  widths = _rebase_widths(scores, running, budget, temperature, rule=rule)
  permuted = _rebase_widths(
    scores[order], running[order], budget, temperature, rule=rule
  )
  assert permuted.tolist() == np.asarray(widths)[order].tolist()


@_quick
@hypothesis.given(_problems(), st.sampled_from(allocation.RULES))
def test_limits_of_the_temperature(problem, rule):
  scores, running, budget, _ = problem
  hypothesis.assume(running.any())
  best = running & (scores == scores[running].max())
  for temperature, sharing in ((1e30, running), (1e-30, best)):
    widths = np.asarray(
      _rebase_widths(scores, running, budget, temperature, rule=rule)
    )
    if rule == "round":
      even = Fraction(budget, int(sharing.sum()))
      expected = oracle.round_widths([even] * 10, scores, sharing, budget)
      assert widths.tolist() == expected
    else:
      assert widths[sharing].sum() == budget
      assert widths[sharing].max() - widths[sharing].min() <= 1


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (([[0.5]], [[True]], 1, 0.1), r"scores have shape \(1, 1\)"),
    (([0.5], [True, True], 1, 0.1), r"running has shape \(2,\)"),
    (([0.5], [True], [1], 0.1), r"budget has shape \(1,\)"),
    (([0.5], [True], 1, [0.1]), r"temperature has shape \(1,\)"),
    (([0.5], [True], 1, 0.1, "floor"), r"rule is 'floor'.*'ceil', 'round'"),
    (([0.5], [True], 1, 0.1, "stochastic"), r"but key is None; give it a"),
  ],
)
def test_wrong_arguments_are_named(arguments, message):
  with pytest.raises(ValueError, match=message):
    allocation.rebase_widths(*arguments)
