"""Equal budgets, equal accuracies and optimal sizes, by hand and by loops."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from inference_scaling import names
from inference_scaling.analysis.comparison import (
  equal_budget,
  frontier,
  iso_accuracy,
  optimal_size,
  pareto,
)
from inference_scaling.analysis.estimates import intervals, outcomes
from inference_scaling.analysis.estimates import panel as panel_lib
from inference_scaling.analysis.records import load
from tests.analysis import factory

POLICIES = ["small", "medium", "large"]


@pytest.fixture(name="panel", scope="module")
def _panel():
  raw = factory.sweep(24, runs=factory.ALL_RUNS, seeds=1)
  records = [load.parse_record(r, f"x:{i}") for i, r in enumerate(raw, 1)]
  return panel_lib.make_panel(outcomes.make_outcomes(records, num_subsets=20))


def _curve(panel, policy, strategy, voting, flops):
  how = "none" if voting == "majority" else "last"
  points = sorted(
    (
      p
      for p in panel.costs.index
      if (p.policy, p.strategy, *p[3:]) == (policy, strategy, voting, how)
    ),
    key=lambda p: p.n,
  )
  cost = [panel.costs.loc[[p], flops].item() for p in points]
  return cost, np.stack([panel.accuracy[p].to_numpy() for p in points], 1)


def _interpolated(cost, values, budget):
  """Accuracy by problem at a budget, one problem at a time."""
  return np.array(
    [np.interp(np.log(budget), np.log(cost), row) for row in values]
  )


def test_equal_budget_is_paired_interpolation(panel):
  frame = equal_budget.equal_budget(panel, POLICIES, "last")
  assert set(frame["convention"]) == set(names.CONVENTIONS)
  assert set(frame["voting"]) == {"majority", "best_of_n", "weighted"}
  assert "greedy" not in set(frame["strategy"])
  for row in frame.sample(40, random_state=0).to_dict("records"):
    flops = f"flops_{row['convention']}"
    keys = (row["policy"], row["strategy"], row["voting"], flops)
    cost, values = _curve(panel, *keys)
    base, baseline = _curve(panel, keys[0], "sampling", *keys[2:])
    assert row["budget"] * 1.02 >= cost[0] and row["budget"] in base
    assert row["samples"] == 2 ** base.index(row["budget"])
    accuracy = _interpolated(cost, values, row["budget"])
    gap = accuracy - _interpolated(base, baseline, row["budget"])
    expected = intervals.mean_interval(gap)
    assert row["accuracy"] == pytest.approx(accuracy.mean())
    got = [row[f"difference{end}"] for end in ("", "_low", "_high")]
    np.testing.assert_allclose(got, expected, atol=1e-12)
    assert row["beyond"] == (row["budget"] > cost[-1] * 1.02)


def test_a_run_a_little_dearer_than_the_samples_is_compared_with_them():
  curves = {
    "sampling": [(1, 1e3, 0.1), (4, 4e3, 0.3)],
    "rebase": [(4, 4.05e3, 0.5)],
    "dvts": [(4, 4.2e3, 0.6)],
  }
  frame = equal_budget.equal_budget(
    _panel_of(curves), ["p"], "none", ["paper"]
  ).set_index(["strategy", "samples"])
  row = frame.loc[("rebase", 4)]
  assert (row["accuracy"], row["beyond"]) == (0.5, False)
  assert row["difference"] == pytest.approx(0.2)
  assert ("rebase", 1) not in frame.index and "dvts" not in frame.index


def test_mean_difference_is_the_area_between_the_curves(panel):
  frame = equal_budget.mean_difference(panel, POLICIES, "last")
  row = equal_budget.main_part(frame, "last", "paper").iloc[0]
  flops = ("weighted", "flops_paper")
  cost, values = _curve(panel, row["policy"], row["strategy"], *flops)
  base, baseline = _curve(panel, row["policy"], "sampling", *flops)
  low, high = max(cost[0], base[0]), min(cost[-1], base[-1])
  assert (row["from"], row["to"]) == (low, high)
  fine = np.geomspace(low, high, 2001)
  gaps = [
    _interpolated(cost, values, b).mean()
    - _interpolated(base, baseline, b).mean()
    for b in fine
  ]
  assert row["difference"] == pytest.approx(np.mean(gaps), abs=0.01)
  assert row["difference_low"] <= row["difference"] <= row["difference_high"]


def test_without_sampling_budgets_double_and_differences_are_unknown():
  raw = factory.sweep(8, ("small",), (("rebase", 2), ("rebase", 8)), seeds=1)
  records = [load.parse_record(r, f"x:{i}") for i, r in enumerate(raw, 1)]
  panel = panel_lib.make_panel(outcomes.make_outcomes(records))
  frame = equal_budget.equal_budget(panel, ["small"], "last")
  assert (frame["samples"] == 0).all() and frame["difference"].isna().all()
  assert equal_budget.mean_difference(panel, ["small"], "last").empty
  assert iso_accuracy.iso_accuracy(panel, ["small"], "last").empty


def test_cost_at_an_accuracy_by_hand():
  flops = [1e6, 1e8, 1e10]
  rises = np.array([0.2, 0.6, 0.8])

  def bounds(target, accuracy=rises, **options):
    low, high = iso_accuracy.cost_bounds(flops, accuracy, target, **options)
    return float(low), float(high)

  assert bounds(0.4) == pytest.approx((1e7, 1e7))  # half-way in log FLOPs
  assert bounds(0.6) == pytest.approx((1e8, 1e8))
  assert bounds(0.65) == pytest.approx((10**8.5, 10**8.5))
  assert bounds(0.9) == (1e10, math.inf)
  assert bounds(0.1) == pytest.approx((1e6, 1e6))
  assert bounds(0.1, least=False) == pytest.approx((0, 1e6))
  falls = np.array([0.2, 0.6, 0.4])
  assert bounds(0.4, falls) == pytest.approx((1e7, 1e7))  # the first time
  assert bounds(0.7, falls) == (1e10, math.inf)
  gap = np.array([0.2, np.nan, 0.8])
  assert bounds(0.5, gap) == pytest.approx((1e10, 1e10))
  low, high = iso_accuracy.cost_bounds(
    flops, np.stack([rises, falls]), np.array([0.7, 0.7])
  )
  np.testing.assert_allclose(low, [1e9, 1e10])
  np.testing.assert_allclose(high, [1e9, np.inf])


def _panel_of(curves):
  """A panel in which every problem has the same accuracy at each point."""
  points, accuracy, cost = [], [], []
  for strategy, rows in curves.items():
    for n, flops, value in rows:
      points.append(
        panel_lib.Configuration("p", strategy, n, "majority", "none")
      )
      accuracy.append(value)
      cost.append(flops)
  index = pd.Index(points, tupleize_cols=False)
  costs = pd.DataFrame(dict.fromkeys(outcomes.COSTS, cost), index=index)
  table = pd.DataFrame(np.tile(accuracy, (5, 1)), columns=index)
  return panel_lib.Panel(table, costs, ())


def _ratios(curves):
  frame = iso_accuracy.iso_accuracy(_panel_of(curves), ["p"], "none", ["paper"])
  return frame.set_index(["strategy", "samples", "accuracy"])


def test_ratio_of_parallel_curves_is_their_distance():
  curves = {
    "sampling": [(1, 1e3, 0.1), (2, 1e4, 0.2), (4, 1e5, 0.3), (8, 1e6, 0.4)],
    "rebase": [(1, 1e2, 0.1), (2, 1e3, 0.2), (4, 1e4, 0.3)],
  }
  frame = _ratios(curves)
  for accuracy in (0.15, 0.2, 0.25, 0.3):
    row = frame.loc[("rebase", 0, accuracy)]
    got = row[["at_least", "at_most", "low", "high"]]
    np.testing.assert_allclose(got.astype(float), 10, rtol=1e-6)
    assert iso_accuracy.ratio_text(row) == "10 [10, 10]"
  # Sampling gets to 40% for 1e6; REBASE does not for 1e4.
  row = frame.loc[("rebase", 0, 0.4)]
  assert row["at_most"] == pytest.approx(100) and row["at_least"] == 0
  assert iso_accuracy.ratio_text(row) == "at most 1e+02 [-, 1e+02]"
  assert frame.loc[("rebase", 8, 0.4), "at_most"] == pytest.approx(100)
  assert frame.loc[("rebase", 4, 0.3), "at_least"] == pytest.approx(10)


def test_ratio_where_sampling_never_gets_there_is_one_sided():
  curves = {
    "sampling": [(1, 1e3, 0.1), (2, 1e4, 0.2)],
    "rebase": [(4, 2e3, 0.3), (8, 4e3, 0.4)],
    "dvts": [(4, 2e3, 0.1), (8, 4e3, 0.15)],
  }
  frame = _ratios(curves)
  row = frame.loc[("rebase", 0, 0.4)]
  assert iso_accuracy.ratio_text(row) == "at least 2.5 [2.5, -]"
  # Smaller n of REBASE were not run: they may do for 20%, too.
  row = frame.loc[("rebase", 2, 0.2)]
  assert iso_accuracy.ratio_text(row) == "at least 5 [5, -]"
  row = frame.loc[("dvts", 0, 0.4)]
  assert iso_accuracy.ratio_text(row) == "not known"


def test_ratio_intervals_hold_the_ratio_and_widen_with_noise(panel):
  frame = iso_accuracy.iso_accuracy(panel, POLICIES, "last")
  assert (frame["low"] <= frame["at_least"] * (1 + 1e-9)).all()
  assert (frame["high"] >= frame["at_most"] * (1 - 1e-9)).all()
  known = frame[frame["at_least"] == frame["at_most"]]
  assert (known["low"] < known["high"]).all()
  # FLOPs of a sample are 1, of a REBASE beam 1.1 in this simulation.
  assert np.isfinite(known["at_least"]).all()


def test_frontier_of_many_rows_is_that_of_each():
  rng = np.random.default_rng(0)
  for _ in range(20):
    flops = rng.integers(1, 9, 30).astype(float)
    accuracy = rng.integers(0, 6, (4, 30)) / 5
    accuracy[0, 3] = np.nan
    got = pareto.on_frontier(flops, accuracy)
    for row in range(4):
      expected = frontier.pareto_mask(flops, 1 - accuracy[row])
      assert got[row].tolist() == expected.tolist()


def test_pareto_table_marks_each_convention(panel):
  frame = pareto.pareto_table(panel, "last")
  assert "pass" not in set(frame["voting"])
  for name in names.CONVENTIONS:
    # Not 1 - accuracy, which rounds: two that nearly tie would tie.
    expected = frontier.pareto_mask(frame[f"flops_{name}"], -frame.accuracy)
    assert frame[f"on_{name}"].tolist() == expected.tolist()
    assert frame[f"share_{name}"].between(0, 1).all()
  single = frame[(frame["n"] == 1) & (frame["strategy"] == "sampling")]
  assert set(single["voting"]) == {"majority"}


def test_best_configuration_and_how_often_it_wins(panel):
  frame = pareto.best_configurations(panel, "last")
  contenders = pareto.contenders(panel, "last")
  draws = intervals.resampled_means(contenders.accuracy)
  for row in frame.to_dict("records"):
    cost = contenders.costs[f"flops_{row['convention']}"].to_numpy()
    paid = [k for k in range(len(cost)) if cost[k] <= row["budget"] * 1.000001]
    assert row["contenders"] == len(paid)
    assert row["accuracy"] == contenders.accuracy[:, paid].mean(axis=0).max()
    point = panel_lib.Configuration(
      *(row[name] for name in panel_lib.Configuration._fields)
    )
    mine = contenders.points.index(point)
    wins = [draws[r, mine] == draws[r, paid].max() for r in range(len(draws))]
    assert row["wins"] == pytest.approx(np.mean(wins))
    assert row["wins"] <= row["policy_wins"] <= 1
    if len(paid) > 10:  # the best of many looks better than it is
      assert row["optimism"] > 0


def test_one_contender_always_wins(panel):
  index = pd.Index([panel.costs.index[0]], tupleize_cols=False)
  alone = dataclasses.replace(
    panel,
    accuracy=panel.accuracy.reindex(columns=index),
    costs=panel.costs.reindex(index=index),
  )
  frame = pareto.best_configurations(alone, index[0].aggregation)
  assert (frame["wins"] == 1).all() and (frame["contenders"] == 1).all()


def test_the_best_is_found_where_the_cheapest_run_is_unfinished(panel):
  """Some resamples then hold no problem of any that a budget pays for."""
  contenders = pareto.contenders(panel, "last")
  dear, cheap = contenders.costs["flops_paper"].to_numpy().argsort()[[-1, 0]]
  index = pd.Index(
    [contenders.points[k] for k in (cheap, dear)], tupleize_cols=False
  )
  accuracy = panel.accuracy.reindex(columns=index)
  accuracy.iloc[2:, 0] = np.nan
  unfinished = dataclasses.replace(
    panel, accuracy=accuracy, costs=panel.costs.reindex(index=index)
  )
  frame = pareto.best_configurations(unfinished, "last")
  frame = frame[frame["convention"] == "paper"]
  first = frame.iloc[0]
  assert (first["contenders"], first["wins"], first["policy_wins"]) == (1, 1, 1)
  assert frame["optimism"].notna().all()
  draws = intervals.resampled_means(accuracy.to_numpy(float))
  mine = list(index).index(tuple(frame.iloc[-1][list(index[0]._fields)]))
  assert np.isnan(draws).any() and frame.iloc[-1]["contenders"] == 2
  top = np.nanmax(draws, axis=1)
  assert frame.iloc[-1]["wins"] == np.mean(draws[:, mine] == top)


def test_too_few_problems_for_every_resample_have_no_optimal_size(panel):
  accuracy = panel.accuracy.copy()
  accuracy.iloc[1:] = np.nan
  points, lines = optimal_size.optimal_sizes(
    dataclasses.replace(panel, accuracy=accuracy), factory.PARAMETERS, "last",
    "flops_paper",
  )  # fmt: skip
  assert points.empty and lines.empty


def test_optimal_size_follows_the_curves(panel):
  points, lines = optimal_size.optimal_sizes(
    panel, factory.PARAMETERS, "last", "flops_paper"
  )
  mine = points[
    (points["strategy"] == "sampling") & (points["voting"] == "weighted")
  ]
  for row in mine.itertuples():
    accuracy = {}
    for policy in POLICIES:
      cost, values = _curve(panel, policy, *mine.iloc[0][:2], "flops_paper")
      if row.budget >= cost[0] * (1 - 1e-9):
        accuracy[policy] = _interpolated(cost, values, row.budget).mean()
    assert row.policy == max(accuracy, key=accuracy.get)
    assert row.accuracy == pytest.approx(max(accuracy.values()))
    assert row.parameters == factory.PARAMETERS[row.policy]
  line = lines[
    (lines["strategy"] == "sampling") & (lines["voting"] == "weighted")
  ].iloc[0]
  slope, intercept = np.polyfit(
    np.log10(mine["parameters"]), np.log10(mine["budget"]), 1
  )
  assert line["slope"] == pytest.approx(slope)
  assert line["intercept"] == pytest.approx(intercept)
  assert line["slope_low"] <= line["slope"] <= line["slope_high"]
  assert line["sizes"] == mine["parameters"].nunique()
  anything = points[points["strategy"] == optimal_size.ANY]
  both = anything.merge(mine, on="budget")
  assert (both["accuracy_x"] >= both["accuracy_y"] - 1e-12).all()


def test_one_best_size_has_no_line():
  raw = factory.sweep(6, ("small", "large"), (("rebase", 4),), seeds=1)
  records = [load.parse_record(r, f"x:{i}") for i, r in enumerate(raw, 1)]
  # Both cost the same, so that the larger policy is always best.
  records = [dataclasses.replace(r, flops=records[0].flops) for r in records]
  panel = panel_lib.make_panel(outcomes.make_outcomes(records))
  points, lines = optimal_size.optimal_sizes(
    panel, factory.PARAMETERS, "last", "flops_paper"
  )
  assert set(points["policy"]) == {"large"}
  assert (lines["sizes"] == 1).all() and lines["slope"].isna().all()


def test_no_curves_no_optimal_size():
  raw = factory.sweep(3, ("small",), (("greedy", 1),), seeds=1)
  records = [load.parse_record(r, f"x:{i}") for i, r in enumerate(raw, 1)]
  panel = panel_lib.make_panel(outcomes.make_outcomes(records))
  points, lines = optimal_size.optimal_sizes(
    panel, factory.PARAMETERS, "last", "flops_paper"
  )
  assert points.empty and lines.empty
