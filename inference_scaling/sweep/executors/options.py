"""Flags of whatever starts workers, and what is made of them."""

import pathlib
from collections.abc import Callable, Mapping

from absl import flags

from inference_scaling.sweep import prepared as prepared_lib
from inference_scaling.sweep.executors import local
from inference_scaling.sweep.workers import driver, executor, planning

LOCAL, SLURM, RAY = "local", "slurm", "ray"
# Of a worker, in the units of `task.planned_flops`, before any was measured; a
# driver measures them within a minute, and cuts tasks anew.
_RATE, _GPU_RATE = 1e10, 1e13

_EXECUTOR = flags.DEFINE_enum(
  "executor", None, (LOCAL, SLURM, RAY),
  "Share the sweep out among workers: processes of this machine, jobs of "
  "Slurm, or actors of Ray. By default this process does all.",
)  # fmt: skip
_WORKERS = flags.DEFINE_integer(
  "workers", 1, "How many workers run at once, with --executor.", lower_bound=1
)
_TASK_MINUTES = flags.DEFINE_float(
  "task_minutes", 10.0,
  "How long a task should last: what a lost worker may have to do again, and "
  "what others can take over.",
)  # fmt: skip
_OPTIONS: Mapping[str, tuple[tuple[str, ...], str]] = {
  "partition": ((SLURM,), "Partition."),
  "time": ((SLURM,), "Limit of a worker's job: minutes, or HH:MM:SS."),
  "qos": ((SLURM,), "Quality of service."),
  "account": ((SLURM,), "Account."),
  "constraint": ((SLURM,), "Features that nodes must have."),
  "nodes": ((SLURM,), "Nodes of one worker, which are one JAX program."),
  "cpus": ((SLURM, RAY), "Cores of a worker."),
  "gpus": ((SLURM, RAY), "GPUs of a worker; of each of its nodes in Slurm."),
  "memory": ((SLURM, RAY), "Memory of a worker in GiB."),
  "address": (
    (RAY,),
    "Address of the cluster; by default one starts here.",
  ),
  "resources": ((RAY,), "Further resources of a worker, as in TPU=4."),
}
_OWN = {
  name: flags.DEFINE_string(
    f"executor.{name}", None, f"{text} ({', '.join(whose)})"
  )
  for name, (whose, text) in _OPTIONS.items()
}
FLAGS = (_EXECUTOR, _WORKERS, _TASK_MINUTES, *_OWN.values())


def is_shared() -> bool:
  """Whether the sweep is to be shared out.

  Raises:
    ValueError: for flags of workers without --executor.
  """
  given = [flag for flag in (*_OWN.values(), _WORKERS, _TASK_MINUTES)
           if flag.present]  # fmt: skip
  if _EXECUTOR.value is None and given:
    raise ValueError(
      f"--{given[0].name} is of no use without --executor. Give "
      "--executor=local, slurm or ray."
    )
  return _EXECUTOR.value is not None


def read(cache: str) -> driver.Options:
  """Reads how the sweep is to be shared out.

  Args:
    cache: folder of compiled programs; "" for none.

  Returns:
    The options.

  Raises:
    ValueError: on a time that is none.
  """
  minutes = _TASK_MINUTES.value
  if not minutes > 0:
    raise ValueError(
      f"--task_minutes is {minutes}; expected a number above 0, such as 10."
    )
  return driver.Options(
    workers=_WORKERS.value,
    cutting=planning.Cutting(
      task_seconds=60 * minutes,
      rate=_GPU_RATE if _OWN["gpus"].value not in (None, "0") else _RATE,
      cache=cache,
    ),
  )


def maker(
  logs: pathlib.Path,
) -> Callable[[prepared_lib.Prepared], executor.Executor]:
  """Makes what starts workers, once the sweep is known.

  Args:
    logs: folder of what workers print.

  Returns:
    A function of the sweep.

  Raises:
    ValueError: on an option that is another executor's.
  """
  kind = _EXECUTOR.value
  options = {
    name: flag.value for name, flag in _OWN.items() if flag.value is not None
  }
  for name in options:
    whose, _ = _OPTIONS[name]
    if kind not in whose:
      mine = [key for key, (kinds, _) in _OPTIONS.items() if kind in kinds]
      raise ValueError(
        f"--executor.{name} is an option of {' and '.join(whose)}, but "
        f"--executor is {kind}, which has {', '.join(mine) or 'none'}. Leave "
        "it out."
      )

  def make(prepared: prepared_lib.Prepared) -> executor.Executor:
    mesh = prepared.sweep.mesh
    if kind == LOCAL:
      return local.Local(_WORKERS.value, mesh.data * mesh.model, logs)
    if kind == SLURM:
      from inference_scaling.sweep.executors import slurm

      return slurm.Slurm(options, logs)
    from inference_scaling.sweep.executors import ray_actors

    return ray_actors.Ray(options)

  return make
