"""Figures with one panel a policy: error against n, levels, voting methods."""

import pandas as pd
from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib
from matplotlib import lines

from inference_scaling.analysis import figures, outcomes, style, tables

_CENTERED = {"ha": "center", "va": "center", "color": style.GREY}


@style.styled
def error_vs_n(summary: pd.DataFrame, aggregation: str) -> figure_lib.Figure:
  """Error against the number of candidates, weighted voting and the oracle.

  Args:
    summary: rows of `summarize`.
    aggregation: of weighted voting; NO_AGGREGATION draws majority voting.

  Returns:
    The figure, one panel a policy.
  """
  rows = figures.main_rows(summary, aggregation)
  oracle = summary[
    (summary["voting"] == outcomes.PASS)
    & (summary["strategy"] != outcomes.GREEDY)
  ]
  figure, axes = _policy_panels(rows)
  for panel, (policy, mine) in zip(axes[0], _by_policy(rows), strict=True):
    greedy = mine[mine["strategy"] == outcomes.GREEDY]
    _draw_strategies(panel, mine, "n")
    for strategy, curve in oracle[oracle["policy"] == policy].groupby(
      "strategy"
    ):
      style.draw_curve(
        panel,
        curve,
        "n",
        band=False,
        color=style.strategy_color(strategy),
        linestyle=(0, (1, 1.5)),
        linewidth=1.2,
      )
    for error in greedy["error"]:
      panel.axhline(100 * error, color=style.BLACK, linewidth=0.8, zorder=1)
    style.sizes_axis(panel, list(mine["n"]))
  dotted = lines.Line2D(
    [],
    [],
    color=style.GREY,
    linestyle=(0, (1, 1.5)),
    label="no candidate is right (oracle)",
  )
  handles = [*_strategy_handles(rows, aggregation), dotted]
  style.legend(figure, handles, entry_width=2.2)
  figure.suptitle("Error against the number of candidates")
  return figure


@style.styled
def easy_vs_hard(
  summary: pd.DataFrame, aggregation: str, flops: str, hard_from: int
) -> figure_lib.Figure:
  """Error against FLOPs on easy (top) and hard (bottom) problems.

  Args:
    summary: rows of `summarize`.
    aggregation: of weighted voting; NO_AGGREGATION draws majority voting.
    flops: cost column; hard problems cost more than easy ones.
    hard_from: the lowest hard level.

  Returns:
    The figure, one column a policy.
  """
  rows = figures.main_rows(summary, aggregation)
  figure, axes = _policy_panels(rows, rows_of_panels=2, sharey="row")
  for column, (_, mine) in zip(axes.T, _by_policy(rows), strict=True):
    for panel, part in zip(column, ("_easy", "_hard"), strict=True):
      _draw_strategies(panel, mine, f"{flops}{part}", part=part)
      panel.set_xscale("log")
      if mine[f"accuracy{part}"].isna().all():
        panel.text(
          0.5, 0.5, "no such problems", transform=panel.transAxes, **_CENTERED
        )
    style.flops_axis(column[1], flops)
  axes[0, 0].set_ylabel(f"error rate (%)\nlevels below {hard_from}")
  axes[1, 0].set_ylabel(f"error rate (%)\nlevels from {hard_from} on")
  style.legend(figure, _strategy_handles(rows, aggregation))
  voting, _ = outcomes.main_voting(aggregation)
  words = figures.VOTING_WORDS[voting]
  figure.suptitle(f"Easy and hard problems: {words} and greedy")
  return figure


@style.styled
def voting_methods(
  summary: pd.DataFrame, aggregation: str, flops: str
) -> figure_lib.Figure:
  """Majority, best-of-n and weighted voting under every strategy.

  Args:
    summary: rows of `summarize`.
    aggregation: of best-of-n and weighted voting; with NO_AGGREGATION there is
      only majority voting.
    flops: cost column.

  Returns:
    The figure, one panel a policy.
  """
  wanted = summary["voting"].isin(list(style.VOTING_LINES))
  wanted &= summary["aggregation"].isin([outcomes.NO_AGGREGATION, aggregation])
  rows = summary[wanted]
  figure, axes = _policy_panels(rows)
  for panel, (_, mine) in zip(axes[0], _by_policy(rows), strict=True):
    for (strategy, voting), curve in mine.groupby(["strategy", "voting"]):
      style.draw_curve(
        panel,
        curve,
        flops,
        band=False,
        filled=strategy != "sampling",
        **_strategy_line(strategy) | {"linestyle": style.VOTING_LINES[voting]},
      )
    style.flops_axis(panel, flops)
  handles = [
    *_strategy_handles(rows, aggregation, plain=True),
    *(
      lines.Line2D(
        [],
        [],
        color=style.GREY,
        linestyle=line,
        label=figures.VOTING_WORDS[voting],
      )
      for voting, line in style.VOTING_LINES.items()
      if voting in set(rows["voting"])
    ),
  ]
  style.legend(figure, handles)
  figure.suptitle("Voting methods")
  return figure


def _policy_panels(rows: pd.DataFrame, rows_of_panels: int = 1, sharey=True):
  policies = figures.policies_of(rows)
  figure, axes = style.new_figure(
    rows_of_panels, len(policies), sharey=sharey, sharex="col"
  )
  for panel, (policy, parameters) in zip(
    axes[0], policies.items(), strict=True
  ):
    panel.set_title(f"{policy} ({tables.count(parameters)})")
  style.error_axis(axes[0, 0])
  return figure, axes


def _by_policy(rows: pd.DataFrame):
  return [
    (policy, rows[rows["policy"] == policy])
    for policy in figures.policies_of(rows)
  ]


def _strategy_line(strategy: str) -> dict:
  return {
    "color": style.strategy_color(strategy),
    "marker": style.strategy_marker(strategy),
    "markersize": 11 if strategy == outcomes.GREEDY else 5,
    "linestyle": style.strategy_line(strategy),
  }


def _draw_strategies(
  panel: axes_lib.Axes, rows: pd.DataFrame, x: str, part: str = ""
) -> None:
  for strategy, curve in rows.groupby("strategy"):
    style.draw_curve(
      panel,
      curve,
      x,
      part=part,
      filled=strategy != "sampling",
      **_strategy_line(strategy),
    )


def _strategy_handles(
  rows: pd.DataFrame, aggregation: str, plain: bool = False
) -> list:
  """Legend of the strategies; plain: their names without the main voting."""
  voting, _ = outcomes.main_voting(aggregation)
  handles = []
  for strategy in sorted(set(rows["strategy"])):
    line = _strategy_line(strategy)
    label = tables.method(strategy, voting)
    if plain:
      line["linestyle"] = ""
      label = tables.strategy_name(strategy)
    if strategy == outcomes.GREEDY:
      line["linestyle"] = ""
    face = "white" if strategy == "sampling" else line["color"]
    handles.append(
      lines.Line2D([], [], markerfacecolor=face, label=label, **line)
    )
  return handles
