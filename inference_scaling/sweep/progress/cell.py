"""The output of a notebook's cell as a place for a progress bar.

A kernel has no terminal, and bars of ipywidgets are lost where a notebook is
stored. A bar is written as text here, into one output of the cell that is
replaced each time, in Jupyter and in Colab alike; its last state is stored.
"""

import io
import sys
from typing import Any

from typing_extensions import override

WIDTH = 120  # of a bar: a cell has no width in characters
SECONDS = 0.5  # between two states: each is a message to the browser


class CellOutput(io.StringIO):
  """Takes what a bar writes to a terminal, and shows its last line."""

  def __init__(self, display: Any):
    """Shows nothing yet.

    Args:
      display: the function of IPython.
    """
    super().__init__()
    self._display = display
    self._handle: Any = None

  @override
  def isatty(self) -> bool:
    """A bar may go back to the start of its line here."""
    return True

  @override
  def write(self, text: str) -> int:
    """Shows a line in the place of the one before."""
    line = text.strip("\r\n").rstrip()
    if line:
      shown = {"text/plain": line}
      if self._handle is None:
        self._handle = self._display(shown, raw=True, display_id=True)
      else:
        self._handle.update(shown, raw=True)
    return len(text)


def find() -> CellOutput | None:
  """The output of this cell; None where no notebook runs this process."""
  ipython = sys.modules.get("IPython")
  shell = ipython and ipython.get_ipython()
  # A shell in a terminal has no kernel.
  if getattr(shell, "kernel", None) is None:
    return None
  from IPython import display  # it is there, but not needed elsewhere

  return CellOutput(display.display)
