"""A search reward made of a reward model: it reads each new step once.

The reward model keeps its own keys and values of the prompt and of the steps
read so far, so a step costs its own tokens and never the whole text again.
"""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from jax import lax

from inference_scaling import compute
from inference_scaling.decoding import cache as cache_lib
from inference_scaling.decoding import limits as limits_lib
from inference_scaling.search import base

# A step is read in blocks of this many tokens, and no further than the longest
# step at hand: most steps are far shorter than their buffer.
_BLOCK = 8


@flax.struct.dataclass
class RewardState:
  """What the reward model remembers of all beams.

  Attributes:
    cache: keys and values of all tokens, pending ones included.
    reading: what the model's head remembers of each beam; leaves [P, N, ...].
    scores: float32[P, N], of each beam's last step; 0 before the first.
    finite: bool[P], false once a score of the problem was NaN or infinite.
    counts: tokens computed so far, each int32[P].
  """

  cache: cache_lib.Cache
  reading: Any
  scores: jax.Array
  finite: jax.Array
  counts: compute.Counts


class ModelReward:
  """Scores reasoning steps with a reward model (a `search.Reward`).

  A step's score is the probability, read at the step's last token, that all
  is right so far.

  Attributes:
    model: the reward model; reads the policy's tokens.
    limits: lengths of buffers, those of the policy.
    num_beams: N.
  """

  def __init__(self, model, limits: limits_lib.Limits, num_beams: int):
    self.model = model
    self.limits = limits
    self.num_beams = num_beams

  def start(self, params, prompts: limits_lib.Prompts) -> RewardState:
    """Reads the prompts.

    Args:
      params: the reward model's weights.
      prompts: P prompts.

    Returns:
      The state of P * N beams, all at the end of their prompts.
    """
    lengths = prompts.lengths
    with jax.named_scope("reward_prefill"):
      hidden, kv = cache_lib.compute_prompt(self.model, params, prompts)
    shape = (lengths.shape[0], self.num_beams)
    last = jnp.take_along_axis(hidden, lengths[:, None, None] - 1, axis=1)
    last = jnp.broadcast_to(last, (*shape, hidden.shape[-1]))
    return RewardState(
      cache=cache_lib.start(
        kv, lengths, self.num_beams, self.limits.text_buffer
      ),
      reading=self.model.begin(last),
      scores=jnp.zeros(shape, jnp.float32),
      finite=jnp.ones(shape[0], bool),
      counts=compute.Counts(
        prefill=lengths,
        decode=jnp.zeros_like(lengths),
        attended=lengths * (lengths + 1) // 2,
      ),
    )

  def score(
    self, params, state: RewardState, step: base.Step, active: jax.Array
  ) -> tuple[RewardState, jax.Array]:
    """Reads the new step of each active beam and scores it.

    Args:
      params: the reward model's weights.
      state: the beams.
      step: the step, whose content is `StepTokens`.
      active: bool[P, N]; the others keep their state and score.

    Returns:
      The new state, and float32[P, N] scores.
    """
    lengths = jnp.where(active, step.content.lengths, 0)
    with jax.named_scope("reward_score"):
      reading, chunk = self._read(params, state, step.content.tokens, lengths)
      fresh = self.model.rewards(params, reading)
    read = lengths > 0
    scores = jnp.where(read, fresh, state.scores)
    first = cache_lib.positions(state.cache) + 1
    attended = lengths * first + lengths * (lengths - 1) // 2
    counts = state.counts
    state = RewardState(
      cache=cache_lib.merge(state.cache, chunk, lengths),
      reading=reading,
      scores=scores,
      finite=state.finite & (jnp.isfinite(fresh) | ~read).all(axis=1),
      counts=counts.replace(
        decode=counts.decode + lengths.sum(axis=1),
        attended=counts.attended + attended.sum(axis=1),
      ),
    )
    return state, scores

  def fork(self, state: RewardState, parents: jax.Array) -> RewardState:
    """Lets beam n go on from beam parents[n] of the same problem.

    Args:
      state: the beams.
      parents: int32[P, N].

    Returns:
      The state of the chosen beams; counts stay with the problem.
    """
    return state.replace(
      cache=cache_lib.fork(state.cache, parents),
      reading=cache_lib.take_beams(state.reading, parents),
      scores=cache_lib.take_beams(state.scores, parents),
    )

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
    blocks = -(-tokens.shape[-1] // _BLOCK)
    spare = blocks * _BLOCK - tokens.shape[-1]
    tokens = jnp.pad(tokens, ((0, 0), (0, 0), (0, spare)))
    chunk = cache_lib.empty_chunk(cache, blocks * _BLOCK)
    starts = cache_lib.positions(cache)
    longest = lengths.max()

    def read_block(carry):
      index, reading, chunk = carry
      offsets = index + jnp.arange(_BLOCK)
      block = lax.dynamic_slice_in_dim(tokens, index, _BLOCK, axis=2)
      hidden, new = self.model.forward(
        params,
        block,
        starts[..., None] + offsets[None, None],
        cache_lib.segments(cache, chunk, index),
      )
      after = self.model.read(params, reading, block, hidden)
      reading = _at_last(reading, after, lengths - index)
      return index + _BLOCK, reading, cache_lib.write_chunk(chunk, new, index)

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
