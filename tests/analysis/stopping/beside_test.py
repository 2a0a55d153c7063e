"""Searches and votes beside the replays of rules: their numbers and names."""

import numpy as np
import pytest
from matplotlib import colors

from inference_scaling import names
from inference_scaling.analysis import votings, wording
from inference_scaling.analysis.estimates import intervals, outcomes, panel
from inference_scaling.analysis.figures import stopping_rules
from inference_scaling.analysis.records import load
from inference_scaling.analysis.report import budget_sections, results
from inference_scaling.analysis.stopping import against_fixed, beside
from tests.analysis import factory

N, DRAWN = 8, 3
ONLINE = ("adaptive_sampling/beta", "reward_threshold", "deepconf/high")


def stopped(record, strategy):
  """A search that ended after some of the samples of a record."""
  candidates = record["candidates"][:DRAWN]
  tokens = sum(c["tokens"] for c in candidates)
  ledger = factory.ledger(record["run"]["policy"], strategy, tokens)
  if strategy.startswith("deepconf"):
    ledger = factory.unrewarded(record | {"ledger": ledger})["ledger"]
  return record | {
    "run": record["run"] | {"strategy": strategy},
    "candidates": candidates,
    "votes": factory.votes(candidates),
    "ledger": ledger,
  }


@pytest.fixture(name="records", scope="module")
def _records():
  random = np.random.default_rng(2)
  raw = [
    factory.sure(record, random)
    for record in factory.sweep(
      10, ("small",), (("sampling", N), ("rebase", 2), ("rebase", 4)), seeds=1
    )
  ]
  samples = [r for r in raw if r["run"]["strategy"] == "sampling"]
  raw += [stopped(r, strategy) for strategy in ONLINE for r in samples]
  return [load.parse_record(row, f"x:{i}") for i, row in enumerate(raw, 1)]


@pytest.fixture(name="analysis", scope="module")
def _analysis(records):
  return results.analyze(records, {"small": 100_000})


@pytest.fixture(name="frame", scope="module")
def _frame(analysis):
  return analysis.tables[against_fixed.TABLE]


def rows_of(frame, strategy, convention="paper"):
  rows = frame[
    (frame["strategy"] == strategy) & (frame["convention"] == convention)
  ]
  return rows.to_dict("records")


@pytest.mark.parametrize("convention", names.CONVENTIONS)
def test_searches_stand_beside_the_samples_that_their_flops_pay_for(
  records, frame, convention
):
  sampled = panel.make_panel(
    outcomes.make_outcomes(records, sizes=range(1, N + 1))
  )
  for strategy, name, voting, against in (
    (ONLINE[0], "adaptive_sampling/beta, online", "majority", "majority"),
    (ONLINE[1], "reward_threshold/online", "best_of_n", "best_of_n"),
    (ONLINE[2], "deepconf/high, online", "weighted", "majority"),
    ("rebase", "rebase", "weighted", "weighted"),
  ):
    row = rows_of(frame, name, convention)[-1]
    ran = [r for r in records if (r.strategy, r.n) == (strategy, row["n"])]
    vote = voting if voting == "majority" else f"{voting}/last"
    accuracy = np.array([float(r.votes[vote]) for r in ran])
    free = voting == "majority" or strategy == ONLINE[2]
    flops = np.array([r.flops[convention] for r in ran])
    flops = flops[:, :2].sum(1) if free else flops.sum(1)
    assert row["voting"] == voting
    assert row["samples"] == (row["n"] if strategy == "rebase" else DRAWN)
    assert row["accuracy"] == pytest.approx(accuracy.mean())
    assert row["flops"] == pytest.approx(flops.mean())
    # Of sampling at every n, or at the powers of two for weighted votes.
    how = "none" if against == "majority" else "last"
    sizes = (1, 2, 4, 8) if against == "weighted" else range(1, N + 1)
    points = [
      panel.Configuration("small", "sampling", n, against, how) for n in sizes
    ]
    costs = sampled.costs.loc[points, f"flops_{convention}"].to_numpy(float)
    table = sampled.accuracy[points].to_numpy(float)
    fixed = [
      np.interp(np.log(max(row["flops"], costs[0])), np.log(costs), each)
      for each in table
    ]
    mean, low, high = intervals.mean_interval(accuracy - fixed)
    assert row["difference"] == pytest.approx(mean, abs=1e-9)
    assert row["difference_low"] == pytest.approx(low, abs=1e-9)
    assert row["difference_high"] == pytest.approx(high, abs=1e-9)
    assert row["to_all"] == pytest.approx((accuracy - table[:, -1]).mean())


