"""What a job of Slurm runs: a worker that begins again where it was stopped."""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import jax

from inference_scaling.sweep.workers import worker

_INTERRUPTED = 130  # what shells report for a program that Ctrl-C ended

Work = Callable[[str, str, str], Any]  # of folder, name and token


class Job:
  """A worker, as submitit calls it.

  Its records are its checkpoint. Where the time limit comes near, submitit
  calls `checkpoint` and requeues the job; after a preemption or the loss of a
  node Slurm itself does. Either way it begins with the tasks that are left.
  """

  def __init__(self, work: Work = worker.work):
    """Says what is run.

    Args:
      work: takes folder, name and token of a worker.
    """
    self._work = work

  def __call__(self, folder: str, name: str, token: str) -> None:
    """Works until no task is left.

    Args:
      folder: what is shared with the driver.
      name: of this worker.
      token: of the driver's plan.
    """
    # What scancel sends, and a preemption: the task is given back.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
      _join()
      self._work(folder, name, token)
    except KeyboardInterrupt:
      print("Stopped.", file=sys.stderr, flush=True)
      sys.exit(_INTERRUPTED)
    except worker.WorkerError as error:
      print(f"Error: {error}", file=sys.stderr, flush=True)
      sys.exit(1)

  def checkpoint(self, folder: str, name: str, token: str) -> Any:
    """The submission that goes on with this one's work."""
    from submitit import helpers

    return helpers.DelayedSubmission(self, folder, name, token)


def _join() -> None:
  """Joins the processes of a job of several nodes, one a node."""
  count = int(os.environ.get("SLURM_NTASKS", "1"))
  if count == 1:
    return
  # JAX would take one GPU a process.
  gpus = os.environ.get("SLURM_GPUS_ON_NODE", "")
  devices = list(range(int(gpus))) if gpus.isdecimal() else None
  try:
    jax.distributed.initialize(
      local_device_ids=devices, cluster_detection_method="slurm"
    )
  except RuntimeError as error:
    raise worker.WorkerError(
      f"cannot join the other {count - 1} processes of this job: {error}. "
      "Check that its nodes reach one another by their names, or give "
      "JAX_COORDINATOR_ADDRESS."
    ) from error
