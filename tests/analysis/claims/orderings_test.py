"""Aggregations, orderings, the paper's tables and their verdicts."""

import numpy as np
import pandas as pd
import pytest

from inference_scaling.analysis import strategies
from inference_scaling.analysis.claims import (
  ordering_verdicts,
  orderings,
  tree_search,
)
from inference_scaling.analysis.comparison import (
  aggregations,
  curves,
  equal_budget,
  selection,
)
from inference_scaling.analysis.estimates import intervals, outcomes
from inference_scaling.analysis.estimates import panel as panel_lib
from inference_scaling.analysis.estimates import summary as summary_lib
from inference_scaling.analysis.records import load
from inference_scaling.analysis.report import paper_tables
from tests.analysis import factory

POLICIES = ["small", "large"]
RUNS = (
  ("greedy", 1),
  ("sampling", 8),
  ("rebase", 4),
  ("rebase", 8),
  ("rebase/round", 4),
  ("mcts/root4", 2),
  ("mcts/root4", 4),
  ("ab_mcts/beta", 4),
  ("particle_gibbs", 4),
)
NO_CANDIDATES = {"mcts/root4", "ab_mcts/beta", "particle_gibbs"}


@pytest.fixture(name="panels", scope="module")
def _panels():
  raw = factory.sweep(24, tuple(POLICIES), RUNS, seeds=1)
  records = [load.parse_record(r, f"x:{i}") for i, r in enumerate(raw, 1)]
  frame = outcomes.make_outcomes(records, num_subsets=20)
  return {
    name: panel_lib.make_panel(part)
    for name, part in panel_lib.split_levels(frame).items()
  }


def _accuracy(panel, *point):
  return panel.accuracy[panel_lib.Configuration(*point)].to_numpy()


def test_aggregations_are_compared_with_the_first(panels):
  panel = panels["all"]
  hows = ["min", "last", "product"]
  frame = aggregations.compare_aggregations(panel, POLICIES, hows)
  assert list(dict.fromkeys(frame["aggregation"])) == hows
  assert (frame.loc[frame["aggregation"] == "min", "difference"] == 0).all()
  for row in frame.sample(20, random_state=0).to_dict("records"):
    run = [row[name] for name in ("policy", "strategy", "n", "voting")]
    accuracy = _accuracy(panel, *run, row["aggregation"])
    gap = intervals.mean_interval(accuracy - _accuracy(panel, *run, "min"))
    assert row["accuracy"] == pytest.approx(accuracy.mean())
    got = [row[f"difference{end}"] for end in ("", "_low", "_high")]
    np.testing.assert_allclose(got, gap, atol=1e-12)
  largest = selection.at_largest_n(frame)
  n = largest.groupby("strategy")["n"].unique().map(list).to_dict()
  assert n == {
    "sampling": [8], "rebase": [8], "rebase/round": [4],
    **{name: [4] for name in NO_CANDIDATES},
  }  # fmt: skip


def test_voting_gap_is_a_difference_of_differences(panels):
  panel = panels["all"]
  frame = orderings.voting_gap(panel, POLICIES, "last")
  assert set(frame["strategy"]) == {"rebase", "rebase/round"}
  row = frame[(frame["policy"] == "large") & (frame["n"] == 8)].iloc[0]

  def gap(strategy):
    run = ("large", strategy, 8)
    return _accuracy(panel, *run, "weighted", "last") - _accuracy(
      panel, *run, "majority", "none"
    )

  assert row["gap"] == pytest.approx(gap("rebase").mean())
  assert row["sampling_gap"] == pytest.approx(gap("sampling").mean())
  expected = intervals.mean_interval(gap("sampling") - gap("rebase"))
  got = [row[f"difference{end}"] for end in ("", "_low", "_high")]
  np.testing.assert_allclose(got, expected, atol=1e-12)


def test_hard_gain_compares_leads_of_different_problems(panels):
  frame = orderings.hard_gain(panels, POLICIES, "last", "paper")
  for part in ("hard", "easy"):
    leads = equal_budget.main_part(
      equal_budget.mean_difference(panels[part], POLICIES, "last"),
      "last",
      "paper",
    ).set_index(["policy", "strategy"])
    for row in frame.to_dict("records"):
      lead = leads.loc[(row["policy"], row["strategy"]), "difference"]
      assert row[part] == pytest.approx(lead)
  np.testing.assert_allclose(frame["difference"], frame["hard"] - frame["easy"])
  # Independent problems: variances add, and so do squares of half-widths.
  for row in frame.to_dict("records"):
    widths = [
      row[f"{name}_high"] - row[f"{name}_low"]
      for name in ("hard", "easy", "difference")
    ]
    assert widths[2] == pytest.approx(np.hypot(*widths[:2]), rel=0.25)
  assert orderings.hard_gain(
    {"all": panels["all"]}, POLICIES, "last", "paper"
  ).empty


