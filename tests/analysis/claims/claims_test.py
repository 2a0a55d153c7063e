"""Panels, summary and claims on simulated sweeps with known truth."""

import numpy as np
import pandas as pd
import pytest

from inference_scaling import names
from inference_scaling.analysis.claims import scaling, tree_search
from inference_scaling.analysis.comparison import curves
from inference_scaling.analysis.estimates import outcomes
from inference_scaling.analysis.estimates import panel as panel_lib
from inference_scaling.analysis.estimates import summary as summary_lib
from inference_scaling.analysis.records import load
from tests.analysis import factory

POLICIES = ["small", "medium", "large"]


@pytest.fixture(name="records", scope="module")
def _records():
  raw = factory.sweep(36, seeds=2)
  return [load.parse_record(r, f"x:{i}") for i, r in enumerate(raw, 1)]


@pytest.fixture(name="frame", scope="module")
def _frame(records):
  return outcomes.make_outcomes(records, num_subsets=50)


@pytest.fixture(name="panels", scope="module")
def _panels(frame):
  return {
    name: panel_lib.make_panel(part)
    for name, part in panel_lib.split_levels(frame).items()
  }


def test_panel_averages_seeds_within_problems(frame, panels):
  point = panel_lib.Configuration("small", "rebase", 4, "majority", "none")
  rows = frame
  for name, value in point._asdict().items():
    rows = rows[rows[name] == value]
  expected = rows.groupby("problem")["accuracy"].mean()
  pd.testing.assert_series_equal(
    panels["all"].accuracy[point], expected, check_names=False
  )
  costs = panels["all"].costs.loc[[point]].iloc[0]
  assert costs["flops_full"] == pytest.approx(rows["flops_full"].mean())
  assert (costs["problems"], costs["seeds"]) == (36, 2)
  assert panels["all"].notes == ()


def test_panel_reports_monte_carlo_error(frame, panels):
  point = panel_lib.Configuration("small", "sampling", 8, "weighted", "last")
  rows = frame[
    (frame["policy"] == "small")
    & (frame["strategy"] == "sampling")
    & (frame["n"] == 8)
    & (frame["voting"] == "weighted")
    & (frame["aggregation"] == "last")
  ]
  got = panels["all"].costs.loc[[point], "mc_error"].iloc[0]
  assert got == pytest.approx(np.sqrt(rows["variance"].sum()) / len(rows))
  assert got > 0


def test_problems_that_some_seed_lacks_are_left_out(frame):
  missing = (frame["seed"] == 1) & (frame["problem"] == 100)
  panel = panel_lib.make_panel(frame[~missing])
  sampled = panel.accuracy["small", "sampling", 4, "majority", "none"]
  assert np.isnan(sampled.loc[100])
  assert sampled.notna().sum() == 35
  greedy = panel.accuracy["small", "greedy", 1, "majority", "none"]
  assert greedy.notna().all()
  assert any("small sampling n=4: 1 of 36" in note for note in panel.notes)


def test_a_seed_that_has_just_begun_does_not_take_the_others_along(frame):
  begun = (frame["seed"] == 1) & (frame["problem"] > 103)
  panel = panel_lib.make_panel(frame[~begun])
  point = ("large", "rebase", 8, "majority", "none")
  assert panel.accuracy[point].notna().sum() == 36
  assert panel.costs.loc[[panel_lib.Configuration(*point)], "seeds"].item() == 1
  assert any("seed 1 is left out, it holds 4 of 36" in n for n in panel.notes)


def test_summary_agrees_with_the_outcomes(frame, panels):
  summary = summary_lib.summarize(panels, factory.PARAMETERS)
  assert list(summary.columns) == summary_lib.COLUMNS
  assert summary["parameters"].is_monotonic_increasing
  assert len(summary) == len(panels["all"].costs)
  for row in summary.sample(20, random_state=0).itertuples():
    mine = frame[
      (frame["policy"] == row.policy)
      & (frame["strategy"] == row.strategy)
      & (frame["n"] == row.n)
      & (frame["voting"] == row.voting)
      & (frame["aggregation"] == row.aggregation)
    ]
    hard = mine[mine["level"] >= 4]
    assert row.accuracy == pytest.approx(mine["accuracy"].mean())
    assert row.error == pytest.approx(1 - row.accuracy)
    assert row.accuracy_hard == pytest.approx(hard["accuracy"].mean())
    assert row.problems_hard == hard["problem"].nunique()
    assert row.flops_paper == pytest.approx(mine["flops_paper"].mean())
    assert row.flops_paper_hard == pytest.approx(hard["flops_paper"].mean())
    assert row.low <= row.accuracy <= row.high


def test_summary_refuses_a_policy_without_parameters(panels):
  with pytest.raises(ValueError, match=r"\['large', 'medium'\] have records"):
    summary_lib.summarize(panels, {"small": 1})


