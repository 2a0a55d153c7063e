"""The most memory that a task holds."""

import ctypes
import gc
import pathlib

import jax

from inference_scaling.benchmark import timing

_PROCESS = pathlib.Path("/proc/self")


def most(task: timing.Task) -> int | None:
  """Runs a task that has run before, and says what it held at most.

  A device counts itself. On a CPU it is what arrays held before, such as
  weights, and what the process grew by: neither libraries nor what loading and
  compiling took are in it, nor what it holds on to without need.

  Args:
    task: what to run.

  Returns:
    Bytes; None where the device does not tell, and on a CPU where the system
    does not, as only Linux does.
  """
  if jax.default_backend() == "cpu":
    return _most_of_process(task)
  jax.block_until_ready(task())
  found = jax.local_devices()[0].memory_stats() or {}
  return found.get("peak_bytes_in_use")


def _most_of_process(task: timing.Task) -> int | None:
  gc.collect()
  _give_back()
  arrays = sum(array.nbytes for array in jax.live_arrays())
  try:
    (_PROCESS / "clear_refs").write_text("5")  # the peak is now what is held
  except OSError:  # another system, or one that does not let us
    return None
  before = _status("VmHWM")
  jax.block_until_ready(task())
  return arrays + _status("VmHWM") - before


def _give_back() -> None:
  """Has the C library return what it keeps for later, or growth is hidden."""
  trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
  if trim is not None:
    trim(0)


def _status(field: str) -> int:
  """A size that the system tells of this process, in bytes."""
  for line in (_PROCESS / "status").read_text().splitlines():
    name, _, value = line.partition(":")
    if name == field:
      return int(value.split()[0]) * 1024
  raise ValueError(f"{_PROCESS / 'status'} has no line {field}.")
