"""What scores say of the mean that they are drawn around: posteriors and draws.

A posterior needs three numbers of the scores: how many there are, their mean
and their squared deviations from it. Scores are added one by one, and a draw
takes the prior in closed form.

Arrays here have any shape, the same one in each call.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling import names

NORMAL, BETA = names.POSTERIORS

# Scores of the normal posterior are clipped to it, so that squares are finite.
_LARGEST = 1e15


class Prior(NamedTuple):
  """What is believed before any score: numbers, or arrays float32[].

  Attributes:
    mean: m of the normal prior; a / (a + b) of the beta prior.
    count: kappa, how many scores the prior mean is worth; a + b.
    degrees: nu, of freedom; of the normal prior alone.
    variance: tau squared, that of scores; of the normal prior alone.
  """

  mean: Any
  count: Any
  degrees: Any
  variance: Any


class Observed(flax.struct.PyTreeNode):
  """The scores of which a posterior is made.

  Attributes:
    count: int32[...], how many there are.
    mean: float32[...], 0 without any.
    squares: float32[...], the sum of their squared deviations from the mean.
  """

  count: jax.Array
  mean: jax.Array
  squares: jax.Array


def nothing(shape: tuple[int, ...]) -> Observed:
  """No scores, for each of some posteriors."""
  return Observed(
    jnp.zeros(shape, jnp.int32), jnp.zeros(shape), jnp.zeros(shape)
  )


def observe(observed: Observed, where: jax.Array, score: jax.Array) -> Observed:
  """Adds one score to some posteriors.

  Args:
    observed: of any shape.
    where: bool, of that shape: the posteriors that the score is added to.
    score: float32[], finite (see `usable`).

  Returns:
    The new Observed (Welford's update).
  """
  count = observed.count + where
  gap = jnp.where(where, score - observed.mean, 0.0)
  mean = observed.mean + gap / jnp.maximum(count, 1)
  # The gap to the new mean is 0 at a first score, whatever rounds.
  squares = observed.squares + gap * jnp.where(count > 1, score - mean, 0.0)
  return Observed(count, mean, jnp.maximum(squares, 0.0))


def usable(posterior: str, scores: jax.Array) -> jax.Array:
  """Scores as they are observed: NaN is the worst, and all are in range.

  Args:
    posterior: NORMAL or BETA.
    scores: float32[...].

  Returns:
    float32[...]: in [0, 1] for BETA, finite for NORMAL.
  """
  low, high = (0.0, 1.0) if posterior == BETA else (-_LARGEST, _LARGEST)
  return jnp.clip(jnp.where(jnp.isnan(scores), low, scores), low, high)


def draw(
  posterior: str, keys: jax.Array, observed: Observed, prior: Prior
) -> jax.Array:
  """Draws a mean from each of some posteriors.

  NORMAL: scores are normal with an unknown mean and variance, under a
  normal-inverse-gamma prior. The variance is integrated out: with n scores of
  mean x and squared deviations s, the mean follows Student's t with nu + n
  degrees of freedom around (kappa m + n x) / (kappa + n), of scale

    sqrt((nu tau^2 + s + n kappa (x - m)^2 / (kappa + n)) /
         ((nu + n) (kappa + n))).

  BETA: each score is taken for that part of one success, so that the mean
  follows Beta(kappa m + n x, kappa (1 - m) + n (1 - x)).

  Args:
    posterior: NORMAL or BETA.
    keys: typed PRNG keys [...], one a posterior.
    observed: of the same shape.
    prior: of all of them.

  Returns:
    float32[...].

  References:
    Murphy, "Probabilistic Machine Learning: Advanced Topics", 2023, Section
      3.4.3.3 (the normal-inverse-gamma posterior and its marginal).
  """
  count = observed.count.astype(jnp.float32)
  if posterior == BETA:
    successes = prior.count * prior.mean + count * observed.mean
    failures = prior.count * (1 - prior.mean) + count * (1 - observed.mean)
    return _each(jax.random.beta, keys, successes, failures)
  total = prior.count + count
  degrees = prior.degrees + count
  mean = (prior.count * prior.mean + count * observed.mean) / total
  # The quotient first: their product with a square may be infinite.
  weight = count * prior.count / total
  shift = weight * (observed.mean - prior.mean) ** 2
  squares = prior.degrees * prior.variance + observed.squares + shift
  scale = jnp.sqrt(squares / (degrees * total))
  return mean + scale * _each(_student, keys, degrees)


def _student(key: jax.Array, degrees: jax.Array) -> jax.Array:
  """Student's t by Bailey's polar rule, from two uniform draws.

  References:
    Bailey, "Polar Generation of Random Variates with the t-Distribution",
      Mathematics of Computation 62, 1994.
  """
  first, second = jax.random.uniform(key, (2,))
  # 1 - u lies in (0, 1]; few degrees of freedom would still overflow.
  power = jnp.minimum(-2 / degrees * jnp.log1p(-first), 60.0)
  radius = jnp.sqrt(degrees * jnp.expm1(power))
  return radius * jnp.cos(2 * math.pi * second)


def _each(
  function: Callable[..., jax.Array], keys: jax.Array, *numbers: jax.Array
) -> jax.Array:
  """One draw a key."""
  flat = [leaf.reshape(-1) for leaf in (keys, *numbers)]
  return jax.vmap(function)(*flat).reshape(keys.shape)
