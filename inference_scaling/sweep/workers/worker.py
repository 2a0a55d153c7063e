"""A worker: loads the models of a sweep once and takes task after task.

  python -m inference_scaling.sweep.workers.worker FOLDER NAME TOKEN

Where it is one of several processes of a job, as on several nodes, all of them
are one JAX program: each searches, and the first one claims and writes.
"""

import contextlib
import dataclasses
import datetime
import os
import secrets
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

from inference_scaling import runtime, storage
from inference_scaling.spec import grid
from inference_scaling.sweep import prepared as prepared_lib
from inference_scaling.sweep import (
  processes,
)
from inference_scaling.sweep import searches as searches_lib
from inference_scaling.sweep.workers import beats
from inference_scaling.sweep.workers import board as board_lib
from inference_scaling.sweep.workers import task as task_lib

MOST_FAILURES = 3  # of a task, before it is given up
_INTERRUPTED = 130  # what shells report for a program that Ctrl-C ended
_TAIL = 30  # lines of a traceback that are kept


class WorkerError(OSError):
  """This worker cannot go on; another one may be able to."""


def work(folder: str, name: str, token: str) -> None:
  """Works until no task is left.

  Args:
    folder: what is shared with the driver.
    name: of this worker.
    token: of the driver's plan.

  Raises:
    WorkerError: if this process, its host or its disk are not as they must be.
      A task that fails is written down, and the next one taken.
  """
  board = board_lib.Board(storage.open_store(folder))
  plan = board.plan()
  if plan is None or plan.token != token:
    raise WorkerError(
      f"{folder} on {os.uname().nodename} does not hold the plan of this "
      "sweep's driver: is the folder shared by all hosts? Give a --workdir "
      "that all of them see, or one of an object store. (If the sweep has "
      "ended since, all is well.)"
    )
  board.use(plan.token)
  _enter(plan)
  lead = processes.is_lead()
  with contextlib.ExitStack() as stack:
    heart = stack.enter_context(beats.Heart(board, name)) if lead else None
    try:
      _Worker(board, plan, name, heart).run()
    except BaseException as error:
      stopped = isinstance(error, (KeyboardInterrupt, SystemExit))
      why = "stopped" if stopped else str(error) or type(error).__name__
      if heart is not None:
        heart.tell(ended=True, why=why, task="")
      if isinstance(error, (OSError, ValueError)) and not isinstance(
        error, WorkerError
      ):
        raise WorkerError(why) from error
      raise
    if heart is not None:
      heart.tell(ended=True, task="")


def _enter(plan: board_lib.Plan) -> None:
  """Makes paths and modules those of the driver."""
  try:
    os.chdir(plan.directory)
  except OSError as error:
    raise WorkerError(
      f"the driver runs in {plan.directory}, which {os.uname().nodename} "
      f"cannot enter: {error.strerror}. Start it in a folder of all hosts."
    ) from error
  sys.path.extend(entry for entry in plan.path if entry not in sys.path)
  runtime.use_threads(plan.config["threads"])
  runtime.set_up(plan.cache)