def test_table_one_has_smaller_and_cheaper_searches(panels):
  panel = panels["all"]
  frame = paper_tables.table_one(panel, POLICIES, "last", "flops_paper")
  rows = frame[frame["policy"] == "large"].set_index("strategy")
  assert rows["n"].to_dict() == {
    "sampling": 8, "rebase": 4, **dict.fromkeys(NO_CANDIDATES, 4)
  }  # fmt: skip
  assert (rows["flops"] <= rows.loc["sampling", "flops"]).all()
  assert np.isnan(rows.loc["sampling", "difference"])
  gap = intervals.paired_interval(
    _accuracy(panel, "large", "rebase", 4, "weighted", "last"),
    _accuracy(panel, "large", "sampling", 8, "weighted", "last"),
  )
  got = rows.loc["rebase", ["difference", "difference_low", "difference_high"]]
  np.testing.assert_allclose(got.astype(float), gap, atol=1e-12)


def test_table_three_has_pass_rates_and_flops_per_sample(panels):
  summary = summary_lib.summarize(panels, factory.PARAMETERS)
  frame = paper_tables.table_three(summary, "flops_paper")
  assert set(frame["strategy"]) == {"sampling", "rebase"}
  row = frame[
    (frame["policy"] == "small")
    & (frame["strategy"] == "rebase")
    & (frame["n"] == 4)
  ].iloc[0]
  rate = _accuracy(panels["all"], "small", "rebase", 4, "pass", "none").mean()
  assert row["rate"] == pytest.approx(rate)
  curve = curves.make_curve(
    panels["all"], "small", "rebase", "majority", "none", "flops_paper"
  )
  assert row["flops_per_sample"] == pytest.approx(curve.flops[0] / 4)
  header, rows = paper_tables.write_table_three(frame)
  assert header == ["policy", "n", "Sampling", "REBASE"]
  assert [row[1] for row in rows] == [4, 8] * 2
  # Of those that draw fewer than n, FLOPs over n are not those of a candidate.
  for kind in ("adaptive_sampling/beta", "reward_threshold", "deepconf/low"):
    other = summary.replace({"strategy": {"rebase": kind}})
    frame = paper_tables.table_three(other, "flops_paper")
    assert kind not in set(frame["strategy"])


def test_what_counts_no_candidates_is_compared_at_no_n(panels):
  assert {
    name for name, _ in RUNS if not strategies.counts_candidates(name)
  } == NO_CANDIDATES
  gap = orderings.voting_gap(panels["all"], POLICIES, "last")
  gain = tree_search.search_gain(panels, POLICIES, "last", "flops_paper")
  for frame in (gap, gain):
    assert not frame.empty and not NO_CANDIDATES & set(frame["strategy"])
  summary = summary_lib.summarize(panels, factory.PARAMETERS)
  rows = paper_tables.table_four(summary, "last", 4)
  assert not NO_CANDIDATES & {row["strategy"] for row in rows}
  rows = paper_tables.table_four(summary, "last")
  assert {row["strategy"] for row in rows} >= NO_CANDIDATES


def _differences(**leads):
  """Mean differences as (low, high) by strategy, the same for two policies."""
  return pd.DataFrame(
    {
      "convention": "paper", "voting": "weighted", "policy": policy,
      "strategy": strategy, "difference": (low + high) / 2,
      "difference_low": low, "difference_high": high,
    }
    for policy in POLICIES
    for strategy, (low, high) in leads.items()
  )  # fmt: skip


@pytest.mark.parametrize(
  ("rebase", "mcts", "expected"),
  [
    ((0.01, 0.2), (-0.2, -0.01), ("shown", "shown")),
    ((-0.01, 0.2), (-0.2, 0.01), ("not shown", "not shown")),
    ((-0.2, -0.1), (0.1, 0.2), ("not shown", "not shown")),
  ],
)
def test_order_is_shown_where_intervals_exclude_zero(rebase, mcts, expected):
  empty = {"voting_gap": pd.DataFrame(), "hard_gain": pd.DataFrame()}
  frame = _differences(rebase=rebase, mcts=mcts)
  verdicts = ordering_verdicts.ordering_verdicts(empty, frame, "last", "paper")
  assert tuple(v.verdict for v in verdicts[:2]) == expected
  assert [v.verdict for v in verdicts[2:]] == ["no data"] * 2
  frame.loc[0, ["difference_low", "difference_high"]] = 0.05, 0.1
  verdicts = ordering_verdicts.ordering_verdicts(empty, frame, "last", "paper")
  part = expected[0] if expected[0] == "shown" else "shown in part"
  assert verdicts[0].verdict == part


def test_strategies_have_an_order_and_names():
  names = ["mcts/root16", "rebase/round", "mcts/root4", "x/y", "rebase"]
  names += ["sampling", "greedy", "rebase"]
  ordered = ["greedy", "sampling", "rebase", "rebase/round"]
  ordered += ["mcts/root4", "mcts/root16", "x/y"]
  assert strategies.in_order(names) == ordered
  mains = ["greedy", "sampling", "rebase", "mcts/root4", "x/y"]
  assert strategies.main_strategies(names) == mains
  assert strategies.main_of("mcts", names) == "mcts/root4"
  assert strategies.main_of("dvts", names) is None
  assert strategies.strategy_name("rebase/round") == "REBASE (round)"
  assert strategies.strategy_name("x/y") == "x (y)"
