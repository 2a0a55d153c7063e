"""Append-only JSON lines that survive kills and full disks."""

import contextlib
import fcntl
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from absl import logging


class JsonLines:
  """A file of JSON objects, one a line, open for appending.

  A line that was cut by a kill (the last one, without its line end) is dropped
  with a warning when the file is opened. One process at a time may hold the
  file. Use as a context manager.

  Attributes:
    path: the file.
    count: lines in it.
  """

  def __init__(self, path: str | pathlib.Path):
    """Opens the file, which is made where missing.

    Args:
      path: the file; its folder must exist.

    Raises:
      OSError: if it cannot be opened or another process is writing it.
    """
    self.path = pathlib.Path(path)
    self.count = 0
    # Unbuffered: what was appended has left this process.
    self._file = self.path.open("a+b", buffering=0)
    try:
      self._lock()
      self._drop_cut_line()
    except BaseException:
      self.close()
      raise
    self._size = os.fstat(self._file.fileno()).st_size

  def __enter__(self) -> "JsonLines":
    return self

  def __exit__(self, *unused_exception) -> None:
    self.close()

  def close(self) -> None:
    """Closes the file and lets others write it."""
    self._file.close()

  def read(self) -> Iterator[dict[str, Any]]:
    """Yields the objects of the file and counts them in `count`.

    Yields:
      Each object.

    Raises:
      ValueError: if a line is not a JSON object.
    """
    self.count = 0
    with self.path.open("rb") as file:
      for number, line in enumerate(file, start=1):
        try:
          value = json.loads(line)
        except ValueError as error:
          raise ValueError(
            f"{self.path}, line {number}, is not JSON ({error}); expected one "
            "object a line. Delete the line and run again: what it held is "
            "computed anew."
          ) from error
        self.count += 1
        yield value

  def append(self, value: Mapping[str, Any]) -> None:
    """Writes one object; it is on the disk when this returns.

    Args:
      value: JSON data, without NaN.

    Raises:
      OSError: if it cannot be written whole, as on a full disk. The file then
        holds what it held before.
    """
    text = json.dumps(
      value, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    line = memoryview(f"{text}\n".encode())
    try:
      written = 0
      while written < len(line):
        written += self._file.write(line[written:])
      os.fsync(self._file.fileno())
    except OSError as error:
      # A part of the line may be there; shrinking needs no room.
      with contextlib.suppress(OSError):
        os.ftruncate(self._file.fileno(), self._size)
      raise OSError(
        f"cannot write to {self.path}: {error.strerror}. Its {self.count} "
        "finished lines are safe. Make room and run the same command again: it "
        "goes on where it stopped."
      ) from error
    self._size += len(line)
    self.count += 1

  def recount(self) -> int:
    """Counts the whole lines on the disk.

    Ctrl-C can come between the writing of a line and its counting.

    Returns:
      The number, now also in `count`.
    """
    with self.path.open("rb") as file:
      self.count = sum(line.endswith(b"\n") for line in file)
    return self.count

  def _lock(self) -> None:
    try:
      fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      raise OSError(
        f"another process is writing {self.path}; expected one sweep a folder. "
        "Wait for it to end, or give another --workdir."
      ) from error
    except OSError:
      pass  # a file system without locks, as mounted cloud folders are

  def _drop_cut_line(self) -> None:
    """Cuts the file after its last line end."""
    size = os.fstat(self._file.fileno()).st_size
    whole = _end_of_last_line(self._file, size)
    if whole < size:
      logging.warning(
        "%s ends in a line that was cut after %d bytes; it is dropped and "
        "computed again.", self.path, size - whole,
      )  # fmt: skip
      os.ftruncate(self._file.fileno(), whole)


def _end_of_last_line(file: Any, size: int, block: int = 1 << 16) -> int:
  """Bytes up to and with the last line end; reads backwards."""
  end = size
  while end > 0:
    start = max(0, end - block)
    file.seek(start)
    found = file.read(end - start).rfind(b"\n")
    if found >= 0:
      return start + found + 1
    end = start
  return 0
