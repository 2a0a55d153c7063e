"""Wall time and money as costs: of runs, and of accuracy.

Times are those of the machine that a run was on, models loaded already: they
hold compilation and what the reward model took. A price is that of one worker,
the machine or the devices that one process has.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from inference_scaling.analysis import frames, strategies
from inference_scaling.analysis.comparison import pareto, selection
from inference_scaling.analysis.estimates import intervals
from inference_scaling.analysis.estimates import panel as panel_lib
from inference_scaling.analysis.records import load

RUNS, ACCURACY = TABLES = ("run_costs", "accuracy_by_cost")
SECONDS, DOLLARS = "machine_seconds", "dollars"
HOUR = 3600  # seconds
_RUN = ["policy", "strategy", "n", "seed"]
_POINT = ["policy", "strategy", "n"]


class Time(NamedTuple):
  """Machine time of one policy, strategy and n.

  Attributes:
    seconds: per problem.
    measured: whether such runs were timed; else this is a share of more
      samples.
  """

  seconds: float
  measured: bool


def check_price(price_per_hour: float | None) -> None:
  """Refuses what is no price.

  Args:
    price_per_hour: dollars an hour of one worker; None for no price.

  Raises:
    ValueError: if it is negative or not finite.
  """
  if price_per_hour is None:
    return
  if not math.isfinite(price_per_hour) or price_per_hour < 0:
    raise ValueError(
      f"price_per_hour is {price_per_hour}; expected a finite number of at"
      " least 0, the dollars that one worker costs an hour"
    )


def run_costs(
  records: Sequence[load.Record], price_per_hour: float | None = None
) -> pd.DataFrame:
  """Machine time of every run, and its price.

  Args:
    records: of a sweep.
    price_per_hour: dollars an hour of one worker; None for no price.

  Returns:
    Rows by policy, strategy, n and seed: the numbers of records and of those
    that are untimed, and machine_seconds and hours of the run, NaN where it
    has an untimed record. With a price also price_per_hour and dollars.
  """
  frame = pd.DataFrame(
    [(r.policy, r.strategy, r.n, r.seed, r.machine_seconds) for r in records],
    columns=[*_RUN, SECONDS],
  ).astype({SECONDS: float})
  times = frame.groupby(_RUN, sort=False)[SECONDS]
  runs = pd.DataFrame(
    {
      "records": times.size(),
      "untimed": times.size() - times.count(),
      SECONDS: times.sum(),
    }
  ).reset_index()
  runs.loc[runs["untimed"] > 0, SECONDS] = np.nan
  runs["hours"] = runs[SECONDS] / HOUR
  if price_per_hour is not None:
    runs["price_per_hour"] = float(price_per_hour)
    runs[DOLLARS] = runs["hours"] * price_per_hour
  return runs


def timed(runs: pd.DataFrame) -> pd.DataFrame:
  """The rows of `run_costs` whose records all have a time."""
  return runs.loc[runs["untimed"] == 0]


def times_by_point(
  runs: pd.DataFrame, points: Sequence[panel_lib.Configuration]
) -> dict[panel_lib.Configuration, Time]:
  """Machine seconds per problem of configurations.

  Fewer samples than were drawn are a subset of them, and take that share of
  their time, as of their FLOPs.

  Args:
    runs: of `run_costs`.
    points: configurations.

  Returns:
    Those whose time is known, with it.
  """
  known: dict[tuple, float] = {}
  for key, rows in frames.groups(timed(runs), _POINT):
    known[key] = float(sum(rows[SECONDS]) / sum(rows["records"]))
  times = {}
  for point in points:
    if point[:3] in known:
      times[point] = Time(known[point[:3]], measured=True)
    elif strategies.is_independent(point.strategy):
      share = _share(known, point)
      if share is not None:
        times[point] = Time(share, measured=False)
  return times


def _share(
  known: Mapping[tuple, float], point: panel_lib.Configuration
) -> float | None:
  """The share of n samples in the time of the most that were timed."""
  most = max((n for *own, n in known if (*own,) == point[:2]), default=0)
  if most <= point.n:
    return None
  return known[(*point[:2], most)] * point.n / most


def add_costs(summary: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
  """Adds cost per problem to a summary.

  Args:
    summary: rows of `summarize`.
    runs: of `run_costs`.

  Returns:
    The summary with machine_seconds and, where runs have a price, dollars, both
    per problem and NaN where not known; as it is if no run was timed.
  """
  if timed(runs).empty:
    return summary
  names = list(panel_lib.Configuration._fields)
  points = [
    panel_lib.Configuration(*row)
    for row in summary[names].itertuples(index=False)
  ]
  times = times_by_point(runs, points)
  seconds = [
    times[point].seconds if point in times else np.nan for point in points
  ]
  return _priced(summary.assign(**{SECONDS: seconds}), runs)


def cost_table(
  panel: panel_lib.Panel, aggregation: str, runs: pd.DataFrame
) -> pd.DataFrame:
  """Accuracy of the main voting and of greedy, by cost.

  Voting takes no time, so that one voting method stands for all of them.

  Args:
    panel: problems by configurations.
    aggregation: how weighted voting reads step scores.
    runs: of `run_costs`.

  Returns:
    Rows in rising order of time: the configuration, number of problems,
    accuracy with low and high; machine_seconds and, with a price, dollars per
    problem; measured, as in Time; on_frontier, whether no faster one is as
    accurate, and share, in what share of resamples over problems that is so.
    A price rises with time: the frontier by dollars is the same.
  """
  times = times_by_point(runs, selection.main_points(panel, aggregation))
  points = sorted(times, key=lambda point: (times[point].seconds, point))
  index = pd.Index(points, tupleize_cols=False)
  accuracy = panel.accuracy.reindex(columns=index).to_numpy(float)
  mean, low, high = intervals.mean_interval(accuracy)
  seconds = np.array([times[point].seconds for point in points])
  frame = pd.DataFrame(points, columns=panel_lib.Configuration._fields)
  frame["problems"] = np.isfinite(accuracy).sum(axis=0)
  frame = frame.assign(accuracy=mean, low=low, high=high)
  frame = _priced(frame.assign(**{SECONDS: seconds}), runs)
  frame["measured"] = [times[point].measured for point in points]
  draws = intervals.resampled_means(accuracy)
  frame["on_frontier"] = pareto.on_frontier(seconds, mean[None])[0]
  frame["share"] = pareto.on_frontier(seconds, draws).mean(axis=0)
  return frame


def cost_tables(
  panel: panel_lib.Panel, aggregation: str, runs: pd.DataFrame
) -> dict[str, pd.DataFrame]:
  """The tables of wall time and money, by their names.

  Args:
    panel: problems by configurations.
    aggregation: how weighted voting reads step scores.
    runs: of `run_costs`.

  Returns:
    TABLES; of untimed runs the first one alone, and only if they have a price.
  """
  if timed(runs).empty:
    return {RUNS: runs} if DOLLARS in runs else {}
  return {RUNS: runs, ACCURACY: cost_table(panel, aggregation, runs)}


def _priced(frame: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
  """Adds the dollars of machine seconds where runs have a price."""
  if DOLLARS not in runs:
    return frame
  price = runs["price_per_hour"].iloc[0]
  return frame.assign(**{DOLLARS: frame[SECONDS] / HOUR * price})
