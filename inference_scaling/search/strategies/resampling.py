"""Resampling: how many copies of each particle, in the mean as its weight says.

Both schemes are unbiased: particle n gets count * w_n / sum(w) copies in the
mean. Systematic resampling needs one uniform draw and gives each particle the
floor or the ceiling of that mean; multinomial resampling draws every copy
independently and has the larger variance.

References:
  Kitagawa, "Monte Carlo Filter and Smoother for Non-Gaussian Nonlinear State
    Space Models", Journal of Computational and Graphical Statistics 5, 1996
    (systematic resampling: its appendix).
  Douc, Cappe, "Comparison of Resampling Schemes for Particle Filtering",
    ISPA 2005 (both schemes, and their variances).
    https://arxiv.org/abs/cs/0507025
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling import names
from inference_scaling.search.strategies import double_float
from inference_scaling.search.strategies.double_float import Double

# Larger weights, infinite ones too, count as this. Its inverse is a normal
# float32: compilers may multiply by that instead of dividing.
_LARGEST = 1e37


def systematic(key: jax.Array, weights: Any, count: Any) -> jax.Array:
  """Counts the points u, u + 1, .. that fall on each particle's share.

  The shares count * w_n / sum(w) lie end to end in the order of n, so that
  equal weights and a count of N give every particle exactly one copy.

  Args:
    key: a typed PRNG key; it makes one uniform u in [0, 1).
    weights: float32[N], not negative; NaN and negative ones count as 0, those
      above 1e37 as 1e37. They need not sum to 1. A `Double` is used as it is.
    count: int32[], copies in all, below 2^24.

  Returns:
    int32[N] copies, each the floor or the ceiling of the particle's share. They
    sum to `count`, or are all 0 if no weight is above 0.

  References:
    Kitagawa 1996, appendix; Douc and Cappe 2005, Section 2.4.
  """
  weights = _usable(weights)
  count = jnp.maximum(jnp.asarray(count, jnp.int32), 0)
  sums = double_float.sums(weights)
  total = Double(*(part[-1] for part in sums))
  has_weight = total.high > 0
  filled = Double(
    *(
      jnp.broadcast_to(jnp.where(has_weight, part, fill), sums.high.shape)
      for part, fill in zip(total, (1.0, 0.0), strict=True)
    )
  )
  share = double_float.divide(sums, filled)
  scale = jnp.full_like(share.high, count.astype(jnp.float32))
  whole, fraction = double_float.whole_part(
    double_float.multiply(double_float.split(scale), share)
  )
  points = whole + (fraction > jax.random.uniform(key))
  # Exactly all of them at the end, whatever a device's division rounds to, and
  # never fewer than before.
  last = (sums.high == total.high) & (sums.low == total.low)
  points = jax.lax.cummax(jnp.where(last, count, jnp.minimum(points, count)))
  copies = points - jnp.concatenate([jnp.zeros_like(points[:1]), points[:-1]])
  return jnp.where(has_weight, copies, 0)


def multinomial(key: jax.Array, weights: Any, count: Any) -> jax.Array:
  """Draws every copy independently.

  Args:
    key: a typed PRNG key.
    weights: float32[N], as for `systematic`.
    count: int32[], copies in all, at most N: more are not drawn.

  Returns:
    int32[N] copies. They sum to `count`, or are all 0 if no weight is above 0.

  References:
    Douc and Cappe 2005, Section 2.1.
  """
  sums = double_float.sums(_usable(weights)).high
  total = sums[-1]
  draws = jax.random.uniform(key, sums.shape) * total
  chosen = jnp.searchsorted(sums, draws, side="right")
  # A product that was rounded up to the total belongs to the last particle that
  # has a weight.
  chosen = jnp.minimum(chosen, jnp.searchsorted(sums, total, side="left"))
  drawn = (jnp.arange(sums.shape[0]) < count) & (total > 0)
  copies = jnp.zeros(sums.shape, jnp.int32)
  return copies.at[chosen].add(drawn.astype(jnp.int32))


# By name, as strategies give them.
SCHEMES: dict[str, Callable[[jax.Array, Any, Any], jax.Array]] = dict(
  zip(names.RESAMPLING_SCHEMES, (systematic, multinomial), strict=True)
)


def _usable(weights: Any) -> Double:
  """Weights as they are added up: none below 0, and no sum overflows."""
  if isinstance(weights, Double):
    return weights
  weights = jnp.asarray(weights, jnp.float32)
  if weights.ndim != 1 or not weights.size:
    raise ValueError(
      f"resampling: weights have shape {weights.shape}, expected [N] with N of "
      "at least 1; use jax.vmap for several problems"
    )
  weights = jnp.clip(jnp.where(weights > 0, weights, 0.0), 0.0, _LARGEST)
  largest = jnp.max(weights)
  return double_float.split(weights / jnp.where(largest > 0, largest, 1.0))
