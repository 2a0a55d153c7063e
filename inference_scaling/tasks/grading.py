"""Says whether an answer equals the gold answer.

Answers with the same canonical text are equal, integers and words with
different ones are not. All else is decided by `equivalence`, gold answer first,
in a process of its own: arithmetic with numbers that are huge beyond its limits
would be busy inside one C call, and a signal cannot end that, nor be used off
the main thread. The process is killed at the time limit and replaced.

For one grader the verdict depends on the canonical texts alone, so all the
members of a voting class share it.
"""

import atexit
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from absl import logging

from inference_scaling.tasks import canonical_text

DEFAULT_TIMEOUT_SECONDS = 5.0
PERCENT = ("either", "value")
DEFAULT_PERCENT = "either"
_START_TIMEOUT_SECONDS = 120.0  # imports on a loaded machine with a cold disk
_WORKER_FILE = pathlib.Path(__file__).with_name("grading_worker.py")


class Grader:
  """Grades answers with one worker process, from any number of threads.

  The process starts at the first question that needs it. Use as a context
  manager, or call `close`.

  Attributes:
    num_verified: questions put to the worker so far; cached ones are not.
    num_restarts: workers that were replaced after a time limit or a crash.
  """

  def __init__(
    self,
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    percent: str = DEFAULT_PERCENT,
  ):
    """Makes a grader; no process is started yet.

    Args:
      timeout_seconds: time for one comparison; a longer one is incorrect.
      percent: one of `PERCENT`: what 28% agrees with, "value" for 0.28 alone,
        "either" for 0.28 and for 28 (gold answers often lack the sign).

    Raises:
      ValueError: if the time is not positive or `percent` is something else.
    """
    if percent not in PERCENT:
      raise ValueError(
        f"percent is {percent!r}; expected one of {', '.join(PERCENT)}"
      )
    if not timeout_seconds > 0:
      raise ValueError(
        f"timeout_seconds is {timeout_seconds}; it must be above 0 seconds"
      )
    self.num_verified = 0
    self.num_restarts = 0
    self._timeout_seconds = timeout_seconds
    self._percent = percent
    self._verdicts: dict[tuple[str, str], bool] = {}
    self._worker: _Worker | None = None
    self._lock = threading.Lock()

  def __enter__(self) -> "Grader":
    return self

  def __exit__(self, *unused_exception) -> None:
    self.close()

  def grade(self, gold: str | Sequence[str], answer: str | None) -> bool:
    """Returns whether an answer equals the gold answer.

    Args:
      gold: the gold answer, or several of which any is right. The order of gold
        and answer matters, see `equivalence.comparison`.
      answer: the answer to grade; None (no answer) is incorrect.

    Returns:
      True if the answer is correct. False also when the comparison took too
      long or crashed twice; both are logged with the two answers.

    Raises:
      ValueError: if a gold answer is empty, or there is none.
      RuntimeError: if the worker process cannot be started.
    """
    golds = [gold] if isinstance(gold, str) else list(gold)
    gold_texts = [canonical_text.canonical(text) for text in golds]
    if not all(gold_texts) or not gold_texts:
      raise ValueError(
        f"the gold answer is {gold!r}, which holds no answer; check the "
        "problem's row"
      )
    answer_text = canonical_text.canonical(answer) if answer else ""
    # Equal texts first: they need no worker.
    if answer_text in gold_texts:
      return True
    return any(self._is_equal(text, answer_text) for text in gold_texts)

  def close(self) -> None:
    """Ends the worker process; a later question would start another."""
    with self._lock:
      self._stop_worker()

  def _is_equal(self, gold: str, answer: str) -> bool:
    """Compares two canonical texts."""
    verdict = _textual_verdict(gold, answer)
    if verdict is not None:
      return verdict
    # One question at a time; the lock also keeps a second thread from asking
    # again what the first is about to learn.
    with self._lock:
      key = (gold, answer)
      if key not in self._verdicts:
        self._verdicts[key] = self._verify(gold, answer)
      return self._verdicts[key]

  def _verify(self, gold: str, answer: str) -> bool:
    """Asks the worker, a second one if the first crashes."""
    self.num_verified += 1
    for _ in range(2):
      if self._worker is None or self._worker.owner != os.getpid():
        # A forked child must not talk through its parent's pipes.
        self._worker = _Worker()
      try:
        return self._worker.ask(
          gold, answer, self._percent, self._timeout_seconds
        )
      except TimeoutError:
        self._replace_worker()
        logging.warning(
          "Grading of answer %r against gold %r took more than %g s: counted "
          "as incorrect.",
          answer,
          gold,
          self._timeout_seconds,
        )
        return False
      except _WorkerDiedError as error:
        self._replace_worker()
        logging.warning(
          "The grading process died (%s) on answer %r against gold %r.",
          error,
          answer,
          gold,
        )
      except BaseException:
        # Ctrl-C: the late reply must not be taken for that of a next question.
        self._stop_worker()
        raise
    logging.warning(
      "Grading of answer %r against gold %r crashed twice: counted as "
      "incorrect.",
      answer,
      gold,
    )
    return False

  def _replace_worker(self) -> None:
    self.num_restarts += 1
    self._stop_worker()

  def _stop_worker(self) -> None:
    worker, self._worker = self._worker, None
    if worker is not None and worker.owner == os.getpid():
      worker.stop()


