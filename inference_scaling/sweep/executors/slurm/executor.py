"""Starts workers as jobs of Slurm."""

import contextlib
import importlib.util
import io
import os
import pathlib
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from inference_scaling.sweep.executors.slurm import (
  commands,
  job,
  parameters,
  watch,
)
from inference_scaling.sweep.workers import executor

_PROGRAMS = ("sbatch", "srun", "squeue", "scancel", "sinfo")
_MOST_TIMEOUTS = 1000  # times that a job may reach its limit and begin again
_JOB = "SLURM_JOB_ID"  # is set in a job
_CONF = "SLURM_CONF"  # tells programs of Slurm where it is
_OF_A_JOB = ("SLURM_", "SLURMD_", "SRUN_", "SUBMITIT_")


class Slurm(executor.Executor):
  """One job a worker; several that start together are an array.

  Of a worker of several nodes each has one process, all of them one JAX
  program.
  """

  name = "slurm"
  detached = True

  def __init__(
    self,
    options: Mapping[str, str],
    logs: pathlib.Path,
    work: job.Work | None = None,
    say: Callable[[str], None] = print,
    clock: Callable[[], float] = time.monotonic,
  ):
    """Reads the options.

    Args:
      options: of `parameters.read`.
      logs: folder of submitit's files, what workers print included; all nodes
        must see it.
      work: what a job runs; None for a worker of a sweep.
      say: takes a line that the user should read.
      clock: seconds.

    Raises:
      ValueError: on an option that is none, or has no such value.
    """
    self._parameters = parameters.read(options)
    self._timed = "time" in options
    self._logs, self._say = logs.absolute(), say
    self._job = job.Job() if work is None else job.Job(work)
    self._watch = watch.Watch(self._logs, say, clock)

  def check(self) -> None:
    """Looks for Slurm, submitit and the partition.

    Raises:
      OSError: if Slurm or submitit is missing, or Slurm does not answer.
      ValueError: if no such partition exists, or its limit is below `time`.
    """
    for program in _PROGRAMS:
      if shutil.which(program) is None:
        raise OSError(
          f"--executor is slurm, but {program} is not on PATH. Start this on a "
          "login node of the cluster, or give --executor=local."
        )
    if importlib.util.find_spec("submitit") is None:
      raise OSError(
        "Workers of Slurm need the package submitit, which is not installed: "
        'pip install "inference_scaling[slurm]"'
      )
    limits = [partition.minutes for partition in self._partitions()]
    limit = min((limit for limit in limits if limit is not None), default=None)
    minutes = self._parameters["time"]
    if limit is None or minutes <= limit:
      return
    if self._timed:
      raise ValueError(
        f"--executor.time is {minutes} minutes, but the partition's limit is "
        f"{limit}. A worker that reaches its limit begins again where it was: "
        f"give {limit} or less."
      )
    self._parameters["time"] = limit

  def start(self, workers: Sequence[executor.Start]) -> dict[str, str]:
    """Submits jobs; the id of each, by its worker."""
    import submitit
    from submitit.core import utils

    starts = submitit.SlurmExecutor(self._logs, max_num_timeout=_MOST_TIMEOUTS)
    starts.update_parameters(**parameters.complete(self._parameters))
    names = [worker.name for worker in workers]
    try:
      # What sbatch says is printed by submitit, too.
      with _outside_of_jobs(), contextlib.redirect_stderr(io.StringIO()):
        jobs = starts.map_array(
          self._job,
          [worker.folder for worker in workers],
          names,
          [worker.token for worker in workers],
        )
    except (utils.FailedJobError, utils.FailedSubmissionError) as error:
      raise OSError(
        f"Slurm takes no job of a worker: {str(error).strip()}\nChange what "
        "--executor asks for; `sinfo` and `scontrol show partition` tell what "
        "exists."
      ) from error
    ids = dict(zip(names, (one.job_id for one in jobs), strict=True))
    self.attach(ids)
    return ids

  def attach(self, jobs: Mapping[str, str]) -> None:
    """Watches jobs that another driver has submitted."""
    self._watch.add(jobs)

  def ended(self) -> dict[str, str]:
    """Jobs that have ended, or that Slurm does not know."""
    return self._watch.ended()

  def waiting(self) -> set[str]:
    """Jobs that are in the queue, those that are to begin again included."""
    return self._watch.waiting()

  def stop(self, names: Iterable[str]) -> None:
    """Cancels jobs."""
    ids = self._watch.ids(names)
    try:
      commands.cancel(ids)
    except OSError as error:
      self._say(
        f"{error}. These jobs may still run: end them by "
        f"`scancel {' '.join(ids)}`."
      )
    self._watch.forget_answer()

  def _partitions(self) -> list[commands.Partition]:
    """Those that a job may run in."""
    every = commands.partitions()
    names = ", ".join(partition.name for partition in every)
    wanted = self._parameters.get(
      "partition", os.environ.get("SBATCH_PARTITION")
    )
    if wanted is None:
      default = [partition for partition in every if partition.default]
      if not default:
        raise ValueError(
          "Slurm has no default partition here. Give --executor.partition=, "
          f"one of {names}."
        )
      return default
    by_name = {partition.name: partition for partition in every}
    for name in wanted.split(","):
      if name not in by_name:
        raise ValueError(
          f"--executor.partition is {name!r}, which does not exist; expected "
          f"one of {names}."
        )
    return [by_name[name] for name in wanted.split(",")]


@contextlib.contextmanager
def _outside_of_jobs() -> Iterator[None]:
  """Hides that the driver is in a job: its size would be that of workers."""
  if _JOB not in os.environ:
    yield
    return
  hidden = {
    name: os.environ.pop(name)
    for name in list(os.environ)
    if name.startswith(_OF_A_JOB) and name != _CONF
  }
  try:
    yield
  finally:
    os.environ.update(hidden)
