"""The reward of steps that two policies made, whose scores come with them."""

from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling import compute
from inference_scaling.search import base, batching


class SpeculativeReward(batching.Batched):
  """Hands out the scores that steps were taken by; see `speculative`.

  The policy has computed and counted them. All objects are equal.
  """

  def __eq__(self, other: object) -> bool:
    return type(other) is type(self)

  def __hash__(self) -> int:
    return hash(type(self))

  def start(self, params: Any, prompts: Any) -> jax.Array:
    """Remembers nothing: zeros, int32[P]."""
    del params
    return jnp.zeros(jax.tree.leaves(prompts)[0].shape[0], jnp.int32)

  def score(
    self, params: Any, state: jax.Array, step: base.Step, active: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    """Takes the scores out of the steps."""
    del params, active
    return state, step.content.scores

  def fork(self, state: jax.Array, parents: jax.Array) -> jax.Array:
    """Changes nothing."""
    del parents
    return state

  def rewind(self, before: jax.Array, after: jax.Array) -> jax.Array:
    """Changes nothing."""
    del before
    return after

  def counts(self, state: jax.Array) -> compute.Counts:
    """Zeros: the reward's tokens are in `SpeculativeCounts`."""
    return compute.prompt_counts(state, state)

  def held(self, state: jax.Array) -> tuple[()]:
    """Nothing."""
    del state
    return ()

  def report(self, state: jax.Array) -> tuple[()]:
    """Nothing: the policy reports for the reward."""
    del state
    return ()

  def check(self, report: Any, where: str) -> None:
    """Finds no fault."""
    del report, where
