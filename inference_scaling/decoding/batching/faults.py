"""Errors for searches with numbers not finite or with full buffers."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling.decoding import limits as limits_lib


def tree_overflow(cache: Any) -> jax.Array:
  """Returns what did not fit a `TreeCache`, int32[P]; 0 for another cache."""
  nothing = jnp.zeros(cache.lengths.shape[0], jnp.int32)
  return getattr(cache, "overflow", nothing)


def check_tree(needed: int, owner: str, capacity: int, where: str) -> None:
  """Stops a search whose tokens do not fit the store of a tree cache.

  Args:
    needed: distinct tokens of the problem; 0 where all fit.
    owner: the model whose tokens they are.
    capacity: how many the store holds.
    where: names problem and depth.

  Raises:
    ValueError: if they did not fit.
  """
  if needed:
    raise ValueError(
      f"{where}: its tree holds {needed} distinct tokens of the {owner} at "
      f"once, but tree_tokens is {capacity}. Raise it to more than {needed}, "
      "since the tree may still grow, or leave it out to hold all of them."
    )


def check_finite(finite: bool, what: str, where: str) -> None:
  """Stops a search whose numbers have gone wrong.

  Args:
    finite: whether all of them are finite.
    what: they are.
    where: names problem and depth.

  Raises:
    FloatingPointError: if one is not.
  """
  if not finite:
    raise FloatingPointError(
      f"{where}: {what} are NaN or infinite. Check that the checkpoint loads "
      "without damage and that its dtype is wide enough (try float32)."
    )


def check_longest(tokens: int, limits: limits_lib.Limits, where: str) -> None:
  """Stops a search whose texts are longer than their buffer.

  A policy of this package keeps the limits; another one may not.

  Args:
    tokens: of the longest text.
    limits: of the buffer.
    where: names problem and depth.

  Raises:
    ValueError: if it did not fit.
  """
  if tokens > limits.text_buffer:
    raise ValueError(
      f"{where}: a solution has {tokens} tokens, but the reward model's buffer "
      f"holds {limits.text_buffer}. Raise limits.total_tokens (now "
      f"{limits.total_tokens}), or let the policy end its texts sooner."
    )


def check_scored(
  overflow: Sequence[int],
  every_step_scored: bool,
  limits: limits_lib.Limits,
  where: str,
) -> None:
  """Stops a search in which a step has not been scored once.

  Args:
    overflow: two numbers, as `RewardState.overflow`.
    every_step_scored: whether each step with text has one score.
    limits: of the reward model.
    where: names problem and depth.

  Raises:
    ValueError: for a step or a solution that did not fit.
    AssertionError: for a step without a score.
  """
  for needed, what, name in zip(
    overflow,
    ("a step", "a solution"),
    ("step_tokens", "total_tokens"),
    strict=True,
  ):
    if needed:
      raise ValueError(
        f"{where}: {what} takes {needed} tokens of the reward model, whose own "
        f"{name} is {getattr(limits, name)}. Raise it to at least {needed}, or "
        "lower that of the policy."
      )
  if not every_step_scored:
    raise AssertionError(
      f"{where}: not every step with text has exactly one score. This "
      "is a fault of the reward model's format: it gives no tokens for a step "
      "that has text."
    )
