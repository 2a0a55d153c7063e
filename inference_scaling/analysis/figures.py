"""Error against FLOPs by strategy, one panel a policy and convention."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib import figure as figure_lib
from matplotlib import lines

from inference_scaling.analysis import (
  frontier,
  load,
  outcomes,
  strategies,
  style,
  tables,
)

VOTING_WORDS = {
  outcomes.WEIGHTED: "weighted voting",
  outcomes.MAJORITY: "majority voting",
  outcomes.BEST_OF_N: "best of n",
}
_FRONTIER = "#C4C4C4"
_MOST_BANDS = 4  # that can be told apart
_BANDED = (strategies.GREEDY, strategies.SAMPLING, strategies.REBASE)


def main_rows(
  summary: pd.DataFrame, aggregation: str, *, variants: bool = False
) -> pd.DataFrame:
  """Main voting of the strategies, and greedy: what main figures draw.

  Args:
    summary: rows of `summarize`.
    aggregation: of weighted voting; NO_AGGREGATION stands for majority voting.
    variants: whether to keep all variants of a kind, not the main one alone.

  Returns:
    The rows.
  """
  voting, aggregation = outcomes.main_voting(aggregation)
  main = (summary["voting"] == voting) & (summary["aggregation"] == aggregation)
  kinds = summary["strategy"].map(strategies.kind_of)
  greedy = (kinds == strategies.GREEDY) & (
    summary["voting"] == outcomes.MAJORITY
  )
  rows = summary[main | greedy]
  return rows if variants else main_variants(rows)


def main_variants(rows: pd.DataFrame) -> pd.DataFrame:
  """The rows of the main strategy of each kind."""
  names = strategies.main_strategies(rows["strategy"])
  return rows[rows["strategy"].isin(names)]


def policies_of(summary: pd.DataFrame) -> dict[str, int]:
  """Number of parameters by policy, in rising order."""
  rows = summary.sort_values(["parameters", "policy"])
  return dict(zip(rows["policy"], rows["parameters"], strict=True))


@style.styled
def error_vs_flops(
  summary: pd.DataFrame, aggregation: str
) -> figure_lib.Figure:
  """Error against FLOPs of the main strategies, as in Figures 4 and 5.

  Columns are policies, rows are FLOPs conventions. The grey staircase is the
  Pareto frontier of all configurations drawn, the same along a row.

  Args:
    summary: rows of `summarize`.
    aggregation: of weighted voting; NO_AGGREGATION draws majority voting.

  Returns:
    The figure.
  """
  rows = main_rows(summary, aggregation)
  policies = policies_of(rows)
  conventions = [f"flops_{name}" for name in load.CONVENTIONS]
  looks = style.strategy_styles(rows["strategy"])
  figure, axes = style.new_figure(
    len(conventions), len(policies), height=2.5, sharey=True, sharex="row"
  )
  banded = bands_of(rows["strategy"])
  for panel, (policy, size) in zip(axes[0], policies.items(), strict=True):
    panel.set_title(f"{policy} ({tables.count(size)})")
  for line, flops in zip(axes, conventions, strict=True):
    for panel, policy in zip(line, policies, strict=True):
      draw_frontier(panel, rows, flops)
      for strategy in strategies.in_order(rows["strategy"]):
        curve = rows[
          (rows["policy"] == policy) & (rows["strategy"] == strategy)
        ]
        style.draw_curve(
          panel,
          curve,
          flops,
          band=strategy in banded,
          zorder=3,
          **looks[strategy],
        )
      style.flops_axis(panel, flops)
  for line in axes:
    style.error_axis(line[0])
  voting, _ = outcomes.main_voting(aggregation)
  figure.suptitle(
    f"Error against compute: {VOTING_WORDS[voting]} and greedy"
    + band_words(rows["strategy"])
  )
  handles = strategy_handles(rows["strategy"])
  handles.append(
    lines.Line2D(
      [], [], color=_FRONTIER, linewidth=4.5, label="Pareto frontier"
    )
  )
  style.legend(figure, handles)
  return figure


def bands_of(names: Iterable[str]) -> list[str]:
  """Strategies whose intervals are drawn: all, or some of more than four."""
  names = strategies.in_order(names)
  few = [name for name in names if strategies.kind_of(name) in _BANDED]
  return few if len(names) > _MOST_BANDS and len(few) > 1 else names


def band_words(names: Iterable[str]) -> str:
  """What to add to a title if only some bands are drawn."""
  names = list(names)
  few = bands_of(names)
  if len(few) == len(set(names)):
    return ""
  *words, last = map(strategies.strategy_name, few)
  words = ", ".join(words)
  return f"\n(95% intervals of {words} and {last} alone)"


def draw_frontier(panel, rows: pd.DataFrame, flops: str) -> None:
  """Draws the Pareto frontier of some rows as a grey staircase."""
  ordered = rows.sort_values(flops)
  best = ordered[frontier.pareto_mask(ordered[flops], ordered["error"])]
  panel.plot(
    [*best[flops], rows[flops].max()],
    100 * np.array([*best["error"], best["error"].min()]),
    drawstyle="steps-post",
    color=_FRONTIER,
    linewidth=4.5,
    solid_joinstyle="miter",
    zorder=1,
  )


def strategy_handles(names, *, plain: bool = False) -> list[lines.Line2D]:
  """Legend entries of strategies.

  Args:
    names: all strategies of the figure.
    plain: markers alone, where lines say something else.

  Returns:
    A handle a strategy, in order.
  """
  handles = []
  for strategy, look in style.strategy_styles(names).items():
    keys = dict(look)
    face = keys["color"] if keys.pop("filled") else "white"
    if plain or strategies.kind_of(strategy) == strategies.GREEDY:
      keys["linestyle"] = ""
    name = strategies.strategy_name(strategy)
    handles.append(
      lines.Line2D([], [], markerfacecolor=face, label=name, **keys)
    )
  return handles
