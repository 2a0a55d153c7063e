"""A search reward that computes nothing: for strategies without scores."""

from typing import Any

import jax
import jax.numpy as jnp
from typing_extensions import override

from inference_scaling import compute
from inference_scaling.search import base, batching


class NoReward(batching.BatchedReward):
  """Scores every step 0 and computes nothing.

  Its state is its counts, which stay 0.

  Attributes:
    num_beams: N.
  """

  def __init__(self, num_beams: int):
    self.num_beams = num_beams

  @override
  def start(self, params: Any, prompts: Any) -> compute.Counts:
    del params
    nothing = jnp.zeros(jax.tree.leaves(prompts)[0].shape[0], jnp.int32)
    return compute.prompt_counts(nothing, nothing)

  @override
  def score(
    self, params: Any, state: compute.Counts, step: base.Step, active: jax.Array
  ) -> tuple[compute.Counts, jax.Array]:
    del params, step
    return state, jnp.zeros(active.shape, jnp.float32)

  @override
  def fork(self, state: compute.Counts, parents: jax.Array) -> compute.Counts:
    del parents
    return state

  @override
  def rewind(
    self, before: compute.Counts, after: compute.Counts
  ) -> compute.Counts:
    del after
    return before

  @override
  def counts(self, state: compute.Counts) -> compute.Counts:
    return state

  @override
  def held(self, state: compute.Counts) -> tuple[()]:
    del state
    return ()

  @override
  def report(self, state: compute.Counts) -> tuple[()]:
    del state
    return ()

  @override
  def check(self, report: tuple[()], where: str) -> None:
    del report, where
