"""The text of report.md: its opening, its figures, and how it was made."""

import numpy as np

from inference_scaling import names
from inference_scaling.analysis.estimates import intervals
from inference_scaling.analysis.report import (
  budget_sections,
  claim_sections,
  compute_sections,
  opening,
  strategy_sections,
)

_CONVENTIONS = """\
| convention | counts |
| :-- | :-- |
| `paper` | 2 x policy parameters x generated tokens |
| `with_reward` | adds 2 x reward parameters x scored tokens |
| `full` | adds prompts, attention and the unembedding of both models |
"""

# Name, what it shows, and which figures of the paper it mirrors.
_FIGURES = (
  (
    "optimal_size",
    "Error by policy size, and compute-optimal size by budget",
    "Figure 1",
  ),
  (
    "error_vs_flops",
    "Error against FLOPs by strategy, with the Pareto frontier",
    "Figures 4 and 5",
  ),
  (
    "error_vs_n",
    "Error against n, and the oracle's (pass@n)",
    "Figures 6 and 7",
  ),
  ("easy_vs_hard", "Easy and hard problems", "Figure 8"),
  (
    "voting_methods",
    "Majority, best-of-n and weighted voting",
    "Figures 9 to 12",
  ),
  ("equal_budget", "Accuracy against sampling at the same FLOPs", ""),
  ("variants", "Variants of each kind of strategy", ""),
  ("aggregations", "Aggregation of step scores", ""),
  ("completion", "Share of candidates that finish", ""),
  ("limits", "Where votes saturate, and where search moves the limit", ""),
)


def report(analysis, head: opening.Head, drawn: set[str]) -> str:
  """Writes report.md.

  Args:
    analysis: a `results.Analysis`.
    head: what stands at its top.
    drawn: names of the figures that there are.

  Returns:
    The text; the opening alone where no policy has an answer.
  """
  if head.is_silent:
    return opening.opening(analysis, head) + "\n"
  return (
    "\n\n".join(
      part.strip()
      for part in (
        opening.opening(analysis, head),
        claim_sections.judged_claims(analysis),
        strategy_sections.table_four(analysis, head.coverage),
        strategy_sections.table_one(analysis),
        strategy_sections.table_three(analysis),
        _figures(drawn),
        compute_sections.pareto_frontier(analysis),
        compute_sections.best_configurations(analysis),
        compute_sections.optimal_sizes(analysis),
        budget_sections.mean_differences(analysis),
        budget_sections.equal_budgets(analysis),
        budget_sections.cost_ratios(analysis),
        claim_sections.search_gain(analysis),
        claim_sections.smaller_policies(analysis),
        claim_sections.best_policies(analysis),
        strategy_sections.aggregation(analysis),
        strategy_sections.completion(analysis),
        strategy_sections.limits(analysis),
        strategy_sections.variance(analysis),
        _method(analysis),
      )
      if part
    )
    + "\n"
  )


def _figures(drawn: set[str]) -> str:
  parts = []
  for name, title, mirrored in _FIGURES:
    if name in drawn:
      words = f"; mirrors {mirrored} of the paper" if mirrored else ""
      parts.append(
        f"![{title}](figures/{name}.png)\n\n{title}{words}"
        f" ([PDF](figures/{name}.pdf))"
      )
  return "## Figures\n\n" + "\n\n".join(parts)


def _method(analysis) -> str:
  worst = np.nanmax(analysis.summary["mc_error"])
  return f"""\
## How the numbers were made

{_CONVENTIONS}
What was computed was spent: discarded branches count. Majority voting of
independent samples and greedy read no reward and are not charged for one.

- **Smaller n.** Independent samples are drawn once, at the largest n. Accuracy
  at n = m is the mean over the subsets of m candidates: best-of-n, the oracle
  and majority voting exactly, weighted voting by enumeration where the subsets
  are few, else over {analysis.num_subsets} seeded subsets a problem (largest
  Monte-Carlo standard error of a mean accuracy: {100 * worst:.2f} points). Tree
  searches are run anew for every n.
- **Ties** of votes go to the answer that sorts first; best-of-n of subsets
  averages over the candidates that tie. Candidates without an answer abstain.
- **Intervals.** 95% expanded percentile bootstrap over problems, {
    intervals.NUM_RESAMPLES
  } seeded resamples,
  accuracies averaged over seeds within a problem first. Differences are paired:
  the same problems, the same resamples. Only problems that every seed of a
  configuration holds are used.
- **Equal FLOPs.** Accuracy is interpolated in log FLOPs between the points of a
  curve; below its cheapest point a curve has no value, beyond its dearest it
  keeps the last one. Costs are means over problems and stay fixed when
  problems are drawn anew.
- **Many comparisons.** Intervals are pointwise: of twenty that compare equals
  one is expected to exclude zero.
- Conventions in `summary.csv`: {", ".join(names.CONVENTIONS)}.
"""
