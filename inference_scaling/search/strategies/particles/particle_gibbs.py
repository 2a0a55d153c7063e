"""Particle Gibbs: particle filters, each conditioned on a path of the last."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling.search import base
from inference_scaling.search.checks import arguments
from inference_scaling.search.strategies.particles import iterations as loops


def particle_gibbs(
  particles: Any,
  max_steps: Any,
  iterations: Any = 2,
  temperature: Any = 1.0,
  entropic: bool = False,
) -> base.Strategy:
  """Filters particles again and again, with one path of the last time kept.

  An iteration is a particle filter of M particles (`particle_filter`, weights
  and all; multinomial resampling after each step). At its end one particle is
  drawn by the weights: the reference. In the next iteration the reference's
  path is a particle at each of its steps, as it was, while M - 1 others start
  anew at the prompt; at each step these are resampled from all M, the prefix of
  the reference included (conditional sequential Monte Carlo). So a path is
  kept, and better ones may branch off it.

  With solutions of one length and a constant temperature, the reference after
  an iteration has the distribution that it had before if that was

    p(solution) * product over steps of (R / (1 - R))^(1 / temperature),

  whatever M; M particles alone are biased towards the policy. Where lengths
  differ, an ended particle is weighted again at each further step, until all
  have ended, as in `particle_filter`. There is no ancestor sampling (the
  reference's past is never redrawn), and no systematic resampling of ancestors,
  which would not leave that distribution as it is.

  The candidates are those of all iterations, M each, resampled systematically
  by the weights after the last step. Made steps of all iterations are charged;
  the reference's are not made again. Particles that still run after `max_steps`
  are unfinished candidates. (its_hub returns the last iteration's particles
  alone, resampled before the reference is drawn from them by the same weights.)

  Every step of an iteration has slots of its own, so that a prefix can be gone
  on from: `particle_gibbs_shape` gives the number of beams and rounds.

  Args:
    particles: M, of an iteration, at least 2.
    max_steps: steps that a solution may have.
    iterations: how many, at least 1; 1 is a particle filter.
    temperature: above 0, as for `particle_filter`.
    entropic: whether the temperature is annealed (see `annealing`). The chain
      then has no exact target: how much is flattened depends on the particles.

  Returns:
    A Strategy; its carry is an iterations.Memory. All numbers may be traced:
    new ones compile nothing anew, as long as the number of beams stays.

  Raises:
    ValueError: on a wrong argument; as a search starts, on fewer beams or
      depths than `particle_gibbs_shape` says.

  References:
    Andrieu, Doucet, Holenstein, "Particle Markov Chain Monte Carlo Methods",
      Journal of the Royal Statistical Society B 72, 2010, Section 2.4.3.
    Puri et al., "A Probabilistic Inference Approach to Inference-Time Scaling
      of LLMs using Particle-Based Monte Carlo Methods", 2025, particle Gibbs.
      https://arxiv.org/abs/2502.01618
  """
  name = "particle_gibbs"
  particles, max_steps, iterations = _check_sizes(
    name, particles, max_steps, iterations
  )
  temperature = arguments.check_positive(
    f"{name}: temperature", temperature, "1 gives the published weights"
  )
  sizes = particles, max_steps, iterations
  return base.Strategy(
    _Init(*sizes, temperature), _SELECT[bool(entropic)], _first,
    check=_Depths(*sizes),
  )  # fmt: skip


def particle_gibbs_shape(
  particles: int, max_steps: int, iterations: int = 2
) -> tuple[int, int]:
  """Returns how many beams and rounds a search needs.

  Args:
    particles: as for `particle_gibbs`.
    max_steps: likewise.
    iterations: likewise.

  Returns:
    N for the policy's `num_beams`: the particles at each step, the candidates
    of each iteration, and one that stays at the prompt. And J for the loop's
    `max_depth`: one more than the rounds, or the loop would call the last
    particles truncated.

  Raises:
    ValueError: if a number is not whole or too small.
  """
  particles, max_steps, iterations = _check_sizes(
    "particle_gibbs_shape", particles, max_steps, iterations
  )
  beams = particles * (max_steps + iterations) + 1
  return beams, max_steps * iterations + 1


def _check_sizes(
  name: str, particles: Any, max_steps: Any, iterations: Any
) -> tuple[Any, Any, Any]:
  return (
    arguments.check_whole(f"{name}: particles", particles, 2),
    arguments.check_whole(f"{name}: max_steps", max_steps, 1),
    arguments.check_whole(f"{name}: iterations", iterations, 1),
  )


@dataclasses.dataclass(frozen=True)
class _Init:
  """Makes the memory; equal for equal numbers, so jit's cache is hit."""

  particles: Any
  max_steps: Any
  iterations: Any
  temperature: Any

  def __call__(self, num_beams: int) -> loops.Memory:
    sizes = self.particles, self.max_steps, self.iterations
    if not any(isinstance(size, jax.Array) for size in sizes):
      needed, _ = particle_gibbs_shape(*sizes)
      if num_beams < needed:
        raise ValueError(
          f"particle_gibbs: num_beams is {num_beams}, expected at least "
          f"{needed} for {_shown(*sizes)}: give the policy the beams of "
          "particle_gibbs_shape"
        )
    particles, max_steps, iterations = (
      jnp.asarray(size, jnp.int32) for size in sizes
    )
    return loops.Memory(
      ancestors=jnp.arange(num_beams, dtype=jnp.int32),
      iteration=jnp.int32(0),
      step=jnp.int32(0),
      kept=jnp.int32(0),
      particles=particles,
      max_steps=max_steps,
      iterations=iterations,
      temperature=jnp.asarray(self.temperature, jnp.float32),
    )


@dataclasses.dataclass(frozen=True)
class _Depths:
  """Checks that all iterations fit into the depths of a search."""

  particles: Any
  max_steps: Any
  iterations: Any

  def __call__(self, num_beams: int, max_depth: int) -> None:
    del num_beams  # counted as the memory is made
    sizes = self.particles, self.max_steps, self.iterations
    if any(isinstance(size, jax.Array) for size in sizes):
      return
    _, needed = particle_gibbs_shape(*sizes)
    if max_depth < needed:
      raise ValueError(
        f"particle_gibbs: max_depth is {max_depth}, expected at least {needed} "
        f"for {_shown(*sizes)}: give the search the depths of "
        "particle_gibbs_shape"
      )


def _shown(particles: int, max_steps: int, iterations: int) -> str:
  return (
    f"particles={particles}, max_steps={max_steps}, iterations={iterations}"
  )


def _first(num_beams: int, memory: loops.Memory) -> jax.Array:
  """The particles of the first step, bool[N]."""
  return jnp.arange(num_beams) < memory.particles


def _select(
  key: jax.Array, beams: base.Beams, memory: loops.Memory, *, entropic: bool
) -> tuple[jax.Array, jax.Array, loops.Memory]:
  """Goes on until a beam has a step to make, or all iterations are over."""
  resampled = loops.start(beams, memory)
  # Where all but the reference have ended, it alone goes on and makes no step.
  resampled = jax.lax.while_loop(
    loops.is_waiting,
    functools.partial(loops.advance, key, entropic=entropic),
    resampled,
  )
  return resampled.parents, resampled.active, resampled.memory


# One object a choice: `partial` objects made anew would miss jit's cache.
_SELECT = {
  entropic: functools.partial(_select, entropic=entropic)
  for entropic in (False, True)
}
