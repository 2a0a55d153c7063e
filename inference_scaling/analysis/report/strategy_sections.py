"""Sections of the report on strategies: the paper's tables, votes, limits."""

import functools
from typing import Any

import pandas as pd

from inference_scaling.analysis import (
  frames,
  registry,
  strategies,
  templates,
  votings,
  wording,
)
from inference_scaling.analysis.comparison import confidence_votes, selection
from inference_scaling.analysis.report import coverage as coverage_lib
from inference_scaling.analysis.report import paper_tables, results

_MIDDLE = 16
# What n is beside the expansions of MCTS, where it is no number of candidates.
_SIZES = {
  "particle_gibbs": "for particle Gibbs that of the beams of each filter",
  "ab_mcts": "for AB-MCTS that of the steps",
}


@registry.section(
  20, reads=lambda content: (content.analysis, content.head.coverage)
)
def table_four(
  analysis: results.Analysis, coverage: coverage_lib.Coverage
) -> str:
  """The paper's Table 4, at the largest n and at n = 16.

  Args:
    analysis: the numbers.
    coverage: says which runs are to be marked as incomplete.

  Returns:
    The section.
  """
  summary = selection.main_variants(analysis.summary)
  rows = functools.partial(
    paper_tables.table_four, summary, analysis.aggregation
  )
  sizes = {
    row["n"]
    for row in frames.records(summary)
    if strategies.kind_of(row["strategy"]) != strategies.GREEDY
    and strategies.counts_candidates(row["strategy"])
  }
  has_middle = _MIDDLE in sizes and max(sizes) > _MIDDLE
  return templates.fill(
    "report/templates/table_four.md.jinja",
    largest=rows(),
    sizes=[
      words
      for kind, words in _SIZES.items()
      if kind in set(map(strategies.kind_of, summary["strategy"]))
    ],
    middle=rows(n=_MIDDLE) if has_middle else [],
    n=_MIDDLE,
    flops=analysis.flops,
    problems=analysis.problems,
    is_marked=coverage.is_marked,
  )


@registry.section(30)
def table_one(analysis: results.Analysis) -> str:
  """The paper's Table 1."""
  frame = analysis.tables["table_1"]
  if frame.empty:
    return ""
  voting, _ = votings.main_voting(analysis.aggregation)
  return templates.fill(
    "report/templates/table_one.md.jinja",
    rows=frames.records(frame),
    others=strategies.in_order(
      name
      for name in map(strategies.kind_of, frame["strategy"])
      if not strategies.counts_candidates(name) and name != strategies.MCTS
    ),
    voting=wording.VOTING_WORDS[voting],
  )


@registry.section(40)
def table_three(analysis: results.Analysis) -> str:
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


@registry.section(45)
def mean_of_samples(analysis: results.Analysis) -> str:
  """Mean accuracy of single samples (avg@n), beside pass@n and maj@n."""
  rows = frames.select(
    analysis.summary, voting=[votings.PASS, votings.MAJORITY]
  )
  lines = []
  for (_, policy, strategy), part in frames.groups(
    rows, ["parameters", "policy", "strategy"], sort=True
  ):
    largest = max(part["n"])
    if strategies.kind_of(strategy) != strategies.SAMPLING or largest < 2:
      continue
    by = {(row["n"], row["voting"]): row for row in frames.records(part)}
    single = by.get((1, votings.PASS))
    if single is None:
      continue
    lines.append(
      (
        policy,
        strategies.strategy_name(strategy),
        largest,
        single["problems"],
        *(
          wording.percent(row["accuracy"], row["low"], row["high"])
          for row in (
            single,
            by[largest, votings.MAJORITY],
            by[largest, votings.PASS],
          )
        ),
      )
    )
  if not lines:
    return ""
  return templates.fill("report/templates/mean_of_samples.md.jinja", rows=lines)


@registry.section(150)
def aggregation(analysis: results.Analysis) -> str:
  """Aggregations of step scores against the first one."""
  frame = selection.at_largest_n(analysis.tables["aggregations"])
  if frame.empty or len(set(frame["aggregation"])) < 2:
    return ""
  frame = selection.main_variants(frame)
  hows = list(dict.fromkeys(frame["aggregation"]))
  rows = []
  for (policy, strategy, n, voting), part in frames.groups(
    frame, ["policy", "strategy", "n", "voting"]
  ):
    by = {row["aggregation"]: row for row in frames.records(part)}
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


@registry.section(155)
def votes_by_confidence(analysis: results.Analysis) -> str:
  """Votes by how sure the policy was, where records say it."""
  if confidence_votes.TABLE not in analysis.tables:
    return ""
  frame = selection.at_largest_n(analysis.tables[confidence_votes.TABLE])
  frame = selection.main_variants(frame)
  rows = [
    (
      row["policy"],
      strategies.strategy_name(row["strategy"]),
      row["n"],
      row["voting"],
      row["aggregation"],
      wording.percent(row["accuracy"], row["low"], row["high"]),
      wording.points(row, "difference"),
    )
    for row in frames.records(frame)
  ]
  return templates.fill("report/templates/confidence_votes.md.jinja", rows=rows)


@registry.section(160)
def completion(analysis: results.Analysis) -> str:
  """Share of finished candidates by strategy, and the oracle."""
  rows = selection.at_largest_n(
    frames.select(analysis.summary, voting=votings.PASS)
  )
  names = strategies.in_order(rows["strategy"])
  policies = list(selection.policies_of(rows))
  cells = {
    (
      row["strategy"],
      row["policy"],
    ): f"{row['completion']:.1%} (n = {row['n']})"
    for row in frames.records(rows)
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
def limits(analysis: results.Analysis) -> str:
  """Asymptotic accuracy (n to infinity)."""
  frame = analysis.tables["limits"]
  if frame.empty:
    return ""
  rows = _in_order(selection.main_variants(frame), analysis)
  return templates.fill("report/templates/limits.md.jinja", rows=rows)


@registry.section(180)
def variance(analysis: results.Analysis) -> str:
  """Variance decomposition: problems and sampling."""
  frame = analysis.tables["variance"]
  voting, how = votings.main_voting(analysis.aggregation)
  frame = frames.select(frame, voting=voting, aggregation=how)
  frame = selection.at_largest_n(selection.main_variants(frame))
  if not frame.empty:
    frame = frame.dropna(subset=["sampling_share"])
  if frame.empty:
    return ""
  return templates.fill(
    "report/templates/variance.md.jinja",
    rows=_in_order(frame, analysis),
    voting=wording.VOTING_WORDS[voting],
  )


def _in_order(
  frame: pd.DataFrame, analysis: results.Analysis
) -> list[dict[str, Any]]:
  """Rows by policy and strategy, in the order of all tables."""
  policies = list(analysis.policies)
  names = strategies.in_order(frame["strategy"])
  return sorted(
    frames.records(frame),
    key=lambda row: (
      policies.index(row["policy"]),
      names.index(row["strategy"]),
    ),
  )
