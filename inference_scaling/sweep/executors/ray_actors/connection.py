"""The process that speaks to Ray, and what the driver tells it."""

import contextlib
import multiprocessing
import pathlib
import tempfile

_PROGRAM = pathlib.Path(__file__).with_name("cluster.py")
_PATIENCE = 120.0  # seconds until a call must be answered
_GRACE = 20.0  # seconds that the process has to end in order


class Connection:
  """Calls methods of `cluster.Cluster` in a process of its own.

  The process ends with this object, or with the driver, however that ends.
  """

  def __init__(self, logs: pathlib.Path | None):
    """Starts the process.

    Args:
      logs: folder of a file of what Ray says; None for nowhere.
    """
    self._pipe, end = multiprocessing.Pipe()
    with contextlib.ExitStack() as stack:
      stack.callback(end.close)
      if logs is None:
        folder = stack.enter_context(
          tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        )
        logs = pathlib.Path(folder)
      logs.mkdir(parents=True, exist_ok=True)
    ...
