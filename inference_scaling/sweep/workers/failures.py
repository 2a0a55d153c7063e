"""What a driver makes of tasks that failed: whose turn is over, and why."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from inference_scaling.spec import grid
from inference_scaling.sweep.workers import board as board_lib
from inference_scaling.sweep.workers import task as task_lib
from inference_scaling.sweep.workers import worker

_SHOWN = 5  # lines of a task's last failure


class Failures:
  """The failures on a board, each of which is told once."""

  def __init__(
    self, board: board_lib.Board, folder: str, say: Callable[[str], None]
  ):
    """Has told of none.

    Args:
      board: where workers put them.
      folder: of the board, for the paths of their logs.
      say: takes a line about each.
    """
    self._board, self._folder, self._say = board, folder, say
    self._told: set[str] = set()  # their logs

  def given_up(self) -> set[str]:
    """Names of the tasks that are given up; says each failure once."""
    logs: dict[str, list[str]] = defaultdict(list)
    for task, log in self._board.failures():
      logs[task].append(log)
      if log in self._told:
        continue
      self._told.add(log)
      last = self._board.failure(log).strip().splitlines()[-1:]
      count = sum(told.startswith(f"{task}.") for told in self._told)
      self._say(
        f"Task {task} failed ({count} of {worker.MOST_FAILURES}): "
        f"{''.join(last)} [{self._path(log)}]"
      )
    return {
      task
      for task, failures in logs.items()
      if len(failures) >= worker.MOST_FAILURES
    }

  def explain(self, tasks: Sequence[task_lib.Task]) -> str:
    """Says which tasks were given up, and why.

    Args:
      tasks: those that are not complete.

    Returns:
      Lines.
    """
    logs = dict(self._board.failures())  # the last one of each task
    parts = []
    for task in tasks:
      log = logs.get(task.name, "")
      why = self._board.failure(log).rstrip().splitlines()[-_SHOWN:]
      parts.append(
        f"{len(task.problems)} problems of {grid.Run(**task.run)}; "
        f"{self._path(log)} ends in"
      )
      parts.extend(f"  {line}" for line in why)
    count = worker.MOST_FAILURES
    return (
      f"{len(tasks)} task(s) failed {count} times and were given up; "
      "everything else is recorded. Mend the cause and run the same command "
      "again.\n" + "\n".join(parts)
    )

  def _path(self, log: str) -> str:
    return f"{self._folder}/{self._board.path(board_lib.FAILURES, log)}"
