"""The files that driver and workers share.

  plan.json         what is to be done; written by the driver
  driver.json       a beat of the driver
  jobs.json         what the executor knows its workers by

and, in a folder of the plan's TOKEN:

  claims/TASK       exists while a worker has the task
  records/LOG       lines of records, with what is told of their times
  failures/LOG      why a task failed
  done/TASK         exists once the task is complete
  workers/WORKER    a beat of the worker's heart, and what it does

A LOG is TASK.WORKER.START: it has one writer, however often a worker of that
name is started.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from inference_scaling import storage
from inference_scaling.sweep.workers import task as task_lib

FOLDER = "tasks"  # in that of the sweep
PLAN, JOBS, DRIVER = "plan.json", "jobs.json", "driver.json"
CLAIMS, RECORDS, FAILURES, DONE, WORKERS = (
  "claims", "records", "failures", "done", "workers",
)  # fmt: skip
_FOLDERS = (CLAIMS, RECORDS, FAILURES, DONE, WORKERS)


@dataclasses.dataclass(frozen=True)
class Plan:
  """What is to be done.

  Attributes:
    token: tells this folder from another one of the same path.
    config: of the sweep, with the dtype chosen.
    sha256: of what the sweep is: config, checkpoints, number of problems.
    began: day on which the sweep began.
    rate: planned FLOPs per second that tasks were cut by.
    seconds: that a task should last.
    directory: where the driver runs; paths of the config start from it.
    path: where the driver's Python looks for modules.
    cache: folder of compiled programs; "" for none.
    tasks: with the problems that were not recorded when this was written.
  """

  token: str
  config: Mapping[str, Any]
  sha256: str
  began: str
  rate: float
  seconds: float
  directory: str
  path: tuple[str, ...]
  cache: str
  tasks: tuple[task_lib.Task, ...]


class Board:
  """Reads and writes what driver and workers share.

  Attributes:
    store: where it is kept.
  """

  def __init__(self, store: storage.Store):
    self.store = store
    self._scope = ""

  def use(self, token: str) -> None:
    """Reads and writes, but for the plan, what is of one plan alone.

    Args:
      token: of the plan. Workers of another one, which may outlive it, write
        elsewhere.
    """
    self._scope = f"{token}/"

  def path(self, folder: str, name: str = "") -> str:
    """Name in the store of a folder, or of a file in it, of the plan in use."""
    return f"{self._scope}{folder}" + (f"/{name}" if name else "")

  def driver(self) -> dict[str, Any] | None:
    """The last beat of the driver; None where there is none."""
    return self._read(DRIVER)

  def begin_to_lead(self, beat: Mapping[str, Any]) -> bool:
    """Shows that a driver lives, unless another one has: one of many may."""
    return self.store.create(DRIVER, json.dumps(beat).encode())

  def lead(self, beat: Mapping[str, Any] | None) -> None:
    """Shows that the driver lives; None: that it has ended."""
    if beat is None:
      self.store.delete(DRIVER)
    else:
      self._write(DRIVER, beat)

  def publish(self, plan: Plan) -> None:
    """Writes the plan, and uses it."""
    self.use(plan.token)
    self._write(PLAN, dataclasses.asdict(plan))

  def plan(self) -> Plan | None:
    """Reads the plan.

    Returns:
      The plan; None where there is none, as after the sweep's end, or where it
      is one of another version of this package.
    """
    try:
      value = self._read(PLAN)
      if value is None:
        return None
      tasks = tuple(map(task_lib.parse, value.pop("tasks")))
      return Plan(**{**value, "path": tuple(value["path"]), "tasks": tasks})
    except (KeyError, TypeError, ValueError):
      return None

  def claim(self, task: str, worker: str) -> bool:
    """Takes a task, unless another worker has it: one of many gets it."""
    data = json.dumps({"worker": worker}).encode()
    return self.store.create(self.path(CLAIMS, task), data)

  def claimed(self) -> set[str]:
    """Names of the tasks that workers have."""
    return set(self.store.list(self.path(CLAIMS)))

  def claimant(self, task: str) -> str | None:
    """Name of the worker that has a task; None where none has."""
    value = self._read(self.path(CLAIMS, task))
    return None if value is None else value["worker"]

  def release(self, task: str, worker: str) -> None:
    """Gives a task back, if this worker has it still."""
    if self.claimant(task) == worker:
      self.store.delete(self.path(CLAIMS, task))

  def reopen(self, task: str) -> None:
    """Marks a task as not complete."""
    self.store.delete(self.path(DONE, task))

  def finish(self, task: str) -> None:
    """Marks a task as complete."""
    self.store.write(self.path(DONE, task), b"{}")

  def done(self) -> set[str]:
    """Names of the tasks that are complete."""
    return set(self.store.list(self.path(DONE)))

  def append(self, log: str, value: Mapping[str, Any]) -> None:
    """Adds a line to a log."""
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    self.store.append(self.path(RECORDS, log), f"{line}\n".encode())

  def logs(self) -> list[str]:
    """Names of all logs of records."""
    return self.store.list(self.path(RECORDS))

  def read_log(self, log: str, position: int = 0) -> tuple[list[Any], int]:
    """Reads what stands behind a position of a log, and the next position."""
    data, position = self.store.read_from(self.path(RECORDS, log), position)
    name = self.path(RECORDS, log)
    values = [self._parse(name, line) for line in data.splitlines() if line]
    return values, position

  def recorded(self, task: str) -> set[int]:
    """Problems of a task in logs of whichever worker."""
    return {
      line["record"]["problem"]["id"]
      for log in self.logs()
      if log.startswith(f"{task}.")
      for line in self.read_log(log)[0]
      if "record" in line
    }

  def fail(self, log: str, why: str) -> None:
    """Says why a task has failed."""
    self._write(self.path(FAILURES, log), {"why": why})

  def failures(self) -> Iterator[tuple[str, str]]:
    """Yields the name of the task and the log of each failure."""
    for log in self.store.list(self.path(FAILURES)):
      yield log.partition(".")[0], log

  def failure(self, log: str) -> str:
    """Why a task has failed."""
    value = self._read(self.path(FAILURES, log))
    return "" if value is None else value["why"]

  def forgive(self, log: str) -> None:
    """Forgets that a task has failed."""
    self.store.delete(self.path(FAILURES, log))

  def beat(self, worker: str, value: Mapping[str, Any]) -> None:
    """Shows that a worker lives, and what it does."""
    self._write(self.path(WORKERS, worker), value)

  def beats(self) -> dict[str, dict[str, Any]]:
    """The last beat of each worker, by its name."""
    beats = {
      name: self._read(self.path(WORKERS, name)) for name in self.workers()
    }
    return {name: beat for name, beat in beats.items() if beat is not None}

  def workers(self) -> list[str]:
    """Names of all workers that have begun."""
    return self.store.list(self.path(WORKERS))

  def jobs(self) -> dict[str, Any]:
    """What a driver knows its workers by, and whose they are."""
    return self._read(JOBS) or {}

  def write_jobs(self, jobs: Mapping[str, Any]) -> None:
    """Writes what a driver knows its workers by, and whose they are."""
    self._write(JOBS, jobs)

  def clear(self) -> None:
    """Takes everything away, the plan first: workers then end."""
    for name in (PLAN, JOBS):
      self.store.delete(name)
    for folder in _FOLDERS:
      for name in self.store.list(self.path(folder)):
        self.store.delete(self.path(folder, name))

  def _write(self, name: str, value: Mapping[str, Any]) -> None:
    self.store.write(name, json.dumps(value, ensure_ascii=False).encode())

  def _read(self, name: str) -> Any:
    data = self.store.read(name)
    return None if data is None else self._parse(name, data)

  def _parse(self, name: str, data: bytes) -> dict[str, Any]:
    try:
      value = json.loads(data)
      if isinstance(value, dict):
        return value
      why = f"it is a {type(value).__name__}"
    except ValueError as error:
      why = str(error)
    raise ValueError(
      f"{self.store.url}/{name} is no JSON object ({why}); drivers and workers "
      "write it, and nobody else should. Delete it and run the same command "
      "again."
    )


def digest(content: Mapping[str, Any], problems: Sequence[Any]) -> str:
  """Digest of what a sweep is, which driver and workers compare.

  Args:
    content: of `Prepared.content`.
    problems: of the sweep, dataclasses.

  Returns:
    The SHA-256 digest.
  """
  what = [content, [dataclasses.asdict(problem) for problem in problems]]
  text = json.dumps(what, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()
