"""Weights from a checkpoint to their shards, one tensor at a time.

Loading refuses weights that are not finite, whatever the files are: a model
that has them writes nothing of use, and shows it only when it is run.
"""

from collections.abc import Iterator, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from inference_scaling import names
from inference_scaling.models import (
  kv_heads,
  sharding,
  sources,
)
from inference_scaling.models.checkpoints import checkpoint as checkpoint_lib
from inference_scaling.models.checkpoints import (
  finite,
  layout,
  placing,
)
from inference_scaling.models.layers import hardware as hardware_lib
from inference_scaling.models.quantisation import formats, modules

DTYPES = names.DTYPES
FLOAT_DTYPES = names.FLOAT_DTYPES


def load_parameters(
  checkpoint: checkpoint_lib.Checkpoint,
  entries: list[layout.Entry],
  shapes: layout.Parameters,
  *,
  dtype: str | None = "float32",
  mesh: jax.sharding.Mesh | None = None,
  rules: sharding.LogicalAxisRules = sharding.RULES,
  others: Mapping[str, tuple[int, ...]] | None = None,
) -> layout.Parameters:
  """Reads the parameters of a model.

  Host memory holds one tensor at a time beside what is loaded, and of a file
  that is mapped into memory only the part at hand. Weights are quantised as
  they are read.

  Args:
    checkpoint: where from.
    entries: which tensor is which parameter.
    shapes: nested dict of the parameters' shapes (anything with `.shape`);
      where weights are to be quantised, of `quantisation.modules.shapes`.
    dtype: one of `DTYPES`; None to keep what is stored.
    mesh: of `make_mesh`; None for one device.
    rules: logical axis rules.
    others: shapes of further tensors that must be there, by name; they are
      checked and not read. None for a language model, whose unembedding must
      be its embedding where it says so.

  Returns:
    The parameters, as a nested dict.

  Raises:
    FileNotFoundError: where a file is missing.
    ValueError: where a file is broken, tensors do not fit the architecture or
      hold what is no number, or the mesh cannot split them.
  """
  if dtype is not None and dtype not in DTYPES:
    raise ValueError(
      f"dtype is {dtype!r}; expected one of {', '.join(DTYPES)}."
    )
  config = checkpoint.config
  copies = kv_heads.num_held(config, mesh, rules) > config.num_kv_heads
  # What is to be copied is read whole, since its heads cannot be split.
  read_by = {**rules, "kv_heads": None} if copies else rules
  shardings = sharding.parameter_shardings(shapes, mesh, read_by)
  check_tensors(checkpoint, entries, shapes, others or {})
  if others is None:  # heads of reward models read no unembedding
    check_tied(checkpoint)
  tensors = checkpoint.tensors
  cast_to = formats.activations(dtype, hardware_lib.of_mesh(mesh))
  form = formats.format_of(dtype)
  parameters: layout.Parameters = {}
  for group in layout.by_name(entries).values():
    if form is None or modules.scale_path(group[0].path) is None:
      read = _read(tensors, group, shardings, cast_to)
    else:
      assert cast_to is not None
      read = _read_quantised(tensors, group, shardings, cast_to, form)
    for path, value in read:
      # Or else the next tensors would be read while this one is under way.
      value.block_until_ready()
      if copies:
        alone: layout.Parameters = {}
        layout.put(alone, path, value)
        alone = kv_heads.put(alone, config, mesh, rules)
        value = layout.get(alone, path)
      layout.put(parameters, path, value)
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
  stored = {
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
    stored,
    [*entries, *expected],
    {**shapes, "others": more},
    checkpoint.tensors.where,
  )


def check_tied(checkpoint: checkpoint_lib.Checkpoint) -> None:
  """Checks that an unembedding beside a tied embedding is the same.

  Some writers store it a second time. One that differs was trained apart, and
  the config is wrong: transformers would pass over what was learned.

  Args:
    checkpoint: to be checked.

  Raises:
    ValueError: where it is another matrix.
  """
  names = layout.tied_pair(checkpoint.config)
  if names is None or names[1] not in checkpoint.tensors.shapes:
    return
  embedding, unembedding = names
  stored = [checkpoint.tensors.read(name) for name in names]
  if stored[0].shape != stored[1].shape or not finite.equal(*stored):
    raise ValueError(
      f"{checkpoint.tensors.where} holds {unembedding}, which is not "
      f"{embedding}, though tie_word_embeddings of {checkpoint.config_file} is "
      "true. If it was trained, set tie_word_embeddings to false; if it is "
      "left over, remove the tensor."
    )


