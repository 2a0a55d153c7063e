"""Runs a sweep by workers: starts them, watches them, collects their records.

Killing the driver changes nothing: workers go on, and the same command finds
them by the files that they share. A worker is lost when its heart has not
beaten for a minute; its task is then free for another. Whatever two workers
record of one problem is the same, and taken once.
"""

import contextlib
import dataclasses
import os
import pathlib
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inference_scaling import storage
from inference_scaling.spec import grid
from inference_scaling.sweep import prepared as prepared_lib
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep.executors import (
  beats,
  collecting,
  executor,
  progress,
  worker,
)
from inference_scaling.sweep.executors import board as board_lib
from inference_scaling.sweep.executors import task as task_lib
from inference_scaling.sweep.progress import banner
from inference_scaling.sweep.records import opening, recorded, votes

FOLDER = "tasks"  # of what driver and workers share, in that of the sweep
_POLL = 1.0  # seconds between two looks
_PATIENCE = 15.0  # seconds that workers have to end once all is done
_MOST_STARTS = 3  # of workers in a row that record nothing
_LEAST_MEASURED = 60.0  # seconds that tell how fast workers are
_MOST_OFF = 2.0  # times that the rate may differ from the one tasks were cut by


@dataclasses.dataclass(frozen=True)
class Options:
  """How a sweep is shared out.

  Attributes:
    workers: that run at once, at most.
    task_seconds: that a task should last.
    rate: planned FLOPs per second of a worker, before any was measured.
    cache: folder of compiled programs; "" for none.
    lost_after: seconds without a beat after which a worker is lost.
  """

  workers: int
  task_seconds: float
  rate: float
  cache: str = ""
  lost_after: float = beats.LOST_AFTER


class TasksFailedError(OSError):
  """Some tasks were given up; the message says which, and why."""


def run_sweep(
  config: Mapping[str, Any],
  workdir: pathlib.Path,
  make_executor: Callable[[prepared_lib.Prepared], executor.Executor],
  options: Options,
  say: Callable[[str], None],
  *,
  see: collecting.See = lambda record, timing: None,
  shared: str | None = None,
  redo_changed: bool = False,
) -> None:
  """Runs what a config asks for and is not yet recorded, by workers.

  Args:
    config: as configs/demo.py makes it.
    workdir: folder of the results.
    make_executor: makes what starts workers.
    options: how the sweep is shared out.
    say: takes lines about what is going on.
    see: is told of each new record and of its time.
    shared: where driver and workers share files; None for a folder in
      `workdir`.
    redo_changed: as `sweep.run_sweep`.

  Raises:
    TasksFailedError: if tasks were given up; all others are complete.
    OSError, ValueError: as `sweep.run_sweep`, or if workers cannot be started.
    KeyboardInterrupt: on Ctrl-C, with what becomes of the workers.
  """
  workdir = workdir.absolute()
  prepared = prepared_lib.prepare(config)
  starts = make_executor(prepared)
  starts.check()
  say(banner.describe(prepared, workdir))
  with contextlib.ExitStack() as stack:
    opened = opening.open_folder(
      workdir, prepared.sweep, prepared.content(), prepared.problems, say,
      stack, redo_changed=redo_changed,
    )  # fmt: skip
    folder = shared or str(workdir / FOLDER)
    board = board_lib.Board(storage.open_store(folder))
    driver = _Driver(prepared, opened, board, folder, starts, options, say, see)
    try:
      driver.run()
    except KeyboardInterrupt as error:
      raise KeyboardInterrupt(driver.interrupted()) from error


