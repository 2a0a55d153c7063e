"""The tidy frame: recorded votes, subset estimates, shares of the cost."""

import numpy as np
import pytest

from inference_scaling import names
from inference_scaling.analysis.estimates import outcomes
from inference_scaling.analysis.records import load
from tests.analysis import factory


def parse(records):
  return [load.parse_record(r, f"x:{i}") for i, r in enumerate(records, 1)]


@pytest.fixture(name="raw", scope="module")
def _raw():
  runs = (("greedy", 1), ("sampling", 8), ("rebase", 4))
  return factory.sweep(6, policies=("small", "medium"), runs=runs)


@pytest.fixture(name="frame", scope="module")
def _frame(raw):
  return outcomes.make_outcomes(parse(raw))


def test_columns_and_keys(frame):
  assert list(frame.columns) == outcomes.COLUMNS
  keys = [*outcomes.RUN, "voting", "aggregation", "problem"]
  assert not frame.duplicated(keys).any()
  assert frame["accuracy"].between(0, 1).all()


def test_tree_votes_are_those_of_the_records(raw, frame):
  rows = frame[frame["strategy"] == "rebase"]
  rows = rows.set_index(
    ["policy", "seed", "problem", "voting", "aggregation"]
  ).sort_index()
  for record in raw:
    run = record["run"]
    if run["strategy"] != "rebase":
      continue
    key = (run["policy"], run["seed"], record["problem"]["id"])
    for name, vote in record["votes"].items():
      voting, _, how = name.partition("/")
      row = rows.loc[(*key, voting, how or "none")]
      assert row["accuracy"] == vote["correct"]
    right = any(c["correct"] for c in record["candidates"])
    assert rows.loc[(*key, "pass", "none")]["accuracy"] == right


def test_all_samples_vote_as_the_record_says(raw, frame):
  rows = frame[(frame["strategy"] == "sampling") & (frame["n"] == 8)]
  rows = rows.set_index(
    ["policy", "seed", "problem", "voting", "aggregation"]
  ).sort_index()
  for record in raw:
    run = record["run"]
    if run["strategy"] == "sampling":
      for name, vote in record["votes"].items():
        voting, _, how = name.partition("/")
        key = (run["policy"], run["seed"], record["problem"]["id"])
        row = rows.loc[(*key, voting, how or "none")]
        assert row["accuracy"] == float(vote["correct"])


def test_one_sample_is_right_as_often_as_candidates_are(raw, frame):
  rows = frame[(frame["strategy"] == "sampling") & (frame["n"] == 1)]
  for record in raw:
    run = record["run"]
    if run["strategy"] == "sampling":
      mine = rows[
        (rows["policy"] == run["policy"])
        & (rows["seed"] == run["seed"])
        & (rows["problem"] == record["problem"]["id"])
      ]
      share = np.mean([c["correct"] for c in record["candidates"]])
      np.testing.assert_allclose(mine["accuracy"], share)


def test_costs_are_shares_of_the_ledger(raw, frame):
  record = next(r for r in raw if r["run"]["strategy"] == "sampling")
  ledger = record["ledger"]
  mine = frame[
    (frame["policy"] == record["run"]["policy"])
    & (frame["strategy"] == "sampling")
    & (frame["seed"] == record["run"]["seed"])
    & (frame["problem"] == record["problem"]["id"])
    & frame["aggregation"].isin(["none", "last"])
  ].set_index(["voting", "n"])
  for convention in names.CONVENTIONS:
    total = ledger["flops"][convention]
    prompts = ledger["flops_prefill"][convention]
    reward = ledger["flops_reward"][convention]
    reward_prompts = ledger["flops_reward_prefill"][convention]
    for m in (1, 4, 8):
      charged = mine.loc[("weighted", m), f"flops_{convention}"]
      assert charged == pytest.approx(prompts + (total - prompts) * m / 8)
      free = mine.loc[("majority", m), f"flops_{convention}"]
      own, own_prompts = total - reward, prompts - reward_prompts
      assert free == pytest.approx(own_prompts + (own - own_prompts) * m / 8)
  assert mine.loc[("weighted", 2), "tokens"] == ledger["policy_decode"] / 4