def read_finite(tensors: sources.TensorSource, name: str) -> np.ndarray:
  """Reads a tensor and checks that it is finite.

  Args:
    tensors: where from.
    name: of the tensor.

  Returns:
    The tensor.

  Raises:
    ValueError: where it is not.
  """
  stored = tensors.read(name)
  if not finite.all_finite(stored):
    raise finite.error(tensors.where, name, stored, stored.dtype)
  return stored


def replicate(value: np.ndarray, mesh: jax.sharding.Mesh | None) -> jax.Array:
  """Puts an array whole on every device of a mesh, or on the one device."""
  if mesh is None:
    return jnp.asarray(value)
  return jax.make_array_from_callback(
    value.shape, sharding.replicated(mesh), lambda index: value[index]
  )


def _read(
  tensors: sources.TensorSource,
  group: list[layout.Entry],
  shardings: layout.Parameters | None,
  dtype: np.dtype | None,
) -> Iterator[tuple[layout.Path, jax.Array]]:
  """Yields the parameters of one tensor, each on its devices."""
  if shardings is not None and isinstance(tensors, sources.OrbaxFolder):
    for entry in group:
      target = layout.get(shardings, entry.path)
      value = tensors.read_shards(entry, dtype, target)
      _check_shards(value, entry, tensors)
      yield entry.path, value
    return
  name = group[0].name
  own = isinstance(tensors, sources.GgufFile)
  if isinstance(tensors, sources.GgufFile):
    # Written once, in the dtype and the memory where it stays.
    stored = tensors.read(name, dtype)
  else:
    stored = tensors.read(name)
  _check_floats(tensors, name, stored)
  for entry in group:
    parameter = layout.to_parameter(entry, stored)
    target = None if shardings is None else layout.get(shardings, entry.path)
    value = placing.cast(
      parameter, dtype or parameter.dtype, target, own,
      name=name, where=tensors.where,
    )  # fmt: skip
    yield entry.path, value


def _read_quantised(
  tensors: sources.TensorSource,
  group: list[layout.Entry],
  shardings: layout.Parameters | None,
  dtype: np.dtype,
  form: formats.Format,
) -> Iterator[tuple[layout.Path, jax.Array]]:
  """Yields the values of one tensor's parameters, and their scales."""
  name = group[0].name
  stored = tensors.read(name)
  _check_floats(tensors, name, stored)
  for entry in group:
    scale_path = modules.scale_path(entry.path)
    assert scale_path is not None
    paths = (entry.path, scale_path)
    arrays = placing.quantise(
      layout.to_parameter(entry, stored), form, dtype,
      [layout.get(shardings, path) if shardings else None for path in paths],
      name=name, where=tensors.where,
    )  # fmt: skip
    yield from zip(paths, arrays, strict=True)


def _check_floats(
  tensors: sources.TensorSource, name: str, stored: np.ndarray
) -> None:
  """Refuses a tensor that is not of floating point."""
  if not jnp.issubdtype(stored.dtype, jnp.floating):
    raise ValueError(
      f"{tensors.where}: tensor {name} is stored as {stored.dtype}, which is "
      "no dtype of weights; the model may be quantised. Save it in bfloat16 "
      "first."
    )


def _check_shards(
  value: jax.Array, entry: layout.Entry, tensors: sources.TensorSource
) -> None:
  """Checks what came to the devices directly."""
  # A sum needs no array of truth values, but may overflow.
  summed = jnp.isfinite(jnp.sum(value, dtype=jnp.float32))
  if not summed and not jnp.isfinite(value).all():
    stored = tensors.read(entry.name)
    raise finite.error(tensors.where, entry.name, stored, value.dtype)
