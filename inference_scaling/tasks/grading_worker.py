"""The process that decides with math-verify whether two answers are equal.

Run as a script by `grading.Grader`, one question a line on stdin and one reply
a line on stdout, both JSON. It must start fast and must not import JAX, which
would take seconds and, on an accelerator, memory; so it imports nothing of
this package.
"""

import json
import logging
import os
import signal
import sys

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
  try:
    import math_verify
  except ImportError as error:
    _reply(
      replies, {"error": f"{error}; install it with: pip install math-verify"}
    )
    return
  # It warns of switched-off timeouts, which are the parent's business here.
  logging.disable(logging.CRITICAL)
  _equal(math_verify, "1", "2")  # what is loaded late is loaded now
  _reply(replies, {"ready": True})
  questions = os.fdopen(0, encoding="utf-8", closefd=False)
  for line in iter(questions.readline, ""):
    question = json.loads(line)
    _alarm(question["timeout_seconds"] + ORPHAN_SECONDS)
    equal = _equal(math_verify, question["gold"], question["answer"])
    _alarm(0)
    _reply(replies, {"equal": equal})


def _equal(math_verify, gold: str, answer: str) -> bool:
  """Compares two canonical texts, the gold answer first.

  The order matters: math-verify takes an inequality as gold for the interval
  that it describes, for one, and not the other way round.
  """
  try:
    # Timeouts of math-verify rest on SIGALRM and do not stop a long-running C
    # call such as a power of huge integers; the parent kills this process.
    golds = math_verify.parse(f"${gold}$", parsing_timeout=None)
    answers = math_verify.parse(f"${answer}$", parsing_timeout=None)
    return bool(math_verify.verify(golds, answers, timeout_seconds=None))
  except Exception:  # whatever the algebra raised, no equality was shown
    return False


def _reply(replies, message: dict) -> None:
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
