"""The scaling claims of the paper, as tables of paired 95% intervals.

Every function reads a panel and returns a frame, one row per comparison; all
differences are in accuracy (0 to 1), ours minus theirs, over the problems that
both have. `verdicts` reads the frames and says in words what they show.

References:
  Wu et al., Inference Scaling Laws, ICLR 2025, sections 4.2 to 4.4.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from inference_scaling.analysis import (
  curves,
  frontier,
  intervals,
  load,
  outcomes,
)
from inference_scaling.analysis import panel as panel_lib

SAMPLING = "sampling"


def schemes(
  panel: panel_lib.Panel, aggregation: str
) -> list[tuple[str, str, str]]:
  """Strategy, voting and aggregation of the curves that claims speak of.

  Args:
    panel: problems by configurations.
    aggregation: how weighted voting aggregates step scores; NO_AGGREGATION
      without a reward model.

  Returns:
    Majority and weighted voting of each strategy but greedy, sampling first;
    majority voting alone without a reward model.
  """
  names = {point.strategy for point in panel.costs.index} - {outcomes.GREEDY}
  ordered = sorted(names, key=lambda name: (name != SAMPLING, name))
  majority = (outcomes.MAJORITY, outcomes.NO_AGGREGATION)
  votings = dict.fromkeys((majority, outcomes.main_voting(aggregation)))
  return [(name, *voting) for name in ordered for voting in votings]


def growth(
  panel: panel_lib.Panel, policies: Sequence[str], aggregation: str, flops: str
) -> pd.DataFrame:
  """Does error fall with n, and does it saturate?

  Saturation compares the gain over the first doublings of n with the gain over
  as many last ones: the same factor in cost at both ends of the curve.

  Args:
    panel: problems by configurations.
    policies: names, ordered by parameters.
    aggregation: how weighted voting aggregates step scores.
    flops: cost column.

  Returns:
    Rows with the smallest and largest n, their accuracies, the whole gain,
    the gain over the first and the last doublings, the number of these, and
    what the first gain more than the last (each with low and high).
  """
  rows = []
  for policy in policies:
    for strategy, voting, how in schemes(panel, aggregation):
      curve = curves.make_curve(panel, policy, strategy, voting, how, flops)
      if curve is None or len(curve.points) < 3:
        continue
      values, half = curve.accuracy, (len(curve.points) - 1) // 2
      first = values[:, half] - values[:, 0]
      last = values[:, -1] - values[:, -1 - half]
      rows.append(
        {
          "policy": policy,
          "strategy": strategy,
          "voting": voting,
          "n_first": curve.n[0],
          "n_last": curve.n[-1],
          "accuracy_first": np.nanmean(values[:, 0]),
          "accuracy_last": np.nanmean(values[:, -1]),
          **_columns("gain", values[:, -1] - values[:, 0]),
          "points_compared": half,
          **_columns("early", first),
          **_columns("late", last),
          **_columns("early_minus_late", first - last),
        }
      )
  return pd.DataFrame(rows)


def best_policy(
  panel: panel_lib.Panel, policies: Sequence[str], aggregation: str, flops: str
) -> pd.DataFrame:
  """Which policy is best at each budget, strategy by strategy?

  Accuracies at a budget are interpolated along each policy's curve; a policy
  whose cheapest point is dearer than the budget does not take part.

  Args:
    panel: problems by configurations.
    policies: names, ordered by parameters.
    aggregation: how weighted voting aggregates step scores.
    flops: cost column.

  Returns:
    Rows by strategy, voting and budget: the best policy and its accuracy, the
    runner-up (empty where nobody else takes part) and the lead over it.
  """
  found = {
    (strategy, voting): {
      policy: curve
      for policy in policies
      if (
        curve := curves.make_curve(panel, policy, strategy, voting, how, flops)
      )
      is not None
    }
    for strategy, voting, how in schemes(panel, aggregation)
  }
  found = {name: group for name, group in found.items() if len(group) > 1}
  costs = [curve.flops for group in found.values() for curve in group.values()]
  budgets = frontier.budget_grid(np.concatenate(costs)) if costs else []
  rows = []
  for (strategy, voting), group in found.items():
    for budget in budgets:
      row = _best_at(group, budget)
      if row is not None:
        rows.append({"strategy": strategy, "voting": voting} | row)
  return pd.DataFrame(rows)


def _best_at(group: dict[str, curves.Curve], budget: float) -> dict | None:
  """The best policy at a budget and its lead; None if it pays for none."""
  values = {name: curve.at(budget) for name, curve in group.items()}
  means = {
    name: np.nanmean(value)
    for name, value in values.items()
    if not np.isnan(value).all()
  }
  if not means:
    return None
  best, *others = sorted(means, key=means.get, reverse=True)
  # Alone it leads nobody: a difference of NaN.
  second = values[others[0]] if others else np.full_like(values[best], np.nan)
  return {
    "budget": budget,
    "best": best,
    "accuracy": means[best],
    "runner_up": others[0] if others else "",
    **_columns("lead", values[best] - second),
  }


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
      pairs = schemes(panel, aggregation)
      strategies = [s for s, v, _ in pairs if v == outcomes.WEIGHTED]
      found = {
        strategy: curves.make_curve(
          panel, policy, strategy, outcomes.WEIGHTED, aggregation, flops
        )
        for strategy in strategies
      }
      base = found.pop(SAMPLING, None)
      if base is None:
        continue
      for strategy, curve in found.items():
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
  for convention in load.CONVENTIONS:
    flops = f"flops_{convention}"
    majority = (outcomes.MAJORITY, outcomes.NO_AGGREGATION)
    base = curves.make_curve(panel, policies[-1], SAMPLING, *majority, flops)
    pairs = []
    for policy in policies[:-1]:
      for strategy, voting, how in schemes(panel, aggregation):
        if base is None or strategy == SAMPLING or voting != outcomes.WEIGHTED:
          continue
        curve = curves.make_curve(panel, policy, strategy, voting, how, flops)
        if curve is not None:
          places = np.flatnonzero(curve.flops >= base.flops[0])
          pairs += [(curve, place) for place in places]
    for curve, place in pairs:
      ours = curve.accuracy[:, place]
      theirs = base.at(curve.flops[place])
      corrected = intervals.paired_interval(
        ours,
        theirs,
        confidence=1 - (1 - intervals.CONFIDENCE) / len(pairs),
        num_resamples=5 * intervals.NUM_RESAMPLES,
      )
      rows.append(
        {
          "convention": convention,
          "policy": curve.points[place].policy,
          "strategy": curve.points[place].strategy,
          "n": curve.points[place].n,
          "flops": curve.flops[place],
          "accuracy": np.nanmean(ours),
          "largest_accuracy": np.nanmean(theirs),
          **_columns("difference", ours - theirs),
          "low_corrected": corrected.low,
          "beyond_largest_n": curve.flops[place] > base.flops[-1],
        }
      )
  return pd.DataFrame(rows)


def _gains(curve: curves.Curve, base: curves.Curve) -> list[dict]:
  """Rows of `search_gain` for the sizes that both curves have."""
  rows = []
  for place, n in enumerate(curve.n):
    if n not in base.n:
      continue
    ours, other = curve.accuracy[:, place], int(np.flatnonzero(base.n == n)[0])
    theirs = base.accuracy[:, other]
    rows.append(
      {
        "n": n,
        "accuracy": np.nanmean(ours),
        "sampling_accuracy": np.nanmean(theirs),
        **_columns("difference", ours - theirs),
        "flops": curve.flops[place],
        "sampling_flops": base.flops[other],
        **_columns("equal_flops", ours - base.at(curve.flops[place])),
      }
    )
  return rows


def _columns(name: str, difference: np.ndarray) -> dict[str, float]:
  """A paired difference by problem as three columns: mean, low, high."""
  mean, low, high = intervals.mean_interval(difference)
  return {name: mean, f"{name}_low": low, f"{name}_high": high}
