"""Sections of the report on claims: verdicts and the tables behind them."""

from inference_scaling.analysis import (
  frames,
  registry,
  templates,
  votings,
  wording,
)
from inference_scaling.analysis.claims import ordering_verdicts
from inference_scaling.analysis.claims import verdicts as verdicts_lib
from inference_scaling.analysis.comparison import selection
from inference_scaling.analysis.report import results

_MOST_STRATEGIES = 3  # with both majority and weighted voting in one table


@registry.section(10)
def claims(analysis: results.Analysis) -> str:
  """Claims of the paper, and whether these records show them."""
  verdicts = [
    *verdicts_lib.verdicts(
      analysis.claims, list(analysis.policies), analysis.convention
    ),
    *ordering_verdicts.ordering_verdicts(
      analysis.claims,
      analysis.tables["mean_difference"],
      analysis.aggregation,
      analysis.convention,
    ),
  ]
  return templates.fill("report/templates/claims.md.jinja", verdicts=verdicts)


@registry.section(120)
def search_gain(analysis: results.Analysis) -> str:
  """Search against sampling at the same n."""
  frame = analysis.claims["search_gain"]
  if frame.empty:
    return ""
  frame = selection.main_variants(frame)
  names = list(analysis.policies)
  middle = names[len(names) // 2]
  sizes = {*verdicts_lib.HEADLINE_SIZES, max(frame["n"])}
  rows = [
    row
    for row in frames.records(frame)
    if row["policy"] == middle or row["n"] in sizes
  ]
  return templates.fill("report/templates/search_gain.md.jinja", rows=rows)


@registry.section(130)
def smaller_policies(analysis: results.Analysis) -> str:
  """Smaller policies with search against the largest one."""
  frame = analysis.claims["smaller_against_largest"]
  if frame.empty:
    return ""
  frame = selection.main_variants(
    frames.select(frame, convention=analysis.convention)
  )
  return templates.fill(
    "report/templates/smaller_policies.md.jinja",
    rows=frames.records(frame),
    largest=list(analysis.policies)[-1],
  )


@registry.section(140)
def best_policies(analysis: results.Analysis) -> str:
  """The best policy at each budget, method by method."""
  frame = analysis.claims["best_policy"]
  if frame.empty:
    return ""
  frame = selection.main_variants(frame)
  if len(set(frame["strategy"])) > _MOST_STRATEGIES:
    voting, _ = votings.main_voting(analysis.aggregation)
    frame = frames.select(frame, voting=voting)
  methods = list(
    dict.fromkeys(zip(frame["strategy"], frame["voting"], strict=True))
  )
  cells = {
    (row["strategy"], row["voting"], row["budget"]): f"{row['best']}"
    f" {100 * row['accuracy']:.1f}"
    + (f" ({wording.points(row, 'lead')})" if row["runner_up"] else "")
    for row in frames.records(frame)
  }
  rows = [
    (f"{budget:.2g}", *(cells.get((*name, budget), "-") for name in methods))
    for budget in sorted(set(frame["budget"]))
  ]
  header = ["budget (FLOPs)", *(wording.method(*name) for name in methods)]
  return templates.fill(
    "report/templates/best_policies.md.jinja", header=header, rows=rows
  )
