"""Runs a sweep by workers: starts them, watches them, collects their records.

Killing the driver changes nothing: workers go on, and the same command finds
them by the files that they share. A worker is lost when its heart has not
beaten for a minute; its task is then free for another. Whatever two workers
record of one problem is the same, and taken once.
"""

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import ml_collections

from inference_scaling import storage
from inference_scaling.spec import grid
from inference_scaling.sweep import prepared as prepared_lib
from inference_scaling.sweep import (
  searches,
)
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep.progress import banner
from inference_scaling.sweep.records import opening, recorded, votes
from inference_scaling.sweep.workers import (
  beats,
  collecting,
  executor,
  failures,
  lock,
  planning,
  progress,
)
from inference_scaling.sweep.workers import board as board_lib
from inference_scaling.sweep.workers import crew as crew_lib
from inference_scaling.sweep.workers import task as task_lib

_POLL = 1.0  # seconds between two looks


@dataclasses.dataclass(frozen=True)
class Options:
  """How a sweep is shared out.

  Attributes:
    workers: that run at once, at most.
    cutting: how it is cut into tasks.
    lost_after: seconds without a beat after which a worker is lost.
  """

  workers: int
  cutting: planning.Cutting
  lost_after: float = beats.LOST_AFTER


class TasksFailedError(OSError):
  """Some tasks were given up; the message says which, and why."""


