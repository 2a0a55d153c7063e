"""Where weights of shapes lie on devices that are not there."""

import functools
from typing import Any

import jax
from jax.sharding import Mesh, SingleDeviceSharding

from inference_scaling import models
from inference_scaling.decoding.memory import abstract
from inference_scaling.models import kv_heads, sharding


@functools.lru_cache(maxsize=4)
def weights(search: abstract.Search) -> tuple[Any, Any]:
  """Weights of shapes as `abstract.weights`, whose tracing takes seconds."""
  return abstract.weights(search)


def placed(params: Any, config: models.DecoderConfig, mesh: Mesh) -> Any:
  """Lays out weights of shapes as `kv_heads.put` does arrays.

  Args:
    params: nested dict of `jax.ShapeDtypeStruct`.
    config: the architecture.
    mesh: of devices that may be known to a compiler only.

  Returns:
    The same with shardings, and with the copies of heads that the mesh asks
    for.

  Raises:
    ValueError: where the mesh cannot split them.
  """
  if mesh.devices.size == 1:
    format = SingleDeviceSharding(mesh.devices.flat[0])
    return jax.tree.map(lambda leaf: array(leaf, format), params)
  held = kv_heads.num_held(config, mesh)
  shapes = jax.eval_shape(
    lambda params: kv_heads.copy(params, config, held), params
  )
  return shaped(shapes, sharding.parameter_shardings(shapes, mesh))


def shaped(shapes: Any, formats: Any) -> Any:
  """Gives arrays of shapes their places.

  Args:
    shapes: a pytree of arrays or `jax.ShapeDtypeStruct`.
    formats: of the same structure, a sharding or a format each.

  Returns:
    The pytree, of `jax.ShapeDtypeStruct`.
  """
  return jax.tree.map(array, shapes, formats)


def array(leaf: Any, format: Any) -> jax.ShapeDtypeStruct:
  """An array of shapes with a sharding or a format."""
  return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=format)
