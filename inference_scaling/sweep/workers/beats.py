"""How a worker shows that it lives, and how the driver judges it.

A worker rewrites its beat every few seconds. The driver looks whether a beat
has changed, by its own clock: clocks of two hosts are never compared to judge.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from inference_scaling.sweep.workers import board as board_lib

INTERVAL = 5.0  # seconds between two beats
LOST_AFTER = 60.0  # seconds without one: a compilation does not stop them
_MOST_SKEW = 60.0  # seconds that clocks may differ unsaid


class Heart:
  """Beats for a worker in a thread of its own. Use as a context manager."""

  def __init__(
    self, board: board_lib.Board, worker: str, interval: float = INTERVAL
  ):
    """Makes it; beats start with the context.

    Args:
      board: where beats are written.
      worker: its name.
      interval: seconds between two beats.
    """
    self._board, self._worker, self._interval = board, worker, interval
    self._told: dict[str, Any] = {"task": "", "ended": False, "why": ""}
    self._count = 0
    self._stop = threading.Event()
    self._lock = threading.Lock()
    self._thread = threading.Thread(target=self._run, daemon=True)

  def __enter__(self) -> "Heart":
    self._beat()
    self._thread.start()
    return self

  def __exit__(self, *exception) -> None:
    self._stop.set()
    self._thread.join()

  def tell(self, **told: Any) -> None:
    """Says at once what the worker does."""
    self._told |= told
    self._try()

  def _run(self) -> None:
    while not self._stop.wait(self._interval):
      self._try()

  def _try(self) -> None:
    """Beats if it can; whoever misses too many beats calls the worker lost."""
    with contextlib.suppress(OSError):
      self._beat()

  def _beat(self) -> None:
    with self._lock:
      self._count += 1
      self._board.beat(
        self._worker,
        {
          "beat": self._count,
          "time": time.time(),
          "host": socket.gethostname(),
          "pid": os.getpid(),
          **self._told,
        },
      )


class Watch:
  """Judges which workers live."""

  def __init__(
    self,
    say: Callable[[str], None],
    lost_after: float = LOST_AFTER,
    clock: Callable[[], float] = time.monotonic,
    wall_clock: Callable[[], float] = time.time,
  ):
    """Starts to watch.

    Args:
      say: takes a line about clocks that differ, one for each host.
      lost_after: seconds without a beat after which a worker is lost.
      clock: seconds.
      wall_clock: seconds since 1970.
    """
    self._say, self._lost_after = say, lost_after
    self._clock, self._wall_clock = clock, wall_clock
    self._last: dict[str, tuple[Any, float]] = {}
    self._told: set[str] = set()

  def look(self, beats: Mapping[str, Mapping[str, Any]]) -> None:
    """Takes note of beats.

    Args:
      beats: the last one of each worker.
    """
    now = self._clock()
    for worker, beat in beats.items():
      mark = beat["beat"], beat["pid"], beat["host"]
      before = self._last.get(worker)
      if before is None or before[0] != mark:
        self._last[worker] = mark, now
        if before is not None:
          self._compare(beat)

  def lost(self, workers: Iterable[str]) -> set[str]:
    """Tells which of these workers have beaten, and not for long."""
    now = self._clock()
    return {
      worker
      for worker in workers
      if worker in self._last and now - self._last[worker][1] > self._lost_after
    }

  def alive(self, workers: Iterable[str]) -> set[str]:
    """Tells which of these workers have beaten a moment ago."""
    return set(workers) & self._last.keys() - self.lost(workers)

  def _compare(self, beat: Mapping[str, Any]) -> None:
    """Says where the clock of a host is off: this beat was made just now."""
    skew = beat["time"] - self._wall_clock()
    host = beat["host"]
    if abs(skew) <= _MOST_SKEW or host in self._told:
      return
    self._told.add(host)
    self._say(
      f"The clock of {host} is {abs(skew):.0f} s "
      f"{'ahead of' if skew > 0 else 'behind'} this one's. Nothing depends on "
      "it but the times in its log; set it (NTP) to read those."
    )
