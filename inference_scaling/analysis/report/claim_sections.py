"""Sections of the report on claims: verdicts and the tables behind them."""

from inference_scaling.analysis import (
  registry,
  strategies,
  votings,
  wording,
)
from inference_scaling.analysis.claims import ordering_verdicts
from inference_scaling.analysis.claims import verdicts as verdicts_lib
from inference_scaling.analysis.comparison import selection
from inference_scaling.analysis.report import markdown

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
  return (
    "## Claims\n\nDifferences are in points of accuracy with paired 95%"
    " intervals over problems. Of a kind of strategy with variants the main one"
    " is judged; the tables in `claims/` hold all.\n\n"
    + markdown.table(
      ("claim", "verdict", "evidence"),
      [(v.claim, f"**{v.verdict}**", v.evidence) for v in judged],
      left=3,
    )
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
  rows = [
    (
      row["part"],
      row["policy"],
      row["n"],
      strategies.strategy_name(row["strategy"]),
      f"{100 * row['accuracy']:.1f}",
      f"{100 * row['sampling_accuracy']:.1f}",
      wording.points(row, "difference"),
      f"{row['flops'] / row['sampling_flops']:.2f}",
      wording.points(row, "equal_flops"),
    )
    for row in frame.to_dict("records")
  ]
  header = ("problems", "policy", "n", "search", "accuracy %", "sampling %")
  header += ("difference at n", "FLOPs ratio", "difference at equal FLOPs")
  return (
    "## Search against sampling, both with weighted voting\n\n"
    + markdown.head(header, rows, "claims/search_gain.csv", most=40)
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
  largest = list(analysis.policies)[-1]
  rows = [
    (
      row["policy"],
      wording.method(row["strategy"], votings.WEIGHTED),
      row["n"],
      f"{row['flops']:.3g}",
      f"{100 * row['accuracy']:.1f}",
      f"{100 * row['largest_accuracy']:.1f}"
      + ("*" if row["beyond_largest_n"] else ""),
      wording.points(row, "difference"),
    )
    for row in frame.to_dict("records")
  ]
  header = ("policy", "method", "n", "FLOPs", "accuracy %")
  header += (f"{largest} MV %", "difference")
  return (
    f"## Smaller policies with search against {largest}'s majority voting at"
    " the same FLOPs\n\n"
    + markdown.head(header, rows, "claims/smaller_against_largest.csv")
    + "\n\n\\* more FLOPs than its largest n spends: its last accuracy."
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
  return (
    "## Best policy by budget\n\nAccuracy in percent and, in parentheses, the"
    " lead over the next best policy that the budget can pay for.\n\n"
    + markdown.table(header, rows, left=1)
  )
