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
import os
import threading
from collections.abc import Sequence

from absl import logging

from inference_scaling import names
from inference_scaling.tasks.grading import canonical_text, process

DEFAULT_TIMEOUT_SECONDS = 5.0
PERCENT = names.PERCENT
DEFAULT_PERCENT = PERCENT[0]


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
    self._verdicts: dict[tuple[str, str, tuple[float, ...]], bool] = {}
    self._worker: process.Worker | None = None
    self._lock = threading.Lock()

  def __enter__(self) -> "Grader":
    return self

  def __exit__(self, *unused_exception: object) -> None:
    self.close()

  def grade(
    self,
    gold: str | Sequence[str],
    answer: str | None,
    tolerances: Sequence[float] = (),
  ) -> bool:
    """Returns whether an answer equals the gold answer.

    Args:
      gold: the gold answer, or several of which any is right. The order of gold
        and answer matters, see `equivalence.comparison`.
      answer: the answer to grade; None (no answer) is incorrect.
      tolerances: largest differences of numbers that are right, too, as
        `tolerances.is_close` takes them; none for equality alone.

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
    return any(
      self._is_equal(text, answer_text, tuple(tolerances))
      for text in gold_texts
    )

  def close(self) -> None:
    """Ends the worker process; a later question would start another."""
    with self._lock:
      self._stop_worker()

  def _is_equal(
    self, gold: str, answer: str, tolerances: tuple[float, ...]
  ) -> bool:
    """Compares two canonical texts."""
    verdict = _textual_verdict(gold, answer, exact=not tolerances)
    if verdict is not None:
      return verdict
    # The worker compares one pair at a time; the lock also keeps a second
    # thread from sending a pair whose verdict the first is waiting for.
    with self._lock:
      key = (gold, answer, tolerances)
      if key not in self._verdicts:
        self._verdicts[key] = self._verify(gold, answer, tolerances)
      return self._verdicts[key]

  def _verify(
    self, gold: str, answer: str, tolerances: tuple[float, ...]
  ) -> bool:
    """Compares in the worker process, in a second one if the first crashes."""
    self.num_verified += 1
    for _ in range(2):
      if self._worker is None or self._worker.owner != os.getpid():
        # A forked child must not talk through its parent's pipes.
        self._worker = process.Worker()
      try:
        return self._worker.ask(
          gold, answer, self._percent, self._timeout_seconds, tolerances
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
      except process.WorkerDiedError as error:
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


def _textual_verdict(gold: str, answer: str, exact: bool) -> bool | None:
  """Returns the verdict where canonical text settles it, else None.

  Args:
    gold: the canonical text of the gold answer.
    answer: that of the answer.
    exact: whether another number is wrong, however close it is.
  """
  if not answer:
    return False
  if gold == answer:
    return True
  # No gold answer of ordinary length has so long an equal.
  if len(answer) > canonical_text.MAX_LENGTH >= len(gold):
    return False
  integers = map(canonical_text.is_integer, (gold, answer))
  if exact and all(integers):
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
