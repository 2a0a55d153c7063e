"""A filter of system calls: what a computation needs, and no more.

A process that has it can read, write to what is open, take memory, wait and
end. It starts no process and no thread, opens no socket, sends no signal, and
changes no rights; these calls fail with EPERM, a `PermissionError` in Python.

References:
  Linux, Documentation/userspace-api/seccomp_filter.rst.
"""

import ctypes
import errno
import os
import struct

# By machine: its name in audit events, and its calls.
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# Reading and pipes; memory; waiting; signals to itself; clocks; who it is; the
# end. In the order of their numbers.
_ALLOWED = {
  "x86_64": (
    *range(18), 19, *range(21, 26), 27, 28, *range(32, 40), 60, 61, 63, 78, 79,
    89, 95, *range(96, 101), 102, 104, 107, 108, 110, 111, 115, 121, 124, 127,
    131, 137, 138, 158, 160, 186, 201, 202, 204, *range(217, 220),
    *range(228, 232), 247, 257, 262, 267, *range(269, 272), 273, 274, 292, 293,
    295, 309, 318, 324, 332, 334, 436, 439,
  ),
  "aarch64": (
    17, 23, 24, 29, 43, 44, 48, 56, 57, 59, *range(61, 66), 67, 69, 72, 73,
    *range(78, 81), *range(93, 97), *range(98, 104), *range(113, 116), 123, 124,
    128, 132, *range(134, 137), 139, 153, *range(155, 157), 158, 160,
    *range(163, 167), 168, 169, *range(172, 180), *range(214, 217), 222, 226,
    232, 233, 260, 278, 283, 291, 293, 436, 439,
  ),
}  # fmt: skip
# Those whose arguments decide: number of the call, of the argument, and what
# it must be, or must not be.
_LIMITS_OF_OTHERS = {"x86_64": 302, "aarch64": 261}  # prlimit64: of itself, 0
_FCNTL = {"x86_64": 72, "aarch64": 25}
_OWNERS = (8, 15)  # F_SETOWN and F_SETOWN_EX have signals sent to others

_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # of words
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16  # offsets in what a filter reads
_SECCOMP, _FILTER = 22, 2  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def is_known() -> bool:
  """Tells whether the calls of this machine are listed."""
  return os.uname().machine in _ALLOWED


def confine() -> None:
  """Puts the filter on this process, for good; it must have no new rights.

  Raises:
    OSError: if the machine is not known, or its kernel has no such filter.
  """
  machine = os.uname().machine
  if machine not in _ALLOWED:
    raise OSError(f"no list of system calls for a machine {machine}")
  content = _filter(machine)

  class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

  buffer = ctypes.create_string_buffer(content, len(content))
  program = Program(len(content) // 8, ctypes.addressof(buffer))
  libc = ctypes.CDLL(None, use_errno=True)
  if libc.prctl(_SECCOMP, _FILTER, ctypes.byref(program), 0, 0):
    raise OSError(ctypes.get_errno(), "the kernel takes no seccomp filter")


def _filter(machine: str) -> bytes:
  """The filter, as the kernel reads it."""
  refuse = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
  allow = (_RETURN, 0, 0, _ALLOW)
  lines = [
    (_LOAD, 0, 0, _MACHINE),
    (_EQUAL, 1, 0, _AUDIT[machine]),
    (_RETURN, 0, 0, _KILL),
    (_LOAD, 0, 0, _NUMBER),
  ]
  for number in _ALLOWED[machine]:
    lines += [(_EQUAL, 0, 1, number), allow]
  lines += [
    (_EQUAL, 0, 4, _LIMITS_OF_OTHERS[machine]),
    (_LOAD, 0, 0, _ARGUMENTS),
    (_EQUAL, 0, 1, 0),
    allow,
    refuse,
    (_EQUAL, 0, 4, _FCNTL[machine]),
    (_LOAD, 0, 0, _ARGUMENTS + 8),
    (_EQUAL, 2, 0, _OWNERS[0]),
    (_EQUAL, 1, 0, _OWNERS[1]),
    allow,
    refuse,
  ]
  return b"".join(struct.pack("HBBI", *line) for line in lines)
