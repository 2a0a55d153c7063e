"""What a worker's job asks of Slurm: options in, parameters of sbatch out."""

import math
import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from typing import Any

from inference_scaling import runtime

MINUTES = 60  # limit of a job that has none: it is short, and starts again
_TIME = re.compile(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d\d)")  # D-HH:MM:SS
_MIB = 1024  # in a GiB
_NOTICE = 90  # seconds before its limit at which a job begins anew


def read(options: Mapping[str, str]) -> dict[str, Any]:
  """Reads options.

  Args:
    options: texts by name; `partition`, `qos`, `account` and `constraint` as
      sbatch takes them; of each worker `nodes`, and of each node `cpus`, `gpus`
      and `memory` in GiB; `time`, in minutes or as [D-]HH:MM:SS;
      `array_parallelism`, jobs of an array that run at once.

  Returns:
    Parameters, by submitit's names.

  Raises:
    ValueError: on an option that is none, or has no such value.
  """
  unknown = sorted(set(options) - set(_READERS))
  if unknown:
    raise ValueError(
      f"--executor.{unknown[0]} is no option of workers of Slurm; expected one "
      f"of {', '.join(_READERS)}. Others are given to sbatch by its variables, "
      "such as SBATCH_RESERVATION."
    )
  parameters: dict[str, Any] = {"time": MINUTES, "nodes": 1}
  for name, value in options.items():
    key, reader = _READERS[name]
    parameters[key] = reader(name, value)
  return parameters


def complete(parameters: Mapping[str, Any]) -> dict[str, Any]:
  """Adds what every job has.

  Args:
    parameters: of `read`.

  Returns:
    Parameters, by submitit's names.
  """
  path = os.pathsep.join(os.path.abspath(p) for p in sys.path if p)
  setup = [f"export PYTHONPATH={shlex.quote(path)}"]
  # One process fails: the others would wait for it.
  srun = ["--kill-on-bad-exit=1"]
  cpus = parameters.get("cpus_per_task")
  if cpus is not None:
    # Since 22.05 srun does not take it from sbatch, and would bind to one core.
    srun.append(f"--cpus-per-task={cpus}")
    # JAX has as many threads, where Slurm binds to no cores.
    threads = runtime.threads(cpus).items()
    setup.append("export " + " ".join(f"{name}={n}" for name, n in threads))
  return {
    **parameters,
    "job_name": "inference_scaling",
    "signal_delay_s": min(_NOTICE, 15 * parameters["time"]),
    "ntasks_per_node": 1,
    "setup": setup,
    "srun_args": srun,
    # After a lost node or a preemption, whatever is the rule of the site.
    "additional_parameters": {"requeue": True},
  }


def parse_time(text: str) -> int | None:
  """Reads a time as Slurm writes it.

  Args:
    text: minutes, MM:SS, HH:MM:SS or D-HH:MM:SS.

  Returns:
    Minutes, rounded up; None for anything else.
  """
  if text.isdecimal():
    return int(text)
  match = _TIME.fullmatch(text)
  if match is None:
    return None
  days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
  return (days * 24 + hours) * 60 + minutes + (seconds > 0)


def _text(name: str, value: str) -> str:
  if not value.strip():
    raise ValueError(
      f"--executor.{name} is empty. Give a name, or leave it out."
    )
  return value


def _time(name: str, value: str) -> int:
  minutes = parse_time(value)
  # Slurm takes 1:30 for a minute and a half, and people for more.
  if not minutes or value.count(":") == 1:
    raise ValueError(
      f"--executor.{name} is {value!r}; expected minutes, or [D-]HH:MM:SS, "
      "such as 90 or 01:30:00."
    )
  return minutes


def _whole(name: str, value: str) -> int:
  if not value.isdecimal() or int(value) < 1:
    raise ValueError(
      f"--executor.{name} is {value!r}; expected a whole number of at least 1."
    )
  return int(value)


def _memory(name: str, value: str) -> str:
  try:
    gib = float(value)
  except ValueError:
    gib = math.nan
  if not 0 < gib < math.inf:
    raise ValueError(
      f"--executor.{name} is {value!r}; expected a number of GiB, such as 16."
    )
  return f"{math.ceil(gib * _MIB)}M"


_READERS: Mapping[str, tuple[str, Callable[[str, str], Any]]] = {
  "partition": ("partition", _text),
  "time": ("time", _time),
  "qos": ("qos", _text),
  "account": ("account", _text),
  "constraint": ("constraint", _text),
  "nodes": ("nodes", _whole),
  "cpus": ("cpus_per_task", _whole),
  "gpus": ("gpus_per_node", _whole),
  "memory": ("mem", _memory),
  "array_parallelism": ("array_parallelism", _whole),
}
