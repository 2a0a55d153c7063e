"""A search policy made of a language model: it writes one step at a time.

The cache holds all tokens of a beam but its last, which is pending: its keys
and values are computed when the next token is drawn. So the tokens that pass
through the model while decoding are as many as the tokens drawn; where a value
head reads the policy's hidden states, the last token of each step passes once
more for it, and is counted once.

A step need not be written in one go. `extend` does it; an engine that stops in
the middle of steps uses `begin`, `write` and `finish`, with the same result.
"""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import lax
from typing_extensions import override

from inference_scaling import compute, models
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding import policy_state as state_lib
from inference_scaling.decoding import sizes
from inference_scaling.decoding.batching import faults
from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.decoding.kv_cache import choice
from inference_scaling.decoding.tokens import (
  decode_loop,
  prefill,
  reading,
  writing,
)
from inference_scaling.decoding.tokens import format as format_lib
from inference_scaling.decoding.tokens import thinking as thinking_lib
from inference_scaling.models.rewards import value_head
from inference_scaling.search import base, batching


class ModelPolicy(batching.Batched, sizes.Buffered):
  """Draws reasoning steps from a language model (a `search.BatchedPolicy`).

  A beam is finished by an end-of-text token, or by a step end at or after an
  answer marker. It is truncated by a step that does not end within
  `limits.step_tokens` (its end could not be scored; the released code
  of Wu et al. drops such steps), or at `limits.total_tokens`.

  Attributes:
    model: the language model, without its weights.
    num_rows: R, on how many beams of a problem the model runs at once. N beams
      are kept; where more than R of them write, the others wait for a row.
    storage: how keys and values of the beams are stored.
    thinking: how beams think before they answer; None if they do not.
    sizes: how much of the buffers is in use.
    in_place: as of `sizes.Buffered`.
    format, limits, num_beams, token_scores, value_layers, confidence_tokens: as
      they are given; limits with the tokens that a value head reads.
  """

  def __init__(
    self,
    model: models.Model,
    format: format_lib.Format,
    limits: limits_lib.Limits,
    num_beams: int,
    num_rows: int | None = None,
    cache: str = choice.DENSE,
    tree_tokens: int | None = None,
    token_scores: bool = False,
    value_layers: tuple[int, ...] = (),
    thinking: thinking_lib.ThinkingTexts | None = None,
    confidence_tokens: int = 0,
  ):
    """Compiles the format for the model's tokenizer.

    Args:
      model: the language model.
      format: what ends a step and marks an answer.
      limits: lengths of buffers.
      num_beams: N.
      num_rows: R, from 1 to N; None for N.
      cache: one of `choice.CACHES`.
      tree_tokens: as `choice.Storage` takes it.
      token_scores: whether steps have the statistics of their tokens, which a
        `TokenReward` needs; they cost two passes over the logits.
      value_layers: layers that a value head reads, whose weights come with
        `PolicyParams`; a `HiddenStateReward` needs them. Each step then takes
        its beam one token longer, at which the head reads its last token.
      thinking: texts around the thinking of the policy, whose budget comes
        with `PolicyParams`; None for one that does not think.
      confidence_tokens: k above 0 keeps statistics of every token in its step,
        with the confidence of the k likeliest tokens, or of the vocabulary
        where that is smaller: three numbers a token, in the tree as well.

    Raises:
      ValueError: for another number of rows, cache or number of tokens, layers
        that the model does not have, or texts that do not fit its tokenizer.
    """
    if value_layers:
      value_head.body_config(model.config, value_layers)  # checks them
      limits = limits.for_value_head
    # Without weights: compiled programs keep alive what is static.
    self.model = dataclasses.replace(model, params=None)
    self.format = format
    self.limits = limits
    self.num_beams = num_beams
    self.num_rows = beam_index_lib.check_rows(num_rows, num_beams)
    self.storage = choice.Storage(
      cache, num_beams, limits.text_buffer, tree_tokens,
      self.model.hardware,
    )  # fmt: skip
    self.token_scores = token_scores
    self.value_layers = value_layers
    self.confidence_tokens = confidence_tokens
    self.in_place = self.storage.serves_in_place(
      model.config, limits.prompt_buffer
    )
    self.sizes = sizes.whole(limits)
    automaton = format.compile(model.tokenizer, model.config.vocab_size)
    self.thinking = thinking and thinking_lib.compile_thinking(
      thinking, model.tokenizer, model.config.vocab_size,
      model.config.eos_token_ids,
    )  # fmt: skip
    self._decode_loop = decode_loop.DecodeLoop(
      self.model,
      format,
      limits,
      automaton,
      value_layers,
      self.thinking,
      confidence_tokens,
    )

  @override
  def sized(self, sizes: sizes.Sizes) -> Self:
    """Returns the same policy where less of its buffers is in use.

    Args:
      sizes: how much.

    Returns:
      The policy; it works on the same states.
    """
    smaller = copy.copy(self)
    smaller.sizes = sizes
    return smaller

  def start(
    self, params: state_lib.PolicyParams, prompts: limits_lib.Prompts
  ) -> state_lib.PolicyState:
    """Computes the prompts; their last tokens stay pending.

    Args:
      params: weights and sampler.
      prompts: P prompts.

    Returns:
      The state of P * N beams, all at the end of their prompts.

    Raises:
      ValueError: where the policy thinks and `params` do not say how long.
    """
    return prefill.start(
      self.model, params, prompts, self.storage, self.limits.prompt_buffer,
      self._empty_step, self.thinking,
    )  # fmt: skip

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
      active: bool[P, N], none of them at a step; the others stay as they are.

    Returns:
      The new state, and the step, whose content is `StepTokens`.
    """

    def never(live: jax.Array) -> jax.Array:
      del live
      return jnp.zeros((), bool)

    # Other beams may be in the middle of a step: it is put aside.
    held = state.step
    empty = self._empty_step(active.shape)
    state = lax.while_loop(
      lambda state: state.step.live.any(),
      lambda state: self.write(params, keys, state, never),
      self.begin(state.replace(step=empty), active),
    )
    state, step = self.finish(state, jnp.ones(active.shape[:1], bool))
    return state.replace(step=held), step

  def begin(
    self, state: state_lib.PolicyState, active: jax.Array
  ) -> state_lib.PolicyState:
    """Lets beams begin a step.

    Args:
      state: the beams.
      active: bool[P, N], those that begin; none of them is at a step.

    Returns:
      The state, with nothing written yet.
    """
    live = state.step.live | active
    return state.replace(step=state.step.replace(live=live))

  def live(self, state: state_lib.PolicyState) -> jax.Array:
    """Returns which beams still write their steps, bool[P, N]."""
    return state.step.live

  def write(
    self,
    params: state_lib.PolicyParams,
    keys: jax.Array,
    state: state_lib.PolicyState,
    enough: Callable[[jax.Array], jax.Array],
  ) -> state_lib.PolicyState:
    """Continues the steps, by `sizes.written` tokens a beam at most.

    Where more than `num_rows` beams of a problem are live, the first of them
    are written, until some of all rows could be taken by others.

    Args:
      params: weights and sampler.
      keys: as for `extend`; those of the steps being written.
      state: the beams.
      enough: from bool[P, N], the beams that are live, to bool[]: whether to
        stop before that.

    Returns:
      The state; steps may be half written.
    """
    value_head.check_weights(
      params.value_head, self.value_layers, self.model.config
    )
    return writing.write(
      self._decode_loop, params, keys, state, enough, self.num_rows,
      self.sizes, self.in_place,
    )  # fmt: skip

  def finish(
    self, state: state_lib.PolicyState, ready: jax.Array
  ) -> tuple[state_lib.PolicyState, base.Step]:
    """Takes finished steps out of the state.

    Args:
      state: the beams.
      ready: bool[P], problems of which no beam is live, or whose steps are
        given up.

    Returns:
      The state, in which they are at no step, and their steps, zeros for all
      others.
    """
    empty = self._empty_step(state.step.live.shape)
    state, made = state_lib.take_steps(state, ready, empty)
    return state, base.Step(
      status=made.status,
      num_tokens=made.content.lengths,
      content=made.content,
    )

  def read(
    self,
    params: state_lib.PolicyParams,
    state: state_lib.PolicyState,
    step: base.Step,
    active: jax.Array,
  ) -> state_lib.PolicyState:
    """Puts beams behind a step that another policy wrote.

    Args:
      params: weights; the sampler is not used.
      state: the beams, none of those that read at a step.
      step: the step, whose content is `StepTokens`.
      active: bool[P, N]; the others stay as they are.

    Returns:
      The state, in which these tokens are counted as `prefill`: they are read
      and not drawn.
    """
    return reading.read(
      self._decode_loop, params, state, step, active, self.sizes, self.in_place
    )

  def fork(
    self, state: state_lib.PolicyState, parents: jax.Array
  ) -> state_lib.PolicyState:
    """Lets beam n go on from beam parents[n] of the same problem.

    Args:
      state: the beams; those that change are at no step.
      parents: int32[P, N].

    Returns:
      The state of the chosen beams; counts stay with the problem.
    """
    beams = {name: getattr(state, name) for name in state_lib.BEAMS}
    return state.replace(
      cache=state.cache.fork(
        parents, self.num_rows, self.sizes.slots or parents.shape[0]
      ),
      **beam_index_lib.BeamIndex(None, parents).take(beams),
    )

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
    return state_lib.rewind(before, after)

  @override
  def counts(self, state: state_lib.PolicyState) -> compute.Counts:
    return state.counts

  @override
  def held(self, state: state_lib.PolicyState) -> Any:
    return state.cache

  @override
  def longest(self, state: state_lib.PolicyState) -> jax.Array:
    return state.cache.lengths.max(axis=1)

  @override
  def report(self, state: state_lib.PolicyState) -> dict[str, jax.Array]:
    return {
      "cache_overflow": faults.tree_overflow(state.cache),
      "finite": state.finite,
    }

  @override
  def check(self, report: dict[str, Any], where: str) -> None:
    capacity = self.storage.capacity
    faults.check_tree(report["cache_overflow"], "policy", capacity, where)
    faults.check_finite(report["finite"], "the policy's logits", where)

  def _empty_step(self, shape: tuple[int, ...]) -> state_lib.HalfStep:
    """Steps of no tokens."""
    size = min(self.limits.step_tokens, self.limits.total_tokens)
    return state_lib.empty_step(
      shape,
      size,
      self.token_scores,
      bool(self.value_layers),
      self.thinking is not None,
      bool(self.confidence_tokens),
    )
