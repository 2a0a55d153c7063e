"""Cost ratios at equal accuracy: "k times fewer FLOPs than sampling".

What a curve costs at an accuracy is interpolated in log FLOPs where it first
reaches it. A curve that never reaches it costs more than its most expensive
point; one that starts above it costs at most its cheapest point, if smaller n
were not run. Ratios are then known from one side only, and so are their
intervals.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy import typing as npt

from inference_scaling import names
from inference_scaling.analysis import strategies
from inference_scaling.analysis.comparison import curves, equal_budget
from inference_scaling.analysis.estimates import intervals
from inference_scaling.analysis.estimates import panel as panel_lib

STEP = 0.05  # between the accuracies of the table


def cost_bounds(
  flops: npt.ArrayLike,
  accuracy: npt.ArrayLike,
  target: float | np.ndarray,
  *,
  least: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
  """What a curve has to spend to reach an accuracy first.

  Args:
    flops: float[K] rising cost of the curve's points.
    accuracy: float[..., K] of the points.
    target: the accuracy, or one for each row, float[...].
    least: whether nothing cheaper than the first point exists (n = 1).

  Returns:
    Lower and upper bounds, float[...]: equal where the cost is known; (last
    point, inf) where the target is not reached; (0, first point) where the
    first point reaches it and cheaper ones exist.
  """
  flops = np.asarray(flops, float)
  accuracy = np.atleast_1d(np.asarray(accuracy, float))
  target = np.broadcast_to(target, accuracy.shape[:-1])[..., None]
  reached = accuracy >= target
  index = reached.argmax(axis=-1)[..., None]
  before = np.maximum(index - 1, 0)
  # Up to the first point that reaches the target all are below it.
  left, right = (np.take_along_axis(accuracy, k, -1) for k in (before, index))
  with np.errstate(invalid="ignore", divide="ignore"):
    share = np.where(index > 0, (target - left) / (right - left), 1.0)
  log = np.log(flops)
  # A missing point before it (NaN) leaves the point itself.
  share = np.nan_to_num(share, nan=1.0)
  cost = np.exp((1 - share) * log[before] + share * log[index])[..., 0]
  never, first = ~reached.any(axis=-1), index[..., 0] == 0
  low = np.where(never, flops[-1], cost)
  high = np.where(never, np.inf, cost)
  if not least:
    low = np.where(first & ~never, 0.0, low)
  return low, high


def iso_accuracy(
  panel: panel_lib.Panel,
  policies: Sequence[str],
  aggregation: str,
  conventions: Sequence[str] = names.CONVENTIONS,
) -> pd.DataFrame:
  """How many times fewer FLOPs than sampling each strategy needs.

  Two kinds of accuracies are compared: multiples of STEP that some curve of the
  policy reaches, and what sampling reaches with 2, 4, ... samples (in each
  resample anew, so that this comparison is paired).

  Args:
    panel: problems by configurations.
    policies: names, ordered by parameters.
    aggregation: how best-of-n and weighted voting read step scores.
    conventions: FLOPs conventions.

  Returns:
    Rows by convention, policy, voting, strategy and target: samples (0 for a
    multiple of STEP), at_least and at_most, bounds of sampling's FLOPs over
    the strategy's (equal where both are known; 0 or inf where nothing is), and
    low and high, the 95% interval over problems (0 or inf where open).
  """
  rows = []
  groups = equal_budget.curve_groups(panel, policies, aggregation, conventions)
  for keys, group in groups:
    name = strategies.main_of(strategies.SAMPLING, group)
    if name is None:
      continue
    means = {strategy: curve.means() for strategy, curve in group.items()}
    base = group[name]
    for samples, target in _targets(base, means, name):
      if samples:
        cost = base.flops[base.n == samples]
        spent = cost, cost
      else:
        spent = _bounds(base, means[name], target)
      for strategy, curve in group.items():
        if curve is not base:
          row = {"strategy": strategy, "samples": samples}
          row["accuracy"] = float(np.ravel(target)[0])
          bounds = _bounds(curve, means[strategy], target)
          rows.append(keys | row | _ratio(spent, bounds))
  return pd.DataFrame(rows)


def ratio_text(row: Mapping[str, float]) -> str:
  """A ratio with its interval in words, as in "at least 3.1 [2.2, -]".

  Args:
    row: of `iso_accuracy`.

  Returns:
    The text; an end of the interval that is not known is "-".
  """
  low, high = row["at_least"], row["at_most"]
  ends = [
    f"{end:.2g}" if 0 < end < np.inf else "-"
    for end in (row["low"], row["high"])
  ]
  interval = f"[{ends[0]}, {ends[1]}]"
  if low == high:
    return f"{low:.2g} {interval}"
  if low > 0:
    return f"at least {low:.2g} {interval}"
  if high < np.inf:
    return f"at most {high:.2g} {interval}"
  return "not known"


def _targets(
  base: curves.Curve, means: Mapping[str, np.ndarray], name: str
) -> list[tuple[int, Any]]:
  """(samples, accuracy): round numbers, then those of 2, 4, ... samples."""
  first = np.nanmin([values[0].min() for values in means.values()])
  best = np.nanmax([values[0].max() for values in means.values()])
  steps = np.arange(np.ceil(first / STEP), np.floor(best / STEP) + 1)
  levels = [(0, round(float(STEP * step), 6)) for step in steps]
  return levels + [
    (int(n), means[name][:, index]) for index, n in enumerate(base.n) if n > 1
  ]


def _bounds(
  curve: curves.Curve, means: np.ndarray, target: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  return cost_bounds(curve.flops, means, target, least=curve.n[0] == 1)


def _ratio(
  sampling: tuple[np.ndarray, np.ndarray],
  search: tuple[np.ndarray, np.ndarray],
) -> dict[str, float]:
  """Bounds of sampling / search in all problems (row 0) and over resamples."""
  least = np.broadcast_to(sampling[0] / search[1], np.shape(search[1]))
  with np.errstate(divide="ignore"):
    most = np.broadcast_to(sampling[1] / search[0], np.shape(search[0]))
  tail = (1 - intervals.CONFIDENCE) / 2
  # Order statistics: between a number and infinity nothing is interpolated.
  return {
    "at_least": float(least[0]),
    "at_most": float(most[0]),
    "low": float(np.quantile(least[1:], tail, method="inverted_cdf")),
    "high": float(np.quantile(most[1:], 1 - tail, method="inverted_cdf")),
  }
