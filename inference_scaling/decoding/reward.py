"""A search reward made of a reward model: it reads each new step once.

The reward model keeps its own keys and values of the prompt and of the steps
read so far, so a step costs its own tokens and never the whole text again.
"""

import jax
import jax.numpy as jnp
from jax import lax

from inference_scaling import compute
from inference_scaling.decoding import cache as cache_lib
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding import reward_state as state_lib
from inference_scaling.decoding import rows, translation
from inference_scaling.search import base

# A step is read in blocks of this many tokens, and no further than the longest
# step at hand: most steps are far shorter than their buffer.
BLOCK = 8


class ModelReward:
  """Scores reasoning steps with a reward model (a `search.Reward`).

  A step's score is the probability, read at the step's last token, that all
  is right so far.

  Attributes:
    model: the reward model.
    limits: lengths of buffers: those of the policy if the reward model reads
      the policy's tokens, or else the translator's.
    num_beams: N.
    num_rows: R, as for a `ModelPolicy`.
    translator: makes the reward model's tokens of the policy's; None if they
      are the same.
  """

  def __init__(
    self,
    model,
    limits: limits_lib.Limits,
    num_beams: int,
    translator: translation.Translator | None = None,
    num_rows: int | None = None,
  ):
    """Joins a reward model to a policy.

    Args:
      model: the reward model.
      limits: lengths of buffers, if there is no translator.
      num_beams: N.
      translator: for a model with a form, and for no other.
      num_rows: R, as for a `ModelPolicy`.

    Raises:
      ValueError: for a model with a form and no translator, or the reverse, or
        a number of rows that is not from 1 to N.
    """
    form = getattr(model, "form", None)
    if form is not (translator.form if translator else None):
      raise ValueError(
        f"the reward model's form is {form and form.name!r}, the translator's "
        f"{translator and translator.form.name!r}; expected one and the same "
        "object. Make Translator(..., form=model.form, ...), or leave it out "
        "for a reward model that reads the policy's tokens."
      )
    self.model = model
    self.limits = translator.limits if translator else limits
    self.num_beams = num_beams
    self.num_rows = rows.check_rows(num_rows, num_beams)
    self.translator = translator

  def start(self, params, prompts: limits_lib.Prompts) -> state_lib.RewardState:
    """Reads the prompts.

    Args:
      params: the reward model's weights.
      prompts: P prompts.

    Returns:
      The state of P * N beams, all at the end of their prompts.

    Raises:
      ValueError: if the reward model has a form and the prompts lack its own.
    """
    if self.translator is not None:
      if prompts.reward is None:
        raise ValueError(
          "the prompts lack the reward model's own; give each problem the "
          "tokens of model.form.encode_prompt(question) as reward_tokens."
        )
      prompts = prompts.reward
    lengths = prompts.lengths
    with jax.named_scope("reward_prefill"):
      hidden, kv = cache_lib.compute_prompt(self.model, params, prompts)
    shape = (lengths.shape[0], self.num_beams)
    last = jnp.take_along_axis(hidden, lengths[:, None, None] - 1, axis=1)
    last = jnp.broadcast_to(last, (*shape, hidden.shape[-1]))
    return state_lib.empty_state(
      cache_lib.start(kv, lengths, self.num_beams, self.limits.text_buffer),
      self.model.begin(last),
      shape,
      compute.prompt_counts(
        lengths, compute.attended(self.model.config, 0, lengths)
      ),
    )

  def score(
    self,
    params,
    state: state_lib.RewardState,
    step: base.Step,
    active: jax.Array,
  ) -> tuple[state_lib.RewardState, jax.Array]:
    """Reads the new step of each active beam and scores it.

    Args:
      params: the reward model's weights.
      state: the beams.
      step: the step, whose content is `StepTokens`.
      active: bool[P, N]; the others keep their state and score.

    Returns:
      The new state, and float32[P, N] scores.
    """

    def run(state, step, active):
      return self._score(params, state, step, active), ()

    state, _ = rows.run_on_few(
      run, state, state_lib.BEAMS, self.num_rows, step, active
    )
    return state, state.scores

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
    return rows.fork(state, state_lib.BEAMS, parents, self.num_rows)

  def rewind(
    self, before: state_lib.RewardState, after: state_lib.RewardState
  ) -> state_lib.RewardState:
    """Takes back steps that were read; what was computed stays counted."""
    return state_lib.rewind(before, after)

  def _score(self, params, state, step, active):
    """Reads and scores steps of [P, R] rows; returns their new state."""
    tokens = step.content.tokens
    lengths = jnp.where(active, step.content.lengths, 0)
    written = lengths > 0
    if self.translator is not None:
      tokens, lengths, written, state = self._translate(
        state, tokens, lengths, step.status == base.TRUNCATED
      )
    with jax.named_scope("reward_score"):
      reading, chunk = self._read(params, state, tokens, lengths)
      fresh = self.model.rewards(params, reading)
    read = lengths > 0
    first = cache_lib.positions(state.cache)
    attended = compute.attended(self.model.config, first, lengths)
    return state.replace(
      cache=cache_lib.merge(state.cache, chunk, lengths),
      reading=reading,
      scores=jnp.where(read, fresh, state.scores),
      steps=state.steps + written,
      reads=state.reads + read,
      finite=state.finite & (jnp.isfinite(fresh) | ~read).all(axis=1),
      counts=state.counts.add(lengths, attended),
    )

  def _translate(self, state, tokens, lengths, cut):
    """Makes the reward model's tokens of the policy's.

    A step that was cut off ends its beam without an answer. Where it does not
    fit, it is left out, and the beam keeps the score of the step before, 0 if
    there is none: only strategies that weigh or value ended beams, too, see it.

    Args:
      state: the beams before the step.
      tokens: int32[P, N, C], the policy's.
      lengths: int32[P, N].
      cut: bool[P, N], steps that a limit ended.

    Returns:
      Tokens and lengths of the reward model, bool[P, N], whether a step has
      text to score, and the state with its rest and what did not fit.
    """
    found = self.translator(tokens, lengths, state.steps, state.rest)
    total = state.cache.lengths + found.needed
    too_long = found.needed > self.limits.step_tokens
    too_much = total > self.limits.total_tokens
    beyond = jnp.stack(
      [
        jnp.where(too_long & ~cut, found.needed, 0).max(axis=1),
        jnp.where(too_much & ~cut, total, 0).max(axis=1),
      ],
      axis=1,
    )
    state = state.replace(
      rest=jnp.where(lengths > 0, found.rest, state.rest),
      beyond=jnp.maximum(state.beyond, beyond),
    )
    left_out = too_long | too_much
    lengths = jnp.where(left_out, 0, found.lengths)
    return found.tokens, lengths, found.written & ~(left_out & cut), state

  def _read(self, params, state, tokens, lengths):
    """Runs the model over steps, block by block.

    Args:
      params: the weights.
      state: the beams before the step.
      tokens: int32[P, N, C].
      lengths: int32[P, N].

    Returns:
      The readings at the last tokens (the old ones for a step of no tokens),
      and the steps' keys and values.
    """
    cache = state.cache
    blocks = -(-tokens.shape[-1] // BLOCK)
    spare = blocks * BLOCK - tokens.shape[-1]
    tokens = jnp.pad(tokens, ((0, 0), (0, 0), (0, spare)))
    chunk = cache_lib.empty_chunk(cache, blocks * BLOCK)
    starts = cache_lib.positions(cache)
    longest = lengths.max()

    def read_block(carry):
      index, reading, chunk = carry
      offsets = index + jnp.arange(BLOCK)
      block = lax.dynamic_slice_in_dim(tokens, index, BLOCK, axis=2)
      hidden, new = self.model.forward(
        params,
        block,
        starts[..., None] + offsets[None, None],
        cache_lib.segments(cache, chunk, index, self.model.config, BLOCK),
      )
      after = self.model.read(params, reading, block, hidden)
      reading = _at_last(reading, after, lengths - index)
      return index + BLOCK, reading, cache_lib.write_chunk(chunk, new, index)

    _, reading, chunk = lax.while_loop(
      lambda carry: carry[0] < longest,
      read_block,
      (jnp.int32(0), state.reading, chunk),
    )
    return reading, chunk


def _at_last(old, after, left: jax.Array):
  """Takes the readings after a block: at its end, or where the step ends.

  Args:
    old: readings before the block, leaves [P, N, ...].
    after: readings after each of its tokens, leaves [P, N, T, ...].
    left: int32[P, N], tokens of the step from the block's start on; 0 or less
      where the step ended before, whose reading stays.

  Returns:
    Readings, leaves [P, N, ...].
  """

  def pick(old_leaf, leaf):
    extra = (1,) * (old_leaf.ndim - 2)
    index = jnp.clip(left - 1, 0, leaf.shape[2] - 1)
    here = jnp.take_along_axis(
      leaf, index.reshape(*index.shape, 1, *extra), axis=2
    )[:, :, 0]
    return jnp.where((left > 0).reshape(*left.shape, *extra), here, old_leaf)

  return jax.tree.map(pick, old, after)
