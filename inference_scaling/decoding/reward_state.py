"""What a reward remembers of the beams that it scores.

Axis letters: P problems in flight, N beams.
"""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling import compute

# What belongs to one beam beside its cache; a fork copies it.
BEAMS = ("head", "scores", "steps", "num_scored", "rest")


class RewardState(flax.struct.PyTreeNode):
  """What the reward model remembers of all beams.

  Attributes:
    cache: a `choice.Cache` of all tokens, pending ones included.
    head: the `HeadState` of each beam; leaves [P, N, ...].
    scores: float32[P, N], of each beam's last step; 0 before the first.
    steps: int32[P, N], steps with text that each beam has had.
    num_scored: int32[P, N], steps that were scored; as many, or a step has no
      score or two.
    rest: int32[P, N], first bytes of a character that the end of a step cut,
      with a byte of 1 before them; 0 for none. Only a translator leaves any.
    overflow: int32[P, 2], most tokens that a step, and a text, of the problem
      would have needed where they did not fit; 0 where all did.
    finite: bool[P], false once a score of the problem was NaN or infinite.
    counts: tokens computed so far, each int32[P].
  """

  cache: Any
  head: Any
  scores: jax.Array
  steps: jax.Array
  num_scored: jax.Array
  rest: jax.Array
  overflow: jax.Array
  finite: jax.Array
  counts: compute.Counts


def empty_state(
  cache: Any, head: Any, shape: tuple[int, int], counts: compute.Counts
) -> RewardState:
  """Makes the state before the first step.

  Args:
    cache: of the prompts.
    head: the `HeadState` at the ends of the prompts.
    shape: [P, N].
    counts: of the prompts' tokens.

  Returns:
    The state.
  """
  nothing = jnp.zeros(shape, jnp.int32)
  return RewardState(
    cache=cache,
    head=head,
    scores=jnp.zeros(shape, jnp.float32),
    steps=nothing,
    num_scored=nothing,
    rest=nothing,
    overflow=jnp.zeros((shape[0], 2), jnp.int32),
    finite=jnp.ones(shape[0], bool),
    counts=counts,
  )


def rewind(before: RewardState, after: RewardState) -> RewardState:
  """Takes steps back that were scored, but not what they cost.

  Args:
    before: a state.
    after: the state after scoring some more steps.

  Returns:
    The beams of `before`, with the counts and the faults of `after`.
  """
  return after.replace(
    cache=before.cache.rewind(after.cache),
    **{name: getattr(before, name) for name in BEAMS},
  )
