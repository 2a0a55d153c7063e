"""Problems by configurations: what intervals and paired comparisons read."""

import dataclasses
from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from inference_scaling.analysis import frames
from inference_scaling.analysis.estimates import outcomes as outcomes_lib

HARD_FROM = 4  # levels below are easy, this one and above are hard
UNFINISHED_SHARE = 0.5  # of the problems that the fullest seed has


class Configuration(NamedTuple):
  """One point of a sweep after seeds are averaged."""

  policy: str
  strategy: str
  n: int
  voting: str
  aggregation: str


@dataclasses.dataclass(frozen=True)
class Panel:
  """Accuracies by problem and costs of every configuration.

  Attributes:
    accuracy: frame [problem, Configuration] of means over seeds; NaN where a
      configuration lacks the problem.
    costs: frame indexed by Configuration: means over problems of flops_paper,
      flops_with_reward, flops_full, tokens and completion, the numbers of
      problems and seeds, and mc_error, the Monte-Carlo standard error of the
      mean accuracy.
    notes: what was left out and why, one sentence each.
  """

  accuracy: pd.DataFrame
  costs: pd.DataFrame
  notes: tuple[str, ...]


def make_panel(frame: pd.DataFrame) -> Panel:
  """Averages over seeds, problem by problem.

  Within a policy, strategy and n only problems that every seed has are kept.
  A seed with less than half of the problems of the fullest one is taken for
  unfinished and left out, or it would take the others' problems with it.

  Args:
    frame: rows of `make_outcomes`, perhaps of a range of levels only.

  Returns:
    The Panel.
  """
  if frame.empty:
    raise ValueError("no outcomes; expected at least one row")
  frame, notes = complete_seeds(frame)
  keys = list(Configuration._fields)
  values = ["accuracy", *outcomes_lib.COSTS, "tokens", "completion"]
  grouped = frame.groupby([*keys, "problem"])
  problems = cast(pd.DataFrame, grouped[values].mean())
  problems["seeds"] = grouped.size()
  problems["variance"] = grouped["variance"].sum() / problems["seeds"] ** 2
  by_point = problems.groupby(level=keys)
  costs = cast(
    pd.DataFrame,
    by_point[[*outcomes_lib.COSTS, "tokens", "completion"]].mean(),
  )
  costs["problems"] = by_point.size()
  costs["seeds"] = by_point["seeds"].max()
  variance = cast(pd.Series, by_point["variance"].sum())
  costs["mc_error"] = np.sqrt(variance) / costs["problems"]
  accuracy = cast(pd.DataFrame, problems["accuracy"].unstack(keys))
  points = [Configuration(*column) for column in accuracy.columns]
  accuracy.columns = pd.Index(points, tupleize_cols=False)
  costs.index = pd.Index(
    [Configuration(*row) for row in costs.index], tupleize_cols=False
  )
  return Panel(accuracy, costs.loc[points], tuple(notes))


def split_levels(
  frame: pd.DataFrame, hard_from: int = HARD_FROM
) -> dict[str, pd.DataFrame]:
  """Outcomes by difficulty: all, easy and hard; a part may be empty.

  Level 0 stands for one that is not known, and is in neither part.
  """
  return {
    "all": frame,
    "easy": frame.loc[frame["level"].between(1, hard_from - 1)],
    "hard": frame.loc[frame["level"] >= hard_from],
  }


def panels_by_level(
  frame: pd.DataFrame, hard_from: int = HARD_FROM
) -> dict[str, Panel]:
  """A panel of each part of `split_levels` that has problems."""
  return {
    name: make_panel(part)
    for name, part in split_levels(frame, hard_from).items()
    if not part.empty
  }


def on_common_problems(frame: pd.DataFrame) -> pd.DataFrame:
  """The outcomes on the problems that every policy has, in any of its runs.

  Only on these can policies be compared: others may be easier, and cost less.

  Args:
    frame: rows of `make_outcomes`.

  Returns:
    The rows; the frame itself where all policies have the same problems.

  Raises:
    ValueError: if there is no such problem.
  """
  by_policy = {
    policy: set(rows["problem"])
    for (policy,), rows in frames.groups(frame, ["policy"])
  }
  common = set.intersection(*by_policy.values())
  if not common:
    counts = ", ".join(f"{name} {len(own)}" for name, own in by_policy.items())
    raise ValueError(
      f"no problem has records of every policy; problems are {counts}; expected"
      " policies with problems in common. Report on fewer of them."
    )
  if common == set.union(*by_policy.values()):
    return frame
  return frames.select(frame, problem=list(common))


def complete_seeds(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
  """Keeps the problems that all finished seeds of a run group have.

  Args:
    frame: outcomes.

  Returns:
    The rows kept, and what was left out and why, one sentence each.
  """
  notes = []
  kept = []
  for (policy, strategy, n), group in frames.groups(
    frame, ["policy", "strategy", "n"], sort=True
  ):
    name = f"{policy} {strategy} n={n}"
    by_seed = {
      seed: set(rows["problem"])
      for (seed,), rows in frames.groups(group, ["seed"], sort=True)
    }
    most = max(map(len, by_seed.values()))
    finished = {
      seed: problems
      for seed, problems in by_seed.items()
      if len(problems) >= UNFINISHED_SHARE * most
    }
    notes += [
      f"{name}: seed {seed} is left out, it holds {len(problems)} of"
      f" {most} problems."
      for seed, problems in by_seed.items()
      if seed not in finished
    ]
    common = set.intersection(*finished.values())
    seen = set.union(*finished.values())
    if len(common) < len(seen):
      notes.append(
        f"{name}: {len(seen) - len(common)} of {len(seen)} problems are left"
        " out, some seed lacks them."
      )
    kept.append(frames.select(group, seed=list(finished), problem=list(common)))
  return pd.concat(kept), notes
