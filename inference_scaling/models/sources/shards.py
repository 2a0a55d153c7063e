"""Which files a checkpoint folder should have: one, or shards and an index."""

import json
import pathlib
from collections.abc import Container, Iterable


def files(folder: pathlib.Path, single: str, index: str) -> list[pathlib.Path]:
  """Names the files that hold the tensors.

  Args:
    folder: the checkpoint folder.
    single: name of the file where there is only one.
    index: name of the list of shards.

  Returns:
    The files, all of which exist.

  Raises:
    FileNotFoundError: where the folder or a file is missing.
    ValueError: where the index is broken.
  """
  if not folder.is_dir():
    raise FileNotFoundError(f"{folder} is no folder; expected a checkpoint.")
  paths = [folder / single]
  if (folder / index).is_file():
    paths = _read_index(folder / index)
  for path in paths:
    if not path.is_file():
      raise FileNotFoundError(
        f"{path} does not exist; the checkpoint in {folder} is incomplete. "
        "Copy the missing file."
      )
  return paths


def check_new(
  path: pathlib.Path, names: Iterable[str], earlier: Container[str]
) -> None:
  """Checks that no tensor is in two files.

  Args:
    path: the file at hand.
    names: of its tensors.
    earlier: names of the tensors of the files before it.

  Raises:
    ValueError: lists the tensors that are in both.
  """
  twice = sorted(name for name in names if name in earlier)
  if twice:
    raise ValueError(
      f"{path} holds tensors that an earlier shard holds too: "
      f"{', '.join(twice)}. Remove the files of another model."
    )


def _read_index(path: pathlib.Path) -> list[pathlib.Path]:
  try:
    shards = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
    return [path.parent / name for name in sorted(set(shards.values()))]
  except (ValueError, KeyError, TypeError, AttributeError) as error:
    raise ValueError(
      f"{path} is no index of shards ({error!r}); copy it again."
    ) from error