def test_curve_points_rise(panels):
  curve = curves.make_curve(
    panels["all"], "small", "rebase", "weighted", "min", "flops_full"
  )
  assert curve.n.tolist() == [1, 2, 4, 8, 16]
  assert (np.diff(curve.flops) > 0).all()
  assert curve.accuracy.shape == (36, 5)
  np.testing.assert_array_equal(curve.at(curve.flops[2]), curve.accuracy[:, 2])
  missing = ("small", "beam", "weighted", "min", "flops_full")
  assert curves.make_curve(panels["all"], *missing) is None


def test_growth_is_the_gain_along_the_curve(panels):
  panel = panels["all"]
  got = scaling.growth(panel, POLICIES, "last", "flops_paper")
  assert len(got) == 3 * 4
  row = got[
    (got["policy"] == "medium")
    & (got["strategy"] == "rebase")
    & (got["voting"] == "weighted")
  ].iloc[0]
  mean = [
    panel.accuracy["medium", "rebase", n, "weighted", "last"].mean()
    for n in (1, 2, 4, 8, 16)
  ]
  assert row["gain"] == pytest.approx(mean[4] - mean[0])
  assert row["early"] == pytest.approx(mean[2] - mean[0])
  assert row["late"] == pytest.approx(mean[4] - mean[2])
  assert row["early_minus_late"] == pytest.approx(row["early"] - row["late"])
  assert row["gain_low"] > 0  # the simulated curve rises steeply


def test_best_policy_at_each_budget(panels):
  panel = panels["all"]
  got = scaling.best_policy(panel, POLICIES, "last", "flops_paper")
  assert not got.duplicated(["strategy", "voting", "budget"]).any()
  for row in got.itertuples():
    how = "none" if row.voting == "majority" else "last"
    accuracy = {}
    for policy in POLICIES:
      points = [p for p in panel.costs.index if p.policy == policy]
      points = [
        p
        for p in points
        if (p.strategy, *p[3:]) == (row.strategy, row.voting, how)
      ]
      points.sort(key=lambda p: p.n)
      cost = [panel.costs.loc[[p], "flops_paper"].item() for p in points]
      mean = [panel.accuracy[p].mean() for p in points]
      if row.budget >= cost[0]:
        accuracy[policy] = np.interp(np.log(row.budget), np.log(cost), mean)
    assert row.accuracy == pytest.approx(max(accuracy.values()))
    assert row.best == max(accuracy, key=accuracy.get)
    if len(accuracy) > 1:
      second = sorted(accuracy.values())[-2]
      assert row.lead == pytest.approx(row.accuracy - second)
    else:
      assert row.runner_up == "" and np.isnan(row.lead)
  assert got["best"].iloc[0] == "small"


def test_search_gain_is_paired_and_by_level(panels):
  got = tree_search.search_gain(panels, POLICIES, "last", "flops_paper")
  assert set(got["part"]) == {"all", "easy", "hard"}
  row = got[
    (got["part"] == "hard") & (got["policy"] == "medium") & (got["n"] == 16)
  ].iloc[0]
  hard = panels["hard"].accuracy
  accuracy = hard["medium", "rebase", 16, "weighted", "last"]
  baseline = hard["medium", "sampling", 16, "weighted", "last"]
  assert row["difference"] == pytest.approx((accuracy - baseline).mean())
  assert row["difference_low"] < row["difference"] < row["difference_high"]
  # In the simulation search spends 1.1 times the tokens.
  assert row["flops"] / row["sampling_flops"] == pytest.approx(1.1, rel=0.01)


def test_smaller_against_largest_compares_at_equal_flops(panels):
  got = tree_search.smaller_against_largest(panels["all"], POLICIES, "last")
  assert set(got["convention"]) == set(names.CONVENTIONS)
  assert set(got["policy"]) == {"small", "medium"}
  assert (got["low_corrected"] <= got["difference_low"] + 1e-9).all()
  row = got[
    (got["convention"] == "paper")
    & (got["policy"] == "medium")
    & (got["n"] == 8)
  ].iloc[0]
  panel = panels["all"]
  points = [
    panel_lib.Configuration("large", "sampling", n, "majority", "none")
    for n in (1, 2, 4, 8, 16)
  ]
  cost = [panel.costs.loc[[p], "flops_paper"].item() for p in points]
  mean = [panel.accuracy[p].mean() for p in points]
  expected = np.interp(np.log(row["flops"]), np.log(cost), mean)
  assert row["largest_accuracy"] == pytest.approx(expected)
  assert row["difference"] == pytest.approx(row["accuracy"] - expected)


def test_majority_of_the_largest_is_not_charged_for_rewards(panels):
  costs = panels["all"].costs
  point = panel_lib.Configuration("large", "sampling", 16, "majority", "none")
  row = costs.loc[[point]].iloc[0]
  assert row["flops_with_reward"] == pytest.approx(row["flops_paper"])
