"""Sections of the report on compute: frontier, best per budget, sizes."""

from inference_scaling import names
from inference_scaling.analysis import registry, strategies, wording
from inference_scaling.analysis.comparison import optimal_size
from inference_scaling.analysis.report import markdown


@registry.section(60)
def pareto_frontier(analysis) -> str:
  """Configurations on the Pareto frontier of some convention."""
  frame = analysis.tables["pareto"]
  on = [f"on_{name}" for name in names.CONVENTIONS]
  rows = [
    (
      row["policy"],
      wording.method(row["strategy"], row["voting"]),
      row["n"],
      wording.percent(row["accuracy"], row["low"], row["high"]),
      *(
        f"{row[f'flops_{name}']:.2g}, {row[f'share_{name}']:.0%}"
        if row[f"on_{name}"]
        else "-"
        for name in names.CONVENTIONS
      ),
    )
    for row in frame[frame[on].any(axis=1)].to_dict("records")
  ]
  header = ("policy", "method", "n", "accuracy %", *names.CONVENTIONS)
  return (
    "## Pareto frontier\n\nConfigurations that no cheaper one equals, in some"
    " FLOPs convention: FLOPs per problem, and in what share of the resamples"
    f" over problems they are on the frontier. {len(frame)} configurations were"
    " compared.\n\n" + markdown.head(header, rows, "tables/pareto.csv")
  )


@registry.section(70)
def best_configurations(analysis) -> str:
  """The best configuration that each budget pays for."""
  frame = analysis.tables["best_configuration"]
  rows = [
    (
      f"{row['budget']:.2g}",
      row["policy"],
      wording.method(row["strategy"], row["voting"]),
      row["n"],
      wording.percent(row["accuracy"], row["low"], row["high"]),
      f"{100 * row['optimism']:.1f}",
      f"{row['wins']:.0%}",
      f"{row['policy_wins']:.0%}",
      row["contenders"],
    )
    for row in frame[frame["convention"] == analysis.convention].to_dict(
      "records"
    )
  ]
  header = ("budget (FLOPs)", "policy", "method", "n", "accuracy %")
  header += ("optimism", "same again", "same policy", "among")
  return (
    "## Best configuration by budget\n\nThe best of many looks better than"
    " it is. *Optimism* is by how many points the winner of a resample"
    " overstates itself on average: subtract it from the accuracy, whose"
    " interval leaves it out. *Same again* says in what share of the"
    " resamples the same configuration wins, *same policy* in what share"
    " its policy does, *among* how many the budget pays for.\n\n"
    + markdown.head(
      header, rows, "tables/best_configuration.csv (all conventions)", left=3
    )
  )


@registry.section(80)
def optimal_sizes(analysis) -> str:
  """The line of optimal size against budget."""
  frame = analysis.tables["optimal_size_lines"]
  if frame.empty:
    return ""
  mains = strategies.main_strategies(frame["strategy"])
  rows = []
  frame = frame[frame["strategy"].isin(mains)].sort_values(
    "strategy", key=lambda names: names != optimal_size.ANY, kind="stable"
  )
  for row in frame.to_dict("records"):
    name = "best of all methods"
    if row["strategy"] != optimal_size.ANY:
      name = wording.method(row["strategy"], row["voting"])
    cells = [f"only one of {row['policies']} sizes is ever best", "", ""]
    if row["sizes"] > 1:
      cells = [
        f"{row[key]:.2f} [{row[f'{key}_low']:.2f}, {row[f'{key}_high']:.2f}]"
        for key in ("slope", "intercept")
      ]
      cells.append(f"{row['slope_error']:.2f}, {row['intercept_error']:.2f}")
    rows.append(
      (
        name,
        f"{row['sizes']} of {row['policies']}",
        row["budgets"],
        *cells,
        f"{row['fitted']:.0%}",
      )
    )
  header = ("method", "sizes", "budgets", "a", "b")
  header += ("least-squares errors", "fitted")
  return (
    "## Compute-optimal size\n\nThe line log10(C) = a log10(N) + b through"
    " the best policy's number of parameters N at budgets C that rise by a"
    " fourth of a doubling; the paper finds a = 1.19 and b = 2.03 for"
    " Pythia on GSM8K. Intervals draw problems anew and repeat everything,"
    " from the curves to the line (*fitted*: in what share of the"
    " resamples two sizes are best somewhere; the interval is of these)."
    " Least-squares errors take budgets for independent, which they are"
    " not. *Sizes* says how many distinct sizes are best somewhere: with"
    " two or three the line is a rough summary of where the best size"
    " changes, and its interval cannot tell what other sizes would do. An"
    " interval without width says that no resample changes the staircase:"
    " each larger policy is best as soon as the budget pays for it.\n\n"
    + markdown.head(header, rows, "tables/optimal_size_lines.csv", left=1)
  )
