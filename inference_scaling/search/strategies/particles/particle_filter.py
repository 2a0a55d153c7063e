"""Particle filtering: beams are resampled in proportion to their odds."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from inference_scaling import names
from inference_scaling.search import base
from inference_scaling.search.checks import arguments
from inference_scaling.search.strategies import slots
from inference_scaling.search.strategies.particles import annealing
from inference_scaling.search.strategies.resampling import SCHEMES

TERMINALS = names.TERMINALS
RESAMPLE = TERMINALS[0]

# Rewards are clipped to [_CLIP, 1 - _CLIP], so that no logit is infinite.
_CLIP = 1e-6


def particle_filter(
  resampling: str = "systematic",
  temperature: Any = 1.0,
  terminal: str = RESAMPLE,
  duplicates: str = base.KEEP,
  entropic_steps: Any = None,
) -> base.Strategy:
  """Resamples all beams after each step by the softmax of their logits.

  A particle's weight is softmax(logit(R) / temperature), with R the reward of
  the whole prefix: at temperature 1 its odds R / (1 - R). Weights do not build
  up over depths. Rewards are clipped to [1e-6, 1 - 1e-6], so that rewards
  outside [0, 1], such as raw logits or sums, count as certain failure or
  success: give probabilities. NaN counts as the worst.

  Args:
    resampling: "systematic", or "multinomial" as published; the former has the
      same mean and a smaller variance.
    temperature: above 0; low favours the best particles. It travels in the
      carry as an array, so that a new one compiles nothing anew, and may be
      traced inside a jitted function.
    terminal: "resample" (as published) resamples ended particles like all
      others, after the last step too: a finished particle may be copied, its
      copies vote as often as there are copies, and a finished particle that is
      not drawn is lost. "keep" leaves them in their slots, as REBASE does: the
      running ones share the other slots.
    duplicates: KEEP, DROP or MERGE. A merged particle's weight is that of all
      that it stands for. DROP also drops the copies of a finished particle at
      the next depth, so that only those of the last resampling vote.
    entropic_steps: T, most steps of a solution, for entropic particle filtering
      (see `annealing`): the temperature is raised in the first half of T while
      the weights gather on few particles. None for a constant temperature. A
      number that may be traced, too.

  Returns:
    A Strategy; its carry is the temperature, and how far it is annealed.

  Raises:
    ValueError: on a wrong argument.

  References:
    Puri et al., "A Probabilistic Inference Approach to Inference-Time Scaling
      of LLMs using Particle-Based Monte Carlo Methods", 2025.
      https://arxiv.org/abs/2502.01618
    Giannone et al., "Mitigating Premature Exploitation in Particle-based Monte
      Carlo for Inference-Time Scaling", 2025 (entropic annealing).
      https://arxiv.org/abs/2510.05825
  """
  name = "particle_filter"
  arguments.check_choice(
    f"{name}: resampling", resampling, names.RESAMPLING_SCHEMES
  )
  arguments.check_choice(f"{name}: terminal", terminal, TERMINALS)
  temperature = arguments.check_positive(
    f"{name}: temperature", temperature, "1 gives the published weights"
  )
  if entropic_steps is not None:
    entropic_steps = arguments.check_whole(
      f"{name}: entropic_steps", entropic_steps, 1
    )
  arguments.check_shared(name, 0, duplicates)
  return base.Strategy(
    _Init(temperature, entropic_steps),
    _SELECT[resampling, terminal],
    duplicates=duplicates,
  )


def particle_weights(
  scores: jax.Array, particles: jax.Array, temperature: ArrayLike
) -> jax.Array:
  """exp((logit(R) - max logit) / temperature), 0 for what is no particle.

  Args:
    scores: float32[N], rewards R.
    particles: bool[N].
    temperature: float32[].

  Returns:
    float32[N] weights, the largest of which is 1 if there is a particle.
  """
  rewards = jnp.where(jnp.isnan(scores), 0.0, scores)
  rewards = jnp.clip(rewards, _CLIP, 1 - _CLIP)
  logits = jnp.log(rewards) - jnp.log1p(-rewards)
  gaps = logits - jnp.max(jnp.where(particles, logits, -jnp.inf))
  # Inside this bound no quotient of 0 and 0 arises, nor one that overflows.
  weights = jnp.exp(gaps / jnp.maximum(temperature, 1e-30))
  return jnp.where(particles, weights, 0.0)


class _Annealed(NamedTuple):
  """The carry of entropic particle filtering.

  Attributes:
    temperature: float32[], at least.
    steps: int32[], steps made.
    max_steps: int32[], T.
  """

  temperature: jax.Array
  steps: jax.Array
  max_steps: jax.Array


@dataclasses.dataclass(frozen=True)
class _Init:
  """Makes the carry; equal for equal numbers, so jit's cache is hit."""

  temperature: Any
  entropic_steps: Any

  def __call__(self, num_beams: int) -> jax.Array | _Annealed:
    del num_beams  # the particles are counted at each depth
    temperature = jnp.asarray(self.temperature, jnp.float32)
    if self.entropic_steps is None:
      return temperature
    max_steps = jnp.asarray(self.entropic_steps, jnp.int32)
    return _Annealed(temperature, jnp.int32(0), max_steps)


def _weigh(
  beams: base.Beams, particles: jax.Array, carry: jax.Array | _Annealed
) -> tuple[jax.Array, jax.Array | _Annealed]:
  """The weights of single particles, float32[N], and the new carry."""
  if not isinstance(carry, _Annealed):
    return particle_weights(beams.scores, particles, carry), carry
  carry = carry._replace(steps=carry.steps + 1)
  weights = particle_weights(beams.scores, particles, carry.temperature)
  factor = annealing.entropic_temperature(
    weights,
    jnp.where(particles, beams.multiplicity, 0),
    carry.steps,
    carry.max_steps,
  )
  flat = particle_weights(beams.scores, particles, carry.temperature * factor)
  return flat, carry


def _select(
  key: jax.Array,
  beams: base.Beams,
  carry: jax.Array | _Annealed,
  *,
  scheme: str,
  terminal: str,
) -> tuple[jax.Array, jax.Array, jax.Array | _Annealed]:
  running, free = slots.expandable(beams), slots.free(beams)
  particles = running
  if terminal == RESAMPLE:
    particles, free = running | ~free, jnp.ones_like(free)
  weights, carry = _weigh(beams, particles, carry)
  weights *= beams.multiplicity
  copies = SCHEMES[scheme](key, weights, jnp.sum(free, dtype=jnp.int32))
  parents = slots.children_to_parents(copies, free)
  return parents, running[parents] & (copies[parents] > 0), carry


# One object a choice: `partial` objects made anew would miss jit's cache.
_SELECT = {
  (scheme, terminal): functools.partial(
    _select, scheme=scheme, terminal=terminal
  )
  for scheme in SCHEMES
  for terminal in TERMINALS
}
