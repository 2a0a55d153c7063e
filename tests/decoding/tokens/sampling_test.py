import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from inference_scaling.decoding.tokens import sampling

_jitted = jax.jit(sampling.sample_tokens)


def _probabilities(logits, temperature, top_k, top_p):
  """The filtered distribution, by sorting, in float64."""
  logits = np.asarray(logits, np.float64)
  if temperature == 0:
    return np.eye(len(logits))[np.argmax(logits)]
  weights = np.exp((logits - logits.max()) / temperature)
  order = np.argsort(-weights, kind="stable")
  keep = np.ones(len(logits), bool)
  if top_k > 0:
    keep[order[top_k:]] = False
  weights = np.where(keep, weights, 0)
  if top_p < 1:
    before = np.cumsum(weights[order]) - weights[order]
    keep[order[before >= top_p * weights.sum()]] = False
    keep[order[0]] = True
  weights = np.where(keep, weights, 0)
  return weights / weights.sum()


def _counts(logits, uniform, temperature, top_k=0, top_p=1.0):
  rows = jnp.tile(jnp.asarray(logits, jnp.float32), (len(uniform), 1))
  tokens = _jitted(
    uniform, rows, jnp.float32(temperature), jnp.int32(top_k),
    jnp.float32(top_p),
  )  # fmt: skip
  return np.bincount(tokens, minlength=len(logits))


@pytest.mark.parametrize("size", [2, 7, 450])
@pytest.mark.parametrize(
  "temperature,top_k,top_p",
  [
    (1.0, 0, 1.0), (0.4, 0, 1.0), (2.5, 3, 1.0), (1.0, 0, 0.6), (0.7, 5, 0.8),
    (1.0, 1, 1.0), (1.0, 0, 0.0), (0.0, 3, 0.5), (1.0, 10_000, 1.0),
  ],
)  # fmt: skip
def test_evenly_spread_uniforms_give_the_exact_shares(
  size, temperature, top_k, top_p
):
  draws = 20_000
  uniform = (jnp.arange(draws, dtype=jnp.float32) + 0.5) / draws
  logits = np.random.default_rng(size).normal(size=size) * 2
  wanted = _probabilities(logits, temperature, top_k, top_p)
  counts = _counts(logits, uniform, temperature, top_k, top_p)
  assert counts[wanted == 0].sum() == 0
  # An interval of length p holds p * draws points, give or take rounding.
  np.testing.assert_allclose(counts, wanted * draws, atol=1.5)


def test_random_draws_pass_a_chi_square_test():
  logits = np.random.default_rng(0).normal(size=40)
  uniform = jax.random.uniform(jax.random.key(1), (20_000,))
  wanted = _probabilities(logits, 0.8, 12, 0.9)
  counts = _counts(logits, uniform, 0.8, 12, 0.9)
  kept = wanted > 0
  assert counts[~kept].sum() == 0
  result = stats.chisquare(counts[kept], wanted[kept] * 20_000)
  assert result.pvalue > 1e-3


def test_temperature_0_takes_the_first_of_ties():
  logits = [0.5, 3.0, -1.0, 3.0, 2.9999998]
  uniform = jnp.array([0.0, 0.5, 0.9999999])
  assert _counts(logits, uniform, 0.0)[1] == 3


def test_no_uniform_draws_a_token_of_no_weight():
  for logits in ([-jnp.inf, 0.0, -jnp.inf], [-200.0, 0.0, -300.0]):
    uniform = jnp.array([0.0, 1e-30, 0.5, 1 - 2**-24], jnp.float32)
    assert _counts(logits, uniform, 1.0)[1] == 4


def test_absent_filters_are_the_same_as_filters_that_keep_all():
  logits = jax.random.normal(jax.random.key(0), (300, 33))
  uniform = jax.random.uniform(jax.random.key(1), (300,))
  warm = jnp.float32(1.0)
  np.testing.assert_array_equal(
    _jitted(uniform, logits, warm, jnp.int32(0), jnp.float32(1.0)),
    _jitted(uniform, logits, warm),
  )


@pytest.mark.parametrize("digit_bits", [2, 4])
@pytest.mark.parametrize(
  "top_k, top_p", [(1, 1.0), (9, 1.0), (0, 0.3), (0, 0.0), (50, 0.9)]
)
def test_filters_are_the_same_whatever_a_pass_finds(digit_bits, top_k, top_p):
  logits = 4 * jax.random.normal(jax.random.key(2), (400, 61))
  # Ties, both zeros, and tokens that may not be drawn.
  logits = logits.at[:, 7].set(logits[:, 8]).at[:50].multiply(0.0)
  logits = logits.at[40:90, ::3].set(-jnp.inf)
  uniform = jax.random.uniform(jax.random.key(3), (400,))
  arguments = (jnp.float32(0.9), jnp.int32(top_k), jnp.float32(top_p))
  quick = jax.jit(functools.partial(
    sampling.sample_tokens, digit_bits=digit_bits
  ))  # fmt: skip
  np.testing.assert_array_equal(
    quick(uniform, logits, *arguments), _jitted(uniform, logits, *arguments)
  )


def test_new_numbers_compile_nothing():
  logits = [0.3, 1.0, 0.2, 0.1]
  uniform = jnp.array([0.1, 0.7])
  _counts(logits, uniform, 1.0)
  before = _jitted._cache_size()
  for temperature, top_k, top_p in [(2.0, 3, 1.0), (0.0, 2, 0.3)]:
    _counts(logits, uniform, temperature, top_k, top_p)
  assert _jitted._cache_size() == before
