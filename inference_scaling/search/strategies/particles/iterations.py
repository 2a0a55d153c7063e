"""The iterations of a particle Gibbs: which slots go on from which.

All for ONE problem; the loop vmaps them.

Axis letter: N beams. M particles, T steps and I iterations share the slots:

  t M + c, for t < T and c < M: particle c after step t of the iteration under
    way; in all but the first one, c = 0 is the reference's;
  (T + i) M + c: candidate c of iteration i, once that is over;
  (T + I) M: stays at the prompt.
"""

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling.search import base
from inference_scaling.search.strategies import resampling
from inference_scaling.search.strategies.particles import annealing
from inference_scaling.search.strategies.particles.particle_filter import (
  particle_weights,
)


class Memory(flax.struct.PyTreeNode):
  """Where the search of one problem is, and its numbers.

  Attributes:
    ancestors: int32[N], for a particle after step t > 0, the slot of step t - 1
      that it goes on from.
    iteration: int32[], the iteration under way; I when all are over.
    step: int32[], its newest step t.
    kept: int32[], how many steps the reference has slots for; 0 without one.
    particles: int32[], M.
    max_steps: int32[], T.
    iterations: int32[], I.
    temperature: float32[], of weights.
  """

  ancestors: jax.Array
  iteration: jax.Array
  step: jax.Array
  kept: jax.Array
  particles: jax.Array
  max_steps: jax.Array
  iterations: jax.Array
  temperature: jax.Array

  @property
  def step_of(self) -> jax.Array:
    """int32[N], the step whose particle is in each slot; T or more for none."""
    return jnp.arange(self.ancestors.shape[0]) // self.particles


class Resampled(flax.struct.PyTreeNode):
  """What has become of the beams since the last step was made.

  Attributes:
    parents: int32[N], the slot that each goes on from.
    active: bool[N], whether it then makes a step.
    status: int32[N].
    scores: float32[N].
    turns: int32[], how often particles were resampled.
    memory: after that.
  """

  parents: jax.Array
  active: jax.Array
  status: jax.Array
  scores: jax.Array
  turns: jax.Array
  memory: Memory


def start(beams: base.Beams, memory: Memory) -> Resampled:
  """The beams as their steps left them."""
  N = beams.status.shape[0]
  return Resampled(
    parents=jnp.arange(N, dtype=jnp.int32),
    active=jnp.zeros(N, bool),
    status=beams.status,
    scores=beams.scores,
    turns=jnp.int32(0),
    memory=memory,
  )


def is_waiting(resampled: Resampled) -> jax.Array:
  """bool[], True if no beam makes a step, though iterations are left."""
  memory = resampled.memory
  return ~jnp.any(resampled.active) & (memory.iteration < memory.iterations)


def advance(
  key: jax.Array, resampled: Resampled, *, entropic: bool
) -> Resampled:
  """Weighs the newest particles, and makes room for the next step.

  Args:
    key: a typed PRNG key of the round.
    resampled: of which the particles of `memory.step` are weighed.
    entropic: whether weights are annealed.

  Returns:
    The particles of the next step; or, where all have ended or T steps are
    made, the candidates, and the first particles of the next iteration.
  """
  memory = resampled.memory
  particles = memory.step_of == memory.step
  weights = _weigh(resampled.scores, particles, memory, entropic)
  going = particles & (resampled.status == base.RUNNING)
  over = ~jnp.any(going) | (memory.step + 1 >= memory.max_steps)
  keys = jax.random.split(jax.random.fold_in(key, resampled.turns), 3)
  went_on = _step_on(keys[0], weights, resampled.status, memory)
  ended = _end(keys[1], keys[2], weights, memory)
  moved, active, memory = jax.tree.map(
    lambda end, on: jnp.where(over, end, on), ended, went_on
  )
  return Resampled(
    parents=resampled.parents[moved],
    active=active,
    status=resampled.status[moved],
    scores=resampled.scores[moved],
    turns=resampled.turns + 1,
    memory=memory,
  )


def _weigh(
  scores: jax.Array, particles: jax.Array, memory: Memory, entropic: bool
) -> jax.Array:
  """The weights of particles, float32[N], 0 for other slots."""
  weights = particle_weights(scores, particles, memory.temperature)
  if not entropic:
    return weights
  factor = annealing.entropic_temperature(
    weights, particles.astype(jnp.int32), memory.step + 1, memory.max_steps
  )
  return particle_weights(scores, particles, memory.temperature * factor)


def _owners(copies: jax.Array, ranks: jax.Array) -> jax.Array:
  """The slot that each rank belongs to, int32: ascending, by its copies."""
  sums = jnp.cumsum(copies)
  return jnp.searchsorted(sums, ranks, side="right").astype(jnp.int32)


def _step_on(
  key: jax.Array, weights: jax.Array, status: jax.Array, memory: Memory
) -> tuple[jax.Array, jax.Array, Memory]:
  """Resamples all but the reference into the slots of the next step."""
  N, M = weights.shape[0], memory.particles
  slots = jnp.arange(N, dtype=jnp.int32)
  first = memory.step_of == memory.step + 1
  columns = slots - (memory.step + 1) * M
  has_reference = memory.iteration > 0
  is_reference = first & (columns == 0) & has_reference
  copies = resampling.multinomial(key, weights, M - has_reference)
  drawn = _owners(copies, columns - has_reference)
  source = jnp.where(is_reference, memory.step * M, drawn)
  # A reference that is longer is in its slot; one that has ended is copied.
  stays = is_reference & (memory.step + 1 < memory.kept)
  moved = jnp.where(first & ~stays, jnp.clip(source, 0, N - 1), slots)
  active = first & ~is_reference & (status[moved] == base.RUNNING)
  memory = memory.replace(
    ancestors=jnp.where(first, source, memory.ancestors), step=memory.step + 1
  )
  return moved, active, memory


def _end(
  key: jax.Array, reference_key: jax.Array, weights: jax.Array, memory: Memory
) -> tuple[jax.Array, jax.Array, Memory]:
  """Keeps candidates and a reference, and begins the next iteration."""
  N, M = weights.shape[0], memory.particles
  slots = jnp.arange(N, dtype=jnp.int32)
  prompt = (memory.max_steps + memory.iterations) * M
  copies = resampling.systematic(key, weights, M)
  output = memory.step_of == memory.max_steps + memory.iteration
  columns = slots - (memory.max_steps + memory.iteration) * M
  moved = jnp.where(output, jnp.clip(_owners(copies, columns), 0, N - 1), slots)

  chosen = jnp.argmax(resampling.multinomial(reference_key, weights, 1))
  following = memory.iteration + 1 < memory.iterations
  # The path of the last reference is in no candidate's way: it goes, too.
  moved = jnp.where(memory.step_of < memory.max_steps, prompt, moved)

  def keep(back: jax.Array, state: tuple[jax.Array, jax.Array]):
    moved, slot = state
    at = (memory.step - back) * M
    moved = moved.at[at].set(jnp.where(following, slot, prompt))
    return moved, memory.ancestors[slot]

  moved, _ = jax.lax.fori_loop(
    0, memory.step + 1, keep, (moved, chosen.astype(jnp.int32))
  )
  memory = memory.replace(
    iteration=memory.iteration + 1, step=jnp.int32(0), kept=memory.step + 1
  )
  active = (memory.step_of == 0) & (slots > 0) & following
  return moved, active, memory
