"""Sections of the report on compute: frontier, budgets, sizes, cost ratios."""

import pandas as pd

from inference_scaling.analysis import (
  equal_budget,
  figures,
  iso_accuracy,
  load,
  optimal_size,
  outcomes,
  strategies,
  tables,
)

_WORDS = {
  outcomes.MAJORITY: "majority voting",
  outcomes.BEST_OF_N: "best of n",
  outcomes.WEIGHTED: "weighted voting",
}


def pareto_frontier(analysis) -> str:
  """Configurations on the Pareto frontier of some convention."""
  frame = analysis.tables["pareto"]
  on = [f"on_{name}" for name in load.CONVENTIONS]
  rows = [
    (
      row["policy"],
      tables.method(row["strategy"], row["voting"]),
      row["n"],
      tables.percent(row["accuracy"], row["low"], row["high"]),
      *(
        f"{row[f'flops_{name}']:.2g}, {row[f'share_{name}']:.0%}"
        if row[f"on_{name}"]
        else "-"
        for name in load.CONVENTIONS
      ),
    )
    for row in frame[frame[on].any(axis=1)].to_dict("records")
  ]
  header = ("policy", "method", "n", "accuracy %", *load.CONVENTIONS)
  return (
    "## Pareto frontier\n\nConfigurations that no cheaper one equals, in some"
    " FLOPs convention: FLOPs per problem, and in what share of the resamples"
    f" over problems they are on the frontier. {len(frame)} configurations were"
    " compared.\n\n" + tables.head(header, rows, "tables/pareto.csv")
  )


def best_configurations(analysis) -> str:
  """The best configuration that each budget pays for."""
  frame = analysis.tables["best_configuration"]
  rows = [
    (
      f"{row['budget']:.2g}",
      row["policy"],
      tables.method(row["strategy"], row["voting"]),
      row["n"],
      tables.percent(row["accuracy"], row["low"], row["high"]),
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
    + tables.head(
      header, rows, "tables/best_configuration.csv (all conventions)", left=3
    )
  )


def optimal_sizes(analysis) -> str:
  """The line of optimal size against budget."""
  frame = analysis.tables["optimal_size_lines"]
  if frame.empty:
    return ""
  mains = strategies.main_strategies(frame["strategy"])
  rows = []
  for row in frame[frame["strategy"].isin(mains)].to_dict("records"):
    name = "best of all methods"
    if row["strategy"] != optimal_size.ANY:
      name = tables.method(row["strategy"], row["voting"])
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
    " changes, and its interval cannot tell what other sizes would do.\n\n"
    + tables.head(header, rows, "tables/optimal_size_lines.csv", left=1)
  )


def mean_differences(analysis) -> str:
  """Every strategy's mean lead over sampling, in each convention."""
  frame = analysis.tables["mean_difference"]
  if frame.empty:
    return ""
  voting, _ = outcomes.main_voting(analysis.aggregation)
  frame = frame[frame["voting"] == voting]
  rows = []
  for (policy, strategy), mine in frame.groupby(
    ["policy", "strategy"], sort=False
  ):
    cells = {
      row["convention"]: f"{tables.points(row, 'difference')} from"
      f" {row['from']:.2g} to {row['to']:.2g}"
      for row in mine.to_dict("records")
    }
    rows.append(
      (
        policy,
        strategies.strategy_name(strategy),
        *(cells[c] if c in cells else "-" for c in load.CONVENTIONS),
      )
    )
  return (
    "## All strategies against sampling at equal budgets,"
    f" {_WORDS[voting]}\n\nPoints of accuracy more than sampling of the"
    " same policy at the same FLOPs, averaged evenly over the log of the"
    " budgets at which both have points (the range is given).\n\n"
    + tables.head(
      ("policy", "strategy", *load.CONVENTIONS),
      rows,
      "tables/mean_difference.csv (all voting methods)",
      most=60,
    )
  )


