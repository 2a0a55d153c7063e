"""Sections of the report on claims: verdicts and the tables behind them."""

from inference_scaling.analysis import (
  registry,
  templates,
  votings,
  wording,
)
from inference_scaling.analysis.claims import ordering_verdicts
from inference_scaling.analysis.claims import verdicts as verdicts_lib
from inference_scaling.analysis.comparison import selection

_MOST_STRATEGIES = 3  # with both majority and weighted voting in one table


@registry.section(10)
def judged_claims(analysis) -> str:
  """What the paper claims, and whether these records show it."""
  judged = [
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
  return templates.fill(
    "report/templates/judged_claims.md.jinja", verdicts=judged
  )


@registry.section(120)
def search_gain(analysis) -> str:
  """Search against sampling at the same n."""
  frame = analysis.claims["search_gain"]
  if frame.empty:
    return ""
  frame = selection.main_variants(frame)
  names = list(analysis.policies)
  frame = frame[
    (frame["policy"] == names[len(names) // 2])
    | frame["n"].isin([*verdicts_lib.HEADLINE_SIZES, frame["n"].max()])
  ]
  return templates.fill(
    "report/templates/search_gain.md.jinja", rows=frame.to_dict("records")
  )


@registry.section(130)
def smaller_policies(analysis) -> str:
  """Smaller policies with search against the largest one."""
  frame = analysis.claims["smaller_against_largest"]
  if frame.empty:
    return ""
  frame = selection.main_variants(
    frame[frame["convention"] == analysis.convention]
  )
  return templates.fill(
    "report/templates/smaller_policies.md.jinja",
    rows=frame.to_dict("records"),
    largest=list(analysis.policies)[-1],
  )


@registry.section(140)
def best_policies(analysis) -> str:
  """The best policy at each budget, method by method."""
  frame = analysis.claims["best_policy"]
  if frame.empty:
    return ""
  frame = selection.main_variants(frame)
  if frame["strategy"].nunique() > _MOST_STRATEGIES:
    voting, _ = votings.main_voting(analysis.aggregation)
    frame = frame[frame["voting"] == voting]
  methods = list(
    dict.fromkeys(zip(frame["strategy"], frame["voting"], strict=True))
  )
  cells = {
    (row["strategy"], row["voting"], row["budget"]): f"{row['best']}"
    f" {100 * row['accuracy']:.1f}"
    + (f" ({wording.points(row, 'lead')})" if row["runner_up"] else "")
    for row in frame.to_dict("records")
  }
  rows = [
    (f"{budget:.2g}", *(cells.get((*name, budget), "-") for name in methods))
    for budget in sorted(set(frame["budget"]))
  ]
  header = ["budget (FLOPs)", *(wording.method(*name) for name in methods)]
  return templates.fill(
    "report/templates/best_policies.md.jinja", header=header, rows=rows
  )
