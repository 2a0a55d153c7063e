"""The text of report.md, section by section."""

import numpy as np
import pandas as pd

from inference_scaling.analysis import intervals, load, outcomes, tables
from inference_scaling.analysis import verdicts as verdicts_lib

_CONVENTIONS = """\
| convention | counts |
| :-- | :-- |
| `paper` | 2 x policy parameters x generated tokens |
| `with_reward` | adds 2 x reward parameters x scored tokens |
| `full` | adds prompts, attention and the unembedding of both models |
"""

_FIGURES = (
  ("error_vs_flops", "Error against FLOPs, with the Pareto frontier"),
  ("optimal_size", "Compute-optimal policy size by budget"),
  ("error_vs_n", "Error against the number of candidates"),
  ("easy_vs_hard", "Easy and hard problems"),
  ("voting_methods", "Majority, best-of-n and weighted voting"),
)


def report(analysis) -> str:
  """Writes report.md from a `report.Analysis`."""
  return (
    "\n\n".join(
      part.strip()
      for part in (
        _opening(analysis),
        _claims(analysis),
        _table_four(analysis),
        _figures(),
        _search(analysis),
        _smaller(analysis),
        _budgets(analysis),
        _method(analysis),
      )
      if part
    )
    + "\n"
  )


def _opening(analysis) -> str:
  summary = analysis.summary
  problems = _range(summary["problems"])
  hard = summary["problems_hard"].max()
  easy = summary["problems_easy"].max()
  policies = ", ".join(
    f"{name} ({tables.count(size)})" for name, size in analysis.policies.items()
  )
  lines = [
    "# Inference scaling report",
    "",
    f"- Policies (parameters): {policies}",
    "- Strategies: "
    + ", ".join(map(tables.strategy_name, sorted(set(summary["strategy"])))),
    f"- Problems: {problems}, of these up to {easy} easy (level below"
    f" {analysis.hard_from}) and {hard} hard",
    f"- Seeds: {_range(summary['seeds'])}",
    f"- FLOPs are per problem, in convention `{analysis.convention}` unless"
    " said otherwise",
    "- No reward model: candidates vote by majority"
    if analysis.aggregation == outcomes.NO_AGGREGATION
    else f"- Best-of-n and weighted voting read step scores by `"
    f"{analysis.aggregation}`; all ways are in `summary.csv`",
  ]
  if summary["problems"].max() < 30:
    lines.append(
      "- **Fewer than 30 problems: intervals are too narrow to rely on.**"
    )
  if analysis.notes:
    lines += ["", "## What is missing", ""]
    lines += [f"- {note}" for note in analysis.notes]
  return "\n".join(lines)


def _claims(analysis) -> str:
  judged = verdicts_lib.verdicts(
    analysis.claims, list(analysis.policies), analysis.convention
  )
  return (
    "## Claims\n\nDifferences are in points of accuracy with paired 95%"
    " intervals over problems; tables in `claims/`.\n\n"
    + tables.markdown(
      ("claim", "verdict", "evidence"),
      [(v.claim, f"**{v.verdict}**", v.evidence) for v in judged],
      left=3,
    )
  )


def _table_four(analysis) -> str:
  summary, flops = analysis.summary, f"flops_{analysis.convention}"
  text = (
    "## Accuracy at the largest n\n\nLaid out like Table 4 of the paper; MV"
    " majority voting, BoN best-of-n, WV weighted voting; 95% intervals over"
    " problems in brackets.\n\n"
    + tables.table_four(summary, analysis.aggregation, flops)
  )
  searches = summary[summary["strategy"] != outcomes.GREEDY]
  middle = 16
  if (searches["n"] == middle).any() and searches["n"].max() > middle:
    text += f"\n\n### At n = {middle}\n\n" + tables.table_four(
      summary, analysis.aggregation, flops, n=middle
    )
  return text


def _figures() -> str:
  return "## Figures\n\n" + "\n\n".join(
    f"![{title}](figures/{name}.png)\n\n{title} ([PDF](figures/{name}.pdf))"
    for name, title in _FIGURES
  )


