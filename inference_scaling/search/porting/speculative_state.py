"""What two policies that write together are given, make and remember.

Axis letters: P problems in flight, N beams per problem, U unread steps.
"""

from typing import Any, Protocol

import flax.struct
import jax

from inference_scaling import compute
from inference_scaling.search import base


class ReadingPolicy(base.Policy, Protocol):
  """A policy that can go on behind a step which another policy wrote."""

  def read(
    self, params: Any, state: Any, step: base.Step, active: jax.Array
  ) -> Any:
    """Puts each active beam behind a given step.

    Args:
      params: a pytree of arrays.
      state: as for `extend`.
      step: of another policy, whose content is as this one makes it.
      active: bool[P, N]; the others are left as they are.

    Returns:
      The new state, same shapes and dtypes: that after an `extend` which had
      made this step.
    """
    ...


class SpeculativeParams(flax.struct.PyTreeNode):
  """Params of the policy that `speculative` makes.

  Attributes:
    draft: of the draft policy.
    target: of the target policy.
    reward: of the reward.
    threshold: float32[], a step of the draft is taken where its score is at
      least so much; the paper's is 0.7, of probabilities.
  """

  draft: Any
  target: Any
  reward: Any
  threshold: jax.Array | float


class SpeculativeStep(flax.struct.PyTreeNode):
  """The content of the steps that are taken.

  Attributes:
    content: of the policy that wrote the step.
    scores: float32[P, N], rewards of these steps.
  """

  content: Any
  scores: jax.Array


class SpeculativeCounts(compute.Counts, kw_only=True):
  """Tokens of both policies together, and of each model.

  `prefill` of a policy holds what it read of prompts and of steps.

  Attributes:
    draft: of the draft.
    target: of the target.
    reward: of the reward.
    draft_read: int32[P], tokens of the target's steps that the draft read.
    target_read: int32[P], tokens of the draft's steps that the target read.
    rejected: int32[P], tokens of the draft's steps that were not taken.
  """

  draft: compute.Counts
  target: compute.Counts
  reward: compute.Counts
  draft_read: jax.Array
  target_read: jax.Array
  rejected: jax.Array


class SpeculativeState(flax.struct.PyTreeNode):
  """All beams under two policies and a reward.

  Attributes:
    draft: state of the draft.
    target: state of the target, behind the steps that it has read.
    reward: state of the reward.
    unread: the draft's steps that the target has yet to read, [P, N, U, ...].
    num_unread: int32[P, N], how many of them count.
    draft_read: as of `SpeculativeCounts`, like the next two.
    target_read: likewise.
    rejected: likewise.
  """

  draft: Any
  target: Any
  reward: Any
  unread: base.Step
  num_unread: jax.Array
  draft_read: jax.Array
  target_read: jax.Array
  rejected: jax.Array
