"""The workers of a driver: starts them, and misses those that are gone."""

import secrets
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from inference_scaling.sweep.workers import (
  beats,
  executor,
)
from inference_scaling.sweep.workers import board as board_lib

_MOST_BARREN = 3  # workers in a row that end and record nothing
_PATIENCE = 15.0  # seconds that workers have to end once all is done
_POLL = 0.25  # seconds between two looks in that time


class Crew:
  """Workers that are started, or waited for, and not known to have ended."""

  def __init__(
    self,
    board: board_lib.Board,
    starts: executor.Executor,
    folder: str,
    most: int,
    lost_after: float,
    say: Callable[[str], None],
  ):
    """Makes a crew of none.

    Args:
      board: what is shared with the workers.
      starts: starts them.
      folder: where the board is, as they open it.
      most: that run at once.
      lost_after: seconds without a beat after which one is lost.
      say: takes a line for each that ended for a reason.
    """
    self._board, self._executor, self._folder = board, starts, folder
    self._most, self._lost_after, self._say = most, lost_after, say
    self._watch = beats.Watch(say, lost_after)
    self._jobs: dict[str, str] = {}
    self._started: set[str] = set()  # by this driver
    self._lost: set[str] = set()  # those of whom it was told
    self._charged: set[str] = set()  # those that a task has ended
    self._barren = 0

  def __len__(self) -> int:
    return len(self._jobs)

  def attach(self) -> None:
    """Takes over the workers of an earlier driver."""
    told = self._board.jobs()
    if not told.get("jobs") or told["folder"] != self._folder:
      return  # none, or those of the folder that this is a copy of
    if told["executor"] != self._executor.name:
      raise OSError(
        f"{len(told['jobs'])} worker(s) of --executor={told['executor']} have "
        f"this folder, or had it when their driver was killed. Give "
        f"--executor={told['executor']}, which finds them; or, once they have "
        f"ended, delete {self._folder}/{board_lib.JOBS}."
      )
    self._jobs = dict(told["jobs"])
    self._executor.attach(self._jobs)

  def start(self, token: str, left: set[str], claimed: set[str]) -> None:
    """Starts workers where tasks wait and fewer run than may.

    Args:
      token: of the plan.
      left: names of the tasks that are not complete.
      claimed: names of those that workers have.
    """
    if self._barren >= _MOST_BARREN:
      return
    # A task may have a worker that is none of these, but will be missed.
    count = min(min(self._most, len(left)) - len(self), len(left - claimed))
    if count <= 0:
      return
    workers = [
      executor.Start(f"worker-{secrets.token_hex(3)}", self._folder, token)
      for _ in range(count)
    ]
    jobs = self._executor.start(workers)
    self._started |= jobs.keys()
    self._jobs |= jobs
    self._write_jobs()

  def miss(self) -> dict[str, str]:
    """Frees the tasks of workers that have ended or are lost.

    Returns:
      Their names, with the reasons; "" for an end in order.
    """
    seen = self._board.beats()
    self._watch.look(seen)
    gone = self._gone(seen)
    # One that is lost may have claimed a task since.
    if missing := gone.keys() | self._lost:
      for task in self._board.claimed():
        claimant = self._board.claimant(task)
        if claimant in missing:
          self._charge(task, claimant, gone.get(claimant, ""), seen)
          self._board.release(task, claimant)
    # A scheduler starts again what it has put back into its queue.
    left = self._jobs.keys() - self._executor.waiting()
    mine = {name: why for name, why in gone.items() if name in left}
    if mine:
      for name in mine:
        del self._jobs[name]
      self._write_jobs()
    return mine

  def report(self, gone: Mapping[str, str]) -> None:
    """Says why workers are missing, and counts those that did nothing.

    Args:
      gone: of `miss`.

    Raises:
      OSError: if several in a row did nothing and none is left.
    """
    for name, why in gone.items():
      if why:
        self._say(f"Worker {name} ended: {why}")
      if name in self._charged:
        continue
      did = not why or self._recorded(f".{name}.")
      self._barren = 0 if did else self._barren + 1
      if self._barren < _MOST_BARREN:
        continue
      what = f"{self._barren} workers in a row ended and recorded nothing"
      if not self._jobs:
        raise OSError(
          f"{what}; the last one, {name}: {why}\nMend this and run the same "
          "command again: it goes on where it stopped."
        )
      self._say(f"{what}: no more are started; {len(self)} go on.")

  def _write_jobs(self) -> None:
    """Lets another driver find the workers."""
    self._board.write_jobs(
      {
        "executor": self._executor.name,
        "folder": self._folder,
        "jobs": self._jobs,
      }
    )

  def stop(self) -> None:
    """Ends all workers; those that say that they end, too."""
    self._executor.stop(self._started | self._jobs.keys())

  def end(self) -> None:
    """Lets workers end once all is done, and ends those that do not."""
    deadline = time.monotonic() + _PATIENCE
    waiting = self._executor.waiting() & self._jobs.keys()
    self._executor.stop(waiting)
    running = self._jobs.keys() - waiting
    while running and time.monotonic() < deadline:
      over: Collection[str] = self._executor.ended().keys()
      running -= {*over, *self._ended(self._board.beats())}
      time.sleep(_POLL)
    self.stop()

  def dismiss(self) -> None:
    """Ends all workers, and forgets them: their plan is of no use."""
    self.stop()
    self._jobs = {}
    self._started = set()

  def _charge(
    self,
    task: str,
    worker: str,
    why: str,
    seen: Mapping[str, Mapping[str, Any]],
  ) -> None:
    """Takes the end of a worker for a failure of the task, if it may be one.

    It may where the worker searched the task, recorded none of it and was ended
    from outside, as for want of memory; a host that is lost is no task's fault.
    """
    searched = worker in seen and seen[worker]["task"] == task
    if not (why and searched) or worker in self._lost:
      return
    if self._recorded(f"{task}.{worker}."):
      return
    self._charged.add(worker)
    first = why.splitlines()[0]
    self._board.fail(
      f"{task}.{worker}.{secrets.token_hex(4)}",
      f"{why}\nThe worker that searched this ended: {first}",
    )

  def _recorded(self, part: str) -> bool:
    """Whether a log with this in its name has a record."""
    return any(
      "record" in line
      for log in self._board.logs()
      if part in log
      for line in self._board.read_log(log)[0]
    )

  def _gone(self, seen: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Workers that have ended or are lost, with the reasons."""
    gone = {
      name: why
      for name, why in self._executor.ended().items()
      if name in self._jobs
    }
    gone |= self._ended(seen)
    # A scheduler may have started again what was missed before: all that beat.
    for name in self._watch.lost(seen.keys() - gone.keys() - self._lost):
      self._lost.add(name)
      gone[name] = (
        f"not heard of for {self._lost_after:.0f} s; {seen[name]['host']}, or "
        "its network, is taken for lost"
      )
      self._executor.stop({name} & self._jobs.keys() - self._executor.waiting())
    self._lost -= self._watch.alive(self._lost)
    return gone

  def _ended(self, seen: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Workers that said in their last beat that they end."""
    return {name: beat["why"] for name, beat in seen.items() if beat["ended"]}
