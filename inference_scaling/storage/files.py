"""Files of this machine, which kills and full disks leave whole."""

import contextlib
import errno
import os
import pathlib
import secrets
from collections.abc import Iterable, Iterator
from typing import BinaryIO

_CHUNK = 1 << 16  # bytes that are read at a time, from the end backwards
_TRIES = 5
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextlib.contextmanager
def told(what: str, path: pathlib.Path) -> Iterator[None]:
  """Names a path, and what to do, in errors of the system."""
  try:
    yield
  except OSError as error:
    raise OSError(
      error.errno,
      f"cannot {what} {path}: {error.strerror}. {_remedy(error.errno)}",
    ) from error


def replace(path: pathlib.Path, pieces: Iterable[bytes]) -> None:
  """Replaces a file; a kill at any time leaves the old one or the new one."""
  with draft(path, pieces) as new:
    os.replace(new, path)


def _remedy(number: int | None) -> str:
  """What to do about an error of the system."""
  if number in _FULL:
    return "Free space"
  if number in _REFUSED:
    return "See to the rights of the folder"
  return "See to the disk or the mount, or give another folder"


def read(path: pathlib.Path, position: int) -> bytes | None:
  """What stands behind a position of a file; None where there is none."""
  for left in reversed(range(_TRIES)):
    try:
      with path.open("rb") as file:
        file.seek(position)
        return file.read()
    except FileNotFoundError:
      return None
    except OSError as error:
      # On NFS, where another host has just replaced the file.
      if error.errno != errno.ESTALE or not left:
        raise
  raise AssertionError("the last try returns or raises")


@contextlib.contextmanager
def draft(
  path: pathlib.Path, pieces: Iterable[bytes]
) -> Iterator[pathlib.Path]:
  """A file with some data beside the one that it is to become."""
  path.parent.mkdir(parents=True, exist_ok=True)
  name = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
  try:
    with name.open("wb") as file:
      file.writelines(pieces)
      file.flush()
      os.fsync(file.fileno())
    yield name
  finally:
    name.unlink(missing_ok=True)


def drop_cut_line(path: pathlib.Path, file: BinaryIO) -> None:
  """Shortens a log to its whole lines: a writer was killed or had no space."""
  size = end = os.fstat(file.fileno()).st_size
  with path.open("rb") as reader:
    while end:
      start = max(0, end - _CHUNK)
      reader.seek(start)
      last = reader.read(end - start).rfind(b"\n")
      if last >= 0:
        end = start + last + 1
        break
      end = start
  if end < size:
    os.ftruncate(file.fileno(), end)
