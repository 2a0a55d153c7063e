"""Wall time and money, held against sums by hand."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from inference_scaling.analysis.comparison import machine_time
from inference_scaling.analysis.estimates import outcomes, panel, summary
from inference_scaling.analysis.records import load
from tests.analysis import factory

RUNS = (("greedy", 1), ("sampling", 2), ("sampling", 8), ("rebase", 4))
PROBLEMS = 5


def parse(records, timed=lambda record: True):
  """Parsed records with the seconds of the factory."""
  return [
    dataclasses.replace(
      load.parse_record(record, f"x:{i}"),
      machine_seconds=factory.seconds_of(record) if timed(record) else None,
    )
    for i, record in enumerate(records)
  ]


def seconds(n):
  """Of a whole run, see the factory."""
  return PROBLEMS * 2.0 * n + 60


@pytest.fixture(name="records", scope="module")
def _records():
  made = factory.sweep(PROBLEMS, ("small", "large"), RUNS, seeds=2)

  def timed(record):
    run = record["run"]
    # One record of one seed lacks its time.
    return (run["strategy"], run["seed"]) != ("rebase", 1) or record["problem"][
      "id"
    ] != 102

  return parse(made, timed)


@pytest.fixture(name="panels", scope="module")
def _panels(records):
  return panel.panels_by_level(outcomes.make_outcomes(records, num_subsets=5))


def test_hours_and_dollars_of_runs_add_up(records):
  runs = machine_time.run_costs(records, 3.6)
  assert len(runs) == 14  # two policies, one seed of greedy, two of the others
  assert (runs["records"] == PROBLEMS).all()
  for row in runs.to_dict("records"):
    untimed = (row["strategy"], row["seed"]) == ("rebase", 1)
    assert row["untimed"] == untimed
    if untimed:
      assert math.isnan(row["machine_seconds"]) and math.isnan(row["dollars"])
      continue
    assert row["machine_seconds"] == seconds(row["n"])
    assert math.isclose(row["hours"], seconds(row["n"]) / 3600)
    assert math.isclose(row["dollars"], seconds(row["n"]) / 1000)
  assert len(machine_time.timed(runs)) == 12
  assert "dollars" not in machine_time.run_costs(records)


def test_costs_per_problem_stand_in_the_summary(records, panels):
  frame = summary.summarize(panels, factory.PARAMETERS)
  runs = machine_time.run_costs(records, 3.6)
  added = machine_time.add_costs(frame, runs)
  pd.testing.assert_frame_equal(added[frame.columns], frame)
  assert list(added.columns[-2:]) == ["machine_seconds", "dollars"]
  for row in added.to_dict("records"):
    n = row["n"]
    # Of n = 2 there are runs; one and four samples are shares of eight.
    shared = row["strategy"] == "sampling" and n in (1, 4)
    total = seconds(8) * n / 8 if shared else seconds(n)
    assert math.isclose(row["machine_seconds"], total / PROBLEMS), row
    assert math.isclose(row["dollars"], total / PROBLEMS / 1000), row


def test_a_search_whose_runs_are_untimed_has_no_cost(panels):
  made = factory.sweep(PROBLEMS, ("small", "large"), RUNS, seeds=2)
  records = parse(
    made, lambda record: record["run"]["strategy"] in ("greedy", "sampling")
  )
  runs = machine_time.run_costs(records)
  added = machine_time.add_costs(
    summary.summarize(panels, factory.PARAMETERS), runs
  )
  searched = added["strategy"] == "rebase"
  assert added.loc[searched, "machine_seconds"].isna().all()
  assert added.loc[~searched, "machine_seconds"].notna().all()
  assert "dollars" not in added
  table = machine_time.cost_table(panels["all"], "last", runs)
  assert set(table["strategy"]) == {"greedy", "sampling"}


def test_nothing_is_added_where_no_run_is_timed(panels):
  made = factory.sweep(PROBLEMS, ("small", "large"), RUNS, seeds=2)
  # Of every run the same problem lacks its time: no run is whole.
  records = parse(made, lambda record: record["problem"]["id"] != 101)
  frame = summary.summarize(panels, factory.PARAMETERS)
  runs = machine_time.run_costs(records)
  assert machine_time.add_costs(frame, runs) is frame
  assert machine_time.cost_tables(panels["all"], "last", runs) == {}
  priced = machine_time.run_costs(records, 1.0)
  tables = machine_time.cost_tables(panels["all"], "last", priced)
  assert list(tables) == ["run_costs"]
  assert (tables["run_costs"]["untimed"] == 1).all()


def test_the_frontier_is_of_what_no_faster_one_equals(records, panels):
  runs = machine_time.run_costs(records, 3.6)
  table = machine_time.cost_table(panels["all"], "last", runs)
  assert table["machine_seconds"].is_monotonic_increasing
  assert set(table["voting"]) == {"weighted", "majority"}
  assert set(table.loc[table["voting"] == "majority", "strategy"]) == {"greedy"}
  assert table["on_frontier"].any() and not table["on_frontier"].all()
  for row in table.to_dict("records"):
    faster = table[table["machine_seconds"] < row["machine_seconds"]]
    same = table[table["machine_seconds"] == row["machine_seconds"]]
    best = max([*faster["accuracy"], -1.0]) < row["accuracy"]
    best &= row["accuracy"] == same["accuracy"].max()
    assert row["on_frontier"] == best
    assert 0 <= row["share"] <= 1
  shared = table["strategy"].eq("sampling") & table["n"].isin([1, 4])
  np.testing.assert_array_equal(table["measured"], ~shared)


@pytest.mark.parametrize("price", [-0.01, math.nan, math.inf])
def test_a_price_is_finite_and_not_negative(price):
  with pytest.raises(
    ValueError, match=rf"price_per_hour is {price}; expected a finite number"
  ):
    machine_time.check_price(price)


def test_a_worker_may_cost_nothing(records):
  machine_time.check_price(0.0)
  machine_time.check_price(None)
  assert machine_time.run_costs(records, 0)["dollars"].max() == 0
