"""Sections of the report on strategies: the paper's tables, votes, limits."""

import functools

import pandas as pd

from inference_scaling.analysis import (
  registry,
  strategies,
  templates,
  votings,
  wording,
)
from inference_scaling.analysis.comparison import selection
from inference_scaling.analysis.report import coverage as coverage_lib
from inference_scaling.analysis.report import paper_tables

_MIDDLE = 16


@registry.section(
  20, reads=lambda content: (content.analysis, content.head.coverage)
)
def table_four(analysis, coverage: coverage_lib.Coverage) -> str:
  """The paper's Table 4, at the largest n and at n = 16.

  Args:
    analysis: a `results.Analysis`.
    coverage: says which runs are to be marked as incomplete.

  Returns:
    The section.
  """
  summary = selection.main_variants(analysis.summary)
  rows = functools.partial(
    paper_tables.table_four, summary, analysis.aggregation
  )
  apart = (strategies.GREEDY, strategies.MCTS)
  searches = summary[~summary["strategy"].map(strategies.kind_of).isin(apart)]
  beside = _MIDDLE in set(searches["n"]) and searches["n"].max() > _MIDDLE
  return templates.fill(
    "report/templates/table_four.md.jinja",
    largest=rows(),
    middle=rows(n=_MIDDLE) if beside else [],
    n=_MIDDLE,
    flops=analysis.flops,
    is_marked=coverage.is_marked,
  )


@registry.section(30)
def table_one(analysis) -> str:
  """The paper's Table 1."""
  frame = analysis.tables["table_1"]
  if frame.empty:
    return ""
  voting, _ = votings.main_voting(analysis.aggregation)
  return templates.fill(
    "report/templates/table_one.md.jinja",
    rows=frame.to_dict("records"),
    voting=wording.VOTING_WORDS[voting],
  )


@registry.section(40)
def table_three(analysis) -> str:
  """The paper's Table 3."""
  frame = analysis.tables["table_3"]
  if frame.empty:
    return ""
  header, rows = paper_tables.write_table_three(frame)
  return templates.fill(
    "report/templates/table_three.md.jinja",
    header=header,
    rows=rows,
    convention=analysis.convention,
  )


@registry.section(150)
def aggregation(analysis) -> str:
  """Aggregations of step scores against the first one."""
  frame = selection.at_largest_n(analysis.tables["aggregations"])
  if frame.empty or frame["aggregation"].nunique() < 2:
    return ""
  frame = selection.main_variants(frame)
  hows = list(dict.fromkeys(frame["aggregation"]))
  rows = []
  for (policy, strategy, n), mine in frame.groupby(
    ["policy", "strategy", "n"], sort=False
  ):
    for voting, part in mine.groupby("voting", sort=False):
      by = {row["aggregation"]: row for row in part.to_dict("records")}
      rows.append(
        (
          policy,
          wording.method(strategy, voting),
          n,
          f"{100 * by[hows[0]]['accuracy']:.1f}",
          *(wording.points(by[how], "difference") for how in hows[1:]),
        )
      )
  return templates.fill(
    "report/templates/aggregation.md.jinja",
    rows=rows,
    first=hows[0],
    others=hows[1:],
  )


@registry.section(160)
def completion(analysis) -> str:
  """Share of finished candidates by strategy, and the oracle."""
  rows = analysis.summary[analysis.summary["voting"] == votings.PASS]
  rows = selection.at_largest_n(rows)
  names = strategies.in_order(rows["strategy"])
  policies = list(selection.policies_of(rows))
  cells = {
    (
      row["strategy"],
      row["policy"],
    ): f"{row['completion']:.1%} (n = {row['n']})"
    for row in rows.to_dict("records")
  }
  lines = [
    (
      strategies.strategy_name(name),
      *(cells[name, p] if (name, p) in cells else "-" for p in policies),
    )
    for name in names
  ]
  return templates.fill(
    "report/templates/completion.md.jinja", policies=policies, rows=lines
  )


@registry.section(170)
def limits(analysis) -> str:
  """What more candidates could ever give."""
  frame = analysis.tables["limits"]
  if frame.empty:
    return ""
  frame = _in_order(selection.main_variants(frame), analysis)
  return templates.fill(
    "report/templates/limits.md.jinja", rows=frame.to_dict("records")
  )


@registry.section(180)
def variance(analysis) -> str:
  """Where the uncertainty comes from: problems or sampling."""
  frame = analysis.tables["variance"]
  voting, how = votings.main_voting(analysis.aggregation)
  frame = frame[(frame["voting"] == voting) & (frame["aggregation"] == how)]
  frame = selection.at_largest_n(selection.main_variants(frame))
  frame = frame[frame["sampling_share"].notna()]
  if frame.empty:
    return ""
  return templates.fill(
    "report/templates/variance.md.jinja",
    rows=_in_order(frame, analysis).to_dict("records"),
    voting=wording.VOTING_WORDS[voting],
  )


def _in_order(frame: pd.DataFrame, analysis) -> pd.DataFrame:
  """Rows by policy and strategy, in the order of all tables."""
  orders = {
    "policy": list(analysis.policies),
    "strategy": strategies.in_order(frame["strategy"]),
  }
  return frame.sort_values(
    list(orders),
    key=lambda column: column.map(orders[column.name].index),
    kind="stable",
  )
