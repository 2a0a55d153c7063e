"""Shows how far a sweep is: a bar on a terminal or in a cell, else lines."""

import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import tqdm

from inference_scaling.spec import grid
from inference_scaling.sweep.progress import cell

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
  """Counts records and right answers. Use as a context manager.

  On a terminal or in the cell of a notebook a bar with rate and time left;
  elsewhere (a log file) one line every ten seconds. When a run is complete, one
  line says what it reached.

  The rate is counted from the first problem of a run on, so that it leaves out
  the time in which the run's program is compiled. It is told from the second
  batch on; until then the rate of the runs before holds, if there is one.
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
      stream: where the bar goes; None for the cell of a notebook, if one runs
        this process, else standard error.
      clock: seconds.
    """
    output = cell.find() if stream is None else None
    if stream is None:
      stream = output or sys.stderr
    self._total, self._done = total, done
    self._vote, self._say, self._clock = vote, say, clock
    self._last_line = clock()
    self._right: list[bool] = []
    self._run: grid.Run | None = None
    self._pace = _Pace()
    self._bar = None
    if stream is not None and stream.isatty():
      self._bar = tqdm.tqdm(
        total=total, initial=done, file=stream, dynamic_ncols=output is None,
        ncols=cell.WIDTH if output else None,
        mininterval=cell.SECONDS if output else 0.1,
        bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]",
      )  # fmt: skip

  def __enter__(self) -> "Progress":
    return self

  def __exit__(self, *unused_exception) -> None:
    if self._bar is not None:
      self._bar.close()

  def start_run(
    self, run: grid.Run, right: list[bool], in_flight: int = 1
  ) -> None:
    """Begins a run.

    Args:
      run: the run.
      right: outcomes of its problems that were there before.
      in_flight: problems of its first batch.
    """
    self._run, self._right = run, list(right)
    self._pace.start_run(in_flight)
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
      f"accuracy {self._accuracy()}"
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
    now = self._clock()
    if advance:
      self._pace.advance(now)
    if self._bar is not None:
      self._bar.set_postfix_str(
        f"{self._pace.words('problem/s', 's/problem')}, {self._left()}",
        refresh=False,
      )
      self._bar.set_description(
        f"{self._run} {self._accuracy()}", refresh=advance == 0
      )
      self._bar.update(advance)
      return
    if now - self._last_line < _SECONDS_BETWEEN_LINES:
      return
    self._last_line = now
    self._say(
      f"  {self._done} of {self._total} problems done, "
      f"{self._pace.words('per second', 's per problem')}, {self._left()}; now "
      f"{self._run}, accuracy {self._accuracy()}"
    )

  def _left(self) -> str:
    """The time left, in words."""
    rate = self._pace.rate()
    if rate is None and self._done == self._total:
      return "none left"
    if rate is None:
      return "compiling, time left not known yet"
    return f"about {duration((self._total - self._done) / rate)} left"


class _Pace:
  """How fast problems are done once programs are compiled.

  Problems of a batch end at about the same time. So from the first one of a run
  to the first one of its second batch go as many problems as are in flight, in
  the time that a batch takes; before that nothing can be told. A run with one
  batch tells no rate: its time cannot be split into compiling and computing.
  """

  def __init__(self):
    self._in_flight = 1
    self._count, self._first, self._last = 0, 0.0, 0.0  # of this run
    self._before: float | None = None  # the rate of the runs before

  def start_run(self, in_flight: int) -> None:
    """Begins with a program that may have to be compiled."""
    self._before = self.rate()
    self._in_flight, self._count = max(1, in_flight), 0

  def advance(self, now: float) -> None:
    """Counts a problem that was done just now."""
    self._count += 1
    self._last = now
    if self._count == 1:
      self._first = now

  def rate(self) -> float | None:
    """Problems per second; None where nothing tells it yet."""
    if self._count <= self._in_flight or self._last <= self._first:
      return self._before
    return (self._count - 1) / (self._last - self._first)

  def words(self, fast: str, slow: str) -> str:
    """The rate in one of two units: per second, or seconds per problem."""
    rate = self.rate()
    if rate is None:
      return f"? {fast}"
    return f"{1 / rate:.0f} {slow}" if rate < 0.1 else f"{rate:.1f} {fast}"


def duration(seconds: float) -> str:
  """A time in words: "40 s", "3 min", "2.5 h"."""
  if seconds < 90:
    return f"{seconds:.0f} s"
  if seconds < 90 * 60:
    return f"{seconds / 60:.0f} min"
  return f"{seconds / 3600:.1f} h"
