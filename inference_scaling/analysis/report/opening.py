"""The top of report.md: settings of the sweep, and how much is recorded."""

import dataclasses
from collections.abc import Iterable, Mapping

import inference_scaling
from inference_scaling.analysis import strategies, templates
from inference_scaling.analysis.report import coverage as coverage_lib
from inference_scaling.analysis.report import provenance as provenance_lib
from inference_scaling.analysis.report import results
from inference_scaling.analysis.report.folders import settings


@dataclasses.dataclass(frozen=True)
class Head:
  """The top of a report beside its analysis.

  Attributes:
    provenance: of the sweep.
    coverage: how much of the sweep is recorded.
    silent: counts of each policy without any answer; the analysis leaves them
      out, unless there are no others.
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


def opening(analysis: results.Analysis, head: Head) -> str:
  """Writes the top of the report.

  Args:
    analysis: the numbers.
    head: what the top has beside them.

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
    easy=max(summary["problems_easy"]),
    hard=max(summary["problems_hard"]),
    seeds=_range(summary["seeds"]),
    version=inference_scaling.__version__,
  )


def _range(column: Iterable[int]) -> str:
  numbers = [int(number) for number in column]
  low, high = min(numbers), max(numbers)
  return str(high) if low == high else f"{low} to {high}"
