"""Sections of the report at equal budgets and at equal accuracies."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from inference_scaling import names
from inference_scaling.analysis import (
  frames,
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
from inference_scaling.analysis.report import results
from inference_scaling.analysis.stopping import against_fixed, beside

_ROUNDING = 1e-9


@registry.section(90)
def mean_differences(analysis: results.Analysis) -> str:
  """Every strategy's mean lead over sampling, in each convention."""
  frame = analysis.tables["mean_difference"]
  if frame.empty:
    return ""
  voting, _ = votings.main_voting(analysis.aggregation)
  rows = _rows(
    frames.select(frame, voting=voting),
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
def equal_budgets(analysis: results.Analysis) -> str:
  """Main strategies at the costs of 1, 4, 16, ... samples."""
  frame = analysis.tables["equal_budget"]
  if frame.empty or not any(frame["samples"]):
    return ""
  frame = _at_powers_of_four(
    selection.main_variants(
      equal_budget.main_part(frame, analysis.aggregation, analysis.convention)
    )
  )
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


def _rows(
  frame: pd.DataFrame,
  column: str,
  values: Sequence[Any],
  write: Callable[[dict[str, Any]], str],
) -> list[tuple[str, ...]]:
  """A row of text per policy and strategy, with a cell for each of the values.

  Args:
    frame: has a row per policy, strategy and value.
    column: its column that has the values.
    values: of the cells, in order.
    write: makes the text of a cell out of its row of the frame.

  Returns:
    The rows: policy, strategy and the cells, "-" where there is none.
  """
  rows = []
  for (policy, strategy), part in frames.groups(frame, ["policy", "strategy"]):
    cells = {row[column]: write(row) for row in frames.records(part)}
    name = strategies.strategy_name(strategy)
    rows.append((policy, name, *(cells.get(value, "-") for value in values)))
  return rows


def _highest_ratio(frame: pd.DataFrame) -> str:
  """The ratio at the highest round accuracy at which it has a bound."""
  known = [
    row
    for row in frames.records(frames.select(frame, samples=0))
    if row["at_least"] > 0 or row["at_most"] < float("inf")
  ]
  if not known:
    return "-"
  row = max(known, key=lambda row: row["accuracy"])
  return f"{iso_accuracy.ratio_text(row)} to reach {row['accuracy']:.0%}"


def _at_budget(row: dict[str, Any]) -> str:
  """The accuracy of a strategy at a budget and its difference to sampling."""
  accuracy = f"{100 * row['accuracy']:.1f}"
  if strategies.kind_of(row["strategy"]) == strategies.SAMPLING:
    return accuracy
  star = "*" if row["beyond"] else ""
  return f"{accuracy}{star} ({wording.points(row, 'difference')})"


def _at_powers_of_four(frame: pd.DataFrame) -> pd.DataFrame:
  """Rows of 4, 16, ... and the most samples; of 1 where there is no other."""
  most = max(map(int, frame["samples"]))
  powers = [4**k for k in range(1, most.bit_length()) if 4**k <= most]
  return frames.select(frame, samples=[*powers, most])


@registry.section(110)
def cost_ratios(analysis: results.Analysis) -> str:
  """How many times fewer FLOPs than sampling for the same accuracy."""
  frame = analysis.tables["iso_accuracy"]
  if frame.empty:
    return ""
  frame = selection.main_variants(
    equal_budget.main_part(frame, analysis.aggregation, analysis.convention)
  )
  sizes = sorted(set(_at_powers_of_four(frame)["samples"]))
  rows = _rows(frame, "samples", sizes, iso_accuracy.ratio_text)
  tops = [
    _highest_ratio(part)
    for _, part in frames.groups(frame, ["policy", "strategy"])
  ]
  rows = [(*row, top) for row, top in zip(rows, tops, strict=True)]
  voting, _ = votings.main_voting(analysis.aggregation)
  return templates.fill(
    "report/templates/cost_ratios.md.jinja",
    header=("policy", "strategy", *(f"as {n} samples" for n in sizes), "top"),
    rows=rows,
    voting=wording.VOTING_WORDS[voting],
    convention=analysis.convention,
  )


@registry.section(112)
def stopping_rules(analysis: results.Analysis) -> str:
  """Rules that stop sampling, beside fixed numbers of samples."""
  frame = analysis.tables.get(against_fixed.TABLE)
  if frame is None or frame.empty:
    return ""
  rows = frames.select(
    selection.at_largest_n(frame), convention=analysis.convention
  )
  rules = [
    row for row in frames.records(rows) if beside.is_replay(row["strategy"])
  ]
  ahead, behind = (
    [row for row in rules if is_sure(row)]
    for is_sure in (
      lambda row: row["difference_low"] > _ROUNDING,
      lambda row: row["difference_high"] < -_ROUNDING,
    )
  )
  return templates.fill(
    "report/templates/stopping_rules.md.jinja",
    convention=analysis.convention,
    conventions=names.CONVENTIONS,
    rows=[_rule_row(row, frame) for row in frames.records(rows)],
    count=len(rules),
    ahead=len(ahead),
    behind=len(behind),
    mc_error=100 * max(rows["mc_error"]),
    file=f"tables/{against_fixed.TABLE}.csv",
  )


def _rule_row(row: dict[str, Any], frame: pd.DataFrame) -> tuple[Any, ...]:
  """The cells of a row; what compares with fixed numbers is of rules alone."""
  at = {key: row[key] for key in ("policy", "strategy", "n")}
  each = [
    frames.records(frames.select(frame, convention=convention, **at))[0]
    for convention in names.CONVENTIONS
  ]
  name = strategies.strategy_name(row["strategy"])
  if row["threshold"] == row["threshold"]:
    name += f", reward of {row['threshold']:.3g}"
  fixed = row["strategy"] == row["against"]
  drawn = beside.is_replay(row["strategy"]) or fixed
  return (
    row["policy"],
    name,
    wording.voting_name(row["voting"]),
    f"{row['samples']:.1f}",
    *(f"{own['flops']:.3g}" for own in each),
    wording.percent(row["accuracy"], row["low"], row["high"]),
    *("-" if fixed else wording.points(own, "difference") for own in each),
    "-" if fixed else wording.points(row, "to_all"),
    f"{row['is_exact']:.0%}" if drawn else "-",
  )
