"""Scores steps with a reward model: translates, encodes and reads its head.

Axis letters: P problems in flight, N beams, Q problems and R beams of an index,
C tokens of a step's buffer.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from inference_scaling import compute, models
from inference_scaling.decoding import reward_state as state_lib
from inference_scaling.decoding import sizes as sizes_lib
from inference_scaling.decoding.kv_cache import beam_index as beam_index_lib
from inference_scaling.decoding.kv_cache import prompts as prompts_lib
from inference_scaling.decoding.tokens import encode_loop, translation
from inference_scaling.search import base

# From the beams that are scored, bool[P, N], and an index of them.
Score = Callable[
  [state_lib.RewardState, jax.Array, beam_index_lib.BeamIndex],
  state_lib.RewardState,
]


def in_turns(
  score: Score,
  state: state_lib.RewardState,
  num_tokens: jax.Array,
  active: jax.Array,
  beam_index: beam_index_lib.BeamIndex,
  num_rows: int,
) -> state_lib.RewardState:
  """Scores some beams at a time, where more are active than there are rows.

  Long steps have their turn with long ones: a turn lasts as long as its
  longest.

  Args:
    score: scores beams, of which there are `num_rows` of a problem.
    state: the beams.
    num_tokens: int32[P, N], of their steps.
    active: bool[P, N], those to score.
    beam_index: the problems, with all of their beams.
    num_rows: R, fewer than N.

  Returns:
    The new state.
  """
  N, R = active.shape[1], num_rows
  chosen = beam_index.problems(active)
  lengths = beam_index.problems(num_tokens)
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
    return score(state, now, few)

  return lax.fori_loop(0, rounds, take_turn, state)


def score(
  model: models.RewardModel,
  params: Any,
  state: state_lib.RewardState,
  step: base.Step,
  active: jax.Array,
  beam_index: beam_index_lib.BeamIndex,
  translator: translation.Translator | None,
  sizes: sizes_lib.Sizes,
  in_place: bool,
) -> state_lib.RewardState:
  """Scores the steps of the beams of an index.

  Args:
    model: the reward model.
    params: its weights.
    state: the beams.
    step: the step, whose content is `StepTokens`.
    active: bool[P, N]; the others keep their state and score.
    beam_index: of the beams.
    translator: of the reward; None if it reads the policy's tokens.
    sizes: of the reward.
    in_place: likewise.

  Returns:
    The new state.
  """
  old = {name: getattr(state, name) for name in state_lib.BEAMS}
  beams = beam_index.take(old)
  state, steps = _read(state, beams, step, active, beam_index, translator)
  weights, prefix = prompts_lib.split(params)
  size, buffer = encode_loop.row_sizes(
    model.hardware, sizes.text, steps.lengths.size, steps.tokens.shape[-1]
  )
  with jax.named_scope("reward_score"):
    rows = state.cache.open_rows(
      beam_index, size, sizes.prompt, buffer, in_place
    ).replace(prefix=prefix)
    head, longer = encode_loop.run(
      model, weights, beams["head"], rows, steps.tokens, steps.lengths
    )
    fresh = model.rewards(weights, head)
  scored = steps.lengths > 0
  finite = (jnp.isfinite(fresh) | ~scored).all(axis=1)
  attended = compute.attended(model.config, rows.positions(), steps.lengths)
  new = {
    "head": head,
    "scores": jnp.where(scored, fresh, beams["scores"]),
    "steps": beams["steps"] + steps.written,
    "num_scored": beams["num_scored"] + scored,
    "rest": steps.rest,
  }
  counts = beam_index.problems(state.counts).add(steps.lengths, attended)
  return state.replace(
    cache=state.cache.close_rows(beam_index, longer, steps.tokens.shape[-1]),
    finite=beam_index.put_problems(
      state.finite, beam_index.problems(state.finite) & finite
    ),
    counts=beam_index.put_problems(state.counts, counts),
    **beam_index.put(old, new),
  )


class _Steps(NamedTuple):
  """What the reward model reads of the beams of an index.

  Attributes:
    tokens: int32[Q, R, C], its own.
    lengths: int32[Q, R]; 0 for beams whose step is not scored.
    written: bool[Q, R], whether the step has any text.
    rest: int32[Q, R], as `RewardState.rest`.
  """

  tokens: jax.Array
  lengths: jax.Array
  written: jax.Array
  rest: jax.Array


def _read(
  state: state_lib.RewardState,
  beams: dict[str, jax.Array],
  step: base.Step,
  active: jax.Array,
  beam_index: beam_index_lib.BeamIndex,
  translator: translation.Translator | None,
) -> tuple[state_lib.RewardState, _Steps]:
  """The steps of active beams in the reward model's tokens.

  Args:
    state: the beams.
    beams: those of the index, before the step.
    step: as of `score`.
    active: likewise.
    beam_index: likewise.
    translator: likewise.

  Returns:
    The state, which knows what did not fit, and the steps.
  """
  tokens, lengths, cut, live = beam_index.take(
    (step.content.tokens, step.content.lengths,
     step.status == base.TRUNCATED, active)
  )  # fmt: skip
  lengths = jnp.where(live, lengths, 0)
  written = lengths > 0
  if translator is None:
    return state, _Steps(tokens, lengths, written, beams["rest"])
  lengths_before = beam_index.take(state.cache.lengths)
  space = translator.limits.total_tokens - lengths_before
  translated, overflow = translation.fit(
    translator, tokens, lengths, beams["steps"], beams["rest"], cut, space
  )
  overflow = jnp.maximum(beam_index.problems(state.overflow), overflow)
  state = state.replace(
    overflow=beam_index.put_problems(state.overflow, overflow)
  )
  return state, _Steps(
    translated.tokens, translated.lengths, translated.written, translated.rest
  )
