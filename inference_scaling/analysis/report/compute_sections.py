"""Sections of the report on compute: frontier, best per budget, sizes."""

from inference_scaling import names
from inference_scaling.analysis import (
  frames,
  registry,
  strategies,
  templates,
)
from inference_scaling.analysis.comparison import optimal_size
from inference_scaling.analysis.report import results


@registry.section(60)
def pareto_frontier(analysis: results.Analysis) -> str:
  """Configurations on the Pareto frontier of some convention."""
  frame = analysis.tables["pareto"]
  rows = [
    row
    for row in frames.records(frame)
    if any(row[f"on_{name}"] for name in names.CONVENTIONS)
  ]
  return templates.fill(
    "report/templates/pareto_frontier.md.jinja",
    rows=rows,
    compared=len(frame),
    conventions=names.CONVENTIONS,
  )


@registry.section(70)
def best_configurations(analysis: results.Analysis) -> str:
  """The best configuration that each budget pays for."""
  frame = analysis.tables["best_configuration"]
  return templates.fill(
    "report/templates/best_configurations.md.jinja",
    rows=frames.records(frames.select(frame, convention=analysis.convention)),
  )


@registry.section(80)
def optimal_sizes(analysis: results.Analysis) -> str:
  """The line of optimal size against budget."""
  frame = analysis.tables["optimal_size_lines"]
  if frame.empty:
    return ""
  mains = strategies.main_strategies(frame["strategy"])
  rows = frames.records(frames.select(frame, strategy=mains))
  rows.sort(key=lambda row: row["strategy"] != optimal_size.ANY)
  return templates.fill(
    "report/templates/optimal_sizes.md.jinja",
    rows=rows,
    any=optimal_size.ANY,
  )
