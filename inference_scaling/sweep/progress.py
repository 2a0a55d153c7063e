"""Shows how far a sweep is: a bar on a terminal, else a line now and then."""

import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import tqdm

from inference_scaling.sweep import grid

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
  """Counts records and right answers. Use as a context manager.

  On a terminal a bar with rate and time left; elsewhere (a log file) one line
  every ten seconds. When a run is complete, one line says what it reached.
  """

  def __init__(
    self,
    total: int,
    done: int,
    vote: str,
    say: Callable[[str], None],
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
  ):
    """Starts to count.

    Args:
      total: records of the whole sweep.
      done: those that were there before.
      vote: name of the vote whose accuracy is shown.
      say: takes a line of text.
      stream: where the bar goes; None for standard error.
      clock: seconds.
    """
    stream = sys.stderr if stream is None else stream
    self._total, self._before, self._done = total, done, done
    self._vote, self._say, self._clock = vote, say, clock
    self._started = self._last_line = clock()
    self._right: list[bool] = []
    self._run: grid.Run | None = None
    self._bar = None
    if stream.isatty():
      self._bar = tqdm.tqdm(
        total=total, initial=done, file=stream, unit="problem",
        dynamic_ncols=True, smoothing=0.05,
      )  # fmt: skip

  def __enter__(self) -> "Progress":
    return self

  def __exit__(self, *unused_exception) -> None:
    if self._bar is not None:
      self._bar.close()

  def start_run(self, run: grid.Run, right: list[bool]) -> None:
    """Begins a run.

    Args:
      run: the run.
      right: outcomes of its problems that were there before.
    """
    self._run, self._right = run, list(right)
    self._show(advance=0)

  def advance(self, votes: dict[str, Any]) -> None:
    """Counts one more record.

    Args:
      votes: of the record.
    """
    self._right.append(bool(votes[self._vote]["correct"]))
    self._done += 1
    self._show(advance=1)

  def end_run(self) -> None:
    """Says what the run has reached."""
    line = (
      f"{self._run}: {len(self._right)} problems, {self._vote} "
      f"{self._accuracy()} right"
    )
    if self._bar is None:
      self._say(line)
    else:
      with self._bar.external_write_mode():
        self._say(line)

  def _accuracy(self) -> str:
    if not self._right:
      return "0%"
    return f"{100 * sum(self._right) / len(self._right):.1f}%"

  def _show(self, advance: int) -> None:
    if self._bar is not None:
      self._bar.set_description(
        f"{self._run} {self._accuracy()}", refresh=advance == 0
      )
      self._bar.update(advance)
      return
    now = self._clock()
    if now - self._last_line < _SECONDS_BETWEEN_LINES:
      return
    self._last_line = now
    rate = (self._done - self._before) / (now - self._started)
    left = (self._total - self._done) / rate if rate else float("inf")
    self._say(
      f"  {self._done} of {self._total} problems done, {rate:.1f} a second, "
      f"about {_duration(left)} left; now {self._run}, {self._accuracy()} right"
    )


def _duration(seconds: float) -> str:
  """A time in words: "40 s", "3 min", "2.5 h"."""
  if seconds < 90:
    return f"{seconds:.0f} s"
  if seconds < 90 * 60:
    return f"{seconds / 60:.0f} min"
  return f"{seconds / 3600:.1f} h"
