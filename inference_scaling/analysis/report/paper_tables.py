"""Tables 1 and 3 of the paper, from the panel and the summary.

References:
  Wu et al., Inference Scaling Laws, ICLR 2025, Tables 1 and 3.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from inference_scaling.analysis import frames, strategies, votings, wording
from inference_scaling.analysis.comparison import curves, selection
from inference_scaling.analysis.estimates import intervals
from inference_scaling.analysis.estimates import panel as panel_lib


def table_one(
  panel: panel_lib.Panel, policies: Sequence[str], aggregation: str, flops: str
) -> pd.DataFrame:
  """Sampling at its largest n against each search at fewer n and FLOPs.

  The search has its largest n that is smaller than sampling's and costs fewer
  FLOPs (where n counts no candidates, as for MCTS, fewer FLOPs alone), whatever
  its accuracy.

  Args:
    panel: problems by configurations.
    policies: names, ordered by parameters.
    aggregation: of weighted voting; NO_AGGREGATION stands for majority voting.
    flops: cost column.

  Returns:
    Rows by policy and main strategy, sampling first: n, flops, accuracy with
    its interval, and, for searches, difference to sampling, paired.
  """
  voting = votings.main_voting(aggregation)
  rows = []
  for policy in policies:
    group = curves.existing(
      {
        name: curves.make_curve(panel, policy, name, *voting, flops)
        for name in strategies.main_strategies(curves.searched(panel))
      }
    )
    base = strategies.main_of(strategies.SAMPLING, group)
    if base is None:
      continue
    sampling = group.pop(base)
    rows.append(_row(policy, base, sampling, len(sampling.n) - 1, None))
    for name, curve in group.items():
      less = curve.flops < sampling.flops[-1]
      if strategies.counts_candidates(name):
        less &= curve.n < sampling.n[-1]
      if less.any():
        index = int(np.flatnonzero(less)[-1])
        rows.append(_row(policy, name, curve, index, sampling))
  return pd.DataFrame(rows)


def _row(
  policy: str,
  strategy: str,
  curve: curves.Curve,
  index: int,
  sampling: curves.Curve | None,
) -> dict[str, Any]:
  """The row of one point of a curve."""
  accuracy = curve.accuracy[:, index]
  baseline = accuracy if sampling is None else sampling.accuracy[:, -1]
  mean, low, high = intervals.mean_interval(accuracy)
  difference = curves.difference_columns("difference", accuracy - baseline)
  if sampling is None:
    difference = dict.fromkeys(difference, np.nan)
  return {
    "policy": policy,
    "strategy": strategy,
    "n": curve.n[index],
    "flops": curve.flops[index],
    "accuracy": mean,
    "low": low,
    "high": high,
    **difference,
  }


def table_three(summary: pd.DataFrame, flops: str) -> pd.DataFrame:
  """Pass rates by n and FLOPs per sample, of sampling and each search.

  A problem passes if any of its candidates is right. Strategies are left out
  whose n is not the number of their candidates.

  Args:
    summary: rows of `summarize`.
    flops: cost column.

  Returns:
    Rows by policy, n > 1 and main strategy: rate with its interval, and
    flops_per_sample.
  """
  names = [
    name
    for name in strategies.main_strategies(summary["strategy"])
    if strategies.draws_all(name)
    and strategies.kind_of(name) != strategies.GREEDY
  ]
  rows = frames.select(summary, voting=votings.PASS, strategy=names)
  rows = rows.loc[rows["n"] > 1]
  return pd.DataFrame(
    {
      "policy": rows["policy"],
      "parameters": rows["parameters"],
      "n": rows["n"],
      "strategy": rows["strategy"],
      "rate": rows["accuracy"],
      "low": rows["low"],
      "high": rows["high"],
      "flops_per_sample": rows[flops] / rows["n"],
    }
  ).reset_index(drop=True)


def table_four(
  summary: pd.DataFrame, aggregation: str, n: int | None = None
) -> list[dict[str, Any]]:
  """The rows of the paper's Table 4: policy, strategy and voting method.

  Args:
    summary: rows of `summarize`.
    aggregation: of best-of-n and weighted voting.
    n: number of candidates of all strategies but greedy, without those whose n
      counts none; by default each strategy's largest.

  Returns:
    Rows of the summary, in order.
  """
  methods = [name for name in wording.VOTING_NAMES if name != votings.PASS]
  rows = frames.select(
    summary,
    aggregation=[votings.NO_AGGREGATION, aggregation],
    voting=methods,
  )
  if n is None:
    rows = selection.at_largest_n(rows)
  else:
    greedy = rows["strategy"].map(strategies.kind_of) == strategies.GREEDY
    counted = rows["strategy"].map(strategies.counts_candidates)
    rows = rows.loc[greedy | (counted & (rows["n"] == n))]
  names = strategies.in_order(rows["strategy"])
  return sorted(
    frames.records(rows),
    key=lambda row: (
      row["parameters"],
      row["policy"],
      names.index(row["strategy"]),
      methods.index(row["voting"]),
    ),
  )


def write_table_three(
  frame: pd.DataFrame,
) -> tuple[list[str], list[tuple[Any, ...]]]:
  """The header of Table 3, with a column per strategy, and its rows."""
  names = strategies.in_order(frame["strategy"])
  rows = []
  for (_, policy, n), part in frames.groups(
    frame, ["parameters", "policy", "n"], sort=True
  ):
    cells = {
      row["strategy"]: wording.percent(row["rate"], row["low"], row["high"])
      + f" at {row['flops_per_sample']:.3g}"
      for row in frames.records(part)
    }
    if len(cells) > 1 or len(names) == 1:
      rows.append((policy, n, *(cells.get(name, "-") for name in names)))
  return ["policy", "n", *map(strategies.strategy_name, names)], rows
