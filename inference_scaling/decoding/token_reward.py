"""A search reward made of what the policy itself thinks of its tokens."""

import jax
import jax.numpy as jnp

from inference_scaling import compute
from inference_scaling.decoding import places as places_lib
from inference_scaling.decoding import reward_state as state_lib
from inference_scaling.search import base

LIKELIHOOD, SELF_CERTAINTY = "likelihood", "self_certainty"
TOKEN_SCORES = (LIKELIHOOD, SELF_CERTAINTY)


class TokenReward:
  """Scores solutions without a reward model (a `search.Reward`).

  The numbers come with the policy's tokens, at temperature 1 and without
  filters, so that nothing is computed for them and nothing is counted.
  "likelihood" is the exponential of the mean log-probability of the tokens of
  the solution so far, in (0, 1]: the inverse of its perplexity.
  "self_certainty" is the mean of the tokens' self-certainties, at least 0 and
  without an upper limit. A policy with tokens of probability 0 has no finite
  self-certainty, which is an error.

  Attributes:
    model: None; there is no tokenizer to agree with, and so no limits and no
      translator.
    kind: one of `TOKEN_SCORES`.
    num_beams: N.

  References:
    Kang et al. 2025, Scalable Best-of-N Selection for Large Language Models via
    Self-Certainty (https://arxiv.org/abs/2502.18581), section 3.
  """

  model = None
  limits = None
  translator = None

  def __init__(self, kind: str, num_beams: int):
    """Chooses a score.

    Args:
      kind: one of `TOKEN_SCORES`.
      num_beams: N.

    Raises:
      ValueError: for another kind.
    """
    if kind not in TOKEN_SCORES:
      raise ValueError(
        f"kind is {kind!r}; expected one of {', '.join(TOKEN_SCORES)}."
      )
    self.kind = kind
    self.num_beams = num_beams
    self.num_rows = num_beams

  def sized(self, sizes):
    """The same reward: there are no buffers."""
    del sizes
    return self

  def start(self, params, prompts) -> state_lib.RewardState:
    """Makes a state of zeros for P prompts."""
    del params
    P = prompts.lengths.shape[0]
    shape, nothing = (P, self.num_beams), jnp.zeros(P, jnp.int32)
    reading = {
      "sum": jnp.zeros(shape, jnp.float32),
      "tokens": jnp.zeros(shape, jnp.int32),
    }
    counts = compute.prompt_counts(nothing, nothing)
    return state_lib.empty_state((), reading, shape, counts)

  def score(
    self,
    params,
    state: state_lib.RewardState,
    step: base.Step,
    active: jax.Array,
  ) -> tuple[state_lib.RewardState, jax.Array]:
    """Adds the new step of each active beam to its solution.

    Args:
      params: not used.
      state: the beams.
      step: the step, whose content is `StepTokens`.
      active: bool[P, N]; the others keep their state and score.

    Returns:
      The new state, and float32[P, N] scores.
    """
    del params
    content = step.content
    likelihood = self.kind == LIKELIHOOD
    values = content.log_probs if likelihood else content.certainty
    total = state.reading["sum"] + jnp.where(active, values, 0.0)
    tokens = state.reading["tokens"] + jnp.where(active, content.lengths, 0)
    mean = total / jnp.maximum(tokens, 1)
    fresh = jnp.exp(mean) if likelihood else mean
    state = state.replace(
      reading={"sum": total, "tokens": tokens},
      scores=jnp.where(active, fresh, state.scores),
      finite=state.finite & (jnp.isfinite(mean) | ~active).all(axis=1),
    )
    return state, state.scores

  def fork(
    self, state: state_lib.RewardState, parents: jax.Array
  ) -> state_lib.RewardState:
    """Lets beam n go on from beam parents[n] of the same problem."""
    places = places_lib.Places(None, parents)
    reading, scores = places.take((state.reading, state.scores))
    return state.replace(reading=reading, scores=scores)

  def rewind(
    self, before: state_lib.RewardState, after: state_lib.RewardState
  ) -> state_lib.RewardState:
    """Takes steps back; a number that was not finite stays known."""
    return state_lib.rewind(before, after)
