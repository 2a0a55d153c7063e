"""Shares a sweep out as the flags of a launcher say."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import ml_collections

from inference_scaling import names
from inference_scaling.sweep import (
  searches,
)
from inference_scaling.sweep.executors import options
from inference_scaling.sweep.executors import workdir as workdir_lib
from inference_scaling.sweep.workers import board, driver

_Config = ml_collections.ConfigDict | Mapping[str, Any]
_say = functools.partial(print, flush=True)


def run_sweep(
  config: _Config,
  workdir: workdir_lib.Workdir,
  cache: str,
  say: Callable[[str], None] = _say,
  *,
  see: searches.See = searches.see_nothing,
  redo_changed: bool = False,
) -> None:
  """Runs a sweep by workers, as `sweep.run_sweep` does in one process.

  Args:
    config: as configs/demo.py makes it.
    workdir: folder of the results.
    cache: folder of compiled programs; "" for none.
    say: takes lines about what is going on.
    see: is told of each new record and of its time.
    redo_changed: as `sweep.run_sweep`.

  Raises:
    OSError, ValueError, KeyboardInterrupt: as `driver.run_sweep`; a ValueError
      also where this process is one of several.
  """
  if jax.distributed.is_initialized():
    raise ValueError(
      "--executor and --distributed do not go together: a worker of several "
      "hosts is a job of Slurm, --executor=slurm --executor.nodes=2."
    )
  logs = workdir.path.absolute() / board.FOLDER / "logs"
  driver.run_sweep(
    _with_dtype(config), workdir.path, options.maker(logs), options.read(cache),
    say, see=see, save=workdir.save, shared=workdir.shared,
    redo_changed=redo_changed,
  )  # fmt: skip


def leave_devices() -> None:
  """Keeps this process off the devices, which are the workers'."""
  jax.config.update("jax_platforms", "cpu")


def _with_dtype(config: _Config) -> _Config:
  """Refuses a dtype that each worker would choose for itself."""
  if config.get("dtype") != names.AUTO:
    return config
  raise ValueError(
    f"config.dtype is {names.AUTO!r}, the fastest of the machine at hand, but "
    "workers may run on others; expected the dtype itself. Give "
    f"--config.dtype=, one of {', '.join(names.DTYPES)}."
  )
