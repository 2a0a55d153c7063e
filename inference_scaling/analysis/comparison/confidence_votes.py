"""Votes by how sure the policy was, against votes of the same candidates."""

from collections.abc import Sequence

import pandas as pd

from inference_scaling.analysis import strategies, votings
from inference_scaling.analysis.comparison import curves
from inference_scaling.analysis.estimates import intervals
from inference_scaling.analysis.estimates import outcomes as outcomes_lib
from inference_scaling.analysis.estimates import panel as panel_lib

TABLE = "confidence_votes"


def confidence_tables(
  panel: panel_lib.Panel, policies: Sequence[str], aggregation: str
) -> dict[str, pd.DataFrame]:
  """Every vote of a run beside its majority vote, paired by problem.

  Args:
    panel: problems by configurations.
    policies: names, ordered by parameters.
    aggregation: of the weighted votes that stand beside; "none" for none.

  Returns:
    The table of this section, {} where no record says how sure the policy was:
    rows by policy, strategy, n and vote, with the accuracy and its interval,
    FLOPs by convention, and the difference to the majority vote of the same
    candidates with its paired interval.
  """
  sure = [
    (vote.voting, vote.aggregation) for vote in votings.confidence_votes()
  ]
  points = set(panel.costs.index)
  runs = {point[:3] for point in points if point[3:] in sure}
  if not runs:
    return {}
  order = strategies.in_order(name for _, name, _ in runs)
  others = dict.fromkeys(votings.voting_methods(aggregation))
  rows = []
  for policy, strategy, n in sorted(
    runs, key=lambda r: (policies.index(r[0]), order.index(r[1]), r[2])
  ):
    majority = panel_lib.Configuration(
      policy, strategy, n, votings.MAJORITY, votings.NO_AGGREGATION
    )
    baseline = panel.accuracy[majority].to_numpy(float)
    for voting, how in (*others, *sure):
      point = panel_lib.Configuration(policy, strategy, n, voting, how)
      if point not in points:
        continue
      accuracy = panel.accuracy[point].to_numpy(float)
      mean, low, high = intervals.mean_interval(accuracy)
      rows.append(
        {**point._asdict(), "accuracy": mean, "low": low, "high": high}
        | {name: panel.costs.loc[point, name] for name in outcomes_lib.COSTS}
        | curves.difference_columns("difference", accuracy - baseline)
      )
  return {TABLE: pd.DataFrame(rows)}
