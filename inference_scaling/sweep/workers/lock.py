"""One driver at a time, whatever the storage: the second is told of the first.

A file system locks the folder's records; object stores, and some file systems
that hosts share, lock nothing. So a driver beats, too.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from inference_scaling.sweep.workers import beats
from inference_scaling.sweep.workers import board as board_lib


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
    if other is not None and not self._is_gone(other):
      raise OSError(describe(other))
    self._board.lead(self._beat)
    self._thread.start()
    return self

  def __exit__(self, *exception) -> None:
    self._stop.set()
    self._thread.join()
    self._board.lead(None)

  def _is_gone(self, other: dict[str, Any]) -> bool:
    """Tells whether a driver that has beaten does so no longer."""
    if other["host"] == self._beat["host"]:
      return not _runs(other["pid"])
    wait = 3 * self._interval
    self._say(
      f"A driver on {other['host']} was here; waiting {wait:.0f} s to see "
      "whether it runs."
    )
    time.sleep(wait)
    return self._board.driver() == other

  def _run(self) -> None:
    while not self._stop.wait(self._interval):
      self._beat["beat"] += 1
      try:
        self._board.lead(self._beat)
      except OSError:
        pass  # told by whatever the driver writes next


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
