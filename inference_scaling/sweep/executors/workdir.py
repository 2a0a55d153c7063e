"""The folder of a sweep, wherever it is: here, or in an object store.

Records are written to a local file, line by line. That of an object store is
its mirror in the user's cache: what is new is sent twice a minute, and at every
end but a kill; the same command goes on from either.
"""

import contextlib
import json
import pathlib
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

from inference_scaling import storage
from inference_scaling.sweep.records import folder
from inference_scaling.sweep.workers import board

_SECONDS = 30.0  # between two times that what is new is sent


class Workdir:
  """A folder that a sweep writes.

  Attributes:
    path: the local folder.
    shared: where driver and workers share files.
  """

  def __init__(self, path: pathlib.Path, shared: str):
    """Takes a local folder.

    Args:
      path: the folder.
      shared: of its workers.
    """
    self.path, self.shared = path, shared

  def save(self) -> None:
    """Sends what is new; nothing where the folder is here."""

  def see(self, record: Mapping[str, Any], timing: Mapping[str, Any]) -> None:
    """Is told of a new record; see `searches.See`."""


class _Mirrored(Workdir):
  """A folder whose other side is in an object store."""

  def __init__(
    self,
    mirror: storage.Mirror,
    shared: str,
    say: Callable[[str], None],
    clock: Callable[[], float],
  ):
    super().__init__(mirror.folder, shared)
    self._mirror, self._say, self._clock = mirror, say, clock
    self._last = clock()

  def save(self) -> None:
    self._mirror.push()
    self._last = self._clock()

  def see(self, record: Mapping[str, Any], timing: Mapping[str, Any]) -> None:
    if self._clock() - self._last < _SECONDS:
      return
    try:
      self.save()
    except OSError as error:  # the network may be back the next time
      self._last = self._clock()
      self._say(f"Warning: {error}. What is recorded is safe in {self.path}.")


@contextlib.contextmanager
def open_workdir(
  workdir: str | pathlib.Path,
  say: Callable[[str], None],
  clock: Callable[[], float] = time.monotonic,
) -> Iterator[Workdir]:
  """Opens the folder of a sweep.

  Args:
    workdir: a path, or an address such as s3://bucket/folder.
    say: takes a line about what could not be sent.
    clock: seconds.

  Yields:
    The folder; of an address, its mirror here, which is sent at the end.

  Raises:
    ValueError: if an address names no bucket.
    OSError: if an object store cannot be opened, or what is there not be read.
  """
  text = str(workdir)
  if not storage.is_remote(text):
    path = pathlib.Path(text.removeprefix("file://"))
    yield Workdir(path, str(path.absolute() / board.FOLDER))
    return
  url = text.rstrip("/")
  if not storage.is_remote(url):
    raise ValueError(
      f"--workdir is {text!r}, which names no bucket; expected an address such "
      "as s3://bucket/folder."
    )
  logs = {folder.RECORDS: _record_key, folder.TIMINGS: _timing_key}
  with storage.Mirror(
    storage.open_store(url), storage.default_folder(url), logs,
    skip=(board.FOLDER,),
  ) as mirror:  # fmt: skip
    mirror.pull()
    opened = _Mirrored(mirror, f"{url}/{board.FOLDER}", say, clock)
    try:
      yield opened
    finally:
      opened.save()


def _record_key(line: bytes) -> Hashable:
  """Two records of one run and one problem are one."""
  value = json.loads(line)
  return json.dumps([value["run"], value["problem"]["id"]], sort_keys=True)


def _timing_key(line: bytes) -> Hashable:
  value = json.loads(line)
  return json.dumps([value["run"], value["problem"]], sort_keys=True)