class _WorkerDiedError(Exception):
  """The worker process ended without a reply."""


class _Worker:
  """A running worker process and the thread that reads its replies."""

  def __init__(self):
    self.owner = os.getpid()
    # By file and with -P (no script folder on the path): `-m` would import
    # this package and with it JAX, and the folder's module names are common.
    # In a process group of its own Ctrl-C reaches only the parent, which ends
    # the worker in its own time.
    self._process = subprocess.Popen(
      [sys.executable, "-P", str(_WORKER_FILE)],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      stderr=subprocess.DEVNULL,
      text=True,
      encoding="utf-8",
      start_new_session=True,
    )
    # Replies are read by a thread because a pipe has no read with a time limit
    # on every system.
    self._replies: queue.SimpleQueue = queue.SimpleQueue()
    self._reader = threading.Thread(target=self._read, daemon=True)
    self._reader.start()
    self._wait_until_ready()

  def ask(
    self, gold: str, answer: str, percent: str, timeout_seconds: float
  ) -> bool:
    """Puts one question; raises TimeoutError or _WorkerDiedError."""
    question = {
      "gold": gold,
      "answer": answer,
      "percent": percent,
      "timeout_seconds": timeout_seconds,
    }
    try:
      self._process.stdin.write(json.dumps(question) + "\n")
      self._process.stdin.flush()
    except OSError as error:
      raise _WorkerDiedError(f"its pipe is closed: {error}") from error
    return self._receive(timeout_seconds)["equal"]

  def stop(self) -> None:
    """Kills the process and waits for its end."""
    self._process.kill()
    self._process.wait()
    self._reader.join()
    self._process.stdout.close()
    try:
      self._process.stdin.close()
    except OSError:
      pass  # what was left to write has no reader any more

  def _read(self) -> None:
    for line in self._process.stdout:
      self._replies.put(line)
    self._replies.put(None)  # the end of the process

  def _receive(self, timeout_seconds: float) -> dict:
    try:
      line = self._replies.get(timeout=timeout_seconds)
    except queue.Empty:
      raise TimeoutError from None
    if line is None:
      raise _WorkerDiedError(f"exit status {self._process.wait()}")
    return json.loads(line)

  def _wait_until_ready(self) -> None:
    """Waits for the imports, so that they count for no question's time."""
    started = time.monotonic()
    try:
      reply = self._receive(_START_TIMEOUT_SECONDS)
      problem = reply.get("error")
    except TimeoutError:
      problem = f"not ready after {time.monotonic() - started:.0f} s"
    except _WorkerDiedError as error:
      problem = str(error)
    except BaseException:  # Ctrl-C while waiting
      self.stop()
      raise
    if problem:
      self.stop()
      raise RuntimeError(
        f"the grading process {sys.executable} {_WORKER_FILE} did not start: "
        f"{problem}"
      )


def _textual_verdict(gold: str, answer: str) -> bool | None:
  """Returns the verdict where canonical text settles it, else None."""
  if not answer:
    return False
  if gold == answer:
    return True
  if canonical_text.is_integer(gold) and canonical_text.is_integer(answer):
    return False
  # Two words are compared as texts, and no formula equals a word.
  if canonical_text.is_words(gold) or canonical_text.is_words(answer):
    return False
  return None


_default_grader = Grader()
atexit.register(_default_grader.close)


def grade(gold: str | Sequence[str], answer: str | None) -> bool:
  """Returns whether an answer equals the gold answer.

  Uses one grader of the whole process, with a limit of 5 seconds a comparison.

  Args:
    gold: the gold answer, or several of which any is right.
    answer: the answer to grade; None (no answer) is incorrect.

  Returns:
    True if the answer is correct; see `Grader.grade`.
  """
  return _default_grader.grade(gold, answer)
