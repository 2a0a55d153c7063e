"""The layout of the state of a search on a mesh of devices.

Problems are split over 'data' and heads over 'model'. A beam lies where its
problem does, so that a fork, which copies beams within a problem, never crosses
devices along 'data'; and a head's keys and values lie where its weights do, so
that attention crosses none along 'model'.
"""

from typing import Any

import jax
from jax.sharding import Mesh

from inference_scaling.models import sharding

# Keys and values of the prompt, whose beams' axis has size 1, and of the beams'
# own text. Entries and their numbers come in either order, and are not split.
CACHED = ("problems", "beams", "kv_heads", None, None)
# The same where beams share them in a tree.
ENTRIES = ("problems", None, "kv_heads", None)
# Fields that hold, for each layer, keys and values.
_LAYERS = ("prompt", "own")
# One problem alone: each part of 'data' holds it.
ALONE = {**sharding.RULES, "problems": None}


def state_axes(path: tuple[Any, ...], ndim: int) -> sharding.Axes:
  """Names the axes of a leaf of the state of a search.

  Args:
    path: to the leaf, as `jax.tree_util` gives it.
    ndim: number of axes, at least 1.

  Returns:
    A logical name, or None for an axis that is never split, for each axis.
  """
  if any(getattr(key, "name", None) in _LAYERS for key in path):
    shared = ndim == len(ENTRIES)
    return ENTRIES if shared else CACHED
  return ("problems", *[None] * (ndim - 1))


def constrain(state: Any, mesh: Mesh | None, alone: bool = False) -> Any:
  """Lays out the state of a search, inside a jitted function.

  Args:
    state: any pytree whose arrays lead with P, caches included.
    mesh: of `models.make_mesh`; None leaves the state as it is.
    alone: whether it is the state of one problem, which is not split.

  Returns:
    The state.

  Raises:
    ValueError: where P does not divide by 'data', or K by 'model'.
  """
  if mesh is None:
    return state
  rules = ALONE if alone else sharding.RULES

  def lay_out(path: tuple[Any, ...], leaf: jax.Array) -> jax.Array:
    name = f"state{jax.tree_util.keystr(path)}"
    axes = state_axes(path, leaf.ndim)
    layout = sharding.sharding(name, axes, leaf.shape, mesh, rules)
    return jax.lax.with_sharding_constraint(leaf, layout)

  return jax.tree_util.tree_map_with_path(lay_out, state)


def replicate(tree: Any, mesh: Mesh | None) -> Any:
  """Gives every device, and so every process, all of some small arrays.

  Args:
    tree: any pytree of arrays, inside a jitted function.
    mesh: of `models.make_mesh`; None leaves the tree as it is.

  Returns:
    The tree.
  """
  if mesh is None:
    return tree
  return jax.lax.with_sharding_constraint(tree, sharding.replicated(mesh))


def put_whole(params: Any, mesh: Mesh | None) -> Any:
  """Puts arrays on every device of a mesh: no rule says how to split them.

  Args:
    params: any pytree of arrays.
    mesh: of `models.make_mesh`; None leaves them where they are.

  Returns:
    The arrays.
  """
  if mesh is None:
    return params
  return jax.device_put(params, sharding.replicated(mesh))


def whole_slots(num_slots: int, mesh: Mesh | None) -> int:
  """Rounds a number of slots up so that each part of 'data' has as many.

  Args:
    num_slots: P wished for.
    mesh: of `models.make_mesh`, or None.

  Returns:
    P, at least `num_slots`.
  """
  parts = 1 if mesh is None else mesh.shape[sharding.DATA]
  return -(-num_slots // parts) * parts
