"""What runs in a box: one process for tests, and one for each use of a program.

Run as a script by `sandbox.Sandbox`, in a namespace of its own or not, with a
line of JSON on stdin and lines of JSON on stdout. It confines itself before a
line of the program or of the tests runs. As a grading worker it must start fast
and runs no `__init__` of the packages around it.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import types
from typing import Any

_NO_NEW_PRIVILEGES = 38  # PR_SET_NO_NEW_PRIVS
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_DUMPABLE = 4  # PR_SET_DUMPABLE
_CAPABILITIES = 0x20080522  # of the third version, for capset


def main() -> None:
  """Answers one job."""
  settings = json.loads(sys.argv[1])
  _die_with(os.getppid())
  _stand_in_for_packages()
  sys.path += settings["packages"]
  # All at once, so that the processes of the program need not load them.
  from inference_scaling.tasks.programs.inside import (  # noqa: F401
    channel,
    checker,
    guest,
    landlock,
    program,
    seccomp,
  )

  outside = channel.Channel(0, os.dup(1))
  nothing = os.open(os.devnull, os.O_RDWR)
  os.dup2(nothing, 1)  # what tests print is no reply
  head = outside.receive()
  # Tests come after the program has its processes: they hold none of them.
  guests = [
    _start_guest(head["program"], settings) for _ in range(head["guests"])
  ]
  _confine(settings)
  os.dup2(nothing, 2)  # until now the parent reads what went wrong
  outside.send({"ready": True})
  job = outside.receive()
  try:
    _work(job, guests, outside)
  except BaseException as error:  # such as memory that the tests lack
    outside.send({"error": f"{type(error).__name__}: {str(error)[:200]}"})


def _work(job: dict[str, Any], guests: list, outside: Any) -> None:
  """Runs the tests, records their calls, or has the program observed."""
  from inference_scaling.tasks.programs.inside import checker, program

  sys.setrecursionlimit(10_000)
  tests = job["setup"], job["tests"], job["names"]
  if not guests:
    outside.send({"calls": checker.record_calls(*tests)})
    return
  tested, observed = guests
  outside.send(checker.run_tests(program.Program(tested), *tests))
  tested.close()
  for digest in checker.observe(
    program.Program(observed), job["calls"], job["call_seconds"]
  ):
    outside.send({"seen": digest})


def _start_guest(source: str, settings: dict[str, Any]) -> Any:
  """Starts a process that runs the program; returns the channel to it."""
  from inference_scaling.tasks.programs.inside import (
    channel,
    guest,
  )

  near, far = channel.pair()
  parent = os.getpid()
  if os.fork():
    far.close()
    return near
  try:
    _die_with(parent)
    far.close_others()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
      os.dup2(nothing, descriptor)
    _confine(settings)
    guest.serve(far, source)
  finally:
    os._exit(0)


def _confine(settings: dict[str, Any]) -> None:
  """Takes all rights from this process that a computation does not need."""
  from inference_scaling.tasks.programs.inside import (
    landlock,
    seccomp,
  )

  limits = settings["limits"]
  memory = limits["memory_mib"] << 20
  for kind, value in (
    (resource.RLIMIT_AS, memory),
    (resource.RLIMIT_CPU, limits["cpu_seconds"]),
    (resource.RLIMIT_FSIZE, 0),
    (resource.RLIMIT_CORE, 0),
    (resource.RLIMIT_NOFILE, limits["open_files"]),
  ):
    resource.setrlimit(kind, (value, value))
  libc = ctypes.CDLL(None, use_errno=True)
  _check(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")
  # Others of the same user can then not look into it.
  _check(libc.prctl(_DUMPABLE, 0, 0, 0, 0), "PR_SET_DUMPABLE")
  header = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0)
  _check(libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")
  if settings["landlock"]:
    landlock.confine(settings["readable"])
  seccomp.confine()


def _die_with(parent: int) -> None:
  """Has the kernel kill this process when its parent ends."""
  ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
  if os.getppid() != parent:  # it has ended before
    os._exit(0)


def _check(result: int, what: str) -> None:
  if result:
    raise OSError(ctypes.get_errno(), f"{what} failed")


def _stand_in_for_packages() -> None:
  """Makes modules of this package importable without its `__init__`s."""
  path = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
  name = "inference_scaling.tasks.programs"
  while name:
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [path]
    name, path = name.rpartition(".")[0], os.path.dirname(path)


if __name__ == "__main__":
  sys.exit(main())
