"""Costs of samples, and rules beside fixed numbers of samples."""

import dataclasses

import numpy as np
import pytest

from inference_scaling import names
from inference_scaling.analysis.estimates import outcomes as outcomes_lib
from inference_scaling.analysis.records import load
from inference_scaling.analysis.report import budget_sections, results
from inference_scaling.analysis.stopping import against_fixed, costs
from tests.analysis import factory

N = 8


def parse(raw):
  return [load.parse_record(row, f"x:{i}") for i, row in enumerate(raw, 1)]


def uneven(row, index):
  """Samples of different lengths."""
  lengths = 20 + (7 * np.arange(N) + 3 * index) % 11
  candidates = [
    c | {"tokens": int(t)}
    for c, t in zip(row["candidates"], lengths, strict=True)
  ]
  run = row["run"]
  ledger = factory.ledger(run["policy"], run["strategy"], int(lengths.sum()))
  return row | {"candidates": candidates, "ledger": ledger}


@pytest.fixture(name="records", scope="module")
def _records():
  raw = factory.sweep(10, policies=("small",), runs=(("sampling", N),))
  return parse([uneven(row, i) for i, row in enumerate(raw)])


@pytest.fixture(name="frame", scope="module")
def _frame(records):
  return against_fixed.stopping_rules(
    records,
    ["small"],
    "last",
    frame=outcomes_lib.make_outcomes(records),
    num_subsets=50,
    seed=0,
  )


def test_costs_of_samples_add_up_and_follow_their_tokens(records):
  for reward in (False, True):
    for record, made in zip(
      records, costs.sample_costs(records, reward=reward), strict=True
    ):
      for convention, (prompts, samples) in made.items():
        parts = record.flops[convention] * [1, 1, reward, reward]
        assert prompts + samples.sum() == pytest.approx(parts.sum())
        assert prompts == pytest.approx(parts[0] + parts[2])
      share = record.candidate_tokens / record.candidate_tokens.sum()
      paper = made[names.PAPER].samples
      np.testing.assert_allclose(paper, paper.sum() * share)


@pytest.mark.parametrize("per_position", [0.0, 0.125])
def test_ledgers_tell_what_a_position_costs(records, per_position):
  """A sample of t tokens costs 3 t and attends to 30 + 1, .., 30 + t."""
  ran, expected = [], []
  for record in records:
    attended = [
      sum(range(factory.PROMPT_TOKENS + 1, factory.PROMPT_TOKENS + 1 + t))
      for t in record.candidate_tokens
    ]
    each = 3.0 * record.candidate_tokens + per_position * np.array(attended)
    flops = dict(record.flops) | {"full": np.array([9, each.sum(), 0, 0])}
    ran.append(dataclasses.replace(record, flops=flops))
    expected.append(each)
  for made, each in zip(
    costs.sample_costs(ran, reward=False), expected, strict=True
  ):
    np.testing.assert_allclose(made["full"].samples, each, rtol=1e-9)
  # Ledgers that no such costs explain: tokens decide alone.
  odd = dataclasses.replace(
    ran[0], flops=dict(ran[0].flops) | {"full": np.array([0, 1.0, 0, 0])}
  )
  made = costs.sample_costs([odd, *ran[1:]], reward=False)[0]["full"].samples
  np.testing.assert_allclose(
    made, odd.candidate_tokens / odd.candidate_tokens.sum()
  )


def test_a_fixed_number_of_samples_is_that_of_the_outcomes(records, frame):
  rows = outcomes_lib.make_outcomes(records)
  for strategy, voting, how in (
    ("sampling", "majority", "none"),
    ("sampling/best of n", "best_of_n", "last"),
  ):
    own = rows[(rows["voting"] == voting) & (rows["aggregation"] == how)]
    for convention in names.CONVENTIONS:
      part = frame[
        (frame["convention"] == convention) & (frame["strategy"] == strategy)
      ]
      assert part["n"].tolist() == [1, 2, 4, 8]
      for row in part.to_dict("records"):
        same = own[own["n"] == row["n"]]
        assert row["accuracy"] == pytest.approx(same["accuracy"].mean())
        flops = same[f"flops_{convention}"].mean()
        assert row["flops"] == pytest.approx(flops)
        assert row["fixed_samples"] == pytest.approx(row["n"])
        assert row["difference"] == pytest.approx(0, abs=1e-9)


def test_rules_stand_beside_what_their_cost_pays_for(frame):
  rules = frame[~frame["strategy"].str.startswith("sampling")]
  assert set(rules["strategy"]) == {
    *(f"adaptive_sampling/{kind}" for kind in names.STOPPING_RULES),
    "reward_threshold/median", "reward_threshold/90%",
  }  # fmt: skip
  assert (rules["samples"] <= rules["n"] + 1e-9).all()
  assert (rules["samples"][rules["n"] == N] < N).all()
  np.testing.assert_allclose(
    rules["difference"], rules["accuracy"] - rules["fixed"], atol=1e-9
  )
  one = rules[rules["n"] == 1]
  np.testing.assert_allclose(one["samples"], 1)
  np.testing.assert_allclose(one["difference"], 0, atol=1e-9)
  # Majority votes read no reward and do not pay for it.
  mine = rules[rules["strategy"] == "adaptive_sampling/beta"]
  by = {name: mine[mine["convention"] == name] for name in names.CONVENTIONS}
  np.testing.assert_allclose(by["paper"]["flops"], by["with_reward"]["flops"])
  thresholds = rules[rules["n"] == N].groupby("strategy")["threshold"].first()
  assert (
    thresholds["reward_threshold/median"] < (thresholds["reward_threshold/90%"])
  )


def test_the_report_replays_where_it_is_asked_to_or_a_search_stops(records):
  parameters = {"small": 100_000}
  made = results.analyze(records, parameters)
  assert against_fixed.TABLE not in made.tables
  assert budget_sections.stopping_rules(made) == ""
  made = results.analyze(records, parameters, stopping_rules=True)
  text = budget_sections.stopping_rules(made)
  assert "Adaptive sampling (window)" in text and "100%" in text
  online = [
    dataclasses.replace(record, strategy="adaptive_sampling/x")
    for record in records
  ]
  assert against_fixed.is_used([*records, *online])
  assert not against_fixed.is_used(records)


def test_rules_that_have_nothing_to_try_are_refused_where_they_are_asked_for():
  few = parse(factory.sweep(3, policies=("small",), runs=(("greedy", 1),)))
  with pytest.raises(ValueError, match="no record has samples to try rules on"):
    results.analyze(few, {"small": 100_000}, stopping_rules=True)


def test_recorded_votes_without_rewards_are_not_charged_for_them(records):
  for strategy, free in (("adaptive_sampling/x", True), ("rebase", False)):
    ran = [dataclasses.replace(r, strategy=strategy) for r in records]
    rows = outcomes_lib.make_outcomes(ran)
    paper, reward = rows["flops_paper"], rows["flops_with_reward"]
    unread = rows["voting"].isin(["majority", "pass"])
    assert (paper == reward)[unread].all() == free
    assert (paper < reward)[~unread].all()