def equal_budgets(analysis) -> str:
  """Main strategies at the costs of 1, 4, 16, ... samples."""
  frame = analysis.tables["equal_budget"]
  if frame.empty or not frame["samples"].any():
    return ""
  frame = figures.main_variants(
    equal_budget.main_part(frame, analysis.aggregation, analysis.convention)
  )
  frame = frame[frame["samples"].isin(_powers_of_four(frame["samples"]))]
  sizes = sorted(set(frame["samples"]))
  rows = []
  for (policy, strategy), mine in frame.groupby(
    ["policy", "strategy"], sort=False
  ):
    cells = {
      row["samples"]: _at_budget(row, strategy)
      for row in mine.to_dict("records")
    }
    rows.append(
      (
        policy,
        strategies.strategy_name(strategy),
        *(cells[n] if n in cells else "-" for n in sizes),
      )
    )
  voting, _ = outcomes.main_voting(analysis.aggregation)
  return (
    f"### At the costs of {', '.join(map(str, sizes))} samples,"
    f" {_WORDS[voting]}, `{analysis.convention}`\n\nAccuracy in percent and,"
    " against sampling, the paired difference in points. A star marks a budget"
    " beyond the strategy's dearest run: its last accuracy stays.\n\n"
    + tables.head(
      ("policy", "strategy", *(f"{n} samples" for n in sizes)),
      rows,
      "tables/equal_budget.csv (all budgets, conventions and voting methods)",
    )
  )


def _at_budget(row: dict, strategy: str) -> str:
  accuracy = f"{100 * row['accuracy']:.1f}"
  if strategies.kind_of(strategy) == strategies.SAMPLING:
    return accuracy
  star = "*" if row["beyond"] else ""
  return f"{accuracy}{star} ({tables.points(row, 'difference')})"


def _powers_of_four(samples: pd.Series) -> list[int]:
  """4, 16, ... and the largest; 1 where there is no other."""
  most = int(samples.max())
  powers = [4**k for k in range(1, most.bit_length()) if 4**k <= most]
  return powers + [most] * (most not in powers)


def cost_ratios(analysis) -> str:
  """How many times fewer FLOPs than sampling for the same accuracy."""
  frame = analysis.tables["iso_accuracy"]
  if frame.empty:
    return ""
  frame = figures.main_variants(
    equal_budget.main_part(frame, analysis.aggregation, analysis.convention)
  )
  matched = frame[frame["samples"].isin(_powers_of_four(frame["samples"]))]
  sizes = sorted(set(matched["samples"]))
  rows = []
  for (policy, strategy), mine in frame.groupby(
    ["policy", "strategy"], sort=False
  ):
    cells = {
      row["samples"]: iso_accuracy.ratio_text(row)
      for row in mine.to_dict("records")
    }
    levels = mine[(mine["samples"] == 0)]
    # The highest round accuracy about which something is known.
    known = levels[
      (levels["at_least"] > 0) | (levels["at_most"] < float("inf"))
    ]
    top = "-"
    if len(known):
      row = known.loc[known["accuracy"].idxmax()]
      top = f"{iso_accuracy.ratio_text(row)} to reach {row['accuracy']:.0%}"
    rows.append(
      (
        policy,
        strategies.strategy_name(strategy),
        *(cells[n] if n in cells else "-" for n in sizes),
        top,
      )
    )
  voting, _ = outcomes.main_voting(analysis.aggregation)
  return (
    f"## Cost ratios at equal accuracy, {_WORDS[voting]},"
    f" `{analysis.convention}`\n\nHow many times fewer FLOPs than sampling"
    " a strategy needs to be as accurate as so many samples are, and to"
    ' reach the highest round accuracy that can be compared. "At least"'
    " stands where sampling never gets there, or where the strategy's"
    ' cheapest run is already as good (smaller n were not run); "at'
    ' most" where the strategy never gets there. An end of an interval'
    " that the data do not bound is -.\n\n"
    + tables.head(
      ("policy", "strategy", *(f"as {n} samples" for n in sizes), "top"),
      rows,
      "tables/iso_accuracy.csv (all accuracies, conventions, voting methods)",
    )
  )
