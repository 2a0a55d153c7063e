"""Where arrays lie on a mesh of devices: logical axes and logical axis rules.

Every axis of every weight has a logical name, such as `heads`. The rules
map logical names to the two axes of the mesh: 'data', along which problems or
rows of a batch are split, and 'model', along which each weight and its work is
split. So the layout of a model on devices is data that can be read and changed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from inference_scaling import runtime

DATA, MODEL = "data", "model"
Axes = tuple[str | None, ...]  # None: an axis that is never split
LogicalAxisRules = Mapping[str, str | None]

# Of decoding: weights are split over 'model' and copied along 'data'.
RULES: LogicalAxisRules = {
  "vocab": MODEL,
  "heads": MODEL,  # query heads and the H entries of each
  "kv_heads": MODEL,
  # Where there are fewer of these heads than devices, each has several: see
  # `kv_heads.py`. With None they are too few.
  "kv_copies": MODEL,
  "ffw": MODEL,
  "problems": DATA,
  "embed": None,
  "beams": None,
}
# Of training: weights and optimizer state are split along 'data', too, and
# gathered layer by layer where they are used (FSDP).
TRAINING_RULES: LogicalAxisRules = {
  **RULES, "embed": DATA, "batch": DATA, "kv_copies": None,
}  # fmt: skip

# By the last two names of a parameter's path, or else by the last one. Vectors
# of the model's width are small and stay whole. Scales of quantised weights are
# split as the output channels that they are for.
_PARAMETERS: Mapping[tuple[str, ...], Axes] = {
  ("embedding",): ("vocab", "embed"),
  ("unembedding",): ("vocab", "embed"),
  ("embedding_scale",): ("vocab",),
  ("unembedding_scale",): ("vocab",),
  ("scale",): (None,),  # of norms and of weights [embed, ...]
  ("bias",): (None,),  # of norms and of products that end in the width
  ("query", "weight"): ("heads", "embed"),
  ("query", "bias"): ("heads",),
  ("query", "scale"): ("heads",),
  ("key", "weight"): ("kv_heads", "embed"),
  ("key", "bias"): ("kv_heads",),
  ("key", "scale"): ("kv_heads",),
  ("value", "weight"): ("kv_heads", "embed"),
  ("value", "bias"): ("kv_heads",),
  ("value", "scale"): ("kv_heads",),
  ("query_norm", "scale"): ("heads",),  # over all heads, not each
  ("key_norm", "scale"): ("kv_heads",),
  ("output", "weight"): ("embed", "heads"),
  ("gate", "weight"): ("ffw", "embed"),
  ("gate", "bias"): ("ffw",),
  ("gate", "scale"): ("ffw",),
  ("up", "weight"): ("ffw", "embed"),
  ("up", "bias"): ("ffw",),
  ("up", "scale"): ("ffw",),
  ("down", "weight"): ("embed", "ffw"),
}
# A reward model's head is small, and its width has no common divisor.
_WHOLE = "score"


def make_mesh(
  data: int, model: int, devices: Sequence[Any] | None = None
) -> Mesh:
  """Makes the mesh that all models of a run share.

  Args:
    data: parts into which problems are split.
    model: parts into which each weight is split. Neighbouring devices, which
      talk most, are put along this axis.
    devices: to use; None for all devices of all processes.

  Returns:
    The mesh, with axes 'data' and 'model'.

  Raises:
    ValueError: where the product is not the number of devices.
  """
  if devices is None:
    runtime.warn_of_lost_accelerator()
  used = jax.devices() if devices is None else list(devices)
  if data < 1 or model < 1 or data * model != len(used):
    raise ValueError(
      f"the mesh has data = {data} times model = {model}, {data * model} "
      f"devices in all, but there are {len(used)} ({used[0].device_kind}). "
      f"Choose two numbers of at least 1 whose product is {len(used)}."
    )
  return jax.make_mesh(
    (data, model),
    (DATA, MODEL),
    axis_types=(AxisType.Auto, AxisType.Auto),
    devices=devices,
  )


def parameter_axes(path: Sequence[Any], ndim: int) -> Axes:
  """Names the axes of a parameter.

  Args:
    path: names down to the parameter, such as ("layers", 0, "mlp", "up",
      "weight"); entries of a path of `jax.tree_util` are understood as well,
      and so are paths into the state of an optimizer.
    ndim: number of axes.

  Returns:
    A logical name, or None for an axis that stays whole, for each axis.

  Raises:
    ValueError: for a parameter that the table does not have.
  """
  names = tuple(_key(key) for key in path)
  if ndim == 0 or _WHOLE in names:
    return (None,) * ndim
  axes = _PARAMETERS.get(names[-2:], _PARAMETERS.get(names[-1:]))
  if axes is None or len(axes) != ndim:
    raise ValueError(
      f"parameter {'/'.join(names)} with {ndim} axes is not in the table of "
      "logical axes in models/sharding.py. Add a line for it."
    )
  return axes


def parameter_shardings(
  shapes: Any, mesh: Mesh | None, rules: LogicalAxisRules = RULES
) -> Any:
  """Says for each parameter how it is split.

  Args:
    shapes: nested dict of parameters, or anything with their shapes, such as
      the result of `jax.eval_shape`.
    mesh: of `make_mesh`; None for no mesh.
    rules: logical axis rules.

  Returns:
    A nested dict of `NamedSharding`; None without a mesh.

  Raises:
    ValueError: where a parameter cannot be split so. Whether whole heads are
      split can only be seen from the config: see `kv_heads.num_held`.
  """
  if mesh is None:
    return None

  def shard(path: Sequence[Any], leaf: Any) -> NamedSharding:
    axes = parameter_axes(path, len(leaf.shape))
    name = "/".join(_key(key) for key in path)
    return sharding(name, axes, leaf.shape, mesh, rules)

  return jax.tree_util.tree_map_with_path(shard, shapes)


def sharding(
  name: str,
  axes: Axes,
  shape: Sequence[int],
  mesh: Mesh,
  rules: LogicalAxisRules,
) -> NamedSharding:
  """Says how one array is split.

  Args:
    name: of the array, for errors.
    axes: its logical axes.
    shape: its shape.
    mesh: of `make_mesh`.
    rules: logical axis rules.

  Returns:
    Its sharding.

  Raises:
    ValueError: where two axes of the array go to one axis of the mesh, or an
      axis of the mesh does not divide the array's.
  """
  used: dict[str, str] = {}
  spec = []
  for axis, size in zip(axes, shape, strict=True):
    target = None if axis is None else _target(name, axis, rules)
    spec.append(target)
    if axis is None or target is None:
      continue
    if target in used:
      raise ValueError(
        f"{name}: its axes {used[target]!r} and {axis!r} both go to the mesh "
        f"axis {target!r}, which can split an array only once. Map one of them "
        "to None or to the other mesh axis."
      )
    used[target] = axis
    if size % mesh.shape[target]:
      raise ValueError(
        f"{name}: its axis {axis!r} has size {size}, which the mesh axis "
        f"{target!r} of size {mesh.shape[target]} does not divide. Choose a "
        f"mesh with {target} = {either(divisors(size))}."
      )
  return NamedSharding(mesh, PartitionSpec(*spec))


def replicated(mesh: Mesh) -> NamedSharding:
  """The sharding of what every device holds whole."""
  return NamedSharding(mesh, PartitionSpec())


def divisors(size: int, most: int = 64) -> list[int]:
  """Lists the numbers up to `most` that divide a size."""
  return [i for i in range(1, min(size, most) + 1) if size % i == 0]


def either(numbers: Sequence[int]) -> str:
  """Lists numbers in words: 1, 2 or 4."""
  texts = [str(number) for number in numbers]
  return " or ".join([", ".join(texts[:-1])] * (len(texts) > 1) + texts[-1:])


def _target(name: str, axis: str, rules: LogicalAxisRules) -> str | None:
  if axis not in rules:
    raise ValueError(
      f"{name}: no logical axis rule for its axis {axis!r}; there are some for "
      f"{', '.join(sorted(rules))}. Add one, to None to keep the axis whole."
    )
  return rules[axis]


def _key(key: Any) -> str:
  """The name in one entry of a path."""
  for attribute in ("key", "name", "idx"):
    if hasattr(key, attribute):
      return str(getattr(key, attribute))
  return str(key)