def test_greedy_has_one_method_and_pays_no_reward(raw, frame):
  rows = frame[frame["strategy"] == "greedy"]
  assert set(rows["voting"]) == {"majority", "pass"}
  record = next(r for r in raw if r["run"]["strategy"] == "greedy")
  mine = rows[
    (rows["policy"] == record["run"]["policy"])
    & (rows["problem"] == record["problem"]["id"])
  ]
  ledger = record["ledger"]
  expected = ledger["flops"]["full"] - ledger["flops_reward"]["full"]
  assert mine["flops_full"].tolist() == pytest.approx([expected, expected])


def test_smaller_sampling_runs_are_not_counted_twice():
  records = factory.sweep(
    3, policies=("small",), runs=(("sampling", 4), ("sampling", 2)), seeds=1
  )
  frame = outcomes.make_outcomes(parse(records))
  alone = outcomes.make_outcomes(
    parse([r for r in records if r["run"]["n"] == 4])
  )
  assert frame.equals(alone)


def test_sampled_estimates_do_not_depend_on_other_problems():
  records = parse(
    factory.sweep(5, policies=("small",), runs=(("sampling", 8),), seeds=1)
  )
  kwargs = dict(num_subsets=20, exact_limit=8)
  whole = outcomes.make_outcomes(records, **kwargs)
  some = outcomes.make_outcomes(records[::-1][:2], **kwargs)
  assert whole["variance"].max() > 0
  shared = whole[whole["problem"].isin(some["problem"])]
  np.testing.assert_array_equal(shared["accuracy"], some["accuracy"])


def test_missing_candidates_are_refused():
  record = factory.sweep(1, ("small",), (("sampling", 4),), seeds=1)[0]
  record["candidates"].pop()
  with pytest.raises(load.RecordError, match="3 candidates; expected 4"):
    outcomes.make_outcomes(parse([record]))


def test_sizes_can_be_chosen(raw):
  records = parse([r for r in raw if r["run"]["policy"] == "small"])
  chosen = outcomes.make_outcomes(records, sizes=[1, 3, 8, 16])
  usual = outcomes.make_outcomes(records)
  mine = chosen["strategy"] == "sampling"
  assert set(chosen.loc[mine, "n"]) == {1, 3, 8}  # 16 were not drawn
  keys = [*outcomes.RUN, "voting", "aggregation", "problem"]
  both = chosen.merge(usual, on=keys, suffixes=("", "_usual"))
  assert set(both["n"]) == {1, 4, 8}  # 4 of REBASE
  np.testing.assert_array_equal(both["accuracy"], both["accuracy_usual"])


def test_variants_are_read_like_their_kinds():
  records = factory.sweep(3, ("small",), (("greedy", 1), ("sampling", 4)))
  plain = outcomes.make_outcomes(parse(records))
  for record in records:
    record["run"]["strategy"] += "/other"
  variant = outcomes.make_outcomes(parse(records))
  assert set(variant["strategy"]) == {"greedy/other", "sampling/other"}
  columns = [c for c in outcomes.COLUMNS if c != "strategy"]
  assert variant[columns].equals(plain[columns])


def test_searches_may_have_other_numbers_of_candidates():
  # Four, more than n; one that is finished; none that is finished; none.
  records = factory.sweep(4, ("small",), (("rebase", 4),), seeds=1)
  for record in records:
    record["run"] |= {"strategy": "mcts/root16", "n": 2}
  for candidate in records[1]["candidates"][1:]:
    candidate |= {"answer": None, "correct": False, "status": "unfinished"}
  for candidate in records[2]["candidates"]:
    candidate |= {"answer": None, "correct": False, "status": "unfinished"}
    candidate["step_scores"] = []
  records[3]["candidates"] = []
  frame = outcomes.make_outcomes(parse(records))
  assert set(frame["n"]) == {2}
  finished = frame.drop_duplicates("problem").set_index("problem")
  assert finished["completion"].tolist()[2:] == [0.0, 0.0]
  assert finished["completion"].iloc[1] <= 0.25
  oracle = frame[frame["voting"] == "pass"].set_index("problem")["accuracy"]
  assert oracle.tolist()[2:] == [0.0, 0.0]
  assert (frame[outcomes.COSTS] > 0).all().all()
