"""Error against FLOPs: curves, Pareto frontier, compute-optimal size."""

import numpy as np
import pandas as pd
from matplotlib import figure as figure_lib
from matplotlib import lines

from inference_scaling.analysis import frontier, load, outcomes, style, tables

VOTING_WORDS = {
  outcomes.WEIGHTED: "weighted voting",
  outcomes.MAJORITY: "majority voting",
  outcomes.BEST_OF_N: "best of n",
}


def main_rows(summary: pd.DataFrame, aggregation: str) -> pd.DataFrame:
  """Main voting of every strategy, and greedy: what main figures draw."""
  voting, aggregation = outcomes.main_voting(aggregation)
  main = (summary["voting"] == voting) & (summary["aggregation"] == aggregation)
  greedy = (summary["strategy"] == outcomes.GREEDY) & (
    summary["voting"] == outcomes.MAJORITY
  )
  return summary[main | greedy]


def policies_of(summary: pd.DataFrame) -> dict[str, int]:
  """Number of parameters by policy, in rising order."""
  rows = summary.sort_values(["parameters", "policy"])
  return dict(zip(rows["policy"], rows["parameters"], strict=True))


@style.styled
def error_vs_flops(
  summary: pd.DataFrame, aggregation: str
) -> figure_lib.Figure:
  """Error against FLOPs of every policy and strategy, one panel a convention.

  The grey staircase is the Pareto frontier of the configurations drawn.

  Args:
    summary: rows of `summarize`.
    aggregation: of weighted voting; NO_AGGREGATION draws majority voting.

  Returns:
    The figure.
  """
  rows = main_rows(summary, aggregation)
  policies = policies_of(rows)
  conventions = [f"flops_{name}" for name in load.CONVENTIONS]
  figure, axes = style.new_figure(
    1, len(conventions), width=3.7, height=3.5, sharey=True
  )
  for panel, flops in zip(axes[0], conventions, strict=True):
    _draw_frontier(panel, rows, flops)
    for (policy, strategy), curve in rows.groupby(["policy", "strategy"]):
      style.draw_curve(
        panel, curve, flops, **_policy_line(list(policies), policy, strategy)
      )
    style.flops_axis(panel, flops)
  style.error_axis(axes[0, 0])
  voting, _ = outcomes.main_voting(aggregation)
  figure.suptitle(f"Error against compute: {VOTING_WORDS[voting]} and greedy")
  style.legend(figure, _flops_legend(rows, policies, voting))
  return figure


@style.styled
def optimal_size(summary: pd.DataFrame, flops: str) -> figure_lib.Figure:
  """Lowest error of each policy at each budget, and the size that has it.

  Args:
    summary: rows of `summarize`; the oracle is left out.
    flops: cost column.

  Returns:
    The figure: envelopes above, best number of parameters below.
  """
  rows = summary[summary["voting"] != outcomes.PASS]
  policies = policies_of(rows)
  figure, axes = style.new_figure(
    2, 1, width=5.6, height=2.4, sharex=True, height_ratios=[3, 1.4]
  )
  top, bottom = axes[:, 0]
  for index, policy in enumerate(policies):
    mine = rows[rows["policy"] == policy].sort_values(flops)
    mine = mine[frontier.pareto_mask(mine[flops], mine["error"])]
    top.plot(
      [*mine[flops], rows[flops].max()],
      100 * np.array([*mine["error"], mine["error"].min()]),
      drawstyle="steps-post",
      color=style.POLICY_COLORS[index % len(style.POLICY_COLORS)],
      marker=style.POLICY_MARKERS[index % len(style.POLICY_MARKERS)],
      markevery=range(len(mine)),
      label=f"{policy} ({tables.count(policies[policy])})",
    )
  budgets = frontier.budget_grid(rows[flops], per_doubling=32)
  best = frontier.best_per_budget(rows, budgets, flops)
  bottom.plot(
    best["budget"],
    best["parameters"],
    color=style.BLACK,
    drawstyle="steps-post",
  )
  bottom.set_yscale("log")
  bottom.set_yticks(
    list(policies.values()), [tables.count(p) for p in policies.values()]
  )
  bottom.minorticks_off()
  bottom.set_ylim(min(policies.values()) / 2, max(policies.values()) * 2)
  bottom.set_ylabel("best size")
  style.flops_axis(bottom, flops)
  style.error_axis(top)
  top.set_title("Lowest error that a budget buys, over strategies and n")
  top.legend(title="policy")
  return figure


def _draw_frontier(panel, rows, flops):
  ordered = rows.sort_values(flops)
  best = ordered[frontier.pareto_mask(ordered[flops], ordered["error"])]
  panel.plot(
    [*best[flops], rows[flops].max()],
    100 * np.array([*best["error"], best["error"].min()]),
    drawstyle="steps-post",
    color="#C4C4C4",
    linewidth=4.5,
    solid_joinstyle="miter",
    zorder=1,
  )


def _policy_line(policies: list[str], policy: str, strategy: str) -> dict:
  index = policies.index(policy)
  greedy = strategy == outcomes.GREEDY
  markers = style.POLICY_MARKERS
  return {
    "color": style.POLICY_COLORS[index % len(style.POLICY_COLORS)],
    "marker": "*" if greedy else markers[index % len(markers)],
    "markersize": 10 if greedy else 5,
    "linestyle": style.strategy_line(strategy),
    "filled": strategy != "sampling",
    "zorder": 3,
  }


def _flops_legend(
  rows: pd.DataFrame, policies: dict[str, int], voting: str
) -> list:
  names = list(policies)
  handles = []
  for policy, parameters in policies.items():
    keys = _policy_line(names, policy, "")
    handles.append(
      lines.Line2D(
        [],
        [],
        color=keys["color"],
        marker=keys["marker"],
        linestyle="",
        label=f"{policy} ({tables.count(parameters)})",
      )
    )
  for strategy in sorted(set(rows["strategy"])):
    greedy = strategy == outcomes.GREEDY
    face = "white" if strategy == "sampling" else style.BLACK
    handles.append(
      lines.Line2D(
        [],
        [],
        color=style.BLACK,
        markerfacecolor=face,
        marker="*" if greedy else "o",
        markersize=10 if greedy else 5,
        linestyle="" if greedy else style.strategy_line(strategy),
        label=tables.method(strategy, voting),
      )
    )
  frontier_handle = lines.Line2D(
    [], [], color="#C4C4C4", linewidth=4.5, label="Pareto frontier"
  )
  return [*handles, frontier_handle]
