"""The process that speaks to Ray, and how the driver calls it."""

import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping
from multiprocessing import connection as pipes
from typing import Any

_PROGRAM = pathlib.Path(__file__).with_name("cluster.py")
_GRACE = 20.0  # seconds that the process has to end in order
_TAIL, _LINES = 4096, 5  # bytes and lines of what Ray said that are shown


class Connection:
  """Calls methods of `cluster.Cluster` in a process of its own.

  The process ends with this object, or with the driver, however that ends.
  """

  def __init__(self, environment: Mapping[str, str]):
    """Starts the process.

    Args:
      environment: variables that it has besides those of this one.
    """
    self._pipe, end = multiprocessing.Pipe()
    self._said = tempfile.TemporaryFile()
    path = os.pathsep.join(entry for entry in sys.path if entry)
    # By its path, not as a module of the package, which would import JAX; -P
    # keeps its folder out of what it imports from. It leads its session, so
    # that Ctrl-C is the driver's alone.
    self._process = subprocess.Popen(
      [sys.executable, "-P", str(_PROGRAM), str(end.fileno())],
      pass_fds=[end.fileno()], stdin=subprocess.DEVNULL, stdout=self._said,
      stderr=self._said, start_new_session=True,
      env=os.environ | {"PYTHONPATH": path} | dict(environment),
    )  # fmt: skip
    end.close()
    self._end = weakref.finalize(
      self, _end, self._pipe, self._process, self._said
    )

  def call(
    self, method: str, arguments: Mapping[str, Any], patience: float
  ) -> Any:
    """Calls a method.

    Args:
      method: its name.
      arguments: of it, by name.
      patience: seconds that it may take.

    Returns:
      What it returns.

    Raises:
      TimeoutError: if it takes longer; the process has then ended.
      OSError: as the method does, or if the process has lost the cluster.
    """
    try:
      self._pipe.send((method, dict(arguments)))
      if not self._pipe.poll(patience):
        message = f"Ray has not answered for {patience:.0f} s.{self._tail()}"
        self._process.kill()
        self.close()
        raise TimeoutError(message)
      error, value = self._pipe.recv()
    except (EOFError, ConnectionError) as lost:
      raise OSError(
        f"The connection to Ray is lost.{self._tail()}\nOnce the cluster is "
        "back, run the same command again: what is recorded is safe."
      ) from lost
    if error is not None:
      raise OSError(error)
    return value

  def close(self) -> None:
    """Ends the process, and the Ray that it has started."""
    self._end()

  def _tail(self) -> str:
    """The last lines of what Ray said."""
    size = os.fstat(self._said.fileno()).st_size
    start = max(0, size - _TAIL)
    text = os.pread(self._said.fileno(), _TAIL, start).decode(errors="replace")
    last = [line for line in text.splitlines() if line.strip()][-_LINES:]
    return "".join(f"\n  {line}" for line in last)


def _end(pipe: pipes.Connection, process: subprocess.Popen, said: Any) -> None:
  """Ends the process in order, or otherwise."""
  pipe.close()
  try:
    process.wait(_GRACE)
  except subprocess.TimeoutExpired:
    process.kill()
    process.wait()
  said.close()
