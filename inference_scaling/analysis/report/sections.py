"""The text of report.md: its opening, then every section that is registered.

Its figures and the account of how it was made are sections, too.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from inference_scaling import names
from inference_scaling.analysis import registry, templates
from inference_scaling.analysis.estimates import intervals
from inference_scaling.analysis.report import opening, results

OPENING = "opening"


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


def texts(
  content: Content, sections: Iterable[registry.Section]
) -> dict[str, str]:
  """Writes the parts of report.md.

  Args:
    content: of the report.
    sections: in order.

  Returns:
    Markdown by name: OPENING, and the sections that have something to say; the
    opening alone where no policy has an answer.
  """
  parts = {OPENING: opening.opening(content.analysis, content.head)}
  if not content.head.is_silent:
    parts |= {section.name: section.make(content) for section in sections}
  return {name: part.strip() for name, part in parts.items() if part}


def report(parts: Mapping[str, str]) -> str:
  """Joins the parts of report.md, see `texts`."""
  return "\n\n".join(parts.values()) + "\n"


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
