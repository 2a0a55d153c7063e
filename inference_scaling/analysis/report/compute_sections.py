"""Sections of the report on compute: frontier, best per budget, sizes."""

from inference_scaling import names
from inference_scaling.analysis import registry, strategies, templates
from inference_scaling.analysis.comparison import optimal_size


@registry.section(60)
def pareto_frontier(analysis) -> str:
  """Configurations on the Pareto frontier of some convention."""
  frame = analysis.tables["pareto"]
  on = [f"on_{name}" for name in names.CONVENTIONS]
  return templates.fill(
    "report/templates/pareto_frontier.md.jinja",
    rows=frame[frame[on].any(axis=1)].to_dict("records"),
    compared=len(frame),
    conventions=names.CONVENTIONS,
  )


@registry.section(70)
def best_configurations(analysis) -> str:
  """The best configuration that each budget pays for."""
  frame = analysis.tables["best_configuration"]
  frame = frame[frame["convention"] == analysis.convention]
  return templates.fill(
    "report/templates/best_configurations.md.jinja",
    rows=frame.to_dict("records"),
  )


@registry.section(80)
def optimal_sizes(analysis) -> str:
  """The line of optimal size against budget."""
  frame = analysis.tables["optimal_size_lines"]
  if frame.empty:
    return ""
  mains = strategies.main_strategies(frame["strategy"])
  frame = frame[frame["strategy"].isin(mains)].sort_values(
    "strategy", key=lambda names: names != optimal_size.ANY, kind="stable"
  )
  return templates.fill(
    "report/templates/optimal_sizes.md.jinja",
    rows=frame.to_dict("records"),
    any=optimal_size.ANY,
  )
