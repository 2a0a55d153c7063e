"""One line for all tasks and records of a sweep that workers share out."""

import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import tqdm

from inference_scaling.spec import grid
from inference_scaling.sweep.progress import bar

_SECONDS_BETWEEN_LINES = 10.0
_WINDOW = 600.0  # seconds that the rate is of


class Progress:
  """Counts tasks and records. Use as a context manager.

  On a terminal a bar, elsewhere a line now and then; one more for each run that
  is complete. The time left is by planned FLOPs, of which runs differ.
  """

  def __init__(
    self,
    planned: Mapping[grid.Run, float],
    problems: int,
    vote: str,
    say: Callable[[str], None],
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
  ):
    """Starts to count.

    Args:
      planned: FLOPs of a problem of each run.
      problems: of each run.
      vote: name of the vote whose accuracy is shown.
      say: takes a line of text.
      stream: where the bar goes; None for standard error.
      clock: seconds.
    """
    stream = sys.stderr if stream is None else stream
    self._planned, self._problems, self._vote = planned, problems, vote
    self._say, self._clock = say, clock
    self._done: Counter[grid.Run] = Counter()
    self._right: Counter[grid.Run] = Counter()
    self._history: deque[tuple[float, int, float]] = deque()
    self._last_line = clock()
    self._bar = None
    if stream is not None and stream.isatty():
      self._bar = tqdm.tqdm(
        total=len(planned) * problems, file=stream, dynamic_ncols=True,
        bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]",
      )  # fmt: skip

  def __enter__(self) -> "Progress":
    return self

  def __exit__(self, *unused_exception) -> None:
    if self._bar is not None:
      self._bar.close()

  def before(self, run: grid.Run, right: bool) -> None:
    """Counts a record that was there before."""
    if run in self._planned:
      self._done[run] += 1
      self._right[run] += right
      if self._bar is not None:
        self._bar.update(1)

  def see(self, record: Mapping[str, Any]) -> None:
    """Counts a new record."""
    run = grid.Run(**record["run"])
    if run not in self._planned:
      return
    self._done[run] += 1
    self._right[run] += bool(record["votes"][self._vote]["correct"])
    if self._bar is not None:
      self._bar.update(1)
    if self._done[run] == self._problems:
      self._tell(
        f"{run}: {self._problems} problems, {self._vote} accuracy "
        f"{_percent(self._right[run], self._problems)}"
      )

  def show(self, done: int, failed: int, running: int, total: int) -> None:
    """Shows how far all is.

    Args:
      done: tasks that are complete.
      failed: those that are given up.
      running: those that a worker has.
      total: all.
    """
    now = self._clock()
    problems, flops = self._sums()
    self._history.append((now, problems, flops))
    while now - self._history[0][0] > _WINDOW:
      self._history.popleft()
    words = (
      f"tasks: {done} of {total} done, {failed} failed, {running} running; "
      f"{self._pace()}; accuracy so far "
      f"{_percent(self._right.total(), problems)}"
    )
    if self._bar is not None:
      self._bar.set_postfix_str(words)
    elif now - self._last_line >= _SECONDS_BETWEEN_LINES:
      self._last_line = now
      whole = len(self._planned) * self._problems
      self._say(f"  {problems} of {whole} problems, {words}")

  def _tell(self, line: str) -> None:
    if self._bar is None:
      self._say(line)
    else:
      with self._bar.external_write_mode():
        self._say(line)

  def _sums(self) -> tuple[int, float]:
    """Records, and their planned FLOPs."""
    flops = sum(n * self._planned[run] for run, n in self._done.items())
    return self._done.total(), flops

  def _pace(self) -> str:
    """The rate and the time left, in words."""
    first, last = self._history[0], self._history[-1]
    seconds, flops = last[0] - first[0], last[2] - first[2]
    if seconds <= 0 or flops <= 0:
      return "? problems/s, time left not known yet"
    rate = (last[1] - first[1]) / seconds
    speed = (
      f"{rate:.1f} problems/s" if rate >= 0.1 else f"{1 / rate:.0f} s/problem"
    )
    left = sum(self._planned.values()) * self._problems - last[2]
    return f"{speed}, about {bar.duration(left * seconds / flops)} left"


def _percent(right: int, count: int) -> str:
  return f"{100 * right / count:.1f}%" if count else "not known"
