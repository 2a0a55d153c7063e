"""Beams of one problem that have made the same steps.

Two samples of a policy may be the same text. Each strategy says what becomes
of such duplicates (`base.KEEP`, `base.DROP` or `base.MERGE`).
"""

from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling.search import base


def label(
  labels: jax.Array, content: Any, active: jax.Array, status: jax.Array
) -> jax.Array:
  """Labels the beams of one problem after a depth: equal for equal steps.

  Args:
    labels: int32[N], those before the depth.
    content: a pytree of arrays [N, ...], the steps of this depth. Only whole
      numbers and truth values are compared: what else a step holds, such as
      log-probabilities, may differ in the last bit between equal steps.
    active: bool[N], the beams that made one.
    status: int32[N]. A DROPPED beam is like no other.

  Returns:
    int32[N], the lowest slot that holds a beam of the same steps.

  Raises:
    ValueError: if a step holds nothing that can be compared.
  """
  N = labels.shape[0]
  same_step = _same_step(content, N)
  both_active = active[:, None] & active[None]
  neither = ~active[:, None] & ~active[None]
  same = (labels[:, None] == labels[None]) & (both_active & same_step | neither)
  kept = status != base.DROPPED
  same &= kept[:, None] & kept[None]
  same |= jnp.eye(N, dtype=bool)
  return jnp.argmax(same, axis=1).astype(jnp.int32)  # the first that is True


def resolve(
  duplicates: str, labels: jax.Array, status: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Drops or merges the duplicates of one problem.

  Args:
    duplicates: base.DROP or base.MERGE.
    labels: int32[N], from `label`.
    status: int32[N].

  Returns:
    The new status, DROPPED where a beam loses its slot, and the multiplicity
    of each beam, both int32[N]. Terminal duplicates stay under MERGE: as
    candidates of their own they count as often as they were sampled.
  """
  N = status.shape[0]
  later = labels != jnp.arange(N)
  if duplicates == base.DROP:
    return jnp.where(later, base.DROPPED, status), jnp.ones(N, jnp.int32)
  running = status == base.RUNNING
  counts = jnp.zeros(N, jnp.int32).at[labels].add(running)
  multiplicity = jnp.where(running & ~later, counts, 1)
  return jnp.where(running & later, base.DROPPED, status), multiplicity


def _same_step(content: Any, num_beams: int) -> jax.Array:
  """bool[N, N], where all whole numbers of two steps are the same."""
  whole = [
    leaf
    for leaf in jax.tree.leaves(content)
    if not jnp.issubdtype(leaf.dtype, jnp.inexact)
  ]
  if not whole:
    raise ValueError(
      "Step.content from policy.extend holds no whole numbers, so that "
      "duplicates cannot be found; expected token ids or the like. Add them, "
      f"or choose duplicates={base.KEEP!r}."
    )
  same = jnp.ones((num_beams, num_beams), bool)
  for leaf in whole:
    leaf = leaf.reshape(num_beams, -1)
    same &= (leaf[:, None] == leaf[None]).all(axis=-1)
  return same
