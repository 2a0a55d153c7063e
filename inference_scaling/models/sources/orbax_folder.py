"""Folders that launch/convert.py makes: config, tokenizer, Orbax arrays.

Orbax holds the parameters as a model has them, each split as it was when saved,
so that every process reads its own part of them, on whatever mesh.
"""

import contextlib
import json
import pathlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging
from typing_extensions import override

from inference_scaling.models import config as config_lib
from inference_scaling.models import families
from inference_scaling.models.checkpoints import layout
from inference_scaling.models.layers import architecture
from inference_scaling.models.sources import base

PARAMETERS = "orbax"
# Orbax writes into a folder of a longer name and renames it when it is done.
UNFINISHED = f"{PARAMETERS}*orbax-checkpoint-tmp*"
SIZES = "orbax_sizes.json"  # of all its files, to notice a cut file
# Heads of reward models that others have published, kept as they are.
HEADS = "heads"
_HEAD_NAMES = re.compile(r"(v_head|score)\..+")


class OrbaxFolder(base.TensorSource):
  """Tensors of a converted folder, under their names of Hugging Face."""

  def __init__(
    self,
    folder: str | pathlib.Path,
    config: architecture.DecoderConfig,
    architectures: tuple[str, ...],
  ):
    """Reads the shapes.

    Args:
      folder: the converted folder.
      config: the architecture.
      architectures: its names.

    Raises:
      FileNotFoundError: where a part of the folder is missing.
      ValueError: where it was not written to its end, or is broken.
    """
    check_complete(folder)
    self.where = str(folder)
    self._path = (pathlib.Path(folder) / PARAMETERS).absolute()
    self._stored = self._guard(_read_shapes, self._path)
    names = [str(path[1]) for path in self._stored if path[0] == HEADS]
    if ("unembedding",) in self._stored:
      names.append(families.FAMILIES[config.family].unembedding)
    entries = entries_of(config, architectures, names)
    known = {entry.path for entry in entries}
    self._groups = {
      name: group
      for name, group in layout.by_name(entries).items()
      if all(entry.path in self._stored for entry in group)
    }
    # What no entry explains is shown under its path, to be reported.
    self._groups |= {
      "/".join(map(str, path)): [layout.Entry("/".join(map(str, path)), path)]
      for path in self._stored
      if path not in known
    }
    self._shapes = self._named_shapes()

  @property
  def files(self) -> list[pathlib.Path]:
    """All files of the arrays."""
    return [self._path.parent / name for name in file_sizes(self._path.parent)]

  @property
  @override
  def shapes(self) -> Mapping[str, base.Shape]:
    return self._shapes

  def _named_shapes(self) -> dict[str, base.Shape]:
    shapes: layout.Parameters = {}
    for path, shape in self._stored.items():
      layout.put(shapes, path, jax.ShapeDtypeStruct(shape, np.float32))
    entries = [entry for group in self._groups.values() for entry in group]
    return layout.stored_shapes(entries, shapes)

  @override
  def read(self, name: str) -> np.ndarray:
    group = self._groups[name]
    arguments = ocp.RestoreArgs(restore_type=np.ndarray)
    values = [self._restore(entry.path, arguments) for entry in group]
    return layout.to_stored(group, values)

  def read_shards(
    self,
    entry: layout.Entry,
    dtype: np.dtype | None,
    sharding: jax.sharding.Sharding,
  ) -> jax.Array:
    """Reads one parameter to where its shards belong.

    Args:
      entry: which.
      dtype: to cast it to; None for what is stored.
      sharding: of the parameter.

    Returns:
      The parameter.
    """
    group = self._groups[entry.name]
    path = next(own.path for own in group if own.part == entry.part)
    shape = self._stored[path]
    arguments = ocp.ArrayRestoreArgs(
      sharding=sharding, dtype=dtype, global_shape=shape
    )
    return self._restore(path, arguments)

  def _restore(self, path: layout.Path, arguments: ocp.RestoreArgs) -> Any:
    keys = tuple(str(key) for key in path)
    item, restore_args = {}, {}
    layout.put(item, keys, 0)
    layout.put(restore_args, keys, arguments)
    wanted = ocp.args.PyTreeRestore(
      item=item, restore_args=restore_args, partial_restore=True
    )

    def restore(folder: pathlib.Path) -> Any:
      with ocp.PyTreeCheckpointer() as checkpointer:
        return checkpointer.restore(folder, args=wanted)

    return jax.tree.leaves(self._guard(restore, self._path))[0]

  def _guard(self, function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a function of Orbax, whose errors are of many kinds and long."""
    try:
      with quiet():
        return function(*arguments)
    except Exception as error:
      lines = str(error).splitlines() or [type(error).__name__]
      raise ValueError(
        f"{self.where}/{PARAMETERS} cannot be read ({lines[0][:200]}); a file "
        "may be missing or cut. Convert the checkpoint again."
      ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
  """Keeps Orbax from a dozen lines of log for each array."""
  level = logging.get_verbosity()
  logging.set_verbosity(logging.WARNING)
  try:
    yield
  finally:
    logging.set_verbosity(level)


def is_orbax_folder(folder: pathlib.Path) -> bool:
  """Tells whether a folder was made by launch/convert.py, or begun by it."""
  return (folder / PARAMETERS).is_dir() or any(folder.glob(UNFINISHED))


def check_complete(folder: str | pathlib.Path) -> None:
  """Checks that a conversion came to its end, and no file was lost or cut.

  Args:
    folder: the converted folder.

  Raises:
    ValueError: where it did not.
  """
  folder = pathlib.Path(folder)
  problem = None
  for path in (folder / SIZES, folder / "config.json"):  # written last
    if not path.is_file():
      problem = f"{path} does not exist"
  if problem is None:
    sizes = file_sizes(folder)
    for name, size in json.loads((folder / SIZES).read_text()).items():
      if sizes.get(name) != size:
        problem = f"{folder / name} has {sizes.get(name, 0)} of {size} bytes"
  if problem is not None:
    raise ValueError(
      f"{problem}: the conversion to {folder} was stopped before its end, or "
      "the folder was not copied whole. Convert the checkpoint again."
    )


def file_sizes(folder: pathlib.Path) -> dict[str, int]:
  """Looks up the sizes of the files with arrays, by path in the folder."""
  paths = sorted((folder / PARAMETERS).rglob("*"))
  return {
    path.relative_to(folder).as_posix(): path.stat().st_size
    for path in paths
    if path.is_file()
  }


def entries_of(
  config: architecture.DecoderConfig,
  architectures: tuple[str, ...],
  names: Iterable[str],
) -> list[layout.Entry]:
  """Lists all tensors of a policy or reward model, its head's among them.

  Args:
    config: the architecture.
    architectures: its names.
    names: of the stored tensors. Those of an external head are taken over;
      models with such a head often come without their unembedding.

  Returns:
    One entry per parameter, and one per tensor of an external head.
  """
  if architectures == (config_lib.REWARD_ARCHITECTURE,):
    return layout.reward_layout(config)
  names = set(names)
  heads = sorted(name for name in names if _HEAD_NAMES.fullmatch(name))
  entries = layout.policy_layout(config)
  if heads and families.FAMILIES[config.family].unembedding not in names:
    entries = [e for e in entries if e.path != ("unembedding",)]
  return entries + [layout.Entry(name, (HEADS, name)) for name in heads]


def _read_shapes(folder: pathlib.Path) -> dict[layout.Path, base.Shape]:
  """Reads the shapes of all arrays, by path."""
  with ocp.PyTreeCheckpointer() as checkpointer:
    tree = checkpointer.metadata(folder).item_metadata.tree
  leaves = jax.tree_util.tree_leaves_with_path(
    tree, is_leaf=lambda node: hasattr(node, "shape")
  )
  return {
    tuple(int(k.key) if k.key.isdigit() else k.key for k in path): leaf.shape
    for path, leaf in leaves
  }
