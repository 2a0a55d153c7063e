"""Figures of a panel per policy: n, the oracle, completion, levels, votes."""

import numpy as np
import pandas as pd
from matplotlib import figure as figure_lib
from matplotlib import lines

from inference_scaling.analysis import (
  frames,
  registry,
  strategies,
  votings,
  wording,
)
from inference_scaling.analysis.comparison import selection
from inference_scaling.analysis.figures import drawing, style

_CENTERED = {"ha": "center", "va": "center", "color": style.GREY}


@registry.figure(
  30,
  "Error against n, and the oracle's (pass@n)",
  mirrors="Figures 6 and 7",
  reads=lambda analysis: (analysis.summary, analysis.aggregation),
)
@style.styled
def error_vs_n(summary: pd.DataFrame, aggregation: str) -> figure_lib.Figure:
  """Error against n (top), as in Figures 6 and 7, and the oracle's (bottom).

  Args:
    summary: rows of `summarize`.
    aggregation: of weighted voting; NO_AGGREGATION draws majority voting.

  Returns:
    The figure, one column per policy.
  """
  rows = selection.main_rows(summary, aggregation)
  oracle = selection.main_variants(frames.select(summary, voting=votings.PASS))
  figure, axes = _new_panels(rows, rows_of_panels=2, sharey="row")
  label = style.sizes_label(rows["strategy"])
  for column, (policy, curves) in zip(
    axes.T, drawing.by_policy(rows), strict=True
  ):
    drawing.draw_strategies(column[0], curves, "n", rows["strategy"])
    for error in curves.loc[_is_greedy(curves), "error"]:
      column[0].axhline(100 * error, color=style.BLACK, linewidth=0.8, zorder=1)
    passed = frames.select(oracle, policy=policy)
    drawing.draw_strategies(column[1], passed, "n", oracle["strategy"])
    style.sizes_axis(column[1], list(curves["n"]), label)
  voting, _ = votings.main_voting(aggregation)
  style.error_axis(
    axes[0, 0], f"error rate (%)\n{wording.VOTING_WORDS[voting]}"
  )
  style.error_axis(axes[1, 0], "no candidate is right (%)\noracle, pass@n")
  style.legend(figure, drawing.strategy_handles(rows["strategy"]))
  figure.suptitle(
    "Error against the number of candidates"
    + drawing.band_words(rows["strategy"])
  )
  return figure


@registry.figure(
  90,
  "Share of candidates that finish",
  reads=lambda analysis: (analysis.summary,),
)
@style.styled
def completion(summary: pd.DataFrame) -> figure_lib.Figure:
  """Share of candidates that finished, by strategy and n.

  Args:
    summary: rows of `summarize`.

  Returns:
    The figure, one panel per policy.
  """
  rows = selection.main_variants(frames.select(summary, voting=votings.PASS))
  figure, axes = _new_panels(rows)
  label = style.sizes_label(rows["strategy"])
  for panel, (_, curves) in zip(axes[0], drawing.by_policy(rows), strict=True):
    # Curves are drawn as 1 - accuracy.
    shares = curves.assign(
      accuracy=1 - curves["completion"], low=np.nan, high=np.nan
    )
    drawing.draw_strategies(
      panel, shares, "n", rows["strategy"], band=False, what="unfinished"
    )
    style.sizes_axis(panel, list(curves["n"]), label)
  style.error_axis(axes[0, 0], "finished candidates (%)")
  style.legend(figure, drawing.strategy_handles(rows["strategy"]))
  figure.suptitle("How many candidates finish")
  return figure


