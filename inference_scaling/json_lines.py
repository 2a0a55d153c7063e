"""JSON lines that a kill or a crash may have cut, read alike by all readers.

The rule, for the records and timings of a sweep and the metrics of a training:

- A line is whole once its line end is there. What stands behind the last line
  end was cut by a kill, at whatever byte: inside a character, or right before
  the line end. It is dropped with a warning.
- So are last lines with a stretch of NUL bytes, which no JSON text holds: some
  file systems leave them, after a crash, for what had not reached the disk.
- Every other line that is no JSON object is an error that names file and line.
- Blank lines, a byte order mark at the start and line ends of Windows mean
  nothing: editors leave them.

This module needs no JAX, so that the analysis can share it.
"""

import codecs
import contextlib
import json
import os
import pathlib
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

_BLOCK = 1 << 16  # bytes that are read at a time, from the end backwards
# Single ones are every other byte of UTF-16, which is to be named, not dropped.
_NULS = b"\0\0"
# What is done about a line that is no record, whoever meets it.
REMEDY = (
  "Delete the line and run the sweep again: what it held is computed anew."
)


class LineError(ValueError):
  """A line that is no JSON object.

  Attributes:
    number: of the line, from 1.
    why: what is wrong with it, in words.
  """

  def __init__(self, path: str | os.PathLike[str], number: int, why: str):
    super().__init__(
      f"{os.fspath(path)}, line {number}, is not JSON ({why}); expected one "
      f"object a line. {REMEDY}"
    )
    self.number = number
    self.why = why


def read(
  path: str | os.PathLike[str],
) -> Iterator[tuple[int, dict[str, Any]]]:
  """Yields the objects of a file, one in memory at a time.

  Warns where the end of the file is left out.

  Args:
    path: the file.

  Yields:
    The number of a line, from 1, and its object.

  Raises:
    LineError: if a line is no JSON object.
    FileNotFoundError: if there is no such file.
  """
  for number, content in read_lines(path):
    yield number, _parse(path, number, content)


def read_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, bytes]]:
  """Yields the whole lines of a file that are not blank, unparsed.

  Args:
    path: the file.

  Yields:
    The number of a line, from 1, and its bytes with the line end.

  Raises:
    FileNotFoundError: if there is no such file.
  """
  with open(path, "rb") as file:
    whole, tail = split_tail(file)
    file.seek(0)
    number = 0
    # Another process may go on writing: what comes after is not looked at.
    while file.tell() < whole:
      content = file.readline()
      if not content:
        break  # another process has shortened it
      number += 1
      if number == 1:
        content = content.removeprefix(codecs.BOM_UTF8)
      if content.strip():
        yield number, content
  if tail.strip():
    warnings.warn(
      f"{os.fspath(path)}:{number + 1}: the last line is cut short, or not yet "
      "written to its end; it is left out",
      stacklevel=3,
    )


def split_tail(file: BinaryIO) -> tuple[int, bytes]:
  """Finds where the last whole line of a file ends.

  Args:
    file: open for reading.

  Returns:
    The number of bytes up to there, and those that stand behind.
  """
  size = file.seek(0, os.SEEK_END)
  end = _line_start(file, size)
  while end > 0:
    start = _line_start(file, end - 1)
    file.seek(start)
    line = file.read(end - start)
    if line.strip() and _NULS not in line:
      break
    end = start
  file.seek(end)
  return end, file.read(size - end)


def rewrite(path: str | os.PathLike[str], lines: Iterable[bytes]) -> None:
  """Replaces a file; a kill at any time leaves the old one or the new one.

  Args:
    path: the file.
    lines: of the new one.

  Raises:
    OSError: if it cannot be written, as on a full disk; the old one is kept.
  """
  path = pathlib.Path(path)
  draft = path.with_name(f"{path.name}.tmp")
  try:
    with draft.open("wb") as file:
      file.writelines(lines)
      file.flush()
      os.fsync(file.fileno())
    os.replace(draft, path)
  except OSError as error:
    with contextlib.suppress(OSError):
      draft.unlink()
    raise OSError(
      f"cannot rewrite {path}: {error.strerror}. It is as it was. Free some "
      "space and run the same command again."
    ) from error
  sync_folder(path.parent)


def sync_folder(folder: pathlib.Path) -> None:
  """Puts a new name on the disk, where the system can.

  Args:
    folder: that the name is in.
  """
  with contextlib.suppress(OSError):
    descriptor = os.open(folder, os.O_RDONLY)
    try:
      os.fsync(descriptor)
    finally:
      os.close(descriptor)


def _parse(
  path: str | os.PathLike[str], number: int, content: bytes
) -> dict[str, Any]:
  try:
    # Decoded here: `json.loads` takes NUL bytes for another encoding.
    value = json.loads(content.decode("utf-8"))
  except (ValueError, RecursionError) as error:
    why = "it holds NUL bytes" if _NULS in content else str(error)
    raise LineError(path, number, why) from error
  if not isinstance(value, dict):
    raise LineError(path, number, f"it is a {type(value).__name__}")
  return value


def _line_start(file: BinaryIO, end: int) -> int:
  """Where the line starts that goes on up to `end`; reads backwards."""
  while end > 0:
    start = max(0, end - _BLOCK)
    file.seek(start)
    offset = file.read(end - start).rfind(b"\n")
    if offset >= 0:
      return start + offset + 1
    end = start
  return 0
