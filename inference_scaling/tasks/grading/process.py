"""A grading process as its parent sees it: questions in, verdicts out."""

import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

WORKER_FILE = pathlib.Path(__file__).with_name("worker.py")
_START_TIMEOUT_SECONDS = 120.0  # imports on a loaded machine with a cold disk


class WorkerDiedError(Exception):
  """The worker process ended without a reply."""


class Worker:
  """A running worker process and the thread that reads its replies."""

  def __init__(self):
    self.owner = os.getpid()
    # By file and with -P (no script folder on the path): `-m` would import
    # this package and with it JAX, and the folder's module names are common.
    # In a process group of its own Ctrl-C reaches only the parent, which ends
    # the worker in its own time.
    self._process = subprocess.Popen(
      [sys.executable, "-P", str(WORKER_FILE)],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      stderr=subprocess.DEVNULL,
      text=True,
      encoding="utf-8",
      start_new_session=True,
    )
    assert self._process.stdin is not None
    assert self._process.stdout is not None
    self._stdin, self._stdout = self._process.stdin, self._process.stdout
    # Replies are read by a thread because a pipe has no read with a time limit
    # on every system.
    self._replies: queue.SimpleQueue = queue.SimpleQueue()
    self._reader = threading.Thread(target=self._read, daemon=True)
    self._reader.start()
    self._wait_until_ready()

  def ask(
    self,
    gold: str,
    answer: str,
    percent: str,
    timeout_seconds: float,
    tolerances: Sequence[float] = (),
  ) -> bool:
    """Puts one question; raises TimeoutError or WorkerDiedError."""
    question = {
      "gold": gold,
      "answer": answer,
      "percent": percent,
      "tolerances": list(tolerances),
      "timeout_seconds": timeout_seconds,
    }
    try:
      self._stdin.write(json.dumps(question) + "\n")
      self._stdin.flush()
    except OSError as error:
      raise WorkerDiedError(f"its pipe is closed: {error}") from error
    return self._receive(timeout_seconds)["equal"]

  def stop(self) -> None:
    """Kills the process and waits for its end."""
    self._process.kill()
    self._process.wait()
    self._reader.join()
    self._stdout.close()
    try:
      self._stdin.close()
    except OSError:
      pass  # what was left to write has no reader any more

  def _read(self) -> None:
    for line in self._stdout:
      self._replies.put(line)
    self._replies.put(None)  # the end of the process

  def _receive(self, timeout_seconds: float) -> dict:
    try:
      line = self._replies.get(timeout=timeout_seconds)
    except queue.Empty:
      raise TimeoutError from None
    if line is None:
      raise WorkerDiedError(f"exit status {self._process.wait()}")
    return json.loads(line)

  def _wait_until_ready(self) -> None:
    """Waits for the imports, so that they count for no question's time."""
    started = time.monotonic()
    try:
      reply = self._receive(_START_TIMEOUT_SECONDS)
      problem = reply.get("error")
    except TimeoutError:
      problem = f"not ready after {time.monotonic() - started:.0f} s"
    except WorkerDiedError as error:
      problem = str(error)
    except BaseException:  # Ctrl-C while waiting
      self.stop()
      raise
    if problem:
      self.stop()
      raise RuntimeError(
        f"the grading process {sys.executable} {WORKER_FILE} did not start: "
        f"{problem}"
      )
