"""A search reward made of a reward model: it encodes each new step once.

The reward model keeps its own keys and values of the prompt and of the steps
encoded so far, so a step costs its own tokens and never the whole text again.
"""

import copy
import dataclasses
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import lax
from typing_extensions import override

from inference_scaling import compute, models
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding import (
  policy_state,
  sizes,
)
from inference_scaling.decoding import reward_state as state_lib
from inference_scaling.decoding.batching import faults
from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.decoding.kv_cache import choice, working_rows
from inference_scaling.decoding.kv_cache import prompts as prompts_lib
from inference_scaling.decoding.tokens import encode_loop, translation
from inference_scaling.search import base, batching


class ModelReward(batching.BatchedReward, sizes.Buffered):
  """Scores reasoning steps with a reward model.

  A step's score is the probability, at the step's last token, that all is
  right so far.

  Attributes:
    model: the reward model, without its weights.
    limits: lengths of buffers: those of the policy if the reward model takes
      the policy's tokens, or else the translator's.
    num_beams: N.
    num_rows: R, on how many beams of a problem the model runs at once.
    storage: how keys and values of the beams are stored.
    sizes: how much of the buffers is in use.
    in_place: as of `sizes.Buffered`.
    translator: makes the reward model's tokens of the policy's; None if they
      are the same.
  """

  def __init__(
    self,
    model: models.RewardModel,
    limits: limits_lib.Limits,
    num_beams: int,
    translator: translation.Translator | None = None,
    num_rows: int | None = None,
    cache: str = choice.DENSE,
    tree_tokens: int | None = None,
  ):
    """Joins a reward model to a policy.

    Args:
      model: the reward model.
      limits: lengths of buffers, if there is no translator.
      num_beams: N.
      translator: for a model with a format, and for no other.
      num_rows: R, as for a `ModelPolicy`.
      cache: likewise.
      tree_tokens: likewise, in tokens of the reward model.

    Raises:
      ValueError: for a model with a format and no translator, or the reverse, a
        number of rows that is not from 1 to N, or another cache or number of
        tokens than there may be.
    """
    reward_format = model.reward_format
    if reward_format is not (translator.reward_format if translator else None):
      raise ValueError(
        "the reward model's format is "
        f"{reward_format and reward_format.name!r}, the translator's "
        f"{translator and translator.reward_format.name!r}; expected one and "
        "the same object. Make Translator(..., "
        "reward_format=model.reward_format, ...), or leave it out for a reward "
        "model that takes the policy's tokens."
      )
    # Without weights: compiled programs keep alive what is static.
    self.model = dataclasses.replace(model, params=None)
    self.limits = translator.limits if translator else limits
    self.num_beams = num_beams
    self.num_rows = beam_index_lib.check_rows(num_rows, num_beams)
    self.storage = choice.Storage(
      cache, num_beams, self.limits.text_buffer, tree_tokens,
      self.model.hardware,
    )  # fmt: skip
    self.in_place = self.storage.serves_in_place(
      model.config, self.limits.prompt_buffer
    )
    self.sizes = sizes.whole(self.limits)
    self.translator = translator

  @override
  def sized(self, sizes: sizes.Sizes) -> Self:
    smaller = copy.copy(self)
    smaller.sizes = sizes
    return smaller

  @override
  def start(
    self, params: Any, prompts: limits_lib.Prompts
  ) -> state_lib.RewardState:
    """Encodes the prompts.

    Args:
      params: the reward model's weights.
      prompts: P prompts.

    Returns:
      The state of P * N beams, all at the end of their prompts.

    Raises:
      ValueError: for other prompts, or if the reward model has a format and the
        prompts lack its own.
    """
    if not isinstance(prompts, limits_lib.Prompts):
      raise ValueError(
        f"a ModelReward takes tokens, but the prompts are a "
        f"{type(prompts).__name__}; expected decoding.Prompts. Give them, or a "
        "reward that takes this policy's prompts."
      )
    if self.translator is not None:
      if prompts.reward is None:
        raise ValueError(
          "the prompts lack the reward model's own; give each problem the "
          "tokens of model.reward_format.encode_prompt(question) as "
          "reward_tokens."
        )
      prompts = prompts.reward
    lengths = prompts.lengths
    _, prefix = prompts_lib.split(params)
    whole = working_rows.prefix_size(prefix) + lengths
    with jax.named_scope("reward_prefill"):
      hidden, kv = prompts_lib.compute(
        self.model, params, prompts, self.limits.prompt_buffer
      )
    shape = (lengths.shape[0], self.num_beams)
    last = jnp.take_along_axis(hidden, lengths[:, None, None] - 1, axis=1)
    last = jnp.broadcast_to(last, (*shape, hidden.shape[-1]))
    return state_lib.empty_state(
      self.storage.start(kv, lengths),
      self.model.begin(last),
      shape,
      compute.prompt_counts(
        whole, compute.attended(self.model.config, 0, whole)
      ),
    )

  @override
  def score(
    self,
    params: Any,
    state: state_lib.RewardState,
    step: base.Step,
    active: jax.Array,
  ) -> tuple[state_lib.RewardState, jax.Array]:
    """Encodes the new step of each active beam and scores it.

    Args:
      params: the reward model's weights.
      state: the beams.
      step: the step, whose content is `StepTokens`.
      active: bool[P, N]; the others keep their state and score.

    Returns:
      The new state, and float32[P, N] scores.

    Raises:
      ValueError: for other content.
    """
    policy_state.check_content(step.content, "a ModelReward")
    N, R = self.num_beams, self.num_rows

    def run(
      beam_index: beam_index_lib.BeamIndex, state: state_lib.RewardState
    ) -> state_lib.RewardState:
      if R == N:
        return self._score(params, state, step, active, beam_index)
      # Where more beams are active than there are rows, they take turns, long
      # steps with long ones: a turn lasts as long as its longest.
      chosen = beam_index.problems(active)
      lengths = beam_index.problems(step.num_tokens)
      order = jnp.argsort(jnp.where(chosen, -lengths, 1), axis=1)
      rounds = -(-chosen.sum(axis=1).max() // R)

      def take_turn(
        number: jax.Array, state: state_lib.RewardState
      ) -> state_lib.RewardState:
        begin = jnp.minimum(number * R, N - R)
        beams = lax.dynamic_slice_in_dim(order, begin, R, axis=1)
        few = beam_index_lib.BeamIndex(beam_index.slots, beams)
        # The last turn may begin among beams that had theirs.
        turn = begin + jnp.arange(R)[None] >= number * R
        now = few.put(jnp.zeros_like(active), few.take(active) & turn)
        return self._score(params, state, step, now, few)

      return lax.fori_loop(0, rounds, take_turn, state)

    state = beam_index_lib.for_problems(
      run, state, active.any(axis=1), self.sizes.slots or len(active), N
    )
    return state, state.scores

  @override
  def fork(
    self, state: state_lib.RewardState, parents: jax.Array
  ) -> state_lib.RewardState:
    """Lets beam n go on from beam parents[n] of the same problem.

    Args:
      state: the beams.
      parents: int32[P, N].

    Returns:
      The state of the chosen beams; counts stay with the problem.
    """
    beams = {name: getattr(state, name) for name in state_lib.BEAMS}
    return state.replace(
      cache=state.cache.fork(
        parents, self.num_rows, self.sizes.slots or len(parents)
      ),
      **beam_index_lib.BeamIndex(None, parents).take(beams),
    )

  @override
  def rewind(
    self, before: state_lib.RewardState, after: state_lib.RewardState
  ) -> state_lib.RewardState:
    return state_lib.rewind(before, after)

  @override
  def counts(self, state: state_lib.RewardState) -> compute.Counts:
    return state.counts

  @override
  def held(self, state: state_lib.RewardState) -> Any:
    return state.cache

  @override
  def longest(self, state: state_lib.RewardState) -> jax.Array:
    return state.cache.lengths.max(axis=1)

  @override
  def report(self, state: state_lib.RewardState) -> dict[str, jax.Array]:
    return {
      "tree_overflow": faults.tree_overflow(state.cache),
      "finite": state.finite,
      "longest": self.longest(state),
      "buffer_overflow": state.overflow,
      "every_step_scored": (state.num_scored == state.steps).all(axis=1),
    }

  @override
  def check(self, report: dict[str, Any], where: str) -> None:
    capacity = self.storage.capacity
    faults.check_tree(report["tree_overflow"], "reward model", capacity, where)
    faults.check_finite(report["finite"], "the rewards", where)
    faults.check_longest(report["longest"], self.limits, where)
    faults.check_scored(
      report["buffer_overflow"], report["every_step_scored"], self.limits, where
    )

  def _score(
    self,
    params: Any,
    state: state_lib.RewardState,
    step: base.Step,
    active: jax.Array,
    beam_index: beam_index_lib.BeamIndex,
  ) -> state_lib.RewardState:
    """Scores the steps of the beams of an index; `active` is bool[P, N]."""
    beams = beam_index.take(
      {name: getattr(state, name) for name in state_lib.BEAMS}
    )
    tokens, lengths, cut, live = beam_index.take(
      (step.content.tokens, step.content.lengths,
       step.status == base.TRUNCATED, active)
    )  # fmt: skip
    lengths = jnp.where(live, lengths, 0)
    written = lengths > 0
    if self.translator is not None:
      space = self.limits.total_tokens - beam_index.take(state.cache.lengths)
      translated, overflow = self._translate(
        self.translator, beams, tokens, lengths, cut, space
      )
      tokens, lengths = translated.tokens, translated.lengths
      written, beams["rest"] = translated.written, translated.rest
      overflow = jnp.maximum(beam_index.problems(state.overflow), overflow)
      state = state.replace(
        overflow=beam_index.put_problems(state.overflow, overflow)
      )
    size, buffer = encode_loop.row_sizes(
      self.model.hardware, self.sizes.text, lengths.size, tokens.shape[-1]
    )
    weights, prefix = prompts_lib.split(params)
    with jax.named_scope("reward_score"):
      rows = state.cache.open_rows(
        beam_index, size, self.sizes.prompt, buffer, self.in_place
      ).replace(prefix=prefix)
      head, longer = encode_loop.run(
        self.model, weights, beams["head"], rows, tokens, lengths
      )
      fresh = self.model.rewards(weights, head)
    scored = lengths > 0
    finite = (jnp.isfinite(fresh) | ~scored).all(axis=1)
    attended = compute.attended(self.model.config, rows.positions(), lengths)
    new = {
      "head": head,
      "scores": jnp.where(scored, fresh, beams["scores"]),
      "steps": beams["steps"] + written,
      "num_scored": beams["num_scored"] + scored,
      "rest": beams["rest"],
    }
    old = {name: getattr(state, name) for name in state_lib.BEAMS}
    counts = beam_index.problems(state.counts).add(lengths, attended)
    return state.replace(
      cache=state.cache.close_rows(beam_index, longer, tokens.shape[-1]),
      finite=beam_index.put_problems(
        state.finite, beam_index.problems(state.finite) & finite
      ),
      counts=beam_index.put_problems(state.counts, counts),
      **beam_index.put(old, new),
    )

  def _translate(
    self,
    translator: translation.Translator,
    beams: dict[str, jax.Array],
    tokens: jax.Array,
    lengths: jax.Array,
    cut: jax.Array,
    space: jax.Array,
  ) -> tuple[translation.Translated, jax.Array]:
    """Makes the reward model's tokens of the policy's.

    A step that was cut off ends its beam without an answer. Where it does not
    fit, it is left out, and the beam keeps the score of the step before, 0 if
    there is none: only strategies that also score ended beams see it.

    Args:
      translator: of the reward.
      beams: the beams before the step.
      tokens: int32[Q, R, C], the policy's.
      lengths: int32[Q, R].
      cut: bool[Q, R], steps that a limit ended.
      space: int32[Q, R], how many tokens the texts may still have.

    Returns:
      The steps in the reward model's tokens, those without text to score not
      written, and int32[Q, 2], what did not fit.
    """
    translated = translator(tokens, lengths, beams["steps"], beams["rest"])
    needed = translated.needed
    too_long = needed > self.limits.step_tokens
    too_much = needed > space
    total = self.limits.total_tokens - space + needed
    overflow = jnp.stack(
      [
        jnp.where(too_long & ~cut, needed, 0).max(axis=1),
        jnp.where(too_much & ~cut, total, 0).max(axis=1),
      ],
      axis=1,
    )
    left_out = too_long | too_much
    return translated.replace(
      lengths=jnp.where(left_out, 0, translated.lengths),
      written=translated.written & ~(left_out & cut),
      rest=jnp.where(lengths > 0, translated.rest, beams["rest"]),
    ), overflow
