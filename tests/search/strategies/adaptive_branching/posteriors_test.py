"""Posteriors of AB-MCTS against closed forms, in numbers and in draws."""

import functools
import itertools
import math

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import stats

from inference_scaling.search.checks import arguments
from inference_scaling.search.strategies.adaptive_branching import posteriors
from tests.search import ab_mcts_oracle, runs

KEYS = jax.random.split(jax.random.key(5), 20_000)
CELLS = 20
_jit = functools.partial(jax.jit, compiler_options=runs.QUICK)


def _observe(scores):
  observed = posteriors.nothing(())
  for score in scores:
    observed = posteriors.observe(observed, True, jnp.float32(score))
  return observed


@functools.partial(_jit, static_argnums=0)
def _draw(posterior, observed, prior):
  many = jax.tree.map(lambda leaf: jnp.full(KEYS.shape, leaf), observed)
  return posteriors.draw(posterior, KEYS, many, prior)


def _chi_square(draws, distribution):
  """Of draws in cells of equal probability."""
  edges = distribution.ppf(np.arange(1, CELLS) / CELLS)
  counts = np.bincount(np.searchsorted(edges, draws), minlength=CELLS)
  return stats.chisquare(counts).pvalue


@pytest.mark.parametrize(
  ("scores", "prior"),
  [((), (0, 1, 1, 0.1)), ((0.2, 0.8), (0, 1, 1, 0.1)),
   ((0.9, 0.7, 0.95, 0.8), (0.5, 2, 3, 0.4))],
)  # fmt: skip
def test_normal_draws_follow_the_marginal_of_the_mean(scores, prior):
  draws = np.asarray(
    _draw("normal", _observe(scores), posteriors.Prior(*map(float, prior)))
  )
  center, degrees, scale = ab_mcts_oracle.normal(list(scores), prior)
  expected = stats.t(degrees, center, scale)
  assert _chi_square(draws, expected) > 1e-3
  # The same as a draw of the variance and then one of the mean, as published.
  rng = np.random.default_rng(0)
  m, kappa, nu, squared = center, prior[1] + len(scores), degrees, None
  squared = scale**2 * kappa
  variances = stats.invgamma(nu / 2, scale=nu * squared / 2).rvs(5000, rng)
  means = rng.normal(m, np.sqrt(variances / kappa))
  assert stats.kstest(means, expected.cdf).pvalue > 1e-3
  # Not of its neighbours: this test can tell them apart.
  assert _chi_square(draws, stats.t(degrees, center, scale * 1.1)) < 1e-3


def test_a_normal_posterior_worked_by_hand():
  """kappa 3, nu 3: mean 1 / 3, tau^2 (0.1 + 0.18 + 2 * 0.25 / 3) / 3."""
  center, degrees, scale = ab_mcts_oracle.normal([0.2, 0.8], (0, 1, 1, 0.1))
  assert (center, degrees) == (pytest.approx(1 / 3), 3)
  assert scale**2 * 3 == pytest.approx((0.1 + 0.18 + 0.5 / 3) / 3)


@pytest.mark.parametrize(
  ("scores", "prior"), [((), (0.5, 0.5)), ((0.2, 1.0, 0.9), (0.6, 1.4))]
)
def test_beta_draws_follow_it(scores, prior):
  total = sum(prior)
  numbers = posteriors.Prior(prior[0] / total, total, 1.0, 0.1)
  draws = np.asarray(_draw("beta", _observe(scores), numbers))
  a, b = ab_mcts_oracle.beta(list(scores), prior)
  assert _chi_square(draws, stats.beta(a, b)) > 1e-3
  assert _chi_square(draws, stats.beta(a * 1.1, b)) < 1e-3


@hypothesis.settings(deadline=None, derandomize=True, database=None)
@hypothesis.given(
  st.lists(st.floats(-50, 50, width=32), max_size=12), st.floats(-1e3, 1e3)
)
def test_scores_add_up_to_their_moments(scores, shift):
  scores = [float(np.float32(score + shift)) for score in scores]
  observed = _observe(scores)
  assert observed.count == len(scores)
  if scores:
    spread = np.abs(scores).max() + 1
    np.testing.assert_allclose(
      observed.mean, np.mean(scores), atol=1e-6 * spread
    )
    squares = np.var(scores) * len(scores)
    np.testing.assert_allclose(
      observed.squares, squares, rtol=1e-4, atol=1e-5 * spread
    )


def test_where_a_score_is_not_observed_nothing_changes():
  observed = posteriors.nothing((2,))
  for score, where in ((0.3, [1, 1]), (0.9, [0, 1])):
    observed = posteriors.observe(
      observed, jnp.array(where, bool), jnp.float32(score)
    )
  assert observed.count.tolist() == [1, 2]
  np.testing.assert_allclose(observed.mean, [0.3, 0.6], rtol=1e-6)
  np.testing.assert_allclose(observed.squares, [0, 0.18], atol=1e-6)


def test_scores_out_of_range_are_clipped_and_draws_stay_finite():
  scores = jnp.array([math.nan, -math.inf, math.inf, -2.0, 0.25, 7.0])
  beta = posteriors.usable("beta", scores)
  assert beta.tolist() == [0, 0, 1, 0, 0.25, 1]
  normal = posteriors.usable("normal", scores)
  assert normal[0] == normal[1] == normal.min() and jnp.isfinite(normal).all()
  assert normal[3:].tolist() == [-2, 0.25, 7]
  tiny = posteriors.Prior(0.0, 1e-30, 1e-3, 1e-30)
  for observed in (_observe([]), _observe(normal.tolist())):
    assert np.isfinite(_draw("normal", observed, tiny)).all()


@pytest.mark.parametrize("posterior", ["normal", "beta"])
def test_draws_are_finite_at_the_bounds_of_all_numbers(posterior):
  ends = arguments.SMALL, arguments.LARGE
  is_normal = posterior == "normal"
  means = [0.0, ends[1]] if is_normal else [ends[0], 0.5]
  others = ends if is_normal else (1.0,)  # of which beta reads none
  told = posteriors.usable(posterior, jnp.array([-math.inf, 0, math.inf]))
  for numbers in itertools.product(means, ends, others, others):
    prior = posteriors.Prior(*map(np.float32, numbers))
    for scores in ([], told[:1], told[1:], [*told] * 2):
      draws = _draw(posterior, _observe(scores), prior)
      assert np.isfinite(draws).all(), (numbers, scores)