class _Worker:
  """Takes tasks of one plan."""

  def __init__(
    self,
    board: board_lib.Board,
    plan: board_lib.Plan,
    name: str,
    heart: beats.Heart | None,
  ):
    self._board, self._plan = board, plan
    self._name, self._heart = name, heart
    self._start = secrets.token_hex(4)
    self._last: task_lib.Task | None = None
    self._said: list[str] = []

  def run(self) -> None:
    """Takes tasks until none is left."""
    prepared = prepared_lib.prepare(self._plan.config)
    sha256 = digest(prepared)
    if sha256 != self._plan.sha256:
      raise WorkerError(
        f"{os.uname().nodename} reads other checkpoints, other problems or "
        "another version of this package than the driver under the same names; "
        "expected the same on all hosts."
      )
    if self._heart is not None:
      self._give_back()
    task = self._next()
    if task is None:
      return
    began = datetime.date.fromisoformat(self._plan.began)
    runs = {_key(run.key): run for run in prepared.runs}
    with searches_lib.Searches(prepared, began, self._say) as searches:
      searches.check_prompts({task.run["policy"] for task in self._plan.tasks})
      while task is not None:
        self._do(task, runs[_key(task.run)], searches)
        task = self._next()

  def _say(self, line: str) -> None:
    """Keeps a line for the driver, and prints it into the log."""
    print(line, flush=True)
    self._said.append(line)

  def _give_back(self) -> None:
    """Frees what an earlier start of this worker has claimed."""
    for task in self._board.claimed() - self._board.done():
      self._board.release(task, self._name)

  def _next(self) -> task_lib.Task | None:
    """Claims the next task, in the first process, and tells it to all."""
    told = processes.from_lead(self._claim)
    return None if told is None else task_lib.parse(told)

  def _claim(self) -> dict[str, Any] | None:
    plan = self._board.plan()  # tasks may have been cut anew
    if plan is None or plan.token != self._plan.token:
      return None  # the sweep has ended, or has another driver
    failed = Counter(task for task, _ in self._board.failures())
    claimed = self._board.claimed()
    taken = claimed | self._board.done()
    taken |= {task for task, count in failed.items() if count >= MOST_FAILURES}
    waiting = [task for task in plan.tasks if task.name not in taken]
    others = {_program(task) for task in plan.tasks if task.name in claimed}
    for task in sorted(waiting, key=lambda task: self._order(task, others)):
      if not self._board.claim(task.name, self._name):
        continue
      if task.name in self._board.done():  # in the meantime
        self._board.release(task.name, self._name)
        continue
      self._last = task
      return dataclasses.asdict(task)
    return None

  def _order(
    self, task: task_lib.Task, others: Collection[tuple[Any, ...]]
  ) -> tuple[bool, bool]:
    """Sorts tasks: those of the last program, then those of nobody's.

    Programs are kept in a folder: who comes second need not compile them.
    """
    program = _program(task)
    same = self._last is not None and program == _program(self._last)
    return (not same, program in others)

  def _do(
    self,
    task: task_lib.Task,
    run: grid.Run,
    searches: searches_lib.Searches,
  ) -> None:
    """Searches what is left of a task; a failure is its own, and told."""
    log = f"{task.name}.{self._name}.{self._start}"
    recorded = processes.from_lead(
      lambda: sorted(self._board.recorded(task.name))
    )
    waiting = set(task.problems).difference(recorded)
    if self._heart is None:
      for _ in searches.search(run, waiting):
        pass
      return
    self._heart.tell(task=task.name)
    for line in self._said:
      self._write(log, {"say": line})
    self._said = []
    try:
      for made, timing in searches.records(run, waiting):
        self._write(log, {"record": made, "timing": timing})
    except (WorkerError, KeyboardInterrupt):
      self._board.release(task.name, self._name)
      raise
    except Exception:
      tail = traceback.format_exc().splitlines()[-_TAIL:]
      print("\n".join(tail), file=sys.stderr, flush=True)
      self._board.fail(f"{log}.{secrets.token_hex(2)}", "\n".join(tail))
      self._board.release(task.name, self._name)
      if processes.several():
        raise  # the other processes wait in a program for this one
      return
    self._board.finish(task.name)
    self._board.release(task.name, self._name)

  def _write(self, log: str, line: dict) -> None:
    """Adds to a log; what a disk does not take is no fault of the task."""
    try:
      self._board.append(log, line)
    except OSError as error:
      raise WorkerError(f"{error} (on {os.uname().nodename})") from error


def _program(task: task_lib.Task) -> tuple[Any, ...]:
  """What tasks have in common that share compiled programs."""
  return tuple(task.run[key] for key in ("policy", "strategy", "n"))


def digest(prepared: prepared_lib.Prepared) -> str:
  """Digest of what a sweep is, which driver and workers compare."""
  return board_lib.digest(prepared.content(), prepared.problems)


def _key(run) -> tuple:
  return tuple(sorted(run.items()))


def main(argv: list[str], run: Callable[[str, str, str], None] = work) -> int:
  """Runs a worker as a program.

  Args:
    argv: folder, name and token.
    run: what is run.

  Returns:
    The exit code.
  """
  # A scheduler's SIGTERM ends it as Ctrl-C does: the task is given back.
  signal.signal(signal.SIGTERM, signal.default_int_handler)
  try:
    run(*argv)
  except KeyboardInterrupt:
    print("Stopped.", file=sys.stderr, flush=True)
    return _INTERRUPTED
  except OSError as error:
    print(f"Error: {error}", file=sys.stderr, flush=True)
    return 1
  return 0


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
