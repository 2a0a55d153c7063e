"""A search reward made of a reward model: it encodes each new step once.

The reward model keeps its own keys and values of the prompt and of the steps
encoded so far, so a step costs its own tokens and never the whole text again.
"""

import copy
import dataclasses
from typing import Any, Self

import jax
import jax.numpy as jnp
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
from inference_scaling.decoding.tokens import scoring, translation
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

    def score(
      state: state_lib.RewardState,
      active: jax.Array,
      beam_index: beam_index_lib.BeamIndex,
    ) -> state_lib.RewardState:
      return scoring.score(
        self.model, params, state, step, active, beam_index, self.translator,
        self.sizes, self.in_place,
      )  # fmt: skip

    def run(
      beam_index: beam_index_lib.BeamIndex, state: state_lib.RewardState
    ) -> state_lib.RewardState:
      if self.num_rows == self.num_beams:
        return score(state, active, beam_index)
      return scoring.in_turns(
        score, state, step.num_tokens, active, beam_index, self.num_rows
      )

    slots = self.sizes.slots or len(active)
    state = beam_index_lib.for_problems(
      run, state, active.any(axis=1), slots, self.num_beams
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
