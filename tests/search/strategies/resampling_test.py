"""Resampling: its mean, its variance and its limits."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling.search.strategies import resampling
from tests.search import oracle

N = 8
DRAWS = 4000
WEIGHTS = np.array([0.3, 0.0, 2.0, 0.7, 1e-9, 5.0, 1.0, 0.25], np.float32)
KEYS = jax.random.split(jax.random.key(0), DRAWS)

schemes = pytest.mark.parametrize("name", sorted(resampling.SCHEMES))
# One compilation a scheme.
_many = {
  name: jax.jit(jax.vmap(scheme, (0, None, None)))
  for name, scheme in resampling.SCHEMES.items()
}


def _draw(name, weights, count):
  return np.asarray(_many[name](KEYS, np.array(weights, np.float32), count))


@schemes
@pytest.mark.parametrize("count", [0, 1, 5, N])
def test_the_mean_is_the_share(name, count):
  copies = _draw(name, WEIGHTS, count)
  assert copies.shape == (DRAWS, N) and copies.dtype == np.int32
  assert (copies.sum(axis=1) == count).all()
  assert (copies[:, WEIGHTS == 0] == 0).all()
  share = WEIGHTS / WEIGHTS.sum()
  # No scheme here has more variance than independent draws.
  error = 5 * np.sqrt(count * share * (1 - share) / DRAWS)
  assert (abs(copies.mean(axis=0) - count * share) <= error + 1e-6).all()


@pytest.mark.parametrize("count", [1, 5, N, 100])
def test_systematic_copies_are_floors_or_ceilings(count):
  copies = _draw("systematic", WEIGHTS, count)
  share = WEIGHTS.astype(float) * count / WEIGHTS.astype(float).sum()
  assert (copies >= np.floor(share)).all()
  assert (copies <= np.ceil(share)).all()
  assert (copies.sum(axis=1) == count).all()


def test_systematic_and_multinomial_copies_follow_their_uniforms():
  exact = [float(weight) for weight in WEIGHTS]
  even, drawn = (
    _draw("systematic", WEIGHTS, N),
    _draw("multinomial", WEIGHTS, 5),
  )
  for number, key in enumerate(KEYS[:20]):
    quotas = [N * weight / math.fsum(exact) for weight in exact]
    uniform = float(jax.random.uniform(key))
    assert even[number].tolist() == (oracle.systematic(quotas, uniform))
    uniforms = jax.random.uniform(key, (N,)).tolist()
    assert drawn[number].tolist() == (oracle.multinomial(exact, uniforms, 5))


def test_equal_weights_stay_as_they_are_under_systematic_resampling():
  assert (_draw("systematic", np.full(N, 0.3), N) == 1).all()
  assert (_draw("systematic", np.full(N, 1e-30), 3 * N) == 3).all()


def test_equal_weights_are_drawn_uniformly_under_multinomial_resampling():
  copies = _draw("multinomial", np.full(N, 0.3), N)
  expected = DRAWS * N / N
  chi_square = ((copies.sum(axis=0) - expected) ** 2 / expected).sum()
  assert chi_square < 24.3  # 7 degrees of freedom, p = 0.001
  # Each count is binomial: its variance is that of N draws, not of one.
  binomial = N * (1 / N) * (1 - 1 / N)
  assert copies.var(axis=0) == pytest.approx(binomial, rel=0.1)


@schemes
@pytest.mark.parametrize(
  ("weights", "shares"),
  [
    ([0.0] * N, [0.0] * N),
    ([math.nan] * N, [0.0] * N),
    ([-1.0, math.nan, 0.0, 2.0] + [0.0] * 4, [0, 0, 0, 1] + [0] * 4),
    ([math.inf, 1.0, 1e37] + [0.0] * 5, [0.5, 0, 0.5] + [0] * 5),
    ([3e38] * N, [1 / N] * N),
    ([0.0] * 7 + [2e-38], [0] * 7 + [1]),
  ],
)
def test_weights_at_the_limits(name, weights, shares):
  copies = _draw(name, weights, N)
  assert (copies.sum(axis=1) == (N if any(shares) else 0)).all()
  assert copies.mean(axis=0) == pytest.approx(N * np.array(shares), abs=0.2)
  assert (copies[:, np.array(shares) == 0] == 0).all()


@schemes
def test_weights_of_several_problems_are_refused(name):
  scheme = functools.partial(resampling.SCHEMES[name], KEYS[0])
  with pytest.raises(ValueError, match=r"shape \(2, 3\), expected \[N\]"):
    scheme(jnp.ones((2, 3)), 3)
