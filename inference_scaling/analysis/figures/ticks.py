"""Ticks of a logarithmic axis whose labels do not overlap."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib import ticker
from typing_extensions import override

_GAP = 0.12  # inches between two labels
# Inches that 10^8, 5x10^8, 1.5x10^8 and 1.25x10^8 take in the report's font.
_WIDTHS = np.array([0.24, 0.46, 0.57, 0.63])
# First digits of ticks, from many to few.
_DIGITS = (range(1, 10), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))
# Where no two of these fit: halves, fifths, tenths, ...
_FINE = tuple(np.arange(n, 10 * n) / n for n in (2, 5, 10, 20, 50, 100))

_ALL, _ENDS = slice(None), [0, -1]


class LogTicks(ticker.Locator):
  """As many round numbers as there is space for labels; two at least.

  matplotlib's own locator labels every number of an axis with less than two
  powers of ten in it, one over another.
  """

  @override
  def __call__(self) -> np.ndarray:
    axis: Any = self.axis
    return self.tick_values(*axis.get_view_interval())

  @override
  def tick_values(self, vmin: float, vmax: float) -> np.ndarray:
    axis: Any = self.axis
    axes = axis.axes
    width = axes.get_window_extent().width / axes.figure.dpi
    decades = np.arange(np.floor(np.log10(vmin)), np.log10(vmax))
    for ticks, labels, which in _choices(decades):
      seen = (ticks >= vmin) & (ticks <= vmax)
      if not seen.any():
        continue
      ticks, labels = ticks[seen][which], labels[seen][which]
      positions = np.log10(ticks / vmin) / np.log10(vmax / vmin) * width
      if len(ticks) > 1 and _are_apart(positions, labels):
        return ticks
    return np.array([vmin, vmax])


def _choices(decades: np.ndarray) -> Iterator[tuple]:
  """Yields ticks of whole decades, best first.

  Args:
    decades: float[D], powers of ten.

  Yields:
    Ticks float[T], the widths of their labels, and which of the visible ones
    are meant: all, or the first and the last.
  """
  for digits in _DIGITS:
    yield *_ticks(decades, digits), _ALL
  for step in range(2, len(decades)):
    yield *_ticks(decades[decades % step == 0], (1,)), _ALL
  yield *_ticks(decades, _DIGITS[0]), _ENDS
  for digits in _FINE:
    for which in (_ALL, _ENDS):
      yield *_ticks(decades, digits), which


def _ticks(
  decades: np.ndarray, digits: Sequence[float] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  # Rounded, or 1.1 would differ from the nearest number to it.
  rounded = np.round(np.asarray(digits, float), 2)
  ticks = (10.0 ** decades[:, None] * rounded).ravel()
  return ticks, np.tile(_WIDTHS[_form(rounded)], len(decades))


def _form(digits: np.ndarray) -> np.ndarray:
  """Which of _WIDTHS each label has."""
  tenths = np.round(10 * digits, 1)
  longer = (digits % 1 != 0).astype(int) + (tenths % 1 != 0)
  return np.where(digits == 1, 0, 1 + longer)


def _are_apart(positions: np.ndarray, labels: np.ndarray) -> bool:
  """Whether no label comes too near to the next."""
  space = (labels[1:] + labels[:-1]) / 2 + _GAP
  return bool((np.diff(positions) >= space).all())
