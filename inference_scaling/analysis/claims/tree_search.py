"""Tree search against sampling and against larger policies.

Every function reads a panel and returns a frame, one row per comparison; all
differences are in accuracy (0 to 1) and over the problems that both have.
`verdicts` reads the frames and says in words what they show.

References:
  Wu et al., Inference Scaling Laws, ICLR 2025, sections 4.2 to 4.4.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from inference_scaling import names
from inference_scaling.analysis import strategies, votings
from inference_scaling.analysis.claims import scaling
from inference_scaling.analysis.comparison import curves
from inference_scaling.analysis.estimates import intervals
from inference_scaling.analysis.estimates import panel as panel_lib


def search_gain(
  panels: Mapping[str, panel_lib.Panel],
  policies: Sequence[str],
  aggregation: str,
  flops: str,
) -> pd.DataFrame:
  """Tree search against sampling, both with weighted voting.

  Without a reward model there is no tree search, and no row.

  Args:
    panels: by difficulty: all, easy, hard.
    policies: names, ordered by parameters.
    aggregation: how weighted voting aggregates step scores.
    flops: cost column.

  Returns:
    Rows by part, policy, strategy and n that both have: accuracies, their
    difference at the same n, both costs, and the difference at the same FLOPs
    (sampling interpolated at the cost of the search).
  """
  rows = []
  for part, panel in panels.items():
    for policy in policies:
      group = {
        strategy: curves.make_curve(
          panel, policy, strategy, votings.WEIGHTED, aggregation, flops
        )
        for strategy, voting, _ in scaling.schemes(panel, aggregation)
        if voting == votings.WEIGHTED
      }
      sampling = strategies.main_of(strategies.SAMPLING, group)
      base = None if sampling is None else group.pop(sampling)
      if base is None:
        continue
      for strategy, curve in group.items():
        if curve is not None:
          row = {"part": part, "policy": policy, "strategy": strategy}
          rows += [row | gain for gain in _gains(curve, base)]
  return pd.DataFrame(rows)


def smaller_against_largest(
  panel: panel_lib.Panel, policies: Sequence[str], aggregation: str
) -> pd.DataFrame:
  """Smaller policies with search against the largest one's majority voting.

  Args:
    panel: problems by configurations.
    policies: names, ordered by parameters; the last is the largest.
    aggregation: how weighted voting aggregates step scores.

  Returns:
    Rows by convention, smaller policy, strategy and n, where the largest
    policy's majority curve has a value at the same FLOPs: both accuracies and
    their difference. low and high are pointwise 95% intervals;
    low_corrected is the lower end at 1 - 5%/rows of the convention, so that
    "some point is ahead" may be read off it.
  """
  rows = []
  for convention in names.CONVENTIONS:
    flops = f"flops_{convention}"
    majority = (votings.MAJORITY, votings.NO_AGGREGATION)
    base = curves.make_curve(
      panel, policies[-1], strategies.SAMPLING, *majority, flops
    )
    if base is None:
      continue
    points = []
    for policy in policies[:-1]:
      for strategy, voting, how in scaling.schemes(panel, aggregation):
        sampled = strategies.kind_of(strategy) == strategies.SAMPLING
        if sampled or voting != votings.WEIGHTED:
          continue
        curve = curves.make_curve(panel, policy, strategy, voting, how, flops)
        if curve is not None:
          indices = np.flatnonzero(curve.flops >= base.flops[0])
          points += [(curve, index) for index in indices]
    for curve, index in points:
      accuracy = curve.accuracy[:, index]
      baseline = base.at(curve.flops[index])
      corrected = intervals.paired_interval(
        accuracy,
        baseline,
        confidence=1 - (1 - intervals.CONFIDENCE) / len(points),
        num_resamples=5 * intervals.NUM_RESAMPLES,
      )
      rows.append(
        {
          "convention": convention,
          "policy": curve.points[index].policy,
          "strategy": curve.points[index].strategy,
          "n": curve.points[index].n,
          "flops": curve.flops[index],
          "accuracy": np.nanmean(accuracy),
          "largest_accuracy": np.nanmean(baseline),
          **curves.difference_columns("difference", accuracy - baseline),
          "low_corrected": corrected.low,
          "beyond_largest_n": curve.flops[index] > base.flops[-1],
        }
      )
  return pd.DataFrame(rows)


def _gains(curve: curves.Curve, base: curves.Curve) -> list[dict[str, Any]]:
  """Rows of `search_gain` for the sizes that both curves have."""
  rows = []
  if not strategies.counts_candidates(curve.points[0].strategy):
    return rows
  for index, n in enumerate(curve.n):
    if n not in base.n:
      continue
    same_n = int(np.flatnonzero(base.n == n)[0])
    accuracy, baseline = curve.accuracy[:, index], base.accuracy[:, same_n]
    rows.append(
      {
        "n": n,
        "accuracy": np.nanmean(accuracy),
        "sampling_accuracy": np.nanmean(baseline),
        **curves.difference_columns("difference", accuracy - baseline),
        "flops": curve.flops[index],
        "sampling_flops": base.flops[same_n],
        **curves.difference_columns(
          "equal_flops", accuracy - base.at(curve.flops[index])
        ),
      }
    )
  return rows
