"""Rules that stop sampling against a fixed number of samples at equal FLOPs.

What a rule spends depends on the problem; its cost is the mean over problems,
as that of every strategy, here the expected one over all orders of recorded
samples. The fixed number of samples is interpolated in log FLOPs between whole
numbers, all of which are known.
"""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from inference_scaling import names
from inference_scaling.analysis import strategies
from inference_scaling.analysis.comparison import curves
from inference_scaling.analysis.estimates import intervals
from inference_scaling.analysis.estimates import panel as panel_lib
from inference_scaling.analysis.records import load
from inference_scaling.analysis.stopping import outcomes

TABLE = "stopping_rules"
_MEANS = ["samples", "is_exact", "threshold"]


def stopping_rules(
  records: Iterable[load.Record],
  policies: Sequence[str],
  aggregation: str,
  *,
  num_subsets: int,
  seed: int,
) -> pd.DataFrame:
  """Replays every rule and compares it with a fixed number of samples.

  Args:
    records: of a sweep.
    policies: names, ordered by parameters.
    aggregation: of the rewards that best-of-n reads.
    num_subsets: see `outcomes.replay_outcomes`.
    seed: likewise.

  Returns:
    Rows by convention, policy, strategy (sampling of a fixed number, too) and
    most samples n, a power of two: voting, expected samples and flops, accuracy
    with low and high, mc_error and exact, the share of problems without one,
    threshold of the reward; fixed, accuracy of a fixed number of samples at the
    same FLOPs, and fixed_samples, how many these are; difference to it, and
    to_all, that to all n samples, with paired intervals. It is empty without
    samples to replay.
  """
  frame = outcomes.replay_outcomes(
    records, aggregation, num_subsets=num_subsets, seed=seed
  )
  if frame.empty:
    return frame
  frame, _ = panel_lib.complete_seeds(frame)
  panel = panel_lib.make_panel(frame)
  means = cast(
    pd.DataFrame, frame.groupby(["policy", "strategy", "n"])[_MEANS].mean()
  )
  rows = []
  for convention in names.CONVENTIONS:
    for policy in policies:
      rows += _rows(panel, means, policy, convention)
  return pd.DataFrame(rows)


def is_used(records: Iterable[load.Record]) -> bool:
  """Whether a search of the records is one of those that stop."""
  kinds = {strategies.kind_of(record.strategy) for record in records}
  return bool(kinds & {outcomes.ADAPTIVE, outcomes.BY_REWARD})


def _rows(
  panel: panel_lib.Panel, means: pd.DataFrame, policy: str, convention: str
) -> list[dict[str, Any]]:
  """The rows of one policy in one convention."""
  rows = []
  flops = f"flops_{convention}"
  points = [point for point in panel.costs.index if point.policy == policy]
  kinds = dict.fromkeys((p.voting, p.aggregation) for p in points)
  for voting, how in kinds:
    mine = [p for p in points if (p.voting, p.aggregation) == (voting, how)]
    every = dict.fromkeys(point.strategy for point in mine)
    baseline = strategies.main_of(strategies.SAMPLING, every)
    base = baseline and curves.make_curve(
      panel, policy, baseline, voting, how, flops
    )
    if not base:
      continue
    for strategy in strategies.in_order(every):
      for point in mine:
        # Sampling is known at every n, but shown at the powers of two.
        if point.strategy == strategy and _is_shown(point.n, base.n[-1]):
          rows.append(
            {"convention": convention, "policy": policy, "strategy": strategy}
            | {"n": point.n, "voting": voting}
            | means.loc[policy, strategy, point.n].to_dict()
            | _compare(panel, point, base, flops)
          )
  return rows


def _is_shown(n: int, most: int) -> bool:
  return n & (n - 1) == 0 or n == most


def _compare(
  panel: panel_lib.Panel,
  point: panel_lib.Configuration,
  base: curves.Curve,
  flops: str,
) -> dict[str, float]:
  """One point beside a fixed number of samples."""
  column = list(panel.accuracy.columns).index(point)
  accuracy = panel.accuracy.to_numpy(float)[:, column]
  spent = float(panel.costs.loc[[point], flops].iloc[0])
  # One sample costs what the curve begins with, up to rounding.
  budget = max(spent, base.flops[0])
  fixed = base.at(budget)
  mean, low, high = intervals.mean_interval(accuracy)
  return {
    "flops": spent,
    "accuracy": mean,
    "low": low,
    "high": high,
    "mc_error": float(panel.costs.loc[[point], "mc_error"].iloc[0]),
    "fixed": float(np.nanmean(fixed)),
    "fixed_samples": float(np.interp(budget, base.flops, base.n)),
    **curves.difference_columns("difference", accuracy - fixed),
    **curves.difference_columns("to_all", accuracy - base.accuracy[:, -1]),
  }
