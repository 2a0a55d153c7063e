"""Markdown tables, and how names and numbers are written in them."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from inference_scaling.analysis import outcomes, strategies

VOTING_NAMES = {
  outcomes.MAJORITY: "MV",
  outcomes.BEST_OF_N: "BoN",
  outcomes.WEIGHTED: "WV",
  outcomes.PASS: "pass",
}


def voting_name(voting: str) -> str:
  """MV, BoN, WV or pass; a method not in the table keeps its own name."""
  return VOTING_NAMES[voting] if voting in VOTING_NAMES else voting


def method(strategy: str, voting: str) -> str:
  """Strategy and voting in a few letters: "REBASE + WV"."""
  name = strategies.strategy_name(strategy)
  if strategies.kind_of(strategy) == strategies.GREEDY:
    return name
  return f"{name} + {voting_name(voting)}"


def markdown(
  header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 2
) -> str:
  """A markdown table; columns after the first `left` align to the right."""
  align = [":--" if i < left else "--:" for i in range(len(header))]
  lines = [list(header), align, *rows]
  return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def head(
  header: Sequence[str],
  rows: Sequence[Sequence[str]],
  path: str,
  *,
  most: int = 30,
  left: int = 2,
) -> str:
  """The first rows of a markdown table, and where all of it is.

  Args:
    header: names of the columns.
    rows: the cells of every row.
    path: of the CSV file that holds the whole table; after a blank, what else
      it holds.
    most: rows that are shown.
    left: columns that align to the left.

  Returns:
    The table and a line below it.
  """
  more = len(rows) - most
  file, _, rest = path.partition(" ")
  note = "All columns" if more <= 0 else f"{more} more rows and all columns"
  note += f": `{file}`{' ' * bool(rest)}{rest}."
  return f"{markdown(header, rows[:most], left)}\n\n{note}"


def percent(mean: float, low: float, high: float) -> str:
  """An accuracy with its interval: "43.5 [40.1, 46.9]"; "-" if unknown."""
  if np.isnan(mean):
    return "-"
  if np.isnan(low):
    return f"{100 * mean:.1f}"
  return f"{100 * mean:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def points(row: Mapping[str, float] | pd.Series, name: str) -> str:
  """A difference with its interval in points: "+3.2 [+0.9, +5.4]"."""
  mean, low, high = (100 * row[name + end] for end in ("", "_low", "_high"))
  if np.isnan(mean):
    return "-"
  if np.isnan(low):
    return f"{mean:+.1f}"
  return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def count(parameters: float) -> str:
  """A number of parameters in three figures: "123k", "1.62M", "6.9B"."""
  for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
    if parameters >= size:
      return f"{parameters / size:.3g}{letter}"
  return str(int(parameters))


def table_four(
  summary: pd.DataFrame, aggregation: str, flops: str, n: int | None = None
) -> str:
  """The paper's Table 4: a row per policy, strategy and voting method.

  Args:
    summary: rows of `summarize`.
    aggregation: of best-of-n and weighted voting.
    flops: cost column.
    n: number of candidates of all strategies but greedy; by default each
      strategy's largest.

  Returns:
    A markdown table with FLOPs and accuracies on all, easy and hard problems.
  """
  wanted = summary["aggregation"].isin([outcomes.NO_AGGREGATION, aggregation])
  rows = summary[wanted & summary["voting"].isin(list(VOTING_NAMES)[:3])]
  sizes = rows.groupby(["policy", "strategy"])["n"].transform("max")
  if n is not None:
    kinds = rows["strategy"].map(strategies.kind_of)
    sizes = sizes.where(kinds == strategies.GREEDY, n)
  rows = rows[rows["n"] == sizes]
  order = list(VOTING_NAMES)
  names = strategies.in_order(rows["strategy"])
  rows = rows.sort_values(
    ["parameters", "policy", "strategy", "voting"],
    key=lambda column: (
      column.map(order.index)
      if column.name == "voting"
      else column.map(names.index)
      if column.name == "strategy"
      else column
    ),
  )
  header = ["policy", "strategy", "n", "FLOPs", "accuracy %"]
  header += ["easy %", "hard %"]
  lines, last = [], None
  for row in rows.to_dict("records"):
    policy = f"{row['policy']} ({count(row['parameters'])})"
    lines.append(
      [
        policy if policy != last else "",
        method(row["strategy"], row["voting"]),
        row["n"],
        f"{row[flops]:.3g}",
        *(
          percent(
            *(row[f"{name}{part}"] for name in ("accuracy", "low", "high"))
          )
          for part in ("", "_easy", "_hard")
        ),
      ]
    )
    last = policy
  return markdown(header, lines)
