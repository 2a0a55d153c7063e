"""Makes the plan of a sweep: tasks of what is not recorded."""

import dataclasses
import os
import secrets
import sys
from collections.abc import Collection, Sequence
from typing import Any

from inference_scaling.spec import grid
from inference_scaling.sweep import prepared as prepared_lib
from inference_scaling.sweep.records import opening
from inference_scaling.sweep.workers import board as board_lib
from inference_scaling.sweep.workers import task as task_lib

_LEAST_MEASURED = 60.0  # seconds that tell how fast workers are
_MOST_OFF = 2.0  # times that the rate may differ from the one tasks were cut by

# A run and the id of a problem.
Key = tuple[grid.Run, int]


@dataclasses.dataclass(frozen=True)
class Cutting:
  """How a sweep is cut.

  Attributes:
    task_seconds: that a task should last.
    rate: planned FLOPs per second of a worker, before any was measured.
    cache: folder of compiled programs; "" for none.
  """

  task_seconds: float
  rate: float
  cache: str = ""


class Planner:
  """Cuts a sweep, and cuts it anew once it is known how fast workers are.

  Attributes:
    sha256: of what the sweep is.
  """

  def __init__(
    self,
    prepared: prepared_lib.Prepared,
    opened: opening.Opened,
    cutting: Cutting,
  ):
    """Takes a sweep.

    Args:
      prepared: the sweep.
      opened: its folder.
      cutting: how it is cut.
    """
    self._prepared, self._opened, self._cutting = prepared, opened, cutting
    self._content = prepared.content()
    self.sha256 = board_lib.digest(self._content, prepared.problems)

  def goes_on(self, plan: board_lib.Plan | None) -> bool:
    """Tells whether a plan is of this sweep, cut as it is now."""
    return plan is not None and (
      plan.sha256 == self.sha256 and plan.seconds == self._cutting.task_seconds
    )

  def adopt(self, plan: board_lib.Plan) -> board_lib.Plan:
    """Lets workers of an earlier plan look where this process does."""
    return dataclasses.replace(plan, **self._surroundings())

  def make(self, recorded: Collection[Key]) -> board_lib.Plan:
    """Makes a plan by the rate that earlier workers had, if there were any.

    Args:
      recorded: what is recorded.

    Returns:
      The plan.
    """
    timings = self._opened.timings.read()
    rate, measured = task_lib.measured_rate(self._prepared, timings)
    if measured < _LEAST_MEASURED:
      rate = self._cutting.rate
    return board_lib.Plan(
      token=secrets.token_hex(8),
      config=self._content["config"],
      sha256=self.sha256,
      began=self._opened.began.isoformat(),
      rate=rate,
      seconds=self._cutting.task_seconds,
      tasks=tuple(self._cut(rate, recorded, ())),
      **self._surroundings(),
    )

  def anew(
    self,
    plan: board_lib.Plan,
    rate: float,
    seconds: float,
    recorded: Collection[Key],
    kept: Collection[str],
  ) -> board_lib.Plan:
    """Cuts again what no worker has, where the rate was far off.

    Args:
      plan: the plan so far.
      rate: that was measured.
      seconds: that it was measured for.
      recorded: what is recorded.
      kept: names of the tasks that stay as they are.

    Returns:
      The same plan, or one with other tasks.
    """
    off = max(rate, plan.rate) / max(min(rate, plan.rate), 1e-9)
    if seconds < _LEAST_MEASURED or off < _MOST_OFF:
      return plan
    tasks = tuple(task for task in plan.tasks if task.name in kept)
    cut = self._cut(rate, recorded, tasks)
    return dataclasses.replace(plan, rate=rate, tasks=(*tasks, *cut))

  def _surroundings(self) -> dict[str, Any]:
    """Where workers look for files and modules."""
    return {
      "directory": os.getcwd(),
      "path": tuple(os.path.abspath(entry) for entry in sys.path if entry),
      "cache": self._cutting.cache,
    }

  def _cut(
    self,
    rate: float,
    recorded: Collection[Key],
    tasks: Sequence[task_lib.Task],
  ) -> list[task_lib.Task]:
    """Cuts what neither is recorded nor in some tasks."""
    taken = {(grid.Run(**task.run), i) for task in tasks for i in task.problems}
    left = {
      run: {
        problem.id
        for problem in self._prepared.problems
        if (run, problem.id) not in taken and (run, problem.id) not in recorded
      }
      for run in self._prepared.runs
    }
    seconds = self._cutting.task_seconds
    return task_lib.cut(self._prepared, left, rate, seconds)
