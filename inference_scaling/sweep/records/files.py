"""Append-only JSON lines that survive kills and full disks."""

import contextlib
import fcntl
import json
import os
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from absl import logging

from inference_scaling import json_lines


class InUseError(OSError):
  """Another process is writing the file."""


class JsonLines:
  """A file of JSON objects, one a line, open for appending.

  What a kill has cut at its end is dropped with a warning when the file is
  opened; see `json_lines`. One process at a time may hold the file. Use as a
  context manager.

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
    self._open_files = contextlib.ExitStack()
    try:
      self._open()
      self._drop_cut_line()
    except BaseException:
      self.close()
      raise

  def __enter__(self) -> "JsonLines":
    return self

  def __exit__(self, *unused_exception) -> None:
    self.close()

  def close(self) -> None:
    """Closes the file and lets others write it."""
    self._open_files.close()

  def read(self) -> Iterator[dict[str, Any]]:
    """Yields the objects of the file and counts them in `count`.

    Yields:
      Each object.

    Raises:
      ValueError: if a line is not a JSON object.
    """
    for _, value in self.read_numbered():
      yield value

  def read_numbered(self) -> Iterator[tuple[int, dict[str, Any]]]:
    """As `read`, with the number of each line, from 1, before its object."""
    self.count = 0
    for number, value in json_lines.read(self.path):
      self.count += 1
      yield number, value

  def drop(self, is_dropped: Callable[[dict[str, Any]], bool]) -> None:
    """Takes objects out of the file; a kill leaves it as before or as after.

    Args:
      is_dropped: says of an object whether it goes.

    Raises:
      ValueError: if a line is not a JSON object.
      OSError: if the new file cannot be written; the old one is kept.
    """
    dropped = {
      number
      for number, value in json_lines.read(self.path)
      if is_dropped(value)
    }
    lines = json_lines.read_lines(self.path)
    json_lines.rewrite(
      self.path, (line for number, line in lines if number not in dropped)
    )
    # The old file stays open and locked: whoever opened it before it lost its
    # name must not take it for this one.
    self._open()
    self.recount()

  def change(
    self, change: Callable[[dict[str, Any]], Mapping[str, Any]]
  ) -> None:
    """Writes every object anew; a kill leaves the file as before or as after.

    Args:
      change: makes the new object out of the old one.

    Raises:
      ValueError: if a line is not a JSON object.
      OSError: as `drop`.
    """
    values = json_lines.read(self.path)
    json_lines.rewrite(self.path, (_line(change(value)) for _, value in values))
    self._open()
    self.recount()

  def append(self, value: Mapping[str, Any]) -> None:
    """Writes one object; it is on the disk when this returns.

    Args:
      value: JSON data, without NaN.

    Raises:
      OSError: if it cannot be written whole, as on a full disk. The file then
        holds what it held before.
    """
    line = memoryview(_line(value))
    try:
      written = 0
      while written < len(line):
        written += self._file.write(line[written:])
      os.fsync(self._file.fileno())
    except OSError as error:
      # A part of the line may be there; shrinking needs no space.
      with contextlib.suppress(OSError):
        os.ftruncate(self._file.fileno(), self._size)
      raise OSError(
        f"cannot write to {self.path}: {error.strerror}. Its {self.count} "
        "finished lines are safe. Free space and run the same command again: "
        "it goes on where it stopped."
      ) from error
    self._size += len(line)
    self.count += 1

  def recount(self) -> int:
    """Counts the whole lines on the disk.

    Ctrl-C can come between the writing of a line and its counting.

    Returns:
      The number, now also in `count`.
    """
    self.count = sum(1 for _ in json_lines.read_lines(self.path))
    return self.count

  def _open(self) -> None:
    """Opens and locks the file that has the name now."""
    # Unbuffered: what was appended has left this process.
    self._file = self.path.open("a+b", buffering=0)
    self._open_files.enter_context(self._file)
    self._lock()
    self._size = os.fstat(self._file.fileno()).st_size

  def _lock(self) -> None:
    try:
      fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      raise InUseError(
        f"another process is writing {self.path}; expected one sweep a folder. "
        "Wait for it to end, or give another --workdir."
      ) from error
    except OSError:
      pass  # a file system without locks, as mounted cloud folders are

  def _drop_cut_line(self) -> None:
    """Shortens the file to its whole lines."""
    whole, tail = json_lines.split_tail(self._file)
    if tail.strip():
      logging.warning(
        "%s ends in a line that was cut after %d bytes; it is dropped and "
        "computed again.", self.path, len(tail),
      )  # fmt: skip
    if tail:
      os.ftruncate(self._file.fileno(), whole)
    self._size = whole


def _line(value: Mapping[str, Any]) -> bytes:
  """One line of the file."""
  text = json.dumps(
    value, ensure_ascii=False, allow_nan=False, separators=(",", ":")
  )
  return f"{text}\n".encode()
