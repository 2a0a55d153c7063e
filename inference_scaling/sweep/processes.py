"""Several processes that run one sweep: all compute, the first one leads.

Each process runs the same host loop over the same problems and looks at the
same flags, so that all of them start the same programs in the same order. What
only one can do, such as opening the files of a sweep, is done by the first,
and the others are told what came of it, errors included.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils


def is_lead() -> bool:
  """Tells whether this process writes files and speaks to the user."""
  return jax.process_index() == 0


def several() -> bool:
  """Tells whether others compute with this process."""
  return jax.process_count() > 1


def from_lead(make: Callable[[], Any]) -> Any:
  """Makes a value in the first process and gives it to all.

  Args:
    make: returns JSON data; called in the first process alone.

  Returns:
    The value; in other processes as JSON reads it back.

  Raises:
    OSError: in the other processes, if `make` raised an error, which the first
      one raises unchanged.
  """
  if not several():
    return make()
  if not is_lead():
    told = json.loads(_broadcast(b""))
    if "error" in told:
      raise OSError(f"process 0 ended: {told['error']}")
    return told["value"]
  try:
    value = make()
  except Exception as error:
    _broadcast(json.dumps({"error": str(error)}).encode())
    raise
  _broadcast(json.dumps({"value": value}).encode())
  return value


def check_same(items: Mapping[str, Any]) -> None:
  """Checks that all processes were given the same.

  Args:
    items: JSON data by what it is; the same names in every process.

  Raises:
    ValueError: in all processes, with the names of what differs and where.
  """
  if not several():
    return
  texts = [json.dumps(item, sort_keys=True) for item in items.values()]
  digests = [hashlib.sha256(text.encode()).digest() for text in texts]
  rows = np.array([np.frombuffer(digest, np.uint8) for digest in digests])
  gathered = multihost_utils.process_allgather(rows)  # [process, item, byte]
  differs = (gathered != gathered[:1]).any(axis=-1)
  if differs.any():
    names = ", ".join(np.array(list(items))[differs.any(axis=0)])
    others = ", ".join(map(str, np.flatnonzero(differs.any(axis=1))))
    raise ValueError(
      f"not all processes of this sweep have the same {names}: it differs "
      f"between process 0 and {others}. Start the same command on every host, "
      "with the same files."
    )


def _broadcast(data: bytes) -> bytes:
  """Gives all processes the bytes of the first one."""
  size = multihost_utils.broadcast_one_to_all(np.int32(len(data)))
  buffer = np.zeros(int(size), np.uint8)
  if is_lead():
    buffer[:] = np.frombuffer(data, np.uint8)
  return np.asarray(multihost_utils.broadcast_one_to_all(buffer)).tobytes()
