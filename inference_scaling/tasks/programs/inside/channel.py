"""Lines of JSON between two processes of a box, of which one may lie."""

import json
import os
from typing import Any

MAX_LINE = 8 << 20  # bytes of a message


class ChannelClosedError(Exception):
  """The other process has ended, or sends what is no message."""


class Channel:
  """Messages over two pipes."""

  def __init__(self, source: int, target: int):
    """Takes two file descriptors, to read from and to write to."""
    self._source, self._target = source, target
    self._ahead = b""

  def send(self, message: Any) -> None:
    """Writes a message.

    Args:
      message: JSON data.

    Raises:
      ChannelClosedError: if nobody reads.
    """
    left = memoryview(json.dumps(message).encode() + b"\n")
    try:
      while left:
        left = left[os.write(self._target, left) :]
    except OSError as error:
      raise ChannelClosedError(f"nobody reads: {error.strerror}") from error

  def receive(self) -> Any:
    """Waits for a message.

    Returns:
      JSON data.

    Raises:
      ChannelClosedError: if the other process has ended, or its message is too
        long, too deep or no JSON.
    """
    parts = [self._ahead]
    size = len(self._ahead)
    while b"\n" not in parts[-1]:
      part = os.read(self._source, 1 << 16)
      size += len(part)
      if not part:
        raise ChannelClosedError("it has ended")
      if size > MAX_LINE:
        raise ChannelClosedError("what it returned is too long")
      parts.append(part)
    line, _, self._ahead = b"".join(parts).partition(b"\n")
    try:
      return json.loads(line)
    except (ValueError, RecursionError) as error:
      raise ChannelClosedError("it sent what is no message") from error

  def close_others(self) -> None:
    """Closes all files of this process but the first three and this one's."""
    first, second = sorted((self._source, self._target))
    os.closerange(3, first)
    os.closerange(first + 1, second)
    os.closerange(second + 1, os.sysconf("SC_OPEN_MAX"))

  def close(self) -> None:
    """Closes both ends."""
    os.close(self._source)
    os.close(self._target)


def pair() -> tuple[Channel, Channel]:
  """Two ends of one line, to be shared out between two processes."""
  (a_source, b_target), (b_source, a_target) = os.pipe(), os.pipe()
  return Channel(a_source, a_target), Channel(b_source, b_target)
