"""Figures as SVG whose points tell their values where the pointer is.

A curve may tell a text for each of its points; of any other line with markers
the values are told by the labels of the axes. The texts are titles in the
drawing, which browsers show and screen readers read.
"""

import io
import re
import weakref
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib
from matplotlib import lines

_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_POINTS = 72  # an inch
_NEAR = 0.51  # points between a marker and its point; drawings are rounded
_UNSEEN = (None, "None", "none", " ", "")  # markers
_TEXTS: weakref.WeakKeyDictionary[lines.Line2D, tuple[str, ...]] = (
  weakref.WeakKeyDictionary()
)


def tell(line: lines.Line2D, texts: Sequence[str]) -> None:
  """Has the points of a line tell these texts.

  Args:
    line: of a figure.
    texts: one per point, in order.
  """
  _TEXTS[line] = tuple(texts)


def svg(figure: figure_lib.Figure, name: str) -> str:
  """Draws a figure as SVG; the same figure gives the same text.

  Args:
    figure: the figure.
    name: makes the ids of its parts differ from those of other figures.

  Returns:
    The SVG element. Its texts stay texts.
  """
  marked = {f"{name}-{i}": each for i, each in enumerate(_marked(figure))}
  own = {line: line.get_gid() for _, line in marked.values()}
  for gid, (_, line) in marked.items():
    line.set_gid(gid)
  keys: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": name}
  drawn = io.StringIO()
  with matplotlib.rc_context(keys):
    unknown = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(drawn, format="svg", metadata=unknown)
  for line, gid in own.items():
    line.set_gid(gid)
  root = ElementTree.fromstring(drawn.getvalue())
  for group in root.iter(f"{{{_SVG}}}g"):
    if group.get("id") in marked:
      _add_titles(group, figure, *marked[group.attrib["id"]])
  return _write(root)


def _marked(
  figure: figure_lib.Figure,
) -> Iterator[tuple[axes_lib.Axes, lines.Line2D]]:
  """Lines that have markers, with their panels."""
  for axes in figure.axes:
    for line in axes.lines:
      if line.get_marker() not in _UNSEEN:
        yield axes, line


def _add_titles(
  group: ElementTree.Element,
  figure: figure_lib.Figure,
  axes: axes_lib.Axes,
  line: lines.Line2D,
) -> None:
  """Puts the text of the nearest point into each marker of a line."""
  values = np.ma.filled(np.ma.asarray(line.get_xydata(), float), np.nan)
  points = line.get_transform().transform(values) * _POINTS / figure.dpi
  points[:, 1] = figure.get_figheight() * _POINTS - points[:, 1]
  texts = _TEXTS.get(line) or [_values(axes, *xy) for xy in values]
  for marker in group.iter(f"{{{_SVG}}}use"):
    at = [float(marker.get(name, "nan")) for name in "xy"]
    distances = np.abs(points - at).max(axis=1)
    distances[np.isnan(distances)] = np.inf
    nearest = int(distances.argmin())
    if distances[nearest] <= _NEAR:
      title = ElementTree.SubElement(marker, f"{{{_SVG}}}title")
      title.text = texts[nearest]


def _values(axes: axes_lib.Axes, x: float, y: float) -> str:
  """The values of a point in words: panel, labels of the axes, numbers."""
  pairs = ((axes.get_ylabel(), y), (axes.get_xlabel(), x))
  told = [axes.get_title()]
  told += [f"{label.partition(chr(10))[0]}: {v:.4g}" for label, v in pairs]
  return "\n".join(text.removeprefix(": ") for text in told if text)


def _write(root: ElementTree.Element) -> str:
  """The element as it stands in a page: without ids that nothing refers to."""
  for part in root.findall(f"{{{_SVG}}}metadata"):
    root.remove(part)
  # In a page a style would be that of everything on it.
  for parent in root.findall(f"{{{_SVG}}}defs"):
    for part in parent.findall(f"{{{_SVG}}}style"):
      parent.remove(part)
  root.attrib |= {"stroke-linejoin": "round", "stroke-linecap": "butt"}
  for part in root.iter():
    attributes: dict[str, Any] = part.attrib
    if _LINK in attributes:
      attributes["href"] = attributes.pop(_LINK)
    part.tag = part.tag.removeprefix(f"{{{_SVG}}}")
    part.tail = None  # what the drawing was indented by
  used = set()
  for part in root.iter():
    for value in part.attrib.values():
      used |= set(re.findall(r"^#(.+)|url\(#(.+?)\)", value))
  names = {name for pair in used for name in pair}
  for part in root.iter():
    if part.get("id") not in names:
      part.attrib.pop("id", None)
  root.set("xmlns", _SVG)
  return ElementTree.tostring(root, "unicode")
