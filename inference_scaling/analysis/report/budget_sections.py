"""Sections of the report at equal budgets and at equal accuracies."""

import pandas as pd

from inference_scaling import names
from inference_scaling.analysis import (
  registry,
  strategies,
  templates,
  votings,
  wording,
)
from inference_scaling.analysis.comparison import (
  equal_budget,
  iso_accuracy,
  selection,
)


@registry.section(90)
def mean_differences(analysis) -> str:
  """Every strategy's mean lead over sampling, in each convention."""
  frame = analysis.tables["mean_difference"]
  if frame.empty:
    return ""
  voting, _ = votings.main_voting(analysis.aggregation)
  frame = frame[frame["voting"] == voting]
  rows = _rows(
    frame,
    "convention",
    names.CONVENTIONS,
    lambda row: (
      f"{wording.points(row, 'difference')} from {row['from']:.2g} to"
      f" {row['to']:.2g}"
    ),
  )
  return templates.fill(
    "report/templates/mean_differences.md.jinja",
    rows=rows,
    conventions=names.CONVENTIONS,
    voting=wording.VOTING_WORDS[voting],
  )


@registry.section(100)
def equal_budgets(analysis) -> str:
  """Main strategies at the costs of 1, 4, 16, ... samples."""
  frame = analysis.tables["equal_budget"]
  if frame.empty or not frame["samples"].any():
    return ""
  frame = selection.main_variants(
    equal_budget.main_part(frame, analysis.aggregation, analysis.convention)
  )
  frame = frame[frame["samples"].isin(_powers_of_four(frame["samples"]))]
  sizes = sorted(set(frame["samples"]))
  rows = _rows(frame, "samples", sizes, _at_budget)
  voting, _ = votings.main_voting(analysis.aggregation)
  return templates.fill(
    "report/templates/equal_budgets.md.jinja",
    header=("policy", "strategy", *(f"{n} samples" for n in sizes)),
    rows=rows,
    sizes=sizes,
    voting=wording.VOTING_WORDS[voting],
    convention=analysis.convention,
    close=f"{equal_budget.CLOSE:.0%}",
  )


def _by_strategy(frame: pd.DataFrame):
  return frame.groupby(["policy", "strategy"], sort=False)


def _rows(frame: pd.DataFrame, column: str, values, write) -> list[tuple]:
  """A row of text a policy and strategy, with a cell for each of the values.

  Args:
    frame: what the cells are written from.
    column: the one that has the values.
    values: of the cells, in order.
    write: makes the text of a cell out of its row of the frame.

  Returns:
    The rows: policy, strategy and the cells, "-" where there is none.
  """
  rows = []
  for (policy, strategy), mine in _by_strategy(frame):
    cells = {row[column]: write(row) for row in mine.to_dict("records")}
    name = strategies.strategy_name(strategy)
    rows.append((policy, name, *(cells.get(value, "-") for value in values)))
  return rows


def _highest_ratio(rows: pd.DataFrame) -> str:
  """The ratio at the highest round accuracy about which something is known."""
  rows = rows[rows["samples"] == 0]
  known = rows[(rows["at_least"] > 0) | (rows["at_most"] < float("inf"))]
  if known.empty:
    return "-"
  row = known.loc[known["accuracy"].idxmax()]
  return f"{iso_accuracy.ratio_text(row)} to reach {row['accuracy']:.0%}"


def _at_budget(row: dict) -> str:
  accuracy = f"{100 * row['accuracy']:.1f}"
  if strategies.kind_of(row["strategy"]) == strategies.SAMPLING:
    return accuracy
  star = "*" if row["beyond"] else ""
  return f"{accuracy}{star} ({wording.points(row, 'difference')})"


def _powers_of_four(samples: pd.Series) -> list[int]:
  """4, 16, ... and the largest; 1 where there is no other."""
  most = int(samples.max())
  powers = [4**k for k in range(1, most.bit_length()) if 4**k <= most]
  return powers + [most] * (most not in powers)


@registry.section(110)
def cost_ratios(analysis) -> str:
  """How many times fewer FLOPs than sampling for the same accuracy."""
  frame = analysis.tables["iso_accuracy"]
  if frame.empty:
    return ""
  frame = selection.main_variants(
    equal_budget.main_part(frame, analysis.aggregation, analysis.convention)
  )
  matched = frame[frame["samples"].isin(_powers_of_four(frame["samples"]))]
  sizes = sorted(set(matched["samples"]))
  rows = _rows(frame, "samples", sizes, iso_accuracy.ratio_text)
  tops = [_highest_ratio(mine) for _, mine in _by_strategy(frame)]
  rows = [(*row, top) for row, top in zip(rows, tops, strict=True)]
  voting, _ = votings.main_voting(analysis.aggregation)
  return templates.fill(
    "report/templates/cost_ratios.md.jinja",
    header=("policy", "strategy", *(f"as {n} samples" for n in sizes), "top"),
    rows=rows,
    voting=wording.VOTING_WORDS[voting],
    convention=analysis.convention,
  )
