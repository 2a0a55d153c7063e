"""Times of several tasks whose ratios hold on a machine that drifts.

Clocks and neighbours change what a machine does from minute to minute. So tasks
take turns, A B C A B C, and a ratio is the median of the ratios of each round.
"""

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax

Task = Callable[[], Any]
Name = TypeVar("Name")


@dataclasses.dataclass(frozen=True)
class Seconds:
  """How long a task took in each round.

  Attributes:
    rounds: seconds; of `combine`, whatever it computes of them.
  """

  rounds: tuple[float, ...]

  @property
  def median(self) -> float:
    """The middle of the rounds."""
    return statistics.median(self.rounds)

  @property
  def best(self) -> float:
    """The shortest round."""
    return min(self.rounds)


def interleave(tasks: Mapping[Name, Task], repeats: int) -> dict[Name, Seconds]:
  """Runs all tasks once unmeasured, and then measures them in turns.

  Args:
    tasks: by name; their arrays are waited for.
    repeats: rounds.

  Returns:
    The times, by name.
  """
  for task in tasks.values():
    once(task)
  return measure(tasks, repeats)


def measure(tasks: Mapping[Name, Task], repeats: int) -> dict[Name, Seconds]:
  """Measures tasks in turns, whose programs are compiled already.

  Args:
    tasks: as for `interleave`.
    repeats: rounds.

  Returns:
    The times, by name.
  """
  rounds: dict[Name, list[float]] = {name: [] for name in tasks}
  for _ in range(repeats):
    for name, task in tasks.items():
      rounds[name].append(once(task))
  return {name: Seconds(tuple(times)) for name, times in rounds.items()}


def once(task: Task) -> float:
  """Measures a task.

  Args:
    task: as for `interleave`.

  Returns:
    Seconds.
  """
  begin = time.perf_counter()
  jax.block_until_ready(task())
  return time.perf_counter() - begin


def combine(function: Callable[..., float], *times: Seconds) -> Seconds:
  """Computes a number of each round, such as a difference or a ratio.

  Args:
    function: of the seconds of each task in one round.
    *times: of tasks that took turns.

  Returns:
    The numbers, whose median is a median over rounds.
  """
  rounds = zip(*(seconds.rounds for seconds in times), strict=True)
  return Seconds(tuple(function(*values) for values in rounds))


def slope(short: Seconds, long: Seconds, tokens: int) -> Seconds:
  """Time per token, from two lengths: what both have in common drops out.

  Args:
    short: of the shorter text.
    long: of the longer text.
    tokens: how many more it has.

  Returns:
    Seconds per token.
  """
  return combine(lambda a, b: (b - a) / tokens, short, long)
