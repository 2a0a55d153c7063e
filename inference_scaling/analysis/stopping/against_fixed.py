"""Rules that stop sampling against a fixed number of samples at equal FLOPs.

What a rule spends depends on the problem; its cost is the mean over problems,
as that of every strategy, here the expected one over all orders of recorded
samples. The fixed number of samples is interpolated in log FLOPs between whole
numbers, all of which are known.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from inference_scaling import names
from inference_scaling.analysis import strategies
from inference_scaling.analysis.comparison import curves
from inference_scaling.analysis.estimates import intervals
from inference_scaling.analysis.estimates import panel as panel_lib
from inference_scaling.analysis.records import load
from inference_scaling.analysis.stopping import beside, outcomes

TABLE = "stopping_rules"
_MEANS = ["samples", "is_exact", "threshold"]


def stopping_rules(
  records: Sequence[load.Record],
  policies: Sequence[str],
  aggregation: str,
  *,
  frame: pd.DataFrame,
  num_subsets: int,
  seed: int,
) -> pd.DataFrame:
  """Replays every rule and compares it with a fixed number of samples.

  Args:
    records: of a sweep.
    policies: names, ordered by parameters.
    aggregation: of the rewards that votes read.
    frame: rows of `make_outcomes` of the records, of which the others are that
      rules stand beside (`beside.beside`).
    num_subsets: see `outcomes.replay_outcomes`.
    seed: likewise.

  Returns:
    Rows by convention, policy, strategy (sampling of a fixed number, too) and
    most samples n, of replays and fixed numbers a power of two: voting,
    expected samples and flops, accuracy with low and high, mc_error and exact,
    the share of problems without one, threshold of the reward; against, the
    fixed number of samples it is compared with (`beside.baseline_of`); fixed,
    accuracy of that at the same FLOPs, and fixed_samples, how many these are;
    difference to it, and to_all, that to all n samples, with paired intervals.
    It is empty without samples to replay.
  """
  replayed = outcomes.replay_outcomes(
    records, aggregation, num_subsets=num_subsets, seed=seed
  )
  if replayed.empty:
    return replayed
  others = beside.beside(frame, records, aggregation)
  both, _ = panel_lib.complete_seeds(
    pd.concat(
      [part for part in (replayed, others) if not part.empty],
      ignore_index=True,
    )
  )
  panel = panel_lib.make_panel(both)
  means = cast(
    pd.DataFrame, both.groupby(["policy", "strategy", "n"])[_MEANS].mean()
  )
  return pd.DataFrame(
    [
      row
      for convention in names.CONVENTIONS
      for policy in policies
      for row in _rows(panel, means, policy, convention)
    ]
  )


def is_used(records: Iterable[load.Record]) -> bool:
  """Whether a search of the records is one of those that stop."""
  kinds = {strategies.kind_of(record.strategy) for record in records}
  return bool(kinds & {outcomes.ADAPTIVE, outcomes.BY_REWARD})


def _rows(
  panel: panel_lib.Panel, means: pd.DataFrame, policy: str, convention: str
) -> Iterator[dict[str, Any]]:
  """The rows of one policy in one convention."""
  flops = f"flops_{convention}"
  points = [point for point in panel.costs.index if point.policy == policy]
  votes = {p.strategy: (p.voting, p.aggregation) for p in points}
  bases = curves.existing(
    {
      name: curves.make_curve(panel, policy, name, *votes[name], flops)
      for name in beside.FIXED.values()
      if name in votes
    }
  )
  order = strategies.in_order(votes)
  for point in sorted(points, key=lambda p: (order.index(p.strategy), p.n)):
    against = beside.baseline_of(point.strategy, point.voting)
    # Sampling is known at every n, but shown at the powers of two.
    if against in bases and _is_shown(point, bases[against]):
      yield (
        {"convention": convention, "policy": policy}
        | {"strategy": point.strategy, "n": point.n, "voting": point.voting}
        | means.loc[policy, point.strategy, point.n].to_dict()
        | {"against": against}
        | _compare(panel, point, bases[against], flops)
      )


def _is_shown(point: panel_lib.Configuration, base: curves.Curve) -> bool:
  sampled = strategies.is_independent(point.strategy)
  return not sampled or point.n & (point.n - 1) == 0 or point.n == base.n[-1]


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
