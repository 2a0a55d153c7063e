"""The top of report.md: what the sweep was, how much of it there is."""

import dataclasses
from collections.abc import Mapping

import pandas as pd

import inference_scaling
from inference_scaling.analysis import strategies, votings
from inference_scaling.analysis.report import coverage as coverage_lib
from inference_scaling.analysis.report import provenance as provenance_lib
from inference_scaling.analysis.report.folders import settings


@dataclasses.dataclass(frozen=True)
class Head:
  """What stands at the top of a report beside its analysis.

  Attributes:
    provenance: what the sweep was.
    coverage: how much of it there is.
    silent: a warning by policy without any answer; the analysis leaves them
      out, unless there are no others.
    policies: names of all policies with records.
  """

  provenance: provenance_lib.Provenance
  coverage: coverage_lib.Coverage
  silent: Mapping[str, str]
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
  warning = coverage_lib.warning(head.silent, head.policies)
  notes = [*coverage_lib.gaps(head.coverage), *analysis.notes]
  parts = [
    "# Inference scaling report",
    warning,
    coverage_lib.progress(head.coverage),
    "\n".join([*settings.lines(head.provenance), *_numbers(analysis)]),
  ]
  if notes:
    parts.append("## What is missing")
    parts.append("\n".join(f"- {note}" for note in notes))
  return "\n\n".join(part for part in parts if part)


def _numbers(analysis) -> list[str]:
  """What the numbers of this report are of, an item each."""
  summary = analysis.summary
  problems = _range(summary["problems"])
  hard = summary["problems_hard"].max()
  easy = summary["problems_easy"].max()
  names = map(
    strategies.strategy_name, strategies.in_order(summary["strategy"])
  )
  items = [
    f"- Strategies: {', '.join(names)}",
    f"- Problems: {problems}, of these up to {easy} easy (level below"
    f" {analysis.hard_from}) and {hard} hard",
    f"- Seeds: {_range(summary['seeds'])}",
    f"- FLOPs are per problem, in convention `{analysis.convention}` unless"
    " said otherwise",
    "- No reward model: candidates vote by majority"
    if analysis.aggregation == votings.NO_AGGREGATION
    else f"- Best-of-n and weighted voting read step scores by `"
    f"{analysis.aggregation}`; all ways are in `summary.csv`",
    f"- Report: written by version {inference_scaling.__version__}",
  ]
  if summary["problems"].max() < 30:
    items.append(
      "- **Fewer than 30 problems: intervals are too narrow to rely on.**"
    )
  return items


def _range(column: pd.Series) -> str:
  low, high = int(column.min()), int(column.max())
  return str(high) if low == high else f"{low} to {high}"
