"""The text of report.md: its opening, then every section that is registered.

Its figures and the account of how it was made are sections, too.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from inference_scaling import names
from inference_scaling.analysis import registry, templates
from inference_scaling.analysis.estimates import intervals
from inference_scaling.analysis.report import opening, results


@dataclasses.dataclass(frozen=True)
class Content:
  """The contents of a report.

  Attributes:
    analysis: the numbers.
    head: what the top has beside them.
    figures: those that were drawn.
  """

  analysis: results.Analysis
  head: opening.Head
  figures: Sequence[registry.Figure]


def report(content: Content, sections: Iterable[registry.Section]) -> str:
  """Writes report.md.

  Args:
    content: of the report.
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
    drawn: the figures that were drawn.

  Returns:
    The section.
  """
  return templates.fill("report/templates/figures.md.jinja", figures=drawn)


@registry.section(1000)
def method(analysis: results.Analysis) -> str:
  """How the numbers were made."""
  return templates.fill(
    "report/templates/method.md.jinja",
    analysis=analysis,
    mc_error=np.nanmax(analysis.summary["mc_error"].to_numpy(float)),
    resamples=intervals.NUM_RESAMPLES,
    conventions=names.CONVENTIONS,
  )
