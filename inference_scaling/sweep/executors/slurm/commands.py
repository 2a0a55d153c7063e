"""What is asked of Slurm's own programs."""

import dataclasses
import os
import subprocess
from collections.abc import Iterable

from inference_scaling.sweep.executors.slurm import parameters

_PATIENCE = 20.0  # seconds until a program must answer


@dataclasses.dataclass(frozen=True)
class Partition:
  """A partition.

  Attributes:
    name: of it.
    default: whether it takes jobs that name none.
    minutes: limit of its jobs; None for none.
  """

  name: str
  default: bool
  minutes: int | None


@dataclasses.dataclass(frozen=True)
class Job:
  """What squeue says of a job.

  Attributes:
    state: such as PENDING.
    reason: of the state; "None" for none.
    nodes: where it runs or ran; "" before.
  """

  state: str
  reason: str
  nodes: str


def partitions() -> list[Partition]:
  """Asks for all partitions.

  Raises:
    OSError: if Slurm does not answer.
  """
  by_line = {}
  for line in _run("sinfo", "--noheader", "--all", "--format=%P|%l"):
    name, limit = line.split("|")
    by_line[name] = Partition(
      name.removesuffix("*"), name.endswith("*"), parameters.parse_time(limit)
    )
  return list(by_line.values())


def jobs() -> dict[str, Job]:
  """Asks for all jobs of this user, those that have just ended included.

  Returns:
    By the job's id; 12_3 for those of arrays.

  Raises:
    OSError: if Slurm does not answer.
  """
  lines = _run(
    "squeue", "--noheader", "--array", "--states=all",
    f"--user={os.getuid()}", "--format=%i|%T|%N|%r",
  )  # fmt: skip
  by_id = {}
  for line in lines:
    name, state, nodes, reason = line.split("|", 3)
    by_id[name] = Job(state, reason, nodes)
  return by_id


def cancel(ids: Iterable[str]) -> None:
  """Ends jobs; those that have ended are left alone.

  Raises:
    OSError: if Slurm does not answer.
  """
  ids = list(ids)
  if ids:
    _run("scancel", "--quiet", *ids)


def _run(*command: str) -> list[str]:
  """Runs a program; the lines that it prints."""
  try:
    done = subprocess.run(
      command, capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
  except FileNotFoundError as error:
    raise OSError(
      f"no {command[0]} on PATH, a program of Slurm. Start this on a login "
      "node of the cluster."
    ) from error
  except subprocess.TimeoutExpired as error:
    raise OSError(
      f"{command[0]} has not answered for {_PATIENCE:.0f} s: Slurm's "
      "controller is busy or down. Try again later."
    ) from error
  if done.returncode != 0:
    last = done.stderr.strip().splitlines()[-1:] or ["nothing is said"]
    raise OSError(f"{command[0]} failed: {last[0]}")
  return done.stdout.splitlines()