class _Driver:
  """One driver of one folder."""

  def __init__(
    self,
    prepared: prepared_lib.Prepared,
    opened: opening.Opened,
    board: board_lib.Board,
    folder: str,
    starts: executor.Executor,
    options: Options,
    say: Callable[[str], None],
    see: collecting.See,
  ):
    self._prepared, self._opened, self._board = prepared, opened, board
    self._folder, self._executor, self._options = folder, starts, options
    self._say, self._user_see = say, see
    self._jobs: dict[str, str] = {}  # of workers that are not known to end
    self._watch = beats.Watch(say, options.lost_after)
    self._told: set[str] = set()  # logs of failures that were told
    self._barren = 0  # workers in a row that ended and recorded nothing
    self._flops = self._seconds = 0.0  # planned, and measured, of new records
    vote = votes.shown(settings_lib.aggregations(prepared.sweep))
    self._planned = {
      run: task_lib.planned_flops(prepared, run) for run in prepared.runs
    }
    self._progress = progress.Progress(
      self._planned, len(prepared.problems), vote, say
    )
    self._collector = collecting.Collector(
      board, opened.records, opened.timings, self._see, say
    )

  def run(self) -> None:
    """Runs the sweep to its end."""
    done = recorded.to_done(self._opened.rows)
    opening.tell_foreign(done, self._prepared.runs, self._say)
    if self._opened.rows:
      self._say(
        f"Going on: {len(self._opened.rows)} records are there already."
      )
    for run, outcomes in done.items():
      for right in outcomes.values():
        self._progress.before(run, right)
    self._collector.collect()  # of workers that outlived an earlier driver
    plan = self._plan()
    with self._progress:
      while (changed := self._step(plan)) is not None:
        plan = changed
        time.sleep(_POLL)
    self._end(plan)

  def interrupted(self) -> str:
    """What is said after Ctrl-C; ends workers that end with the driver."""
    if not self._executor.detached:
      self._executor.stop(self._jobs)
    self._collector.collect()
    count = self._opened.records.recount()
    going = (
      "The workers go on without this driver; "
      if self._executor.detached and self._jobs
      else ""
    )
    return (
      f"Interrupted. {count} records in {self._opened.records.path} are safe. "
      f"{going}run the same command again and it goes on from there."
    )

  def _see(self, record: Mapping[str, Any], timing: Mapping[str, Any]) -> None:
    self._progress.see(record)
    self._user_see(record, timing)
    self._seconds += timing["machine_seconds"]
    self._flops += self._planned.get(grid.Run(**record["run"]), 0.0)

  def _plan(self) -> board_lib.Plan:
    """Goes on with the plan of an earlier driver, or makes one."""
    sha256 = worker.digest(self._prepared)
    before = self._board.plan()
    seconds = self._options.task_seconds
    if before is not None and (before.sha256, before.seconds) == (
      sha256, seconds
    ):  # fmt: skip
      self._jobs = self._board.jobs()
      self._executor.attach(self._jobs)
      plan = before
    else:
      self._stop_others()
      self._collector.collect()
      self._board.clear()
      plan = self._make_plan(sha256)
    for _, log in list(self._board.failures()):  # tried anew
      self._board.store.delete(f"{board_lib.FAILURES}/{log}")
    self._board.publish(plan)
    return plan

  def _stop_others(self) -> None:
    """Ends workers of another plan of this folder."""
    jobs = self._board.jobs()
    if jobs:
      self._executor.attach(jobs)
      self._executor.stop(jobs)

  def _make_plan(self, sha256: str) -> board_lib.Plan:
    """Cuts what is not recorded into tasks, by the rate that was measured."""
    timings = self._opened.timings.read()
    rate, measured = task_lib.measured_rate(self._prepared, timings)
    if measured < _LEAST_MEASURED:
      rate = self._options.rate
    content = self._prepared.content()
    return board_lib.Plan(
      token=secrets.token_hex(8),
      config=content["config"],
      sha256=sha256,
      began=self._opened.began.isoformat(),
      rate=rate,
      seconds=self._options.task_seconds,
      directory=os.getcwd(),
      path=tuple(os.path.abspath(entry) for entry in sys.path if entry),
      cache=self._options.cache,
      tasks=tuple(self._cut(rate, ())),
    )

  def _cut(
    self, rate: float, kept: Sequence[task_lib.Task]
  ) -> list[task_lib.Task]:
    """Cuts what neither is recorded nor in some tasks."""
    taken = {
      (grid.Run(**task.run), i) for task in kept for i in task.problems
    } | self._collector.recorded
    left = {
      run: {
        problem.id
        for problem in self._prepared.problems
        if (run, problem.id) not in taken
      }
      for run in self._prepared.runs
    }
    return task_lib.cut(self._prepared, left, rate, self._options.task_seconds)

  def _cut_anew(self, plan: board_lib.Plan, taken: set[str]) -> board_lib.Plan:
    """Cuts what no worker has anew, once it is known how fast workers are."""
    rate, seconds = self._flops / max(self._seconds, 1e-9), self._seconds
    off = max(rate, plan.rate) / max(min(rate, plan.rate), 1e-9)
    if seconds < _LEAST_MEASURED or off < _MOST_OFF:
      return plan
    kept = [task for task in plan.tasks if task.name in taken]
    tasks = (*kept, *self._cut(rate, kept))
    plan = dataclasses.replace(plan, rate=rate, tasks=tasks)
    self._board.publish(plan)
    return plan

  def _step(self, plan: board_lib.Plan) -> board_lib.Plan | None:
    """Looks once at everything; the plan as it is then, None at its end."""
    self._collector.collect()
    failed = self._failures()
    self._miss(self._board.claimed())
    claimed = self._board.claimed()
    done = {task.name for task in plan.tasks if self._complete(task)}
    plan = self._cut_anew(plan, claimed | done | failed)
    names = {task.name for task in plan.tasks}
    left = names - done - failed
    self._progress.show(
      len(done), len(failed - done), len(claimed & left), len(names)
    )
    if not left:
      return None
    self._start(plan, left, claimed)
    return plan

  def _complete(self, task: task_lib.Task) -> bool:
    run = grid.Run(**task.run)
    return all((run, i) in self._collector.recorded for i in task.problems)

  def _failures(self) -> set[str]:
    """Names of the tasks that are given up; says each failure once."""
    logs: dict[str, list[str]] = {}
    for task, log in self._board.failures():
      logs.setdefault(task, []).append(log)
    for task, failures in logs.items():
      for log in set(failures) - self._told:
        self._told.add(log)
        last = self._board.failure(log).strip().splitlines()[-1:]
        self._say(
          f"Task {task} failed ({len(failures)} of {worker.MOST_FAILURES}): "
          f"{''.join(last)} [{self._folder}/{board_lib.FAILURES}/{log}]"
        )
    return {
      task
      for task, failures in logs.items()
      if len(failures) >= worker.MOST_FAILURES
    }

  def _miss(self, claimed: set[str]) -> None:
    """Frees the tasks of workers that have ended or are lost."""
    seen = self._board.beats()
    self._watch.look(seen)
    ended = {
      name: why
      for name, why in self._executor.ended().items()
      if name in self._jobs
    }
    for name in self._watch.lost(set(self._jobs) - ended.keys()):
      host = seen[name]["host"]
      ended[name] = (
        f"not heard of for {self._options.lost_after:.0f} s, on {host}: the "
        "host, or its network, is taken for lost"
      )
      self._executor.stop([name])
    for name, beat in seen.items():
      if name in self._jobs and beat["ended"]:
        ended[name] = beat["why"] or ended.get(name, "")
    if not ended:
      return
    for task in claimed:
      if self._board.claimant(task) in ended:
        self._board.release(task)
    for name in ended:
      del self._jobs[name]
    self._board.write_jobs(self._jobs)
    self._collector.collect()
    for name, why in ended.items():
      self._judge(name, why)

  def _judge(self, name: str, why: str) -> None:
    """Says why a worker is missing, and counts those that did nothing."""
    if why:
      self._say(f"Worker {name} ended: {why}")
    did = any(f".{name}." in log for log in self._board.logs())
    self._barren = 0 if did or not why else self._barren + 1
    if self._barren == _MOST_STARTS and self._jobs:
      self._say(
        f"{_MOST_STARTS} workers in a row ended before they recorded anything: "
        f"no more are started; {len(self._jobs)} go on."
      )
    if self._barren >= _MOST_STARTS and not self._jobs:
      raise OSError(
        f"{_MOST_STARTS} workers in a row ended before they recorded anything; "
        f"the last one, {name}: {why}\nMend this and run the same command "
        "again: it goes on where it stopped."
      )

  def _start(
    self, plan: board_lib.Plan, left: set[str], claimed: set[str]
  ) -> None:
    """Starts workers where tasks wait and fewer run than may."""
    if self._barren >= _MOST_STARTS:
      return
    wanted = min(self._options.workers, len(left))
    free = len(left - claimed)
    idle = len(self._jobs) - len(claimed & left)  # about to claim
    count = min(wanted - len(self._jobs), free - max(0, idle))
    if count <= 0:
      return
    workers = [
      executor.Start(f"worker-{secrets.token_hex(3)}", self._folder, plan.token)
      for _ in range(count)
    ]
    self._jobs |= self._executor.start(workers)
    self._board.write_jobs(self._jobs)

  def _end(self, plan: board_lib.Plan) -> None:
    """Ends the workers, and takes away what all shared."""
    deadline = time.monotonic() + _PATIENCE
    waiting = set(self._executor.waiting())
    self._executor.stop(waiting & self._jobs.keys())
    running = self._jobs.keys() - waiting
    while running and time.monotonic() < deadline:
      beaten = self._board.beats()
      over = self._executor.ended().keys()
      over |= {name for name, beat in beaten.items() if beat["ended"]}
      running = running - over
      time.sleep(_POLL / 4)
    self._executor.stop(self._jobs)
    failed = [task for task in plan.tasks if not self._complete(task)]
    if not failed:
      self._board.clear()
      return
    raise TasksFailedError(self._failed(failed))

  def _failed(self, tasks: Sequence[task_lib.Task]) -> str:
    """Says which tasks were given up, and why."""
    logs = dict(self._board.failures())  # the last one of each task
    lines = []
    for task in tasks:
      log = logs.get(task.name, "")
      why = self._board.failure(log).rstrip()
      lines.append(
        f"{task.name}: {len(task.problems)} problems of "
        f"{grid.Run(**task.run)}; {self._folder}/{board_lib.FAILURES}/{log} "
        f"ends in\n" + "\n".join(f"  {line}" for line in why.splitlines()[-5:])
      )
    return (
      f"{len(tasks)} task(s) failed {worker.MOST_FAILURES} times and were "
      "given up; everything else is recorded. Mend the cause and run the same "
      "command again:\n" + "\n".join(lines)
    )
