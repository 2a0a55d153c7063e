"""The memory that this process takes right now."""

import pathlib

import jax

_STATUS = pathlib.Path("/proc/self/status")
_RESIDENT = "VmRSS:"


def memory_in_use() -> int | None:
  """Tells the memory in use.

  Returns:
    Bytes of the fullest device of this process; where devices do not count
    them, as CPUs, those of the process that are resident. None where the system
    does not tell them: only Linux does.
  """
  stats = [device.memory_stats() or {} for device in jax.local_devices()]
  used = [own["bytes_in_use"] for own in stats if "bytes_in_use" in own]
  if used:
    return max(used)
  try:
    lines = _STATUS.read_text().splitlines()
  except OSError:
    return None
  for line in lines:
    if line.startswith(_RESIDENT):
      return int(line.split()[1]) * 1024
  return None
