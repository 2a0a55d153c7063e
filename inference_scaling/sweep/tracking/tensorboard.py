"""Event files of TensorBoard, one folder a run.

TensorBoard draws the curves of all folders into one chart per metric. Events
are written here, not in a thread of their own: a full disk is an error of the
call, and no queue can fill up behind it.
"""

import os
import pathlib
import socket
import time
from collections.abc import Mapping
from typing import Any

import tensorboardX
from tensorboardX.proto import event_pb2, summary_pb2

# Their classes are made when they are imported: no type checker knows them.
_EVENTS: Any = event_pb2
_SUMMARIES: Any = summary_pb2
_VERSION = "brain.Event:2"  # that the first event of a file names
_MOST_OPEN = 64  # files at once; a run that comes back gets another file


class TensorBoard:
  """Writes metrics as scalars; see `tracker.Tracker`."""

  def __init__(self, folder: pathlib.Path):
    """Makes it; files are made as runs log.

    Args:
      folder: for `tensorboard --logdir`.
    """
    self._folder = folder
    self._count = 0
    self._writers: dict[str, tensorboardX.RecordWriter] = {}

  def log(self, step: int, values: Mapping[str, float]) -> None:
    """Writes an event, which is on the disk when this returns."""
    by_run: dict[str, list[Any]] = {}
    for name, value in values.items():
      run, _, tag = name.rpartition("/")
      scalar = _SUMMARIES.Summary.Value(tag=tag, simple_value=value)
      by_run.setdefault(run, []).append(scalar)
    for run, scalars in by_run.items():
      writer = self._writer(run)
      event = _EVENTS.Event(
        wall_time=time.time(),
        step=step,
        summary=_SUMMARIES.Summary(value=scalars),
      )
      writer.write(event.SerializeToString())
      writer.flush()

  def close(self) -> None:
    """Closes all files."""
    while self._writers:
      self._writers.popitem()[1].close()

  def _writer(self, run: str) -> tensorboardX.RecordWriter:
    """The file of a run, which is made where none is open."""
    if run not in self._writers:
      if len(self._writers) == _MOST_OPEN:
        self._writers.pop(next(iter(self._writers))).close()
      folder = self._folder / run
      folder.mkdir(parents=True, exist_ok=True)
      # TensorBoard reads the files of a folder in the order of their names.
      name = (
        f"events.out.tfevents.{time.time():017.6f}.{socket.gethostname()}"
        f".{os.getpid()}.{self._count}"
      )
      self._count += 1
      writer = tensorboardX.RecordWriter(str(folder / name))
      first = _EVENTS.Event(wall_time=time.time(), file_version=_VERSION)
      writer.write(first.SerializeToString())
      self._writers[run] = writer
    return self._writers[run]
