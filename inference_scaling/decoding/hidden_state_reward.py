"""A search reward made of hidden states that the policy computed anyway."""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from typing_extensions import override

from inference_scaling import compute, models
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding import policy_state
from inference_scaling.decoding.batching import faults
from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.search import base, batching


class Values(flax.struct.PyTreeNode):
  """The state of all beams under a `HiddenStateReward`.

  Attributes:
    lengths: int32[P, N], tokens of each beam, those of its prompt included.
    scores: float32[P, N], after each beam's last step; 0 before the first.
    finite: bool[P], false once a score of the problem was NaN or infinite.
    counts: tokens that a model of its own would have computed, int32[P].
  """

  lengths: jax.Array
  scores: jax.Array
  finite: jax.Array
  counts: compute.Counts


class HiddenStateReward(batching.BatchedReward):
  """Scores steps by a value head whose body is the policy that writes them.

  The policy reads the head at the last token of each step (`value_layers` of a
  `ModelPolicy`), so that nothing is left to compute here: scores are those of a
  `ModelReward` of the whole `ValueModel`, up to rounding. Counted are the
  tokens that such a model would have encoded. What of that is charged is for
  whoever reads the counts to say: no more than the head, where hidden states
  that decoding computed are not charged again.

  Attributes:
    config: of the body, cut after the last layer that is read.
    num_beams: N.
  """

  def __init__(self, config: models.DecoderConfig, num_beams: int):
    self.config = config
    self.num_beams = num_beams

  @override
  def start(
    self, params: jax.Array | None, prompts: limits_lib.Prompts
  ) -> Values:
    """Counts the prompts.

    Args:
      params: int32[], tokens of the prefix that the prompts lack; None for 0.
      prompts: P prompts of the policy.

    Returns:
      The state of P * N beams, all at the end of their prompts.

    Raises:
      ValueError: for other prompts.
    """
    if not isinstance(prompts, limits_lib.Prompts):
      raise ValueError(
        "a HiddenStateReward counts tokens, but the prompts are a "
        f"{type(prompts).__name__}; expected decoding.Prompts, and a "
        "ModelPolicy that takes them."
      )
    lengths = prompts.lengths
    if params is not None:
      lengths += params
    P = lengths.shape[0]
    return Values(
      lengths=jnp.broadcast_to(lengths[:, None], (P, self.num_beams)),
      scores=jnp.zeros((P, self.num_beams), jnp.float32),
      finite=jnp.ones(P, bool),
      counts=compute.prompt_counts(
        lengths, compute.attended(self.config, 0, lengths)
      ),
    )

  @override
  def score(
    self, params: Any, state: Values, step: base.Step, active: jax.Array
  ) -> tuple[Values, jax.Array]:
    """Takes the values that came with the new step of each active beam.

    Args:
      params: as of `start`; not read.
      state: the beams.
      step: the step, whose content is `StepTokens` with `values`.
      active: bool[P, N]; the others keep their state and score.

    Returns:
      The new state, and float32[P, N] scores.

    Raises:
      ValueError: for other content, or steps without values.
    """
    del params
    policy_state.check_content(step.content, "a HiddenStateReward")
    values = step.content.values
    if values is None:
      raise ValueError(
        "a HiddenStateReward takes the values of steps, but the policy has "
        "made none; expected a ModelPolicy with value_layers. Give it the "
        "layers that the value head reads."
      )
    lengths = jnp.where(active, step.content.lengths, 0)
    attended = compute.attended(self.config, state.lengths, lengths)
    scored = lengths > 0
    state = state.replace(
      lengths=state.lengths + lengths,
      scores=jnp.where(scored, jax.nn.sigmoid(values), state.scores),
      finite=state.finite & (jnp.isfinite(values) | ~scored).all(axis=1),
      counts=state.counts.add(lengths, attended),
    )
    return state, state.scores

  @override
  def fork(self, state: Values, parents: jax.Array) -> Values:
    """Lets beam n go on from beam parents[n] of the same problem."""
    beams = {"lengths": state.lengths, "scores": state.scores}
    return state.replace(**beam_index_lib.BeamIndex(None, parents).take(beams))

  @override
  def rewind(self, before: Values, after: Values) -> Values:
    """Takes steps back; what was computed stays counted."""
    return after.replace(lengths=before.lengths, scores=before.scores)

  @override
  def counts(self, state: Values) -> compute.Counts:
    return state.counts

  @override
  def held(self, state: Values) -> tuple[()]:
    del state
    return ()

  @override
  def report(self, state: Values) -> jax.Array:
    return state.finite

  @override
  def check(self, report: Any, where: str) -> None:
    faults.check_finite(report, "the value head's scores", where)
