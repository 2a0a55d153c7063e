"""Sections of the report at equal budgets and at equal accuracies."""

import pandas as pd

from inference_scaling import names
from inference_scaling.analysis import (
  registry,
  strategies,
  votings,
  wording,
)
from inference_scaling.analysis.comparison import (
  equal_budget,
  iso_accuracy,
  selection,
)
from inference_scaling.analysis.report import markdown


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
  return (
    "## All strategies against sampling at equal budgets,"
    f" {wording.VOTING_WORDS[voting]}\n\nPoints of accuracy more than"
    " sampling of the same policy at the same FLOPs, averaged evenly over"
    " the log of the budgets at which both have points (the range is"
    " given).\n\n"
    + markdown.head(
      ("policy", "strategy", *names.CONVENTIONS),
      rows,
      "tables/mean_difference.csv (all voting methods)",
      most=60,
    )
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
  return (
    f"### At the costs of {', '.join(map(str, sizes))} samples,"
    f" {wording.VOTING_WORDS[voting]}, `{analysis.convention}`\n\nAccuracy"
    " in percent and, against sampling, the paired difference in points. A"
    " star marks a budget beyond the strategy's dearest run: its last"
    " accuracy stays. A run dearer than the budget by up to"
    f" {equal_budget.CLOSE:.0%} counts as paid for.\n\n"
    + markdown.head(
      ("policy", "strategy", *(f"{n} samples" for n in sizes)),
      rows,
      "tables/equal_budget.csv (all budgets, conventions and voting methods)",
    )
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
  return (
    f"## Cost ratios at equal accuracy, {wording.VOTING_WORDS[voting]},"
    f" `{analysis.convention}`\n\nHow many times fewer FLOPs than sampling"
    " a strategy needs to be as accurate as so many samples are, and to"
    ' reach the highest round accuracy that can be compared. "At least"'
    " stands where sampling never gets there, or where the strategy's"
    ' cheapest run is already as good (smaller n were not run); "at'
    ' most" where the strategy never gets there. An end of an interval'
    " that the data do not bound is -.\n\n"
    + markdown.head(
      ("policy", "strategy", *(f"as {n} samples" for n in sizes), "top"),
      rows,
      "tables/iso_accuracy.csv (all accuracies, conventions, voting methods)",
    )
  )
