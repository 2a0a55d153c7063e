"""A search reward that reads nothing: for strategies that ask for no score."""

import jax
import jax.numpy as jnp

from inference_scaling import compute
from inference_scaling.decoding import reward_state as state_lib
from inference_scaling.search import base


class NoReward:
  """Scores every step 0 and computes nothing (a `search.Reward`).

  Attributes:
    model: None; there is no tokenizer to agree with, and so no limits and no
      translator.
    num_beams: N.
  """

  model = None
  limits = None
  translator = None

  def __init__(self, num_beams: int):
    self.num_beams = num_beams
    self.num_rows = num_beams

  def sized(self, sizes):
    """The same reward: there are no buffers."""
    del sizes
    return self

  def start(self, params, prompts) -> state_lib.RewardState:
    """Makes a state of zeros for P prompts."""
    del params
    P = prompts.lengths.shape[0]
    nothing = jnp.zeros(P, jnp.int32)
    counts = compute.prompt_counts(nothing, nothing)
    return state_lib.empty_state((), (), (P, self.num_beams), counts)

  def score(
    self,
    params,
    state: state_lib.RewardState,
    step: base.Step,
    active: jax.Array,
  ) -> tuple[state_lib.RewardState, jax.Array]:
    """Returns the state as it is, and scores of 0."""
    del params, step, active
    return state, state.scores

  def fork(
    self, state: state_lib.RewardState, parents: jax.Array
  ) -> state_lib.RewardState:
    """Returns the state as it is."""
    del parents
    return state

  def rewind(
    self, before: state_lib.RewardState, after: state_lib.RewardState
  ) -> state_lib.RewardState:
    """Returns the state as it is."""
    del after
    return before
