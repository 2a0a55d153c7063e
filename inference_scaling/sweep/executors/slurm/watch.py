"""Tells what has become of jobs, by squeue and by files."""

import contextlib
import pathlib
from collections.abc import Callable, Iterable, Mapping

from inference_scaling.sweep.executors import local
from inference_scaling.sweep.executors.slurm import commands

_FRESH = 5.0  # seconds that an answer of squeue is good for
_WAITING = ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED")
_DONE = "COMPLETED"
_ENDS = {
  "BOOT_FAIL": "its node did not boot",
  "CANCELLED": "cancelled",
  "DEADLINE": "past its deadline",
  "FAILED": "failed",
  "NODE_FAIL": "its node is lost",
  "OUT_OF_MEMORY": "out of memory; ask for more by --executor.memory",
  "PREEMPTED": "preempted",
  "TIMEOUT": "stopped at its time limit, which --executor.time sets",
}
# Reasons to wait that pass by themselves; others are told.
_ORDINARY = (
  "None", "BeginTime", "JobArrayTaskLimit", "Priority", "Resources",
)  # fmt: skip


class Watch:
  """Watches jobs."""

  def __init__(
    self,
    logs: pathlib.Path,
    say: Callable[[str], None],
    clock: Callable[[], float],
  ):
    """Watches none yet.

    Args:
      logs: folder of submitit's files.
      say: takes a line that the user should read.
      clock: seconds.
    """
    self._logs, self._say, self._clock = logs, say, clock
    self._ids: dict[str, str] = {}  # of jobs that have not ended, by worker
    self._states: dict[str, commands.Job] = {}  # by id
    self._asked: float | None = None  # when squeue has answered, or has not
    self._silent = False  # whether it has not
    self._missing: set[str] = set()  # workers whose jobs it did not know
    self._told: set[str] = set()  # reasons to wait
    self._ended: dict[str, str] = {}

  def add(self, jobs: Mapping[str, str]) -> None:
    """Watches further jobs.

    Args:
      jobs: ids by worker.
    """
    self._ids |= jobs
    self.forget_answer()

  def ids(self, workers: Iterable[str]) -> list[str]:
    """Ids of the jobs of workers that are not known to have ended."""
    return [self._ids[name] for name in workers if name in self._ids]

  def forget_answer(self) -> None:
    """Lets squeue be asked anew, since something has been done."""
    self._asked = None

  def ended(self) -> dict[str, str]:
    """Workers whose jobs have ended, with the reason; "" for one in order."""
    self._look()
    return dict(self._ended)

  def waiting(self) -> set[str]:
    """Workers whose jobs are in the queue."""
    self._look()
    return {
      name
      for name, number in self._ids.items()
      if number in self._states and self._states[number].state in _WAITING
    }

  def _look(self) -> None:
    """Asks squeue for all jobs, unless it has just answered."""
    fresh = self._asked is not None and self._clock() - self._asked < _FRESH
    if fresh or not self._ids:
      return
    try:
      self._states = commands.jobs()
    except OSError as error:
      if not self._silent:
        self._say(f"{error}. What is known of jobs is kept until it answers.")
      self._silent = True
      return
    finally:
      self._asked = self._clock()
    self._silent = False
    unknown = {
      name for name, number in self._ids.items() if number not in self._states
    }
    gone = unknown & self._missing
    self._missing = unknown
    for name, number in list(self._ids.items()):
      why = self._why(number, gone=name in gone)
      if why is not None:
        self._ended[name] = why
        del self._ids[name]
      elif number in self._states:
        self._tell_of_waiting(number, self._states[number])

  def _why(self, number: str, *, gone: bool) -> str | None:
    """Why a job has ended; None where it has not.

    Args:
      number: its id.
      gone: whether Slurm did not know it twice in a row.
    """
    state = self._states.get(number)
    if state is None:
      # Slurm forgets jobs some minutes after their end.
      if (self._logs / f"{number}_0_result.pkl").exists():
        return ""
      if not gone:
        return None
      return self._describe(number, "Slurm knows it no more", "its node")
    if state.state == _DONE:
      return ""
    if state.state not in _ENDS:
      return None
    what = _ENDS[state.state]
    if state.reason != "None":
      what += f" ({state.reason})"
    return self._describe(number, what, state.nodes or "its node")

  def _describe(self, number: str, what: str, nodes: str) -> str:
    """Says what became of a job, with the end of its log."""
    for stream in ("err", "out"):
      log = self._logs / f"{number}_0_log.{stream}"
      with contextlib.suppress(OSError):
        if log.stat().st_size:
          return (
            f"job {number} on {nodes}: {what}; {log} ends in\n{local.tail(log)}"
          )
    return (
      f"job {number} on {nodes}: {what}, and no log of it is in {self._logs}. "
      f"If it has run, {nodes} does not see that folder: give a --workdir that "
      "all nodes share."
    )

  def _tell_of_waiting(self, number: str, job: commands.Job) -> None:
    """Says once why a job waits, if it may do so for ever."""
    reason = job.reason.partition(",")[0]  # names of nodes may follow
    if job.state not in _WAITING or reason in (*_ORDINARY, *self._told):
      return
    self._told.add(reason)
    self._say(
      f"Job {number} waits, and Slurm says why: {job.reason}. If that does not "
      "pass, stop this (Ctrl-C) and change what --executor asks for."
    )
