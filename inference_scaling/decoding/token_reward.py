"""Search rewards made of the policy's own token statistics."""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from typing_extensions import override

from inference_scaling import compute, names
from inference_scaling.decoding import policy_state
from inference_scaling.decoding.batching import faults
from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.search import base, batching

TOKEN_SCORES = (names.LIKELIHOOD, names.SELF_CERTAINTY)


class TokenScores(flax.struct.PyTreeNode):
  """The state of all beams under a `TokenReward`.

  Attributes:
    total: float32[P, N], sum of the numbers of each solution's tokens.
    tokens: int32[P, N], how many these are.
    scores: float32[P, N], after each beam's last step; 0 before the first.
    finite: bool[P], false once a score of the problem was NaN or infinite.
    counts: zeros, each int32[P]: the policy has computed all of it.
  """

  total: jax.Array
  tokens: jax.Array
  scores: jax.Array
  finite: jax.Array
  counts: compute.Counts


class PolicyComputed(batching.BatchedReward):
  """A reward of numbers that the policy has computed: it is charged nothing.

  Its state has `finite` and `counts`, as `TokenScores`, and beside them only
  values of beams.

  Attributes:
    num_beams: N.
    what: the numbers, in a message about one that is none.
  """

  num_beams: int
  what: str

  @override
  def fork(self, state: Any, parents: jax.Array) -> Any:
    beams = {
      name: value
      for name, value in vars(state).items()
      if name not in ("finite", "counts")
    }
    return state.replace(**beam_index_lib.BeamIndex(None, parents).take(beams))

  @override
  def rewind(self, before: Any, after: Any) -> Any:
    # A number that was not finite stays known.
    return before.replace(finite=after.finite)

  @override
  def counts(self, state: Any) -> compute.Counts:
    return state.counts

  @override
  def held(self, state: Any) -> tuple[()]:
    del state
    return ()

  @override
  def report(self, state: Any) -> jax.Array:
    return state.finite

  @override
  def check(self, report: Any, where: str) -> None:
    faults.check_finite(report, self.what, where)


class TokenReward(PolicyComputed):
  """Scores solutions without a reward model.

  The numbers come with the policy's tokens, at temperature 1 and without
  filters, so that nothing is computed for them and nothing is counted.
  "likelihood" is the exponential of the mean log-probability of the tokens of
  the solution so far, in (0, 1]: the inverse of its perplexity.
  "self_certainty" is the mean of the tokens' self-certainties, at least 0 and
  without an upper limit. A policy with tokens of probability 0 has no finite
  self-certainty, which is an error.

  Attributes:
    kind: one of `TOKEN_SCORES`.
    num_beams: N.

  References:
    Kang et al. 2025, Scalable Best-of-N Selection for Large Language Models via
    Self-Certainty (https://arxiv.org/abs/2502.18581), section 3.
  """

  what = "the rewards"

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

  @override
  def start(self, params: Any, prompts: Any) -> TokenScores:
    del params
    P = jax.tree.leaves(prompts)[0].shape[0]
    shape, nothing = (P, self.num_beams), jnp.zeros(P, jnp.int32)
    zeros = jnp.zeros(shape, jnp.float32)
    return TokenScores(
      total=zeros,
      tokens=jnp.zeros(shape, jnp.int32),
      scores=zeros,
      finite=jnp.ones(P, bool),
      counts=compute.prompt_counts(nothing, nothing),
    )

  @override
  def score(
    self, params: Any, state: TokenScores, step: base.Step, active: jax.Array
  ) -> tuple[TokenScores, jax.Array]:
    """Adds the new step of each active beam to its solution.

    Args:
      params: not used.
      state: the beams.
      step: the step, whose content is `StepTokens`.
      active: bool[P, N]; the others keep their state and score.

    Returns:
      The new state, and float32[P, N] scores.

    Raises:
      ValueError: for other content.
    """
    del params
    content = step.content
    policy_state.check_content(content, "a TokenReward")
    likelihood = self.kind == names.LIKELIHOOD
    values = content.log_probs if likelihood else content.certainty
    total = state.total + jnp.where(active, values, 0.0)
    tokens = state.tokens + jnp.where(active, content.lengths, 0)
    mean = total / jnp.maximum(tokens, 1)
    fresh = jnp.exp(mean) if likelihood else mean
    state = state.replace(
      total=total,
      tokens=tokens,
      scores=jnp.where(active, fresh, state.scores),
      finite=state.finite & (jnp.isfinite(mean) | ~active).all(axis=1),
    )
    return state, state.scores
