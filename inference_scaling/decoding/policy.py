"""A search policy made of a language model: it writes one step at a time.

The cache holds all tokens of a beam but its last, which is pending: its keys
and values are computed when the next token is drawn. So the tokens that pass
through the model while decoding are as many as the tokens drawn.
"""

import flax.struct
import jax
import jax.numpy as jnp
from jax import lax

from inference_scaling import compute
from inference_scaling.decoding import cache as cache_lib
from inference_scaling.decoding import drawing, rows
from inference_scaling.decoding import format as format_lib
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding import policy_state as state_lib
from inference_scaling.search import base


@flax.struct.dataclass
class _Loop:
  """What changes from token to token; the past of the beams does not.

  Attributes:
    index: int32[], tokens of this step so far, the same for all rows.
    chunk: keys and values [P, N, C, K, H] of each layer, this step's.
    live: bool[P, N], beams that still write.
    status: int32[P, N], of beams that ended; running before that.
    pending: int32[P, N].
    automaton: int32[P, N].
    answered: bool[P, N].
    finite: bool[P].
    content: the step's tokens.
    counts: tokens computed.
  """

  index: jax.Array
  chunk: cache_lib.Layers
  live: jax.Array
  status: jax.Array
  pending: jax.Array
  automaton: jax.Array
  answered: jax.Array
  finite: jax.Array
  content: state_lib.StepTokens
  counts: compute.Counts


