"""The peak memory of a task."""

import ctypes
import gc
import pathlib

import jax

from inference_scaling.benchmark import timing

_PROCESS = pathlib.Path("/proc/self")


def measure(task: timing.Task) -> int | None:
  """Runs a task that has run before, and measures its peak memory.

  A device counts it. On a CPU it is the size of the arrays before, such as
  weights, plus the growth of the process: without libraries, loading and
  compiling, and without memory that the C library keeps for later.

  Args:
    task: what to run.

  Returns:
    Bytes; None where the device does not count it, and on a CPU where the
    system does not: only Linux does.
  """
  if jax.default_backend() == "cpu":
    return _measure_process(task)
  jax.block_until_ready(task())
  stats = jax.local_devices()[0].memory_stats() or {}
  return stats.get("peak_bytes_in_use")


def _measure_process(task: timing.Task) -> int | None:
  gc.collect()
  _give_back()
  arrays = sum(array.nbytes for array in jax.live_arrays())
  try:
    (_PROCESS / "clear_refs").write_text("5")  # resets the peak
  except OSError:  # another system, or no permission
    return None
  before = _status("VmHWM")
  jax.block_until_ready(task())
  return arrays + _status("VmHWM") - before


def _give_back() -> None:
  """Makes the C library return memory it keeps, which would hide growth."""
  trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
  if trim is not None:
    trim(0)


def _status(field: str) -> int:
  """A size in the status of this process, in bytes."""
  for line in (_PROCESS / "status").read_text().splitlines():
    name, _, value = line.partition(":")
    if name == field:
      return int(value.split()[0]) * 1024
  raise ValueError(f"{_PROCESS / 'status'} has no line {field}.")
