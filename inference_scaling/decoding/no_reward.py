"""A search reward that reads nothing: for strategies that ask for no score."""

from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling import compute
from inference_scaling.search import base


class NoReward:
  """Scores every step 0 and computes nothing (a `search.BatchedReward`).

  Its state is its counts, which stay 0.

  Attributes:
    num_beams: N.
  """

  def __init__(self, num_beams: int):
    self.num_beams = num_beams

  def start(self, params: Any, prompts: Any) -> compute.Counts:
    """Makes counts of 0 for P prompts, of whatever kind."""
    del params
    nothing = jnp.zeros(jax.tree.leaves(prompts)[0].shape[0], jnp.int32)
    return compute.prompt_counts(nothing, nothing)

  def score(
    self, params: Any, state: compute.Counts, step: base.Step, active: jax.Array
  ) -> tuple[compute.Counts, jax.Array]:
    """Returns the state as it is, and scores of 0."""
    del params, step
    return state, jnp.zeros(active.shape, jnp.float32)

  def fork(self, state: compute.Counts, parents: jax.Array) -> compute.Counts:
    """Returns the state as it is."""
    del parents
    return state

  def rewind(
    self, before: compute.Counts, after: compute.Counts
  ) -> compute.Counts:
    """Returns the state as it is."""
    del after
    return before

  def counts(self, state: compute.Counts) -> compute.Counts:
    """As of `search.BatchedReward`: nothing."""
    return state

  def held(self, state: compute.Counts) -> tuple[()]:
    """As of `search.BatchedReward`: nothing is kept for beams."""
    del state
    return ()

  def report(self, state: compute.Counts) -> tuple[()]:
    """As of `search.BatchedReward`: a score of 0 is never wrong."""
    del state
    return ()

  def check(self, report: tuple[()], where: str) -> None:
    """As of `search.BatchedReward`."""