def run_sweep(
  config: ml_collections.ConfigDict | Mapping[str, Any],
  workdir: pathlib.Path,
  make_executor: Callable[[prepared_lib.Prepared], executor.Executor],
  options: Options,
  say: Callable[[str], None],
  *,
  see: searches.See = searches.see_nothing,
  save: Callable[[], None] = lambda: None,
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
    save: makes sure of the folder, before what workers hold of it is deleted.
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
  folder = shared or str(workdir / board_lib.FOLDER)
  board = board_lib.Board(storage.open_store(folder))
  with contextlib.ExitStack() as stack:
    stack.enter_context(lock.Lock(board, say))
    trusted = collecting.collect_before(board, workdir)
    opened = opening.open_folder(
      workdir, prepared.sweep, prepared.content(), prepared.problems, say,
      stack, redo_changed=redo_changed,
    )  # fmt: skip
    driver = _Driver(
      prepared, opened, board, folder, starts, options, say, see, save
    )
    try:
      driver.run(trusted and bool(opened.rows))
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
    see: searches.See,
    save: Callable[[], None],
  ):
    self._prepared, self._opened = prepared, opened
    self._board = board
    self._executor, self._say, self._user_see = starts, say, see
    self._save = save
    self._planner = planning.Planner(prepared, opened, options.cutting)
    self._failures = failures.Failures(board, folder, say)
    self._crew = crew_lib.Crew(
      self._board, starts, folder, options.workers, options.lost_after, say
    )
    self._planned = {
      run: task_lib.planned_flops(prepared, run) for run in prepared.runs
    }
    aggregations = settings_lib.aggregations(prepared.sweep)
    self._progress = progress.Progress(
      self._planned,
      len(prepared.problems),
      votes.shown(aggregations),
      say,
    )
    self._collector = collecting.Collector(
      self._board,
      opened.records,
      opened.timings,
      recorded.renewer(prepared.problems, aggregations),
      self._see,
      say,
    )
    # Whether what workers record is of this sweep, and not of another plan's.
    self._trusted = False
    self._done: set[str] = set()  # names of tasks
    self._flops = self._seconds = 0.0  # planned, and measured, of new records

  def run(self, trusted: bool) -> None:
    """Runs the sweep to its end.

    Args:
      trusted: whether what workers of an earlier plan record is of this sweep,
        which then only adds to theirs.
    """
    done = recorded.to_done(self._opened.rows)
    opening.tell_foreign(done, self._prepared.runs, self._say)
    if self._opened.rows:
      count = len(self._opened.rows)
      self._say(f"Going on: {count} records are there already.")
    for run, outcomes in done.items():
      for right in outcomes.values():
        self._progress.before(run, right)
    plan = self._plan(trusted)
    with self._progress:
      while (changed := self._step(plan)) is not None:
        plan = changed
        time.sleep(_POLL)
    self._crew.end()
    self._check(plan)
    self._clear()

  def _clear(self) -> None:
    """Takes away what all shared, once all is recorded and safe."""
    if self._trusted:
      self._collector.collect()
    self._save()
    self._board.clear()

  def interrupted(self) -> str:
    """What is said after Ctrl-C; ends workers that end with the driver."""
    going = ""
    if not self._executor.detached:
      self._crew.stop()
    elif len(self._crew):
      going = f"{len(self._crew)} workers go on without this driver; "
    self._collector.read_again()
    if self._trusted:
      self._collector.collect()
    count = self._opened.records.recount()
    return (
      f"Interrupted. {count} records in {self._opened.records.path} are safe; "
      f"{going}run the same command again and it goes on from there."
    )

  def _see(self, record: Mapping[str, Any], timing: Mapping[str, Any]) -> None:
    self._progress.see(record)
    self._user_see(record, timing)
    self._seconds += timing["machine_seconds"]
    self._flops += self._planned.get(grid.Run(**record["run"]), 0.0)

  def _plan(self, trusted: bool) -> board_lib.Plan:
    """Goes on with the plan of an earlier driver, or makes one."""
    plan = self._board.plan()
    if plan is not None:
      self._board.use(plan.token)
    goes_on = plan is not None and self._planner.goes_on(plan)
    self._trusted = trusted or goes_on
    self._crew.attach()
    if plan is None or not goes_on:
      self._crew.dismiss()
      self._clear()
      plan = self._planner.make(self._collector.recorded)
    else:
      self._collector.collect()
    plan = self._planner.adopt(plan)
    for _, log in list(self._board.failures()):  # their tasks are tried anew
      self._board.forgive(log)
    self._board.publish(plan)
    self._trusted = True
    return plan

  def _step(self, plan: board_lib.Plan) -> board_lib.Plan | None:
    """Looks once at everything; the plan as it is then, None at its end."""
    gone = self._crew.miss()
    marked = self._board.done()
    self._collector.collect(self._done)
    self._crew.report(gone)
    failed, claimed = self._failures.given_up(), self._board.claimed()
    done = {task.name for task in plan.tasks if self._complete(task)}
    for name in marked - done:  # of which records are gone, whatever took them
      self._board.reopen(name)
    # Some may be done whose last records are collected at the next look.
    kept = claimed | done | failed | self._board.done()
    plan, self._done = self._cut_anew(plan, kept), done
    names = {task.name for task in plan.tasks}
    left = names - done - failed
    self._progress.show(
      len(done), len(failed - done), len(claimed & left), len(names)
    )
    if not left:
      return None
    self._crew.start(plan.token, left, claimed)
    return plan

  def _cut_anew(self, plan: board_lib.Plan, kept: set[str]) -> board_lib.Plan:
    """Publishes other tasks, where the first ones turn out long or short."""
    rate = self._flops / self._seconds if self._seconds else plan.rate
    changed = self._planner.anew(
      plan, rate, self._seconds, self._collector.recorded, kept
    )
    if changed is not plan:
      self._board.publish(changed)
    return changed

  def _complete(self, task: task_lib.Task) -> bool:
    run = grid.Run(**task.run)
    return all((run, i) in self._collector.recorded for i in task.problems)

  def _check(self, plan: board_lib.Plan) -> None:
    """Raises a TasksFailedError if tasks were given up."""
    self._collector.collect()
    failed = [task for task in plan.tasks if not self._complete(task)]
    if failed:
      raise TasksFailedError(self._failures.explain(failed))
