"""A search reward made of the policy's confidence in groups of tokens.

Axis letters: P problems in flight, N beams, C tokens of a step's buffer, W
tokens of a group.
"""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from typing_extensions import override

from inference_scaling import compute
from inference_scaling.decoding import policy_state, token_reward
from inference_scaling.search import base


class GroupScores(flax.struct.PyTreeNode):
  """The state of all beams under a `GroupConfidence`.

  Attributes:
    recent: float32[P, N, W - 1], confidences of each beam's last tokens, the
      newest at the end; zeros where it has fewer.
    total: float32[P, N], sum over all of its tokens.
    tokens: int32[P, N], how many these are.
    lowest: float32[P, N], the lowest mean of a group; infinite before one.
    scores: float32[P, N], after each beam's last step.
    finite: bool[P], false once a confidence of the problem was NaN or infinite.
    counts: zeros, each int32[P]: the policy has computed all of it.
  """

  recent: jax.Array
  total: jax.Array
  tokens: jax.Array
  lowest: jax.Array
  scores: jax.Array
  finite: jax.Array
  counts: compute.Counts


class GroupConfidence(token_reward.PolicyComputed):
  """Scores solutions by their least confident group of tokens.

  A group is W tokens in a row, wherever it begins, and its confidence their
  mean; the policy has computed it, at temperature 1 and without filters, so
  that nothing is counted. The score is that of the lowest group so far. It is 0
  before a group is full, which no group's confidence is; of a solution that
  ends before that, it is the mean of its tokens.

  Attributes:
    window: W.
    num_beams: N.

  References:
    Fu et al. 2025, Deep Think with Confidence
    (https://arxiv.org/abs/2508.15260), section 3.1: lowest group confidence.
  """

  what = "the confidences of tokens"

  def __init__(self, window: int, num_beams: int):
    """Chooses the size of groups.

    Args:
      window: W, at least 1.
      num_beams: N.

    Raises:
      ValueError: for a smaller window.
    """
    if window < 1:
      raise ValueError(
        f"confidence.window is {window}; expected at least 1 token, of which "
        "the groups are whose confidence scores the beams."
      )
    self.window = window
    self.num_beams = num_beams

  @override
  def start(self, params: Any, prompts: Any) -> GroupScores:
    del params
    P = jax.tree.leaves(prompts)[0].shape[0]
    shape, nothing = (P, self.num_beams), jnp.zeros(P, jnp.int32)
    zeros = jnp.zeros(shape, jnp.float32)
    return GroupScores(
      recent=jnp.zeros((*shape, self.window - 1), jnp.float32),
      total=zeros,
      tokens=jnp.zeros(shape, jnp.int32),
      lowest=jnp.full(shape, jnp.inf, jnp.float32),
      scores=zeros,
      finite=jnp.ones(P, bool),
      counts=compute.prompt_counts(nothing, nothing),
    )

  @override
  def score(
    self, params: Any, state: GroupScores, step: base.Step, active: jax.Array
  ) -> tuple[GroupScores, jax.Array]:
    """Adds the new step of each active beam to its solution.

    Args:
      params: not used.
      state: the beams.
      step: the step, whose content is `StepTokens` with statistics of every
        token.
      active: bool[P, N]; the others keep their state and score.

    Returns:
      The new state, and float32[P, N] scores.

    Raises:
      ValueError: for other content.
    """
    del params
    values, lengths = _confidences(step.content)
    lengths = jnp.where(active, lengths, 0)
    index = jnp.arange(values.shape[-1])[None, None]
    written = index < lengths[..., None]
    values = jnp.where(written, values, 0.0)
    joined = jnp.concatenate([state.recent, values], axis=-1)
    # The group that ends with each token of the step, of those that are full.
    nth = state.tokens[..., None] + 1 + index
    groups = jnp.where(
      written & (nth >= self.window), _means(joined, self.window), jnp.inf
    )
    lowest = jnp.minimum(state.lowest, groups.min(axis=-1))
    total = state.total + values.sum(axis=-1)
    tokens = state.tokens + lengths
    alone = jnp.where(
      step.status == base.RUNNING, 0.0, total / jnp.maximum(tokens, 1)
    )
    fresh = jnp.where(tokens >= self.window, lowest, alone)
    last = lengths[..., None] + jnp.arange(self.window - 1)[None, None]
    state = state.replace(
      recent=jnp.take_along_axis(joined, last, axis=-1),
      total=total,
      tokens=tokens,
      lowest=lowest,
      scores=jnp.where(active, fresh, state.scores),
      finite=state.finite & (jnp.isfinite(total) | ~active).all(axis=1),
    )
    return state, state.scores


def _confidences(content: Any) -> tuple[jax.Array, jax.Array]:
  """Each token's confidence [P, N, C] and the steps' lengths [P, N]."""
  policy_state.check_content(content, "a GroupConfidence")
  if content.by_token is None:
    raise ValueError(
      "a GroupConfidence scores every token's confidence, but the policy's "
      "steps have none; expected a ModelPolicy with confidence_tokens above 0."
    )
  return content.by_token.confidence, content.lengths


def _means(values: jax.Array, window: int) -> jax.Array:
  """Means of all windows of the last axis."""
  sums = jnp.cumsum(values, axis=-1)
  before = jnp.pad(sums, [(0, 0)] * (values.ndim - 1) + [(1, 0)])
  return (sums[..., window - 1 :] - before[..., :-window]) / window
