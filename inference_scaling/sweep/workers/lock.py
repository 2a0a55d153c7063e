"""One driver at a time, whatever the storage: the second is told of the first.

A file system locks the folder's records; object stores, and some file systems
that hosts share, lock nothing. So a driver beats, too.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from inference_scaling.sweep.workers import beats
from inference_scaling.sweep.workers import board as board_lib

_POLL = 0.25  # seconds between two looks at the beat of another driver


class Lock:
  """Held by a driver while it runs. Use as a context manager."""

  def __init__(
    self,
    board: board_lib.Board,
    say: Callable[[str], None],
    interval: float = beats.INTERVAL,
  ):
    """Makes it; the context takes it.

    Args:
      board: what is shared with workers.
      say: takes a line where there is something to wait for.
      interval: seconds between two beats.
    """
    self._board, self._say, self._interval = board, say, interval
    self._beat: dict[str, Any] = {
      "host": socket.gethostname(),
      "pid": os.getpid(),
      "since": time.strftime("%Y-%m-%d %H:%M:%S"),
      "beat": 0,
    }
    self._stop = threading.Event()
    self._thread = threading.Thread(target=self._run, daemon=True)

  def __enter__(self) -> "Lock":
    """Takes the lock.

    Raises:
      OSError: if another driver beats.
    """
    other = self._board.driver()
    if other is not None:
      if not self._is_gone(other):
        raise OSError(describe(other))
      self._board.lead(None)
    if not self._board.begin_to_lead(self._beat):
      other = self._board.driver() or self._beat
      raise OSError(describe(other))  # of two at once, one leads
    self._thread.start()
    return self

  def __exit__(self, *exception) -> None:
    self._stop.set()
    self._thread.join()
    if self._leads():
      self._board.lead(None)

  def _is_gone(self, other: dict[str, Any]) -> bool:
    """Tells whether a driver that has beaten does so no longer."""
    if other["host"] == self._beat["host"] and not _runs(other["pid"]):
      return True
    # A process of its number may be another one, as after a restart of the
    # host: its beats tell.
    wait = 3 * self._interval
    self._say(
      f"A driver on {other['host']} was here; waiting up to {wait:.0f} s to "
      "see whether it runs."
    )
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline:
      time.sleep(min(_POLL, self._interval))
      if (beat := self._board.driver()) != other:
        return beat is None  # it has ended in the meantime
    return True

  def _run(self) -> None:
    while not self._stop.wait(self._interval):
      # What cannot be written is told by whatever the driver writes next.
      with contextlib.suppress(OSError):
        if self._leads():
          self._beat["beat"] += 1
          self._board.lead(self._beat)

  def _leads(self) -> bool:
    """Whether no other driver has taken this one for gone, and leads now."""
    beat = self._board.driver()
    same = ("host", "pid", "since")
    return beat is None or all(beat[key] == self._beat[key] for key in same)


def describe(driver: dict[str, Any]) -> str:
  """Says which driver has a folder, and what to do.

  Args:
    driver: its beat.

  Returns:
    A few sentences.
  """
  return (
    f"a driver has this folder already: process {driver['pid']} of "
    f"{driver['host']}, since {driver['since']}. Expected one at a time. Wait "
    "for it to end, or end it: its workers go on, and this command then finds "
    "them."
  )


def _runs(process: int) -> bool:
  try:
    os.kill(process, 0)
  except ProcessLookupError:
    return False
  except OSError:  # another user's
    return True
  return process != os.getpid()
