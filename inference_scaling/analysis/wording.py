"""How names and numbers are written in figures, tables and sentences."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from inference_scaling.analysis import strategies, votings

VOTING_NAMES = {
  votings.MAJORITY: "MV",
  votings.BEST_OF_N: "BoN",
  votings.WEIGHTED: "WV",
  votings.PASS: "pass",
}
VOTING_WORDS = {
  votings.WEIGHTED: "weighted voting",
  votings.MAJORITY: "majority voting",
  votings.BEST_OF_N: "best of n",
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


def on_common(problems: int | None) -> str:
  """The addition to a title of what stands on the problems of all policies.

  Args:
    problems: their number; None where every policy has no others.
  """
  if problems is None:
    return ""
  return f"\n(the {problems} problems that all policies have)"


def count(parameters: float) -> str:
  """A number of parameters in three figures: "123k", "1.62M", "6.9B"."""
  for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
    if parameters >= size:
      return f"{parameters / size:.3g}{letter}"
  return str(int(parameters))


def amount(value: float) -> str:
  """A number of hours, seconds or dollars: "0.00123", "12.3", "12,345"."""
  return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def policy(name: str, parameters: float, problems: int | None = None) -> str:
  """A policy and its size: "large (1.62M)"; "large (1.62M), 100 problems"."""
  text = f"{name} ({count(parameters)})"
  return text if problems is None else f"{text}, {problems} problems"
