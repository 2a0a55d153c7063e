"""Weights from a checkpoint to their shards, one tensor at a time."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from inference_scaling.models import checkpoint as checkpoint_lib
from inference_scaling.models import layout, sharding, sources

DTYPES = ("float32", "bfloat16", "float16")


def load_parameters(
  checkpoint: checkpoint_lib.Checkpoint,
  entries: list[layout.Entry],
  shapes: layout.Parameters,
  *,
  dtype: str | None = "float32",
  mesh: jax.sharding.Mesh | None = None,
  rules: sharding.Rules = sharding.RULES,
  others: Mapping[str, tuple[int, ...]] | None = None,
) -> layout.Parameters:
  """Reads the parameters of a model.

  Host memory holds one tensor at a time beside what is loaded, and of a file
  that is mapped into memory only the part at hand.

  Args:
    checkpoint: where from.
    entries: which tensor is which parameter.
    shapes: nested dict of the parameters' shapes (anything with `.shape`).
    dtype: one of `DTYPES`; None to keep what is stored.
    mesh: of `make_mesh`; None for one device.
    rules: from logical axes to axes of the mesh.
    others: shapes of further tensors that must be there, by name; they are
      checked and not read.

  Returns:
    The parameters, as a nested dict.

  Raises:
    FileNotFoundError: where a file is missing.
    ValueError: where a file is broken, tensors do not fit the architecture, or
      the mesh cannot split them.
  """
  if dtype is not None and dtype not in DTYPES:
    raise ValueError(
      f"dtype is {dtype!r}; expected one of {', '.join(DTYPES)}."
    )
  sharding.check_heads(checkpoint.config, mesh, rules)
  shardings = sharding.parameter_shardings(shapes, mesh, rules)
  check_tensors(checkpoint, entries, shapes, others or {})
  tensors = checkpoint.tensors
  parameters: layout.Parameters = {}
  for group in layout.by_name(entries).values():
    for entry, value in _read(tensors, group, shardings, dtype):
      layout.put(parameters, entry.path, value)
  return parameters


def check_tensors(
  checkpoint: checkpoint_lib.Checkpoint,
  entries: list[layout.Entry],
  shapes: layout.Parameters,
  others: Mapping[str, tuple[int, ...]],
) -> None:
  """Holds the tensors of a checkpoint against its config; reads none of them.

  Args:
    checkpoint: to be checked.
    entries: as `load_parameters`.
    shapes: as `load_parameters`.
    others: as `load_parameters`.

  Raises:
    ValueError: lists all missing, unexpected and misshapen tensors, sorted.
  """
  found = {
    name: shape
    for name, shape in checkpoint.tensors.shapes.items()
    if not layout.is_redundant(name, checkpoint.config)
  }
  expected = [layout.Entry(name, ("others", name)) for name in others]
  more = {
    name: jax.ShapeDtypeStruct(shape, jnp.float32)
    for name, shape in others.items()
  }
  layout.check(
    found,
    [*entries, *expected],
    {**shapes, "others": more},
    checkpoint.tensors.where,
  )


def _read(tensors, group, shardings, dtype):
  """Yields the parameters of one tensor, each on its devices."""
  direct = shardings is not None and isinstance(tensors, sources.OrbaxFolder)
  # Written once, in the dtype and the place where it stays.
  own = isinstance(tensors, sources.GgufFile)
  if direct:
    stored = None
  elif own:
    stored = tensors.read(group[0].name, dtype and jnp.dtype(dtype))
  else:
    stored = tensors.read(group[0].name)
  for entry in group:
    target = None if shardings is None else layout.get(shardings, entry.path)
    if direct:
      value = tensors.read_shards(entry, dtype and jnp.dtype(dtype), target)
    else:
      parameter = layout.to_parameter(entry, stored)
      value = _place(parameter, dtype, target, own)
    # Or else the next tensors would be read while this one is under way.
    value.block_until_ready()
    _check_finite(value, entry, tensors.where)
    yield entry, value


def _place(
  parameter: np.ndarray,
  dtype: str | None,
  target: jax.sharding.Sharding | None,
  own: bool,
) -> jax.Array:
  """Casts a parameter and copies it to its devices, shard by shard."""
  dtype = parameter.dtype if dtype is None else jnp.dtype(dtype)

  def part(index):
    piece = parameter[index]
    if own and piece.dtype == dtype and piece.flags.c_contiguous:
      return piece  # nobody else holds it, so JAX may keep it
    # A copy, since the file may change; JAX keeps it where it is aligned.
    copied = sources.empty(piece.shape, dtype)
    with np.errstate(over="ignore"):  # is found out below
      copied[...] = piece
    return copied

  if target is None:
    return jax.device_put(part(...))  # jnp.asarray would copy twice
  return jax.make_array_from_callback(
    parameter.shape, target, part, dtype=dtype
  )


def _check_finite(value: jax.Array, entry: layout.Entry, where: str) -> None:
  if value.dtype == jnp.float16 and not jnp.isfinite(value).all():
    raise ValueError(
      f"{where}: tensor {entry.name} has values beyond the range of float16; "
      "load the model in bfloat16 or float32."
    )
