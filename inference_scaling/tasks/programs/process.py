"""A box as its parent sees it: a process that is killed with all in it."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

MAX_BYTES = 32 << 20  # of all that a box says
_ERRORS = 2000  # characters of what a box that does not start says


class BoxEndedError(Exception):
  """The box has ended without a reply, was late, or said too much."""


class Box:
  """A running box. Use as a context manager: it ends with the block."""

  def __init__(self, command: Sequence[str], environment: Mapping[str, str]):
    """Starts the box.

    Args:
      command: of `box.py`.
      environment: all variables that it has.
    """
    # In a session of its own Ctrl-C reaches only the parent, and one signal
    # ends the whole group.
    self._process = subprocess.Popen(
      command,
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      env=dict(environment),
      start_new_session=True,
    )
    assert self._process.stdin and self._process.stdout
    self._stdin, self._stdout = self._process.stdin, self._process.stdout
    os.set_blocking(self._stdin.fileno(), False)
    self._ahead = b""
    self._size = 0

  def __enter__(self) -> "Box":
    return self

  def __exit__(self, *unused_exception: object) -> None:
    with contextlib.suppress(ProcessLookupError):
      os.killpg(self._process.pid, signal.SIGKILL)
    self._process.wait()
    for file in (self._stdin, self._stdout, self._process.stderr):
      with contextlib.suppress(OSError):
        if file:
          file.close()

  def ask(self, message: Any, seconds: float) -> dict[str, Any]:
    """Sends a message and waits for a line.

    Args:
      message: JSON data.
      seconds: to wait at most.

    Returns:
      The reply.

    Raises:
      BoxEndedError: if there is none in time.
    """
    until = time.monotonic() + seconds
    left = memoryview(json.dumps(message).encode() + b"\n")
    while left:
      self._wait(self._stdin, selectors.EVENT_WRITE, until)
      try:
        left = left[os.write(self._stdin.fileno(), left) :]
      except BlockingIOError:
        continue
      except OSError as error:
        raise BoxEndedError(f"nobody reads: {error.strerror}") from error
    return self.receive(until)

  def receive(self, until: float) -> dict[str, Any]:
    """Waits for a line.

    Args:
      until: when it must be there, in seconds of `time.monotonic`.

    Returns:
      The reply.

    Raises:
      BoxEndedError: if there is none in time.
    """
    parts = [self._ahead]
    while b"\n" not in parts[-1]:
      self._wait(self._stdout, selectors.EVENT_READ, until)
      part = os.read(self._stdout.fileno(), 1 << 16)
      self._size += len(part)
      if not part:
        raise BoxEndedError("it has ended")
      if self._size > MAX_BYTES:
        raise BoxEndedError("it says too much")
      parts.append(part)
    line, _, self._ahead = b"".join(parts).partition(b"\n")
    try:
      return json.loads(line)
    except (ValueError, RecursionError) as error:
      raise BoxEndedError("it said what is no message") from error

  def errors(self) -> str:
    """What a box that has ended said of it."""
    assert self._process.stderr
    self._process.wait()
    text = self._process.stderr.read(_ERRORS).decode("utf-8", "replace")
    return " ".join(text.split())

  def _wait(self, file: Any, event: int, until: float) -> None:
    with selectors.DefaultSelector() as selector:
      selector.register(file, event)
      left = until - time.monotonic()
      if left <= 0 or not selector.select(left):
        raise BoxEndedError("the time is over")
