"""Heads of keys and values that several devices of a mesh hold.

Models with grouped queries may have fewer heads of keys and values than the
axis 'model' has devices, 8 on 16 say. Each head is then held by neighbouring
devices, whose query heads all read it: the rows of its projections are copied,
and so is all that they give, the caches above all. Copies of a head are
neighbours, so that query heads, which are in the order of their heads of keys,
still read their own.

A checkpoint, its config and what is counted of a search know nothing of copies:
weights get them when they are put on a mesh, and lose them when a model is
saved. Training has none, since each copy would learn something of its own.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from inference_scaling.models import config as config_lib
from inference_scaling.models import sharding

_LARGEST_AXIS = 64  # that errors name


def num_held(
  config: config_lib.DecoderConfig,
  mesh: Mesh | None,
  rules: sharding.LogicalAxisRules = sharding.RULES,
) -> int:
  """Counts the heads of keys and values on a mesh, copies included.

  Args:
    config: the architecture, of K heads of keys and values.
    mesh: of `make_mesh`; None for no mesh.
    rules: logical axis rules.

  Returns:
    K, or where several devices hold each head the size of their axis.

  Raises:
    ValueError: where a head would be cut.
  """
  axis, heads = rules["kv_heads"], config.num_kv_heads
  if mesh is None or axis is None:
    return heads
  copies = rules.get("kv_copies") == axis

  def fits(parts: int) -> bool:
    copied = parts % heads == 0 and config.num_heads % parts == 0
    return heads % parts == 0 or (copies and copied)

  parts = mesh.shape[axis]
  if not fits(parts):
    sizes = [size for size in range(1, _LARGEST_AXIS + 1) if fits(size)]
    raise ValueError(
      f"the model has {heads} heads of keys and values (num_key_value_heads) "
      f"and {config.num_heads} of queries, which the mesh axis {axis!r} of "
      f"size {parts} does not divide; heads are not cut. Choose a mesh with "
      f"{axis} = {sharding.either(sizes)}, and put the other devices on the "
      "other axis."
    )
  return max(heads, parts)


def copy(params: Any, config: config_lib.DecoderConfig, held: int) -> Any:
  """Copies heads of keys and values in a model's weights.

  Args:
    params: nested dict of arrays, with copies or without.
    config: the architecture.
    held: of `num_held`.

  Returns:
    The same for `held` heads, or for as many as there are, if these are a
    multiple.
  """

  def widen(leaf: Any) -> Any:
    if len(leaf) % (held * config.head_dim) == 0:
      return leaf
    rest, copies = leaf.shape[1:], held // config.num_kv_heads
    heads = _narrow(leaf, config).reshape(-1, config.head_dim, *rest)
    return jnp.repeat(heads, copies, axis=0).reshape(-1, *rest)

  return _map_split(widen, params)


def drop(params: Any, config: config_lib.DecoderConfig) -> Any:
  """Undoes `copy`.

  Args:
    params: nested dict of arrays.
    config: the architecture.

  Returns:
    The same with one of each head.
  """
  return _map_split(lambda leaf: _narrow(leaf, config), params)


def put(
  params: Any,
  config: config_lib.DecoderConfig,
  mesh: Mesh | None,
  rules: sharding.LogicalAxisRules = sharding.RULES,
) -> Any:
  """Puts weights on a mesh, with the copies that it asks for.

  Args:
    params: nested dict of a model's parameters.
    config: the architecture.
    mesh: of `make_mesh`; None leaves them where they are.
    rules: logical axis rules.

  Returns:
    The parameters; those that are there already stay.

  Raises:
    ValueError: where a weight cannot be split by the mesh.
  """
  if mesh is None:
    return params
  params = copy(params, config, num_held(config, mesh, rules))
  shardings = sharding.parameter_shardings(params, mesh, rules)
  return jax.device_put(params, shardings)


def _narrow(leaf: Any, config: config_lib.DecoderConfig) -> Any:
  """Takes the first copy of each head."""
  rest, heads = leaf.shape[1:], config.num_kv_heads
  if len(leaf) == heads * config.head_dim:
    return leaf
  copies = leaf.reshape(heads, -1, *rest)
  return copies[:, : config.head_dim].reshape(-1, *rest)


def _map_split(change: Callable[[Any], Any], params: Any) -> Any:
  """Changes the parameters that are split between heads of keys and values."""

  def run(path: Sequence[Any], leaf: Any) -> Any:
    split = "kv_heads" in sharding.parameter_axes(path, leaf.ndim)
    return change(leaf) if split else leaf

  return jax.tree_util.tree_map_with_path(run, params)
