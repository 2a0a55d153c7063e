"""Where the labels of a logarithmic axis stand."""

import numpy as np
from matplotlib import ticker

_ROOM = 0.47  # inches from one label to the next
# First digits of ticks, from many to few.
_STEPS = tuple(
  map(np.array, (range(1, 10), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)))
)


class LogTicks(ticker.Locator):
  """As many round numbers as have room for their labels.

  matplotlib's own locator labels every number of an axis with less than two
  powers of ten in it, one over another.
  """

  def __call__(self):
    """Ticks of the axis as it is seen."""
    return self.tick_values(*self.axis.get_view_interval())

  def tick_values(self, vmin, vmax):
    """Ticks from vmin to vmax, both positive; at least two if there are."""
    axes = self.axis.axes
    width = axes.get_window_extent().width / axes.figure.dpi
    decades = np.arange(np.floor(np.log10(vmin)), np.log10(vmax))
    found = []
    for step in _STEPS:
      ticks = (10.0 ** decades[:, None] * step).ravel()
      ticks = ticks[(ticks >= vmin) & (ticks <= vmax)]
      gaps = np.diff(np.log10(ticks)) / np.log10(vmax / vmin) * width
      if len(ticks) > 1 and gaps.min() >= _ROOM:
        return ticks
      found.append(ticks)
    # Nowhere two in a row have room: the first and the last of all.
    return found[0][[0, -1]] if len(found[0]) > 1 else found[0]
