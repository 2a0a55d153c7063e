"""The top of report.md: what the sweep was, how much of it there is."""

import dataclasses
from collections.abc import Mapping

import pandas as pd

import inference_scaling
from inference_scaling.analysis import strategies, templates
from inference_scaling.analysis.report import coverage as coverage_lib
from inference_scaling.analysis.report import provenance as provenance_lib
from inference_scaling.analysis.report.folders import settings


@dataclasses.dataclass(frozen=True)
class Head:
  """What stands at the top of a report beside its analysis.

  Attributes:
    provenance: what the sweep was.
    coverage: how much of it there is.
    silent: by policy without any answer, what there is of it; the analysis
      leaves them out, unless there are no others.
    policies: names of all policies with records.
  """

  provenance: provenance_lib.Provenance
  coverage: coverage_lib.Coverage
  silent: Mapping[str, coverage_lib.Counts]
  policies: tuple[str, ...]

  @property
  def is_silent(self) -> bool:
    """Whether no policy has an answer."""
    return set(self.silent) == set(self.policies)


def opening(analysis, head: Head) -> str:
  """Writes the top of the report.

  Args:
    analysis: a `results.Analysis`.
    head: what stands there beside it.

  Returns:
    Markdown.
  """
  reasons: dict[coverage_lib.Counts, list[str]] = {}
  for policy, counts in head.silent.items():
    reasons.setdefault(counts, []).append(policy)
  summary = analysis.summary
  names = strategies.in_order(summary["strategy"])
  return templates.fill(
    "report/templates/opening.md.jinja",
    analysis=analysis,
    coverage=head.coverage,
    silent=head.silent,
    is_silent=head.is_silent,
    reasons=reasons,
    settings=settings.lines(head.provenance),
    strategies=map(strategies.strategy_name, names),
    problems=_range(summary["problems"]),
    easy=summary["problems_easy"].max(),
    hard=summary["problems_hard"].max(),
    seeds=_range(summary["seeds"]),
    version=inference_scaling.__version__,
  )


def _range(column: pd.Series) -> str:
  low, high = int(column.min()), int(column.max())
  return str(high) if low == high else f"{low} to {high}"
