"""The text of report.md: its opening, then every section that is registered.

Its figures and the account of how it was made are sections, too.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from inference_scaling import names
from inference_scaling.analysis import registry
from inference_scaling.analysis.estimates import intervals
from inference_scaling.analysis.report import opening, results

_CONVENTIONS = """\
| convention | counts |
| :-- | :-- |
| `paper` | 2 x policy parameters x generated tokens |
| `with_reward` | adds 2 x reward parameters x scored tokens |
| `full` | adds prompts, attention and the unembedding of both models |
"""


@dataclasses.dataclass(frozen=True)
class Content:
  """What sections are written from.

  Attributes:
    analysis: the numbers.
    head: what stands at the top beside them.
    figures: that have been drawn.
  """

  analysis: results.Analysis
  head: opening.Head
  figures: Sequence[registry.Figure]


def report(content: Content, sections: Iterable[registry.Section]) -> str:
  """Writes report.md.

  Args:
    content: what it is written from.
    sections: in order.

  Returns:
    The text; the opening alone where no policy has an answer.
  """
  parts = [opening.opening(content.analysis, content.head)]
  if not content.head.is_silent:
    parts += [section.make(content) for section in sections]
  return "\n\n".join(part.strip() for part in parts if part) + "\n"


@registry.section(50, reads=lambda content: (content.figures,))
def figures(drawn: Sequence[registry.Figure]) -> str:
  """The figures with their titles.

  Args:
    drawn: those that there are.

  Returns:
    The section.
  """
  parts = []
  for figure in drawn:
    words = figure.title
    if figure.mirrors:
      words += f"; mirrors {figure.mirrors} of the paper"
    parts.append(
      f"![{figure.title}](figures/{figure.name}.png)\n\n{words}"
      f" ([PDF](figures/{figure.name}.pdf))"
    )
  return "## Figures\n\n" + "\n\n".join(parts)


@registry.section(1000)
def method(analysis) -> str:
  """How the numbers were made."""
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
