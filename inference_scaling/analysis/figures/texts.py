"""Wraps the texts of figures to the space that they have.

Titles and labels are wrapped to the size of their panel, and a legend has as
many columns as fit beside its longest entry. Widths are measured; of a text of
more than MOST_LINES lines the middle is left out.
"""

import functools
import re
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib import figure as figure_lib
from matplotlib import font_manager, layout_engine, textpath
from matplotlib import text as text_lib
from typing_extensions import override

MOST_LINES = 4
_POINTS = 72  # an inch
_ELLIPSIS = ".."
_SAFE = 0.95  # of the space: at few dots per inch letters are a little wider
# A line may end after these, and before a parenthesis.
_PIECES = re.compile(r"[^\s\-_/(),:+]*[\s\-_/),:+]+|\(?[^\s\-_/(),:+]+|\(")


class Layout(layout_engine.ConstrainedLayoutEngine):
  """Constrained layout of panels whose texts are wrapped to their sizes.

  Ticks and line ends depend on the sizes of panels, and these on how much space
  ticks and texts take: panels are laid out, texts wrapped, and all laid out
  again.
  """

  def __init__(self, **keys: Any):
    """Makes an engine; keywords are those of constrained layout."""
    super().__init__(**keys)
    self._whole: weakref.WeakKeyDictionary[text_lib.Text, str] = (
      weakref.WeakKeyDictionary()
    )

  @override
  def execute(self, fig: figure_lib.Figure) -> None:
    super().execute(fig)
    for text, inches in _texts(fig):
      # Of the text before it was ever wrapped: another panel has other lines.
      whole = self._whole.setdefault(text, text.get_text())
      wrapped = wrap(whole, inches, text.get_fontproperties())
      if wrapped != text.get_text():
        text.set_text(wrapped)
    super().execute(fig)


def wrap(text: str, inches: float, font: font_manager.FontProperties) -> str:
  """Breaks a text into lines.

  Args:
    text: the text; its own lines stay apart.
    inches: most width of a line.
    font: of the text, with its size.

  Returns:
    The text with more line ends; at most MOST_LINES lines for one of its own,
    of which the middle is left out where there is more.
  """

  def fits(line: str) -> bool:
    return width(line, font) <= inches

  return "\n".join(
    line for own in text.split("\n") for line in _lines(own, fits)
  )


@functools.lru_cache(maxsize=4096)
def width(line: str, font: font_manager.FontProperties) -> float:
  """Width of a line of text, in inches."""
  points, _, _ = textpath.text_to_path.get_text_width_height_descent(
    line, font, False
  )
  return points / _POINTS


def legend_columns(labels: Sequence[str], inches: float) -> int:
  """The most columns of a legend that fit beside each other.

  Args:
    labels: of the entries, which fill column by column.
    inches: width of the figure.

  Returns:
    At least 1.
  """
  font, keys = legend_font(), matplotlib.rcParams
  em = font.get_size_in_points() / _POINTS
  gap = em * keys["legend.columnspacing"]
  inches -= 2 * em * (keys["legend.borderaxespad"] + keys["legend.borderpad"])
  for columns in range(len(labels), 1, -1):
    widest = sum(
      max(width(line, font) for label in column for line in label.split("\n"))
      for column in np.array_split(labels, columns)
    )
    handles = columns * handle_width()
    if widest + handles + (columns - 1) * gap <= _SAFE * inches:
      return columns
  return 1


def legend_font() -> font_manager.FontProperties:
  """The font of legends, in the style that is set."""
  return font_manager.FontProperties(
    size=matplotlib.rcParams["legend.fontsize"]
  )


def handle_width() -> float:
  """Inches that an entry of a legend takes beside its text."""
  keys = matplotlib.rcParams
  ems = keys["legend.handlelength"] + keys["legend.handletextpad"]
  return ems * legend_font().get_size_in_points() / _POINTS


def _lines(text: str, fits: Callable[[str], bool]) -> list[str]:
  """Lines of one line of text."""
  if fits(text):
    return [text]
  lines = [""]
  for piece in _PIECES.findall(text):
    for part in _parts(piece, fits):
      if lines[-1] and not fits((lines[-1] + part).rstrip()):
        lines.append("")
      lines[-1] += part
  lines = [line.strip() for line in lines]
  if len(lines) > MOST_LINES:
    half = MOST_LINES // 2
    lines = [*lines[:half], *lines[-half:]]
    lines[half - 1] = _cut(lines[half - 1], fits)
  return lines


def _parts(piece: str, fits: Callable[[str], bool]) -> list[str]:
  """A piece, cut at any letter if it is longer than a line."""
  parts = [""]
  for letter in piece:
    if parts[-1] and not fits((parts[-1] + letter).rstrip()):
      parts.append("")
    parts[-1] += letter
  return parts


def _cut(line: str, fits: Callable[[str], bool]) -> str:
  """A line that ends in the sign for what is left out."""
  while line and not fits(line + _ELLIPSIS):
    line = line[:-1]
  return line + _ELLIPSIS


def _texts(
  figure: figure_lib.Figure,
) -> Iterator[tuple[text_lib.Text, float]]:
  """Yields the texts around the panels and the inches that they may take."""
  for text in figure.texts:
    yield text, _SAFE * figure.get_figwidth()
  for axes in figure.axes:
    box = axes.get_position()
    inches = _SAFE * box.width * figure.get_figwidth()
    yield axes.title, inches
    yield axes.xaxis.label, inches
    yield axes.yaxis.label, _SAFE * box.height * figure.get_figheight()
