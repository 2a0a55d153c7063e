"""Sections of the report on strategies: the paper's tables, votes, limits."""

import pandas as pd

from inference_scaling.analysis import (
  registry,
  strategies,
  votings,
  wording,
)
from inference_scaling.analysis.comparison import selection
from inference_scaling.analysis.report import coverage as coverage_lib
from inference_scaling.analysis.report import markdown, paper_tables

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
  flops = f"flops_{analysis.convention}"
  text = (
    "## Accuracy at the largest n (Table 4 of the paper)\n\nMV majority voting,"
    " BoN best-of-n, WV weighted voting; 95% intervals over problems in"
    " brackets. For MCTS n is the number of expansions.\n\n"
    + paper_tables.table_four(
      summary, analysis.aggregation, flops, coverage.is_marked
    )
  )
  apart = (strategies.GREEDY, strategies.MCTS)
  searches = summary[~summary["strategy"].map(strategies.kind_of).isin(apart)]
  if (searches["n"] == _MIDDLE).any() and searches["n"].max() > _MIDDLE:
    text += f"\n\n### At n = {_MIDDLE}\n\n" + paper_tables.table_four(
      summary, analysis.aggregation, flops, coverage.is_marked, n=_MIDDLE
    )
  if coverage_lib.MARK in text:
    text += (
      f"\n\n{coverage_lib.MARK} of an incomplete run: of the problems that are"
      " recorded."
    )
  return text


@registry.section(30)
def table_one(analysis) -> str:
  """The paper's Table 1."""
  frame = analysis.tables["table_1"]
  if frame.empty:
    return ""
  voting, _ = votings.main_voting(analysis.aggregation)
  return (
    "## Many samples against a smaller search (Table 1 of the paper)\n\n"
    f"{wording.VOTING_WORDS[voting].capitalize()}. Sampling at its largest n;"
    " each search at its largest n that is smaller and costs fewer FLOPs (for"
    " MCTS, that costs fewer FLOPs). The last column is paired, in points.\n\n"
    + paper_tables.write_table_one(frame)
  )


@registry.section(40)
def table_three(analysis) -> str:
  """The paper's Table 3."""
  frame = analysis.tables["table_3"]
  if frame.empty:
    return ""
  return (
    "## Pass rates (Table 3 of the paper)\n\nShare of problems in percent that"
    " some candidate solves (pass@n, as if an oracle picked), and FLOPs per"
    f" candidate (`{analysis.convention}`).\n\n"
    + paper_tables.write_table_three(frame)
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
  header = ("policy", "method", "n", f"{hows[0]} %", *hows[1:])
  return (
    "## Aggregation of step scores\n\nThe same candidates, voted on again: no"
    f" new search. Accuracy by `{hows[0]}` and, paired, how many points the"
    " others add to it. What a search read while it ran stays as it was.\n\n"
    + markdown.head(header, rows, "tables/aggregations.csv", most=45)
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
  return (
    "## Finished candidates\n\nShare of candidates that came to their end, at"
    " the largest n; the others ran out of tokens or steps, or were still open"
    " when the search ended, and abstain.\n\n"
    + markdown.table(("strategy", *policies), lines, left=1)
  )


@registry.section(170)
def limits(analysis) -> str:
  """What more candidates could ever give."""
  frame = analysis.tables["limits"]
  if frame.empty:
    return ""
  frame = _in_order(selection.main_variants(frame), analysis)
  rows = [
    (
      row["policy"],
      wording.method(row["strategy"], row["voting"]),
      row["n"],
      wording.percent(
        row["accuracy"], row["accuracy_low"], row["accuracy_high"]
      ),
      wording.percent(row["limit"], row["low"], row["high"]),
      wording.points(row, "to_go"),
      wording.points(row, "moved"),
    )
    for row in frame.to_dict("records")
  ]
  header = ("policy", "method", "n", "accuracy at n", "limit")
  return (
    "## What more candidates could ever give\n\nWith ever more candidates"
    " a vote ends at the likeliest answer of each problem (Theorems 1 and"
    " 2 of the paper). The limit is read from all candidates of all seeds"
    " at the largest n: for sampling it is the accuracy of all of them"
    " together, a little short of the true limit, and intervals do not"
    " cover that. *To go* is limit less accuracy at n, *moved* the limit"
    " less that of sampling, both paired and in points.\n\n"
    + markdown.head(
      (*header, "to go", "moved"), rows, "tables/limits.csv", most=45
    )
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
  frame = _in_order(frame, analysis)
  rows = [
    (
      row["policy"],
      strategies.strategy_name(row["strategy"]),
      row["n"],
      f"{row['problems']} x {row['seeds']}",
      f"{100 * row['standard_error']:.2f}",
      f"{row['sampling_share']:.0%}",
      f"{row['twice_seeds']:.0%}",
      f"{row['twice_problems']:.0%}",
    )
    for row in frame.to_dict("records")
  ]
  header = ("policy", "strategy", "n", "problems x seeds", "error (points)")
  header += ("due to sampling", "twice the seeds", "twice the problems")
  return (
    "## Problems or sampling\n\nStandard error of the accuracy under"
    f" {wording.VOTING_WORDS[voting]}, the share of its variance that comes"
    " from sampling rather than from the choice of problems, and how much"
    " of the error twice as many seeds or problems would take away.\n\n"
    + markdown.head(header, rows, "tables/variance.csv")
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
