"""Writes files whole or not at all.

A file is written under a temporary name and renamed once it is complete: a full
disk or a kill leaves the earlier file. Figures and texts are made in memory, so
that errors of the disk arise in this module only.
"""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator


def write(path: pathlib.Path, content: str | bytes) -> None:
  """Writes one file; its folder is made where missing.

  Args:
    path: the file.
    content: a text, written as UTF-8, or bytes.

  Raises:
    OSError: naming the file and the reason. The file is what it was before.
  """
  if isinstance(content, str):
    content = content.encode()
  draft = path.with_name(f".{path.name}.{os.getpid()}")
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft.write_bytes(content)
    os.replace(draft, path)
  except OSError as error:
    with contextlib.suppress(OSError):
      draft.unlink(missing_ok=True)
    raise _error(path, error) from error


def check(path: pathlib.Path) -> None:
  """Makes sure that a file can be written, before there is anything to write.

  Args:
    path: the file; its folder is made where missing.

  Raises:
    OSError: where it cannot.
  """
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
      raise IsADirectoryError(None, "Is a directory")
    with tempfile.NamedTemporaryFile(dir=path.parent):
      pass
  except OSError as error:
    raise _error(path, error) from error


@contextlib.contextmanager
def staging(folder: pathlib.Path) -> Iterator[pathlib.Path]:
  """A temporary folder whose files are moved to another one, all at the end.

  Args:
    folder: where the files belong; it exists.

  Yields:
    A new folder inside it. If nothing raises, what it holds is moved to the
    same names in `folder`; else it vanishes.

  Raises:
    OSError: naming a file of `folder` and the reason.
  """
  try:
    draft = tempfile.TemporaryDirectory(dir=folder, prefix=".report-")
  except OSError as error:
    raise _error(folder, error) from error
  with draft as name:
    stage = pathlib.Path(name)
    try:
      yield stage
    except OSError as error:
      # It names files of the temporary folder.
      raise OSError(str(error).replace(name, str(folder))) from error
    for path in sorted(p for p in stage.rglob("*") if p.is_file()):
      target = folder / path.relative_to(stage)
      try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)
      except OSError as error:
        raise _error(target, error) from error


def _error(path: pathlib.Path, error: OSError) -> OSError:
  return OSError(f"cannot write {path}: {error.strerror or error}")