@registry.figure(
  40,
  "Easy and hard problems",
  mirrors="Figure 8",
  reads=lambda analysis: (
    analysis.summary,
    analysis.aggregation,
    analysis.flops,
    analysis.hard_from,
  ),
)
@style.styled
def easy_vs_hard(
  summary: pd.DataFrame, aggregation: str, flops: str, hard_from: int
) -> figure_lib.Figure:
  """Error against FLOPs on easy (top) and hard (bottom) problems, Figure 8.

  Args:
    summary: rows of `summarize`.
    aggregation: of weighted voting; NO_AGGREGATION draws majority voting.
    flops: cost column; hard problems cost more than easy ones.
    hard_from: the lowest hard level.

  Returns:
    The figure, one column per policy.
  """
  rows = selection.main_rows(summary, aggregation)
  figure, axes = _new_panels(rows, rows_of_panels=2, sharey="row")
  for column, (_, curves) in zip(axes.T, drawing.by_policy(rows), strict=True):
    for panel, part in zip(column, ("_easy", "_hard"), strict=True):
      drawing.draw_strategies(
        panel, curves, f"{flops}{part}", rows["strategy"], part=part
      )
      panel.set_xscale("log")
      if np.isnan(curves[f"accuracy{part}"].to_numpy(float)).all():
        panel.text(
          0.5, 0.5, "no such problems", transform=panel.transAxes, **_CENTERED
        )
    style.cost_axis(column[1], flops)
  for panel, name in zip(
    axes[:, 0],
    (f"level below {hard_from}", f"level {hard_from} and above"),
    strict=True,
  ):
    style.error_axis(panel, f"error rate (%)\n{name}")
  voting, _ = votings.main_voting(aggregation)
  style.legend(figure, drawing.strategy_handles(rows["strategy"]))
  figure.suptitle(
    f"Easy and hard problems: {wording.VOTING_WORDS[voting]}"
    + drawing.band_words(rows["strategy"])
  )
  return figure


@registry.figure(
  50,
  "Majority, best-of-n and weighted voting",
  mirrors="Figures 9 to 12",
  reads=lambda analysis: (
    analysis.summary,
    analysis.aggregation,
    analysis.flops,
  ),
)
@style.styled
def voting_methods(
  summary: pd.DataFrame, aggregation: str, flops: str
) -> figure_lib.Figure:
  """Majority, best-of-n and weighted voting, as in Figures 9 to 12.

  Args:
    summary: rows of `summarize`.
    aggregation: of best-of-n and weighted voting; with NO_AGGREGATION there is
      only majority voting.
    flops: cost column.

  Returns:
    The figure, one row per policy and one column per kind of strategy.
  """
  compared = frames.select(
    summary,
    voting=list(style.VOTING_LINES),
    aggregation=[votings.NO_AGGREGATION, aggregation],
  )
  rows = selection.main_variants(compared.loc[~_is_greedy(compared)])
  if rows.empty:
    rows = compared
  names = strategies.in_order(rows["strategy"])
  looks = style.strategy_styles(names)
  policies = selection.policies_of(rows)
  figure, axes = style.new_figure(
    len(policies), len(names), width=2.1, height=2.1, sharey=True, sharex="row"
  )
  for panel, name in zip(axes[0], names, strict=True):
    panel.set_title(strategies.strategy_name(name))
  for line, (_, curves) in zip(axes, drawing.by_policy(rows), strict=True):
    for panel, name in zip(line, names, strict=True):
      for (voting,), curve in frames.groups(
        frames.select(curves, strategy=name), ["voting"], sort=True
      ):
        look = looks[name] | {"linestyle": style.VOTING_LINES[voting]}
        look["filled"] = voting == votings.WEIGHTED
        drawing.draw_curve(panel, curve, flops, band=False, **look)
      style.cost_axis(panel, flops, label=False)
  # One label for all: there is no space for one under each panel.
  axes[-1, (len(names) - 1) // 2].set_xlabel(style.COST_LABELS[flops])
  problems = selection.unequal_problems(rows)
  for panel, (policy, size) in zip(axes[:, 0], policies.items(), strict=True):
    name = wording.policy(policy, size, problems.get(policy))
    style.error_axis(panel, f"error rate (%)\n{name}")
  handles = [
    lines.Line2D(
      [], [], color=style.BLACK, marker="o", linestyle=line,
      markerfacecolor=style.BLACK if voting == votings.WEIGHTED else "white",
      label=wording.VOTING_WORDS[voting],
    )
    for voting, line in style.VOTING_LINES.items()
    if voting in set(rows["voting"])
  ]  # fmt: skip
  style.legend(figure, handles)
  figure.suptitle("Voting methods")
  return figure


def _new_panels(
  rows: pd.DataFrame, rows_of_panels: int = 1, sharey: bool | str = True
) -> tuple[figure_lib.Figure, np.ndarray]:
  """A figure with one column of panels per policy, and its axes."""
  policies = selection.policies_of(rows)
  figure, axes = style.new_figure(
    rows_of_panels,
    len(policies),
    height=2.9 if rows_of_panels == 1 else 2.5,
    sharey=sharey,
    sharex="col",
  )
  drawing.name_policies(axes[0], policies, selection.unequal_problems(rows))
  return figure, axes


def _is_greedy(rows: pd.DataFrame) -> np.ndarray:
  kinds = rows["strategy"].map(strategies.kind_of)
  return kinds.to_numpy() == strategies.GREEDY
