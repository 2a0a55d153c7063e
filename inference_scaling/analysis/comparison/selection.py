"""Which rows of a table figures, verdicts and the report show."""

import pandas as pd

from inference_scaling.analysis import frames, strategies, votings
from inference_scaling.analysis.estimates import panel as panel_lib


def main_rows(
  summary: pd.DataFrame, aggregation: str, *, variants: bool = False
) -> pd.DataFrame:
  """Main voting of the strategies, and greedy: what main figures draw.

  Args:
    summary: rows of `summarize`.
    aggregation: of weighted voting; NO_AGGREGATION stands for majority voting.
    variants: whether to keep all variants of a kind, not the main one alone.

  Returns:
    The rows.
  """
  voting, aggregation = votings.main_voting(aggregation)
  main = (summary["voting"] == voting) & (summary["aggregation"] == aggregation)
  kinds = summary["strategy"].map(strategies.kind_of)
  greedy = (kinds == strategies.GREEDY) & (
    summary["voting"] == votings.MAJORITY
  )
  rows = summary.loc[main | greedy]
  return rows if variants else main_variants(rows)


def main_points(
  panel: panel_lib.Panel, aggregation: str
) -> list[panel_lib.Configuration]:
  """Configurations under the main voting method, and greedy."""
  return [
    point
    for point in panel.costs.index
    if point[3:] == votings.main_voting(aggregation)
    or (
      strategies.kind_of(point.strategy) == strategies.GREEDY
      and point.voting == votings.MAJORITY
    )
  ]


def main_variants(rows: pd.DataFrame) -> pd.DataFrame:
  """The rows of the main strategy of each kind; none of an empty frame."""
  if rows.empty:
    return rows
  names = strategies.main_strategies(rows["strategy"])
  return frames.select(rows, strategy=names)


def policies_of(summary: pd.DataFrame) -> dict[str, int]:
  """Number of parameters by policy, in rising order."""
  rows = summary.sort_values(["parameters", "policy"])
  return dict(zip(rows["policy"], rows["parameters"], strict=True))


def most_problems(summary: pd.DataFrame) -> dict[str, int]:
  """The number of problems by policy, of its fullest rows of the summary."""
  return {
    policy: int(max(rows["problems"]))
    for (policy,), rows in frames.groups(summary, ["policy"])
  }


def unequal_problems(summary: pd.DataFrame) -> dict[str, int]:
  """Likewise; empty where all policies have as many, which goes unsaid."""
  counts = most_problems(summary)
  return counts if len(set(counts.values())) > 1 else {}


def at_largest_n(frame: pd.DataFrame) -> pd.DataFrame:
  """The rows at the largest n of each policy and strategy.

  Args:
    frame: with the columns policy, strategy and n.

  Returns:
    The rows; none of an empty frame.
  """
  if frame.empty:
    return frame
  largest = frame.groupby(["policy", "strategy"])["n"].transform("max")
  return frame.loc[frame["n"] == largest]
