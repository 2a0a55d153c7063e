"""One row per configuration: what summary.csv holds."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from inference_scaling.analysis.estimates import intervals
from inference_scaling.analysis.estimates import outcomes as outcomes_lib
from inference_scaling.analysis.estimates import panel as panel_lib

_FLOPS = dict(
  zip(
    outcomes_lib.COSTS,
    (
      "FLOPs per problem: the policy's generated tokens",
      "those, and what the reward model scores",
      "those, and prompts, attention and the unembedding",
    ),
    strict=True,
  )
)
# What each column of summary.csv holds, in the order of the file.
MEANINGS: Mapping[str, str] = {
  "policy": "name of the policy in the config",
  "parameters": "its number of parameters",
  "strategy": "name of the strategy in the config",
  "n": "beams, samples of a subset, expansions of MCTS or nodes of AB-MCTS",
  "voting": "how candidates vote; `pass`: an oracle picks (pass@n)",
  "aggregation": "how step scores become one for the vote, or what it reads",
  "problems": "problems that the row is over",
  "seeds": "runs of each, of which a problem's accuracy is the mean",
  "accuracy": "share of problems that are right, in [0, 1]",
  "error": "1 - accuracy",
  "low": "lower end of the accuracy's 95% interval over problems",
  "high": "upper end",
  "mc_error": "standard error of what subsets were drawn for; 0 if exact",
  **_FLOPS,
  "tokens": "tokens per problem that the policy generated",
  "completion": "share of candidates that finished",
}
_OF_PARTS = ("problems", "accuracy", "low", "high", *outcomes_lib.COSTS)
COLUMNS = [
  *MEANINGS,
  *(f"{column}_{part}" for part in ("easy", "hard") for column in _OF_PARTS),
]


def describe() -> list[tuple[str, str]]:
  """Says what the columns of summary.csv hold.

  Returns:
    Names, and what stands there. Columns of easy and hard problems are one row,
    and those come last that only records with known times have.
  """
  parts = ", ".join(f"{column}_easy" for column in _OF_PARTS)
  return [
    *MEANINGS.items(),
    (parts, "the same of easy problems; empty where there are none"),
    (parts.replace("_easy", "_hard"), "the same of hard ones"),
    ("machine_seconds", "wall time per problem, where times are known"),
    ("dollars", "its price, where --price_per_hour is given"),
  ]


def summarize(
  panels: Mapping[str, panel_lib.Panel], parameters: Mapping[str, int]
) -> pd.DataFrame:
  """Mean accuracy with its interval and mean cost of every configuration.

  Args:
    panels: "all", and "easy" and "hard" where such problems exist.
    parameters: number of parameters by policy name.

  Returns:
    A frame with COLUMNS, ordered by parameters, strategy, voting, aggregation
    and n. low and high bound the accuracy (95%, bootstrap over problems).

  Raises:
    ValueError: if a policy has no number of parameters.
  """
  whole = panels["all"]
  points = list(whole.costs.index)
  unknown = sorted({point.policy for point in points} - set(parameters))
  if unknown:
    raise ValueError(
      f"policies {unknown} have records but no number of parameters; known are"
      f" {sorted(parameters)}; config.json and records.jsonl do not belong"
      " together"
    )
  frame = pd.DataFrame(points, columns=panel_lib.Configuration._fields)
  frame["parameters"] = [parameters[point.policy] for point in points]
  for column in whole.costs.columns:
    frame[column] = whole.costs[column].to_numpy()
  for part, suffix in (("all", ""), ("easy", "_easy"), ("hard", "_hard")):
    for column, values in _part(panels.get(part), points).items():
      frame[f"{column}{suffix}"] = values
  frame["error"] = 1 - frame["accuracy"]
  order = ["parameters", "policy", "strategy", "voting", "aggregation", "n"]
  return frame.sort_values(order, ignore_index=True).loc[:, COLUMNS]


def _part(
  panel: panel_lib.Panel | None, points: list[panel_lib.Configuration]
) -> dict[str, Any]:
  """Accuracy, interval, problems and FLOPs of each point; NaN if it lacks."""
  unknown = np.full(len(points), np.nan)
  if panel is None:
    names = ["accuracy", "low", "high", *outcomes_lib.COSTS]
    return dict.fromkeys(names, unknown) | {"problems": 0}
  index = pd.Index(points, tupleize_cols=False)
  accuracy = panel.accuracy.reindex(columns=index).to_numpy(float)
  costs = panel.costs.reindex(index=index)
  mean, low, high = intervals.mean_interval(accuracy)
  return {
    "accuracy": mean,
    "low": low,
    "high": high,
    "problems": np.isfinite(accuracy).sum(axis=0),
    **{name: costs[name].to_numpy() for name in outcomes_lib.COSTS},
  }
