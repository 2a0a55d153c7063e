"""Points of the chart of error against FLOPs, which a script draws."""

from typing import Any

import numpy as np

from inference_scaling import names
from inference_scaling.analysis import (
  frames,
  strategies,
  votings,
  wording,
)
from inference_scaling.analysis.comparison import selection
from inference_scaling.analysis.figures import style
from inference_scaling.analysis.report import results

PARTS = ("", "_easy", "_hard")


def data(analysis: results.Analysis) -> dict[str, Any]:
  """Makes the input of chart.js.

  Args:
    analysis: the numbers.

  Returns:
    JSON data: the choices with their names, how strategies look, and one row
    per configuration: policy, strategy, n, voting, its name, and for each part
    of the problems that has any its accuracy with interval and its FLOPs.
  """
  methods = votings.voting_methods(analysis.aggregation)
  rows = frames.select(
    analysis.common,
    voting=[method for method, _ in methods],
    aggregation=[votings.NO_AGGREGATION, analysis.aggregation],
  )
  looks = style.strategy_styles(rows["strategy"])
  return {
    "policies": {
      name: wording.policy(name, size)
      for name, size in selection.policies_of(rows).items()
    },
    "strategies": {
      name: [strategies.strategy_name(name), look["color"], look["filled"]]
      for name, look in looks.items()
    },
    "votings": {
      method: wording.VOTING_WORDS[method] for method, _ in methods[::-1]
    },
    "conventions": names.CONVENTIONS,
    "parts": {
      "": "all problems",
      "_easy": f"level below {analysis.hard_from}",
      "_hard": f"level {analysis.hard_from} and above",
    },
    "greedy": strategies.GREEDY,
    "points": [_point(row) for row in frames.records(rows)],
  }


def _point(row: dict[str, Any]) -> list[Any]:
  name = wording.method(row["strategy"], row["voting"])
  start = [row["policy"], row["strategy"], row["n"], row["voting"], name]
  return [*start, {part: _values(row, part) for part in PARTS}]


def _values(row: dict[str, Any], part: str) -> list[float] | None:
  """Accuracy, its interval, and FLOPs by convention; None if unknown."""
  columns = (
    "accuracy",
    "low",
    "high",
    *map("flops_{}".format, names.CONVENTIONS),
  )
  values = [float(row[f"{column}{part}"]) for column in columns]
  if not np.isfinite(values).all():
    return None
  return [float(f"{value:.6g}") for value in values]
