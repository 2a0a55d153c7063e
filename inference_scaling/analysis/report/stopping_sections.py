"""The section on adaptive sampling: rules replayed on recorded samples."""

from typing import Any

from inference_scaling import names
from inference_scaling.analysis import (
  frames,
  registry,
  strategies,
  templates,
  wording,
)
from inference_scaling.analysis.comparison import selection
from inference_scaling.analysis.report import results
from inference_scaling.analysis.stopping import against_fixed

_ROUNDING = 1e-9


@registry.section(112)
def stopping_rules(analysis: results.Analysis) -> str:
  """Rules that stop sampling, beside fixed numbers of samples."""
  frame = analysis.tables.get(against_fixed.TABLE)
  if frame is None or frame.empty:
    return ""
  rows = frames.select(
    selection.at_largest_n(frame), convention=analysis.convention
  )
  rules = [row for row in frames.records(rows) if not _is_fixed(row)]
  ahead, behind = (
    [row for row in rules if is_sure(row)]
    for is_sure in (
      lambda row: row["difference_low"] > _ROUNDING,
      lambda row: row["difference_high"] < -_ROUNDING,
    )
  )
  return templates.fill(
    "report/templates/stopping_rules.md.jinja",
    convention=analysis.convention,
    conventions=names.CONVENTIONS,
    rows=[_row(row, frame) for row in frames.records(rows)],
    count=len(rules),
    ahead=len(ahead),
    behind=len(behind),
    mc_error=100 * max(rows["mc_error"]),
    file=f"tables/{against_fixed.TABLE}.csv",
  )


def _is_fixed(row: dict[str, Any]) -> bool:
  return strategies.kind_of(row["strategy"]) == strategies.SAMPLING


def _row(row: dict[str, Any], frame: Any) -> tuple[Any, ...]:
  """The cells of a row; what compares with fixed numbers is of rules alone."""
  at = {key: row[key] for key in ("policy", "strategy", "n")}
  flops = [
    f"{frames.select(frame, convention=name, **at)['flops'].iloc[0]:.3g}"
    for name in names.CONVENTIONS
  ]
  name = strategies.strategy_name(row["strategy"])
  if row["threshold"] == row["threshold"]:
    name += f", reward of {row['threshold']:.3g}"
  fixed = _is_fixed(row)
  return (
    row["policy"],
    name,
    wording.voting_name(row["voting"]),
    f"{row['samples']:.1f}",
    *flops,
    wording.percent(row["accuracy"], row["low"], row["high"]),
    "-" if fixed else wording.points(row, "difference"),
    "-" if fixed else wording.points(row, "to_all"),
    f"{row['is_exact']:.0%}",
  )
