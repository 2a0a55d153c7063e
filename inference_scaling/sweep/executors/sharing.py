"""Shares a sweep out as the flags of a launcher say."""

import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import ml_collections

from inference_scaling import names
from inference_scaling.sweep.executors import options
from inference_scaling.sweep.workers import driver

_Config = ml_collections.ConfigDict | Mapping[str, Any]
_say = functools.partial(print, flush=True)


def run_sweep(
  config: _Config,
  workdir: str | pathlib.Path,
  say: Callable[[str], None] = _say,
  *,
  cache: str,
  redo_changed: bool = False,
) -> pathlib.Path:
  """Runs a sweep by workers, as `sweep.run_sweep` does in one process.

  Args:
    config: as configs/demo.py makes it.
    workdir: folder of the results, made where missing.
    say: takes lines about what is going on.
    cache: folder of compiled programs; "" for none.
    redo_changed: as `sweep.run_sweep`.

  Returns:
    The folder.

  Raises:
    OSError, ValueError, KeyboardInterrupt: as `driver.run_sweep`.
  """
  # The devices are the workers'.
  jax.config.update("jax_platforms", "cpu")
  workdir = pathlib.Path(workdir)
  logs = workdir.absolute() / driver.FOLDER / "logs"
  driver.run_sweep(
    _with_dtype(config), workdir, options.maker(logs), options.read(cache), say,
    redo_changed=redo_changed,
  )  # fmt: skip
  return workdir


def _with_dtype(config: _Config) -> _Config:
  """Refuses a dtype that each worker would choose for itself."""
  if config.get("dtype") != names.AUTO:
    return config
  raise ValueError(
    f"config.dtype is {names.AUTO!r}, the fastest of the machine at hand, but "
    "workers may run on others; expected the dtype itself. Give "
    f"--config.dtype=, one of {', '.join(names.DTYPES)}."
  )