def _search(analysis) -> str:
  frame = analysis.claims["search_gain"]
  if frame.empty:
    return ""
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
      tables.strategy_name(row["strategy"]),
      f"{100 * row['accuracy']:.1f}",
      f"{100 * row['sampling_accuracy']:.1f}",
      tables.points(row, "difference"),
      f"{row['flops'] / row['sampling_flops']:.2f}",
      tables.points(row, "equal_flops"),
    )
    for row in frame.to_dict("records")
  ]
  header = ("problems", "policy", "n", "search", "accuracy %", "sampling %")
  header += ("difference at n", "FLOPs ratio", "difference at equal FLOPs")
  return (
    "## Search against sampling, both with weighted voting\n\n"
    + tables.markdown(header, rows)
  )


def _smaller(analysis) -> str:
  frame = analysis.claims["smaller_against_largest"]
  if frame.empty:
    return ""
  frame = frame[frame["convention"] == analysis.convention]
  largest = list(analysis.policies)[-1]
  rows = [
    (
      row["policy"],
      tables.method(row["strategy"], outcomes.WEIGHTED),
      row["n"],
      f"{row['flops']:.3g}",
      f"{100 * row['accuracy']:.1f}",
      f"{100 * row['largest_accuracy']:.1f}"
      + ("*" if row["beyond_largest_n"] else ""),
      tables.points(row, "difference"),
    )
    for row in frame.to_dict("records")
  ]
  header = ("policy", "method", "n", "FLOPs", "accuracy %")
  header += (f"{largest} MV %", "difference")
  return (
    f"## Smaller policies with search against {largest}'s majority voting at"
    " the same FLOPs\n\n"
    + tables.markdown(header, rows)
    + "\n\n\\* more FLOPs than its largest n spends: its last accuracy."
  )


def _budgets(analysis) -> str:
  frame = analysis.claims["best_policy"]
  if frame.empty:
    return ""
  methods = list(
    dict.fromkeys(zip(frame["strategy"], frame["voting"], strict=True))
  )
  cells = {
    (row["strategy"], row["voting"], row["budget"]): f"{row['best']}"
    f" {100 * row['accuracy']:.1f}"
    + (f" ({tables.points(row, 'lead')})" if row["runner_up"] else "")
    for row in frame.to_dict("records")
  }
  rows = [
    (f"{budget:.2g}", *(cells.get((*name, budget), "-") for name in methods))
    for budget in sorted(set(frame["budget"]))
  ]
  header = ["budget (FLOPs)", *(tables.method(*name) for name in methods)]
  return (
    "## Best policy by budget\n\nAccuracy in percent and, in parentheses, the"
    " lead over the next best policy that the budget can pay for.\n\n"
    + tables.markdown(header, rows, left=1)
  )


def _method(analysis) -> str:
  worst = np.nanmax(analysis.summary["mc_error"])
  return f"""\
## How the numbers were made

{_CONVENTIONS}
What was computed was spent: discarded branches count. Majority voting of
independent samples and greedy read no reward and are not charged for one.

- **Smaller n.** Independent samples are drawn once, at the largest n. Accuracy
  at n = m is the mean over the subsets of m candidates: best-of-n and the
  oracle in closed form, votes by enumeration where the subsets are few, else
  over {analysis.num_subsets} seeded subsets a problem (largest Monte-Carlo
  standard error of a mean accuracy: {100 * worst:.2f} points). Tree searches
  are run anew for every n.
- **Ties** go to the answer that sorts first; candidates without an answer
  abstain.
- **Intervals.** 95% percentile bootstrap over problems, {
    intervals.NUM_RESAMPLES
  } seeded resamples,
  accuracies averaged over seeds within a problem first. Differences are paired:
  the same problems, the same resamples. Only problems that every seed of a
  configuration holds are used.
- **Equal FLOPs.** Accuracy is interpolated in log FLOPs between the points of a
  curve; below its cheapest point a curve has no value, beyond its dearest it
  keeps the last one.
- Conventions in `summary.csv`: {", ".join(load.CONVENTIONS)}.
"""


def _range(column: pd.Series) -> str:
  low, high = int(column.min()), int(column.max())
  return str(high) if low == high else f"{low} to {high}"
