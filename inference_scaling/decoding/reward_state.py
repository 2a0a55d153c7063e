"""What a reward remembers of the beams that it scores.

Axis letters: P problems in flight, N beams.
"""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling import compute

# What belongs to one beam beside its cache; a fork copies it.
BEAMS = ("reading", "scores", "steps", "reads", "rest")


@flax.struct.dataclass
class RewardState:
  """What the reward model remembers of all beams.

  Attributes:
    cache: keys and values of all tokens, pending ones included.
    reading: what the model's head remembers of each beam; leaves [P, N, ...].
    scores: float32[P, N], of each beam's last step; 0 before the first.
    steps: int32[P, N], steps with text that each beam has had.
    reads: int32[P, N], scores that were read; as many, or a step has none or
      two.
    rest: int32[P, N], first bytes of a character that the end of a step cut,
      with a byte of 1 before them; 0 for none. Only a translator leaves any.
    beyond: int32[P, 2], most tokens that a step, and a text, of the problem
      would have needed where they did not fit; 0 where all did.
    finite: bool[P], false once a score of the problem was NaN or infinite.
    counts: tokens computed so far, each int32[P].
  """

  cache: Any
  reading: Any
  scores: jax.Array
  steps: jax.Array
  reads: jax.Array
  rest: jax.Array
  beyond: jax.Array
  finite: jax.Array
  counts: compute.Counts


def empty_state(
  cache: Any, reading: Any, shape: tuple[int, int], counts: compute.Counts
) -> RewardState:
  """Makes the state before the first step.

  Args:
    cache: of the prompts.
    reading: at the ends of the prompts.
    shape: [P, N].
    counts: of the prompts' tokens.

  Returns:
    The state.
  """
  nothing = jnp.zeros(shape, jnp.int32)
  return RewardState(
    cache=cache,
    reading=reading,
    scores=jnp.zeros(shape, jnp.float32),
    steps=nothing,
    reads=nothing,
    rest=nothing,
    beyond=jnp.zeros((shape[0], 2), jnp.int32),
    finite=jnp.ones(shape[0], bool),
    counts=counts,
  )


def rewind(before: RewardState, after: RewardState) -> RewardState:
  """Takes steps back that were read, but not what they cost.

  Args:
    before: a state.
    after: the state after reading some steps more.

  Returns:
    The beams of `before`, with the counts and the faults of `after`.
  """
  return after.replace(
    cache=before.cache.rewind(after.cache),
    **{name: getattr(before, name) for name in BEAMS},
  )
