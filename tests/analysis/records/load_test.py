"""Reading records: every field, and a clear message for every defect."""

import copy
import json

import numpy as np
import pytest

from inference_scaling import voting
from inference_scaling.analysis.records import load
from tests.analysis import factory


@pytest.fixture(name="record")
def _record():
  task = factory.tasks(4)[3]
  return factory.record(task, "small", "sampling", 8, seed=0)


def test_fields_come_through(record):
  got = load.parse_record(record, "records.jsonl:1")
  assert (got.policy, got.strategy, got.n, got.seed) == (
    "small",
    "sampling",
    8,
    0,
  )
  assert (got.problem, got.level) == (103, 4)
  candidates = record["candidates"]
  assert got.correct.tolist() == [c["correct"] for c in candidates]
  assert got.finished.tolist() == [
    c["status"] == "finished" for c in candidates
  ]
  texts = sorted({c["answer"] for c in candidates} - {None})
  expected = [
    -1 if c["answer"] is None else texts.index(c["answer"]) for c in candidates
  ]
  assert got.answers.tolist() == expected
  assert got.answer_texts == tuple(texts)
  assert got.tokens == record["ledger"]["policy_decode"]
  assert got.votes == {k: v["correct"] for k, v in record["votes"].items()}


def test_a_search_may_end_without_a_finished_candidate(record):
  for index, candidate in enumerate(record["candidates"]):
    candidate |= {"answer": None, "correct": False}
    candidate["status"] = ("unfinished", "truncated")[index % 2]
  got = load.parse_record(record, "x:1")
  assert got.answers.tolist() == [voting.ABSTAIN] * 8
  assert not got.finished.any() and not got.answer_texts
  none = load.parse_record(record | {"candidates": []}, "x:1")
  assert {len(none.answers), len(none.correct), len(none.finished)} == {0}
  assert all(scores.shape == (0,) for scores in none.scores.values())


def test_step_scores_are_aggregated(record):
  for candidate in record["candidates"]:
    candidate["step_scores"] = [0.5, 0.25, 0.75]
  record["candidates"][1]["step_scores"] = []
  got = load.parse_record(record, "x:1").scores
  assert {how: scores[0] for how, scores in got.items()} == {
    "last": 0.75,
    "min": 0.25,
    "mean": 0.5,
    "product": 0.09375,
  }
  assert all(np.isnan(scores[1]) for scores in got.values())


def test_flops_are_split_by_model_and_prompt(record):
  ledger = record["ledger"]
  ledger["flops"]["full"] = 100.0
  ledger["flops_prefill"]["full"] = 30.0
  ledger["flops_reward"]["full"] = 45.0
  ledger["flops_reward_prefill"]["full"] = 10.0
  got = load.parse_record(record, "x:1")
  assert got.flops["full"].tolist() == [20, 35, 10, 35]
  assert got.reward_apart


def test_ledger_without_the_reward_models_share(record):
  del record["ledger"]["flops_reward"]
  got = load.parse_record(record, "x:1")
  assert not got.reward_apart
  assert got.flops["paper"].sum() == record["ledger"]["flops"]["paper"]
  assert not got.flops["full"][2:].any()


def _without(*path):
  def change(record):
    *parents, last = path
    for key in parents:
      record = record[key]
    del record[last]

  return change


def _set(value, *path):
  def change(record):
    *parents, last = path
    for key in parents:
      record = record[key]
    record[last] = value

  return change


_HEAD = {"paper": 0.0, "with_reward": 0.0, "full": 0.0}


def _only_a_head(record):
  del record["ledger"]["flops_reward"]
  record["ledger"]["flops_head"] = _HEAD


@pytest.mark.parametrize(
  ("change", "message"),
  [
    (_without("run"), "'run' is missing"),
    (_without("ledger", "flops", "full"), "'full' is missing"),
    (_without("candidates", 2, "answer"), "'answer' is missing"),
    (_set("16", "run", "n"), "'n' is '16'; expected"),
    (_set(True, "run", "seed"), "'seed' is True; expected"),
    (_set("running", "candidates", 1, "status"), "candidate 1 is 'running'"),
    (_set([0.5, float("nan")], "candidates", 0, "step_scores"), "candidate 0"),
    (_set([0.5, "x"], "candidates", 1, "step_scores"), "candidate 1"),
    (_set({"correct": 1}, "votes", "majority"), r"votes\['majority'\]"),
    (_set(-1.0, "ledger", "flops", "paper"), "expected >= 0"),
    (_set(1.0, "ledger", "flops", "full"), "do not add up"),
    (
      _set(_HEAD | {"full": 9e99}, "ledger", "flops_head"),
      r"flops_head of convention 'full' is 9e\+99; expected at most flops_rew",
    ),
    (
      _set({"paper": 0.0, "full": 0.0}, "ledger", "flops_head"),
      "flops_head: field 'with_reward' is missing",
    ),
    (
      _set(_HEAD | {"with_reward": -1.0}, "ledger", "flops_head"),
      "flops_head: field 'with_reward' is -1.0; expected >= 0",
    ),
    (_set(0.0, "ledger", "flops_head"), "'flops_head' is 0.0; expected dict"),
    (_only_a_head, "ledger: field 'flops_reward' is missing"),
  ],
)
def test_defects_name_file_line_and_field(tmp_path, record, change, message):
  broken = copy.deepcopy(record)
  broken["problem"]["id"] = 7
  change(broken)
  path = tmp_path / "records.jsonl"
  path.write_text(json.dumps(record) + "\n" + json.dumps(broken) + "\n")
  words = rf"records\.jsonl:2.*{message}.*Delete the line and run the sweep"
  with pytest.raises(load.RecordError, match=words):
    load.read_records(path)


def test_an_answer_graded_both_ways_is_refused(record):
  for place, right in ((0, True), (1, False)):
    record["candidates"][place] |= {"answer": "42", "correct": right}
  with pytest.raises(load.RecordError, match="'42' is graded both"):
    load.parse_record(record, "x:1")


def test_doubled_record_names_both_lines(tmp_path, record):
  path = tmp_path / "records.jsonl"
  path.write_text(2 * (json.dumps(record) + "\n"))
  with pytest.raises(load.RecordError, match=r":2: .* already in line 1"):
    load.read_records(path)


def test_cut_last_line_is_left_out_with_a_warning(tmp_path, record):
  path = tmp_path / "records.jsonl"
  line = json.dumps(record)
  path.write_text(line + "\n" + line[:50])
  with pytest.warns(UserWarning, match=r"records\.jsonl:2: the last line"):
    assert len(load.read_records(path)) == 1


def test_cut_line_in_the_middle_is_refused(tmp_path, record):
  path = tmp_path / "records.jsonl"
  line = json.dumps(record)
  path.write_text(line[:50] + "\n" + line + "\n")
  with pytest.raises(
    load.RecordError, match=r":1: not a JSON .*Delete the line"
  ):
    load.read_records(path)


def test_empty_file(tmp_path):
  path = tmp_path / "records.jsonl"
  path.write_text("")
  with pytest.raises(load.RecordError, match="no records"):
    load.read_records(path)
