"""The token loop: rows of beams write until a condition stops them.

Axis letters: P problems in flight, N beams, R rows, I tokens of one call, C
tokens of a step's buffer, V vocabulary.
"""

from collections.abc import Callable

import flax.struct
import jax
import jax.numpy as jnp
from jax import lax

from inference_scaling import compute, models
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding import policy_state as state_lib
from inference_scaling.decoding.kv_cache import stored_rows
from inference_scaling.decoding.tokens import automaton as automaton_lib
from inference_scaling.decoding.tokens import drawing
from inference_scaling.decoding.tokens import format as format_lib
from inference_scaling.decoding.tokens import thinking as thinking_lib
from inference_scaling.models.rewards import value_head
from inference_scaling.search import base


class DecodeState(flax.struct.PyTreeNode):
  """What changes from token to token.

  Attributes:
    index: int32[], tokens of each row that this call has computed.
    rows: keys and values.
    pending: int32[P, R].
    automaton: int32[P, R].
    answered: bool[P, R].
    step: of [P, R] rows.
    finite: bool[P].
    counts: tokens computed.
    thoughts: of [P, R] rows; None for a policy that does not think.
  """

  index: jax.Array
  rows: stored_rows.AnyRows
  pending: jax.Array
  automaton: jax.Array
  answered: jax.Array
  step: state_lib.HalfStep
  finite: jax.Array
  counts: compute.Counts
  thoughts: thinking_lib.Thoughts | None = None


