"""What a model policy is given, what it makes and what it remembers.

Axis letters: P problems in flight, N beams, C tokens of a step's buffer.
"""

from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling import compute
from inference_scaling.decoding.tokens import thinking as thinking_lib
from inference_scaling.search import base

# What belongs to one beam beside its cache; a fork copies it.
BEAMS = ("pending", "automaton", "answered", "thoughts")


class PolicyParams(flax.struct.PyTreeNode):
  """The policy's numbers: arrays, so that a new value is no new program.

  Attributes:
    weights: the model's params.
    temperature: float32[]; 0 takes the most likely token.
    top_k: int32[], 0 for no limit; None leaves it out of the program.
    top_p: float32[], 1 for no limit; None leaves it out of the program.
    value_head: weights of the head that a policy with `value_layers` has, by
      name; None for others.
    thinking: how long beams think; None for a policy that does not.
  """

  weights: Any
  temperature: jax.Array
  top_k: jax.Array | None = None
  top_p: jax.Array | None = None
  value_head: Any = None
  thinking: thinking_lib.ThinkingParams | None = None


class TokenStats(NamedTuple):
  """Statistics of tokens under a model at temperature 1 without filters.

  Attributes:
    log_probs: float32[...], their log-probabilities.
    certainty: float32[...], self-certainty of the distributions that they are
      drawn from: the mean over the vocabulary of -log(V p), at least 0.
    confidence: float32[...], minus the mean log-probability of the likeliest
      tokens of these distributions; None where nobody asks for it.
  """

  log_probs: jax.Array
  certainty: jax.Array
  confidence: jax.Array | None = None


class StepTokens(flax.struct.PyTreeNode):
  """The text of one step of each beam.

  Attributes:
    tokens: int32[P, N, C]; 0 from the length on.
    lengths: int32[P, N]; 0 for beams that did not take part.
    log_probs: float32[P, N], sum of the tokens' log-probabilities under the
      model at temperature 1 without filters; None where nobody asks for it.
    certainty: float32[P, N], sum of the tokens' self-certainties, likewise; see
      `TokenStats`.
    values: float32[P, N], what a value head says of the last token's hidden
      states, as log-odds; None for a policy without one.
    thinking: int32[P, N], how many of the tokens, from the first on, belong to
      the thinking; None for a policy that does not think.
    by_token: float32[P, N, C] each, statistics of every token, 0 from the
      length on; None for a policy without `confidence_tokens`.
  """

  tokens: jax.Array
  lengths: jax.Array
  log_probs: jax.Array | None = None
  certainty: jax.Array | None = None
  values: jax.Array | None = None
  thinking: jax.Array | None = None
  by_token: TokenStats | None = None


class HalfStep(flax.struct.PyTreeNode):
  """Steps that are being written; P problems, N beams or rows of each.

  Attributes:
    live: bool[P, N], beams that still write, or whose last token is still to
      be read.
    status: int32[P, N], of beams that ended; running before that.
    content: what has been written.
    unread: bool[P, N], beams whose last token a value head has yet to read:
      its hidden states come with the token after it. None without a head.
  """

  live: jax.Array
  status: jax.Array
  content: StepTokens
  unread: jax.Array | None = None


class PolicyState(flax.struct.PyTreeNode):
  """All beams of the problems in flight.

  Attributes:
    cache: a `choice.Cache` of all tokens but the pending ones.
    pending: int32[P, N], each beam's last token.
    automaton: int32[P, N], state of the search for delimiters.
    answered: bool[P, N], whether an answer marker has been written.
    step: the steps being written; empty for beams that write none.
    finite: bool[P], false once a beam of the problem had logits that were NaN
      or infinite; of the problem, so that dropping the beam does not hide it.
    row_steps: int32[P], tokens that were computed on the problem's rows,
      whether a beam needed them or not.
    counts: tokens computed so far for beams, each int32[P].
    thoughts: how far the beams' thinking is; None if they do not think.
  """

  cache: Any
  pending: jax.Array
  automaton: jax.Array
  answered: jax.Array
  step: HalfStep
  finite: jax.Array
  row_steps: jax.Array
  counts: compute.Counts
  thoughts: thinking_lib.Thoughts | None = None


def check_content(content: Any, reward: str) -> None:
  """Refuses steps that a reward of tokens cannot score.

  Args:
    content: of a step.
    reward: names the reward in the error.

  Raises:
    ValueError: if it is no `StepTokens`, naming its type.
  """
  if not isinstance(content, StepTokens):
    raise ValueError(
      f"{reward} scores tokens, but the policy's Step.content is a "
      f"{type(content).__name__}; expected decoding.StepTokens. Return it, or "
      "give a reward that scores what this policy writes."
    )


def empty_step(
  shape: tuple[int, ...],
  size: int,
  token_scores: bool,
  values: bool = False,
  thinking: bool = False,
  by_token: bool = False,
) -> HalfStep:
  """Makes steps of no tokens, of beams that do not write.

  Args:
    shape: [P, N].
    size: C.
    token_scores: whether there are `log_probs` and `certainty`.
    values: whether there are `values`.
    thinking: whether there is `thinking`.
    by_token: whether there are statistics of every token.

  Returns:
    The steps.
  """
  nothing = jnp.zeros(shape, jnp.float32) if token_scores else None
  stats = None
  if by_token:
    stats = TokenStats(*[jnp.zeros((*shape, size), jnp.float32)] * 3)
  return HalfStep(
    live=jnp.zeros(shape, bool),
    status=jnp.full(shape, base.RUNNING, jnp.int32),
    content=StepTokens(
      tokens=jnp.zeros((*shape, size), jnp.int32),
      lengths=jnp.zeros(shape, jnp.int32),
      log_probs=nothing,
      certainty=nothing,
      values=jnp.zeros(shape, jnp.float32) if values else None,
      thinking=jnp.zeros(shape, jnp.int32) if thinking else None,
      by_token=stats,
    ),
    unread=jnp.zeros(shape, bool) if values else None,
  )


def take_steps(
  state: PolicyState, ready: jax.Array, empty: HalfStep
) -> tuple[PolicyState, HalfStep]:
  """Takes the steps of some problems out of a state.

  Args:
    state: the beams.
    ready: bool[P], the problems.
    empty: steps [P, N] of no tokens.

  Returns:
    The state, in which their beams are at no step, and their steps, of no
    tokens for all others.
  """
  step = state.step

  def pick(mask: jax.Array, new: Any, old: Any) -> Any:
    def choose(a: jax.Array, b: jax.Array) -> jax.Array:
      return jnp.where(jnp.expand_dims(mask, range(1, a.ndim)), a, b)

    return jax.tree.map(choose, new, old)

  taken = pick(ready, step, empty)
  return state.replace(step=pick(ready, empty, step)), taken


def rewind(before: PolicyState, after: PolicyState) -> PolicyState:
  """Takes steps back that were written, but not what they cost.

  Args:
    before: a state.
    after: the state after some more steps.

  Returns:
    The beams of `before`, with the counts and the faults of `after`.
  """
  return after.replace(
    cache=before.cache.rewind(after.cache),
    step=before.step,
    **{name: getattr(before, name) for name in BEAMS},
  )
