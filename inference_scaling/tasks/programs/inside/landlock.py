"""Takes all files but a few folders from this process, by Landlock.

References:
  Linux, Documentation/userspace-api/landlock.rst.
"""

import ctypes
import os
import struct
from collections.abc import Iterable

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same on all machines
_BENEATH = 1  # LANDLOCK_RULE_PATH_BENEATH
_READ = (1 << 2) | (1 << 3)  # READ_FILE and READ_DIR
# How many of the rights to files and to ports each version of the interface
# knows, from the first one on. Signals are left to seccomp: a scope would keep
# back that by which the kernel ends a process with its parent.
_RIGHTS = ((13, 0), (14, 0), (15, 0), (15, 2), (16, 2))
LEAST_VERSION = 3  # before it, files could be cut short


def version() -> int:
  """The version that the kernel has; 0 for none."""
  libc = ctypes.CDLL(None, use_errno=True)
  return max(0, libc.syscall(_CREATE, None, ctypes.c_size_t(0), 1))


def is_known() -> bool:
  """Tells whether the kernel has it in a version that is new enough."""
  return version() >= LEAST_VERSION


def confine(readable: Iterable[str]) -> None:
  """Leaves this process some folders, and their files, to read.

  It can write no file, and neither make, move nor take away any; with newer
  kernels it can reach no port. It must have no new rights
  (PR_SET_NO_NEW_PRIVS).

  Args:
    readable: paths; those that do not exist are passed over.

  Raises:
    OSError: if the kernel has no Landlock that is new enough.
  """
  known = version()
  if known < LEAST_VERSION:
    raise OSError(
      f"Landlock has version {known} in this kernel; expected "
      f"{LEAST_VERSION} or more"
    )
  masks = [(1 << bits) - 1 for bits in _RIGHTS[min(known, len(_RIGHTS)) - 1]]
  attributes = struct.pack("QQ", *masks)[: 16 if known >= 4 else 8]
  rules = _call(_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
  try:
    for path in readable:
      _allow(rules, path)
    _call(_RESTRICT, rules, 0)
  finally:
    os.close(rules)


def _allow(rules: int, path: str) -> None:
  try:
    folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
  except FileNotFoundError:
    return
  try:
    rights = _READ if os.path.isdir(path) else _READ & (1 << 2)
    _call(_ADD, rules, _BENEATH, struct.pack("=Qi", rights, folder), 0)
  finally:
    os.close(folder)


def _call(number: int, *arguments: object) -> int:
  libc = ctypes.CDLL(None, use_errno=True)
  result = libc.syscall(number, *arguments)
  if result < 0:
    code = ctypes.get_errno()
    raise OSError(code, f"Landlock: {os.strerror(code)}")
  return result
