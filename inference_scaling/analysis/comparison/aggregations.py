"""Last, minimum, mean and product of step scores, from one set of records.

Which aggregation a vote reads can be changed without a new search: the records
hold every step's score. What a search itself read while it ran stays as it was.
"""

from collections.abc import Sequence

import pandas as pd

from inference_scaling.analysis import strategies, votings
from inference_scaling.analysis.comparison import curves
from inference_scaling.analysis.estimates import intervals
from inference_scaling.analysis.estimates import panel as panel_lib


def compare_aggregations(
  panel: panel_lib.Panel, policies: Sequence[str], hows: Sequence[str]
) -> pd.DataFrame:
  """Every aggregation under best-of-n and weighted voting, paired.

  Args:
    panel: problems by configurations.
    policies: names, ordered by parameters.
    hows: aggregations that every run has, the reference first.

  Returns:
    Rows by policy, strategy, n, voting and aggregation: accuracy with its
    interval, and difference, this aggregation less the reference, with its
    paired interval. None without a reward model.
  """
  points = set(panel.costs.index)
  runs = {point[:3] for point in points}
  order = strategies.in_order(name for _, name, _ in runs)
  rows = []
  for policy, strategy, n in sorted(
    runs, key=lambda r: (policies.index(r[0]), order.index(r[1]), r[2])
  ):
    for voting in (votings.BEST_OF_N, votings.WEIGHTED):
      by_problem = {
        how: panel.accuracy[point].to_numpy(float)
        for how in hows
        if (point := panel_lib.Configuration(policy, strategy, n, voting, how))
        in points
      }
      for how, accuracy in by_problem.items():
        mean, low, high = intervals.mean_interval(accuracy)
        rows.append(
          {"policy": policy, "strategy": strategy, "n": n, "voting": voting}
          | {"aggregation": how, "accuracy": mean, "low": low, "high": high}
          | curves.difference_columns(
            "difference", accuracy - by_problem[hows[0]]
          )
        )
  return pd.DataFrame(rows)