class ModelPolicy:
  """Draws reasoning steps from a language model (a `search.Policy`).

  A beam is finished by an end-of-text token, or by a step end at or after an
  answer marker. It is truncated by a step that does not end within
  `limits.step_tokens` (no reward could be read at its end; the released code
  of Wu et al. drops such steps), or at `limits.total_tokens`.

  Attributes:
    model: the language model.
    format: what ends a step and marks an answer.
    limits: lengths of buffers.
    num_beams: N.
    num_rows: R. Of each problem at most R beams may be active at once, and at
      most R may be changed by one fork; the model then runs on P * R rows,
      while N beams are kept. N allows everything. More than R cannot be served:
      `PolicyState.widest` tells, and `run_lanes` stops with an error.
  """

  def __init__(
    self,
    model,
    format: format_lib.StepFormat,
    limits: limits_lib.Limits,
    num_beams: int,
    num_rows: int | None = None,
  ):
    """Compiles the format for the model's tokenizer.

    Args:
      model: the language model.
      format: what ends a step and marks an answer.
      limits: lengths of buffers.
      num_beams: N.
      num_rows: R, from 1 to N; None for N.

    Raises:
      ValueError: for another number of rows.
    """
    self.model = model
    self.format = format
    self.limits = limits
    self.num_beams = num_beams
    self.num_rows = rows.check_rows(num_rows, num_beams)
    self._automaton = format.compile(model.tokenizer, model.config.vocab_size)

  def start(
    self, params: state_lib.PolicyParams, prompts: limits_lib.Prompts
  ) -> state_lib.PolicyState:
    """Computes the prompts; their last tokens stay pending.

    Args:
      params: weights and sampler.
      prompts: P prompts.

    Returns:
      The state of P * N beams, all at the end of their prompts.
    """
    cached = prompts.lengths - 1
    with jax.named_scope("policy_prefill"):
      _, kv = cache_lib.compute_prompt(self.model, params.weights, prompts)
    shape = (prompts.lengths.shape[0], self.num_beams)
    last = jnp.take_along_axis(prompts.tokens, cached[:, None], axis=1)
    zeros = jnp.zeros(shape, jnp.int32)
    return state_lib.PolicyState(
      cache=cache_lib.start(
        kv, cached, self.num_beams, self.limits.text_buffer
      ),
      pending=jnp.broadcast_to(last, shape),
      automaton=zeros,
      answered=zeros > 0,
      finite=jnp.ones(shape[0], bool),
      widest=jnp.zeros(shape[0], jnp.int32),
      counts=compute.prompt_counts(
        cached, compute.attended(self.model.config, 0, cached)
      ),
    )

  def extend(
    self,
    params: state_lib.PolicyParams,
    keys: jax.Array,
    state: state_lib.PolicyState,
    active: jax.Array,
  ) -> tuple[state_lib.PolicyState, base.Step]:
    """Draws one more step of each active beam.

    Args:
      params: weights and sampler.
      keys: typed PRNG keys [P, N]; token t of the step is drawn with
        fold_in(key, t), whatever else is in flight.
      state: the beams.
      active: bool[P, N]; the others stay as they are.

    Returns:
      The new state, and the step, whose content is `StepTokens`.
    """

    def run(state, keys, active):
      return self._extend(params, keys, state, active)

    return rows.run_on_few(
      run, state, state_lib.BEAMS, self.num_rows, keys, active
    )

  def fork(
    self, state: state_lib.PolicyState, parents: jax.Array
  ) -> state_lib.PolicyState:
    """Lets beam n go on from beam parents[n] of the same problem.

    Args:
      state: the beams.
      parents: int32[P, N].

    Returns:
      The state of the chosen beams; counts stay with the problem.
    """
    return rows.fork(state, state_lib.BEAMS, parents, self.num_rows)

  def rewind(
    self, before: state_lib.PolicyState, after: state_lib.PolicyState
  ) -> state_lib.PolicyState:
    """Takes steps back; what was computed stays counted.

    Args:
      before: the beams.
      after: the state after some calls of `extend`.

    Returns:
      The beams of `before`, with the counts and the faults of `after`.
    """
    return after.replace(
      cache=cache_lib.rewind(before.cache, after.cache),
      **{name: getattr(before, name) for name in state_lib.BEAMS},
    )

  def _extend(self, params, keys, state, active):
    """Draws a step of [P, R] rows; arguments and result as for `extend`."""
    size = min(self.limits.step_tokens, self.limits.total_tokens)
    uniform = drawing.uniforms(keys, size)

    def write_token(loop):
      return self._write_token(params, state.cache, uniform, loop)

    with jax.named_scope("policy_extend"):
      loop = lax.while_loop(
        lambda loop: (loop.index < size) & loop.live.any(),
        write_token,
        _begin(state, active, size),
      )
    step = base.Step(
      status=loop.status,
      num_tokens=loop.content.lengths,
      content=loop.content,
    )
    state = state.replace(
      cache=cache_lib.merge(state.cache, loop.chunk, loop.content.lengths),
      pending=loop.pending,
      automaton=loop.automaton,
      answered=loop.answered,
      finite=loop.finite,
      counts=loop.counts,
    )
    return state, step

  def _write_token(self, params, cache, uniform, loop: _Loop) -> _Loop:
    """Computes the pending tokens of all rows and draws the next ones."""
    index, live = loop.index, loop.live
    positions = cache_lib.positions(cache) + index
    hidden, new = self.model.forward(
      params.weights,
      loop.pending[..., None],
      positions[..., None],
      cache_lib.segments(cache, loop.chunk, index, self.model.config),
    )
    logits = self.model.unembed(params.weights, hidden[:, :, 0])
    with jax.named_scope("sample"):
      drawn = drawing.draw(params, uniform[index], logits)
    tokens = drawn.tokens
    length = index + 1
    automaton, hits = self._automaton.step(loop.automaton, tokens)
    answered = loop.answered | (hits & self.format.answer_bits > 0)
    status, ended = self._status(
      tokens, hits, answered, length, cache.lengths + length
    )
    content = loop.content
    attended = compute.attended(self.model.config, positions, 1)
    return _Loop(
      index=length,
      chunk=cache_lib.write_chunk(loop.chunk, new, index),
      live=live & ~ended,
      status=jnp.where(live, status, loop.status),
      pending=jnp.where(live, tokens, loop.pending),
      automaton=jnp.where(live, automaton, loop.automaton),
      answered=jnp.where(live, answered, loop.answered),
      finite=loop.finite & (drawn.finite | ~live).all(axis=1),
      content=state_lib.StepTokens(
        tokens=lax.dynamic_update_slice_in_dim(
          content.tokens, jnp.where(live, tokens, 0)[..., None], index, axis=2
        ),
        lengths=content.lengths + live,
        log_probs=content.log_probs + jnp.where(live, drawn.log_probs, 0.0),
        certainty=content.certainty + jnp.where(live, drawn.certainty, 0.0),
      ),
      counts=loop.counts.add(live, jnp.where(live, attended, 0)),
    )

  def _status(self, tokens, hits, answered, step_length, total_length):
    """Tells which rows end with these tokens, and as what."""
    end_of_text = jnp.zeros(tokens.shape, bool)
    for token in self.model.config.eos_token_ids:
      end_of_text |= tokens == token
    step_end = hits & self.format.step_bits > 0
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


def _begin(state: state_lib.PolicyState, active: jax.Array, size: int) -> _Loop:
  """Makes the loop's state before the first token of a step."""
  zeros = jnp.zeros(active.shape, jnp.int32)
  return _Loop(
    index=jnp.int32(0),
    chunk=cache_lib.empty_chunk(state.cache, size),
    live=active,
    status=jnp.full(active.shape, base.RUNNING, jnp.int32),
    pending=state.pending,
    automaton=state.automaton,
    answered=state.answered,
    finite=state.finite,
    content=state_lib.StepTokens(
      tokens=jnp.zeros((*active.shape, size), jnp.int32),
      lengths=zeros,
      log_probs=jnp.zeros(active.shape, jnp.float32),
      certainty=jnp.zeros(active.shape, jnp.float32),
    ),
    counts=state.counts,
  )
