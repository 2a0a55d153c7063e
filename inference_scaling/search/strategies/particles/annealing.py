"""Entropic annealing: weights are flattened while few particles hold them.

Resampling by the rewards of first steps can leave copies of one beam before
anything is known. While the effective sample size is small and solutions are
short, the weights are taken at a higher temperature.

References:
  Giannone, Xu, Nayak, Awhad, Sudalairaj, Xu, Srivastava, "Mitigating Premature
    Exploitation in Particle-based Monte Carlo for Inference-Time Scaling",
    2025 (entropic particle filtering), with thresholds and limits from the
    authors' code. https://arxiv.org/abs/2510.05825
    https://github.com/Red-Hat-AI-Innovation-Team/its_hub/pull/144
"""

import jax
import jax.numpy as jnp

_THRESHOLD = 0.5  # of ESS / N, below which weights are flattened
_EARLY = 0.5  # the part of the steps in which they are


def entropic_temperature(
  weights: jax.Array, counts: jax.Array, steps: jax.Array, max_steps: jax.Array
) -> jax.Array:
  """The factor of the temperature that weights are taken at.

  With ESS = (sum w)^2 / sum w^2 of N particles after t of T steps it is
  max(1, N / ESS * (1 - t / T)) where ESS / N < 0.5 and t / T < 0.5, else 1:
  the ratio 1 / ESS grows as weights gather on few particles, and what it does
  fades out with t.

  Args:
    weights: float32[N], not negative, the largest of which is 1; 0 for what is
      no particle.
    counts: int32[N], the particles that each slot stands for; 0 for none.
    steps: int32[], t, the step that was weighed included.
    max_steps: int32[], T.

  Returns:
    float32[], at least 1.
  """
  number = jnp.sum(counts).astype(jnp.float32)
  squares = jnp.sum(counts * weights**2)
  size = jnp.sum(counts * weights) ** 2 / jnp.where(squares > 0, squares, 1.0)
  ratio = jnp.where(size > 0, number / jnp.where(size > 0, size, 1.0), 1.0)
  left = 1 - steps / max_steps
  flattens = (ratio * _THRESHOLD > 1) & (left > 1 - _EARLY)
  return jnp.where(flattens, jnp.maximum(ratio * left, 1.0), 1.0)