def test_votes_by_confidence_stand_beside_the_majority_of_as_many(
  records, frame
):
  rows = outcomes.make_outcomes(records)
  for name, vote in votings.FEW_BY_CONFIDENCE.items():
    shown = rows_of(frame, f"sampling/{name}", "full")
    assert [row["n"] for row in shown] == [1, 2, 4, 8]
    for row, majority in zip(
      shown, rows_of(frame, "sampling", "full"), strict=True
    ):
      own = rows[
        (rows["strategy"] == "sampling")
        & (rows["voting"] == vote.voting)
        & (rows["aggregation"] == vote.aggregation)
        & (rows["n"] == row["n"])
      ]
      assert row["accuracy"] == pytest.approx(own["accuracy"].mean())
      assert row["flops"] == pytest.approx(majority["flops"])
      assert row["difference"] == pytest.approx(
        row["accuracy"] - majority["accuracy"], abs=1e-9
      )


def test_votes_by_confidence_of_a_search_are_not_charged_for_rewards(records):
  rows = outcomes.make_outcomes(records)
  mine = rows[rows["strategy"] == ONLINE[0]]
  flops = mine.groupby("voting")["flops_with_reward"].mean()
  assert flops["confident"] == flops["softmax"] == flops["majority"]
  assert flops["confident"] < flops["weighted"]


def test_the_section_tells_searches_from_replays(analysis, frame):
  text = budget_sections.stopping_rules(analysis)
  lines = {
    line.split(" | ")[1]: line.split(" | ") for line in text.splitlines()
    if line.startswith("| small")
  }  # fmt: skip
  assert lines["Adaptive sampling (beta)"][-1] == "100% |"
  for name in (
    "Adaptive sampling (beta, online)", "Reward threshold (online)",
    "DeepConf (high, online)", "REBASE",
  ):  # fmt: skip
    assert lines[name][-1] == "- |" and lines[name][-3] != "-"
  for name in ("Sampling", "Sampling (best of n)", "Sampling (weighted)"):
    assert lines[name][-3] == "-"
  assert lines["Sampling (surest 10%)"][-3] != "-"
  name = "deepconf/high, online"
  assert lines["DeepConf (high, online)"][-5:-2] == [
    wording.points(rows_of(frame, name, convention)[0], "difference")
    for convention in names.CONVENTIONS
  ]
  # 4 rules of answers and 2 of rewards; what ran online is none of them.
  assert "Of 6 rules and policies" in text


def test_the_figure_rings_searches_whose_replay_it_draws(frame):
  figure = stopping_rules.stopping_rules(frame, {"small": 100_000})
  labels = [text.get_text() for text in figure.legends[0].get_texts()]
  assert "Sampling, majority voting" in labels
  assert "REBASE, weighted voting" in labels
  assert "Adaptive sampling (beta, online)" not in labels
  assert "DeepConf (high, online)" in labels
  assert labels[-1].startswith("the same rule online")
  for axes, convention in zip(figure.axes, names.CONVENTIONS, strict=True):
    rings = [
      line for line in axes.get_lines() if line.get_markersize() == 9
    ]  # fmt: skip
    assert len(rings) == 1
    (row,) = rows_of(frame, "adaptive_sampling/beta, online", convention)
    x, y = rings[0].get_data()
    assert (x[0], y[0]) == (row["flops"], 100 * row["accuracy"])
    replayed = [
      line for line in axes.get_lines()
      if line.get_color() == rings[0].get_color() and line is not rings[0]
    ]  # fmt: skip
    assert len(replayed) == len(names.STOPPING_RULES)
  assert colors.same_color(rings[0].get_color(), "#009E73")


def test_a_search_has_the_name_of_its_rule():
  for strategy, rule in (
    ("adaptive_sampling/beta, online", "adaptive_sampling/beta"),
    ("adaptive_sampling/a, b, online", "adaptive_sampling/a, b"),
    ("reward_threshold/online", "reward_threshold"),
    ("reward_threshold/median", "reward_threshold/median"),
    ("rebase", "rebase"),
  ):
    assert beside.replay_of(strategy) == rule
  assert beside.is_replay("reward_threshold/median")
  assert not beside.is_replay("reward_threshold/online")
  assert not beside.is_replay("sampling/weighted")
