"""The process that decides whether two answers are equal.

Run as a script by `grading.Grader`, one question a line on stdin and one reply
a line on stdout, both JSON. It must start fast and must not import JAX, which
would take seconds and, on an accelerator, memory. So it runs no `__init__` of
the packages around it: empty ones of the same names stand in for them.
"""

import json
import os
import pathlib
import signal
import sys
import types
from typing import TextIO

MEMORY_BYTES = 2 << 30
# Beyond the parent's own limit: a worker whose parent was killed while it was
# busy reads no end of input and would otherwise compute forever.
ORPHAN_SECONDS = 30


def main() -> None:
  """Answers questions until the parent closes stdin."""
  # Libraries that print must not disturb the replies.
  replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
  os.dup2(2, 1)
  _limit_memory()
  _stand_in_for_packages()
  try:
    from inference_scaling.tasks.equivalence import is_equal
    from inference_scaling.tasks.grading.tolerances import is_close
  except ImportError as error:
    _reply(replies, {"error": f"{error}; install it with: pip install mpmath"})
    return
  _reply(replies, {"ready": True})
  questions = os.fdopen(0, encoding="utf-8", closefd=False)
  for line in iter(questions.readline, ""):
    question = json.loads(line)
    _alarm(question["timeout_seconds"] + ORPHAN_SECONDS)
    gold, answer = question["gold"], question["answer"]
    percent, tolerances = question["percent"], question["tolerances"]
    try:
      equal = is_equal(gold, answer, percent)
      if tolerances and not equal:
        equal = is_close(gold, answer, percent, tolerances)
    except Exception:  # whatever the algebra raised, no equality was shown
      equal = False
    _alarm(0)
    _reply(replies, {"equal": equal})


def _stand_in_for_packages() -> None:
  """Makes modules of this package importable without its `__init__`s."""
  folder = pathlib.Path(__file__).parents[1]
  for name, path in (
    ("inference_scaling", folder.parent),
    ("inference_scaling.tasks", folder),
  ):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [os.fspath(path)]


def _reply(replies: TextIO, message: dict) -> None:
  replies.write(json.dumps(message) + "\n")
  replies.flush()


def _alarm(seconds: float) -> None:
  """Has the system end this process after some seconds; 0 calls it off."""
  if hasattr(signal, "setitimer"):  # not on Windows
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _limit_memory() -> None:
  """Keeps an absurd power from taking the memory of the machine."""
  try:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > MEMORY_BYTES:
      resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, hard))
  except (ImportError, OSError, ValueError):
    pass  # no such limit on this system; the time limit still holds


if __name__ == "__main__":
  sys.exit(main())