class DecodeLoop:
  """Writes tokens; what it is made of never changes.

  Attributes:
    model: the language model.
    format: what ends a step and marks an answer.
    limits: how long steps and texts may be.
    automaton: of the format.
    value_layers: layers that a value head reads at the end of each step, rising
      numbers; () without one.
    thinking: how rows think before they answer; None if they do not.
    confidence_tokens: as of `ModelPolicy`.
  """

  def __init__(
    self,
    model: models.Model,
    format: format_lib.Format,
    limits: limits_lib.Limits,
    automaton: automaton_lib.Automaton,
    value_layers: tuple[int, ...] = (),
    thinking: thinking_lib.Thinking | None = None,
    confidence_tokens: int = 0,
  ):
    self.model = model
    self.format = format
    self.limits = limits
    self.automaton = automaton
    self.value_layers = value_layers
    self.thinking = thinking
    self.confidence_tokens = confidence_tokens

  def run(
    self,
    params: state_lib.PolicyParams,
    keys: jax.Array,
    state: DecodeState,
    most: int,
    enough: Callable[[jax.Array], jax.Array],
  ) -> DecodeState:
    """Writes until `enough` holds, or no row writes any more.

    Args:
      params: weights and sampler.
      keys: typed PRNG keys [P, R]; token t of a step is drawn with
        fold_in(key, t), whatever ran before.
      state: of the rows.
      most: I, tokens of a row that are computed at most.
      enough: from bool[P, R], the rows that still write, to bool[].

    Returns:
      Their new state.
    """
    uniform = drawing.uniforms(keys, state.step.content.lengths, most)

    def go_on(state: DecodeState) -> jax.Array:
      live = state.step.live
      return (state.index < most) & live.any() & ~enough(live)

    def decode(state: DecodeState) -> DecodeState:
      return self._decode_token(params, uniform, state)

    return lax.while_loop(go_on, decode, state)

  def _decode_token(
    self,
    params: state_lib.PolicyParams,
    uniform: jax.Array,
    state: DecodeState,
  ) -> DecodeState:
    """Computes the pending tokens of all rows and draws the next ones.

    A row that ended its step stays for one more, which is not kept: hidden
    states of its last token are what a value head reads.
    """
    rows, step, config = state.rows, state.step, self.model.config
    live = step.live
    if step.unread is not None:
      live &= ~step.unread
    positions = rows.positions()
    hidden, kept = self.model.forward(
      params.weights,
      state.pending[..., None],
      positions[..., None],
      rows.attention(config, 1, self.model.decode_kernel),
      self._read_after,
    )
    last = hidden[:, :, 0, -config.hidden_size :]
    logits = self.model.unembed(params.weights, last)
    with jax.named_scope("sample"):
      drawn, finite = drawing.draw(
        params,
        uniform[state.index],
        logits,
        self.model.hardware,
      )
    drawn, thoughts, thinks = self._think(params, state, drawn, live)
    tokens = jnp.where(live, drawn, state.pending)
    automaton, hits = self.automaton.step(state.automaton, tokens)
    rows = rows.advance(kept, live, num_tokens=1)
    marked = hits & self.format.answer_bits > 0
    answered = state.answered | (marked if thinks is None else marked & ~thinks)
    attended = compute.attended(config, positions, 1)
    return DecodeState(
      index=state.index + 1,
      rows=rows,
      pending=tokens,
      automaton=jnp.where(live, automaton, state.automaton),
      answered=jnp.where(live, answered, state.answered),
      step=self._continue(
        self._read(params, step, hidden[:, :, 0]),
        live,
        tokens,
        logits,
        hits,
        answered,
        rows.lengths,
        thinks,
      ),
      finite=state.finite & (finite | ~live).all(axis=1),
      counts=state.counts.add(
        live,
        jnp.where(live, attended, 0),
        None if thinks is None else live & thinks,
      ),
      thoughts=thoughts,
    )

  def _think(
    self,
    params: state_lib.PolicyParams,
    state: DecodeState,
    drawn: jax.Array,
    live: jax.Array,
  ) -> tuple[jax.Array, thinking_lib.Thoughts | None, jax.Array | None]:
    """Puts forced tokens in the place of drawn ones.

    Args:
      params: with the budget of thinking.
      state: of the rows.
      drawn: int32[P, R].
      live: bool[P, R], rows that write.

    Returns:
      int32[P, R] tokens, how far the thinking is with them, and bool[P, R],
      which of them belong to it. The last two are None for a policy that does
      not think.
    """
    old, limits = state.thoughts, params.thinking
    if self.thinking is None or old is None or limits is None:
      return drawn, None, None
    tokens, new = self.thinking.advance(limits, old, drawn)
    keep = lambda a, b: jnp.where(live, a, b)  # noqa: E731
    return tokens, jax.tree.map(keep, new, old), old.open

  @property
  def _read_after(self) -> tuple[int, ...]:
    """Layers whose hidden states are needed; the last one's for the logits."""
    if not self.value_layers:
      return ()
    return tuple(sorted({*self.value_layers, self.model.config.num_layers}))

  def _read(
    self,
    params: state_lib.PolicyParams,
    step: state_lib.HalfStep,
    hidden: jax.Array,
  ) -> state_lib.HalfStep:
    """Reads hidden states [P, R, ..] of the last tokens of steps.

    Args:
      params: with the value head.
      step: the steps.
      hidden: side by side, after each of `_read_after`.

    Returns:
      The steps, with the values of those that were unread.
    """
    content = step.content
    if step.unread is None or content.values is None:
      return step
    features = len(self.value_layers) * self.model.config.hidden_size
    fresh = value_head.log_odds(params.value_head, hidden[..., :features])
    values = jnp.where(step.unread, fresh, content.values)
    return step.replace(content=content.replace(values=values))

  def _continue(
    self,
    step: state_lib.HalfStep,
    live: jax.Array,
    tokens: jax.Array,
    logits: jax.Array,
    hits: jax.Array,
    answered: jax.Array,
    total: jax.Array,
    thinks: jax.Array | None,
  ) -> state_lib.HalfStep:
    """Appends tokens to the steps that are being written, the `live`."""
    content = step.content
    index = jnp.arange(content.tokens.shape[-1])[None, None]
    is_next = (index == content.lengths[..., None]) & live[..., None]
    length = content.lengths + live
    status, ended = self._status(tokens, hits, answered, length, total)
    log_probs, certainty = content.log_probs, content.certainty
    by_token = content.by_token
    if log_probs is not None or by_token is not None:
      stats = drawing.token_stats(logits, tokens, self.confidence_tokens)
      if log_probs is not None and certainty is not None:
        log_probs += jnp.where(live, stats.log_probs, 0.0)
        certainty += jnp.where(live, stats.certainty, 0.0)
      if by_token is not None:
        by_token = jax.tree.map(
          lambda new, old: jnp.where(is_next, new[..., None], old),
          stats,
          by_token,
        )
    thinking = content.thinking
    if thinks is not None and thinking is not None:
      thinking += live & thinks
    unread = None if step.unread is None else live & ended
    return state_lib.HalfStep(
      live=live & ~ended if unread is None else live,
      status=jnp.where(live, status, step.status),
      content=state_lib.StepTokens(
        tokens=jnp.where(is_next, tokens[..., None], content.tokens),
        lengths=length,
        log_probs=log_probs,
        certainty=certainty,
        values=content.values,
        thinking=thinking,
        by_token=by_token,
      ),
      unread=unread,
    )

  def _status(
    self,
    tokens: jax.Array,
    hits: jax.Array,
    answered: jax.Array,
    step_length: jax.Array,
    total_length: jax.Array,
  ) -> tuple[jax.Array, jax.Array]:
    """Returns the rows' status, and which of them end with these tokens."""
    end_of_text = jnp.zeros(tokens.shape, bool)
    for token in self.model.config.eos_token_ids:
      end_of_text |= tokens == token
    step_end = hits & self.format.step_bits > 0
    if self.format.whole:
      step_end &= answered
    elif self.format.split_after:
      is_first = total_length == step_length
      is_late = total_length >= self.format.split_after
      step_end &= answered | (is_first & is_late)
    finished = end_of_text | (step_end & answered)
    too_long = (total_length >= self.limits.total_tokens) | (
      ~step_end & (step_length >= self.limits.step_tokens)
    )
    status = jnp.where(
      finished,
      base.FINISHED,
      jnp.where(too_long, base.TRUNCATED, base.RUNNING),
    )
    return status, finished | step_end | too_long
