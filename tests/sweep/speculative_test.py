"""Sweeps of a draft and a target: config, records, ledger, report."""

import json
import shutil

import pytest

from inference_scaling import spec, sweep
from inference_scaling.analysis.records import load
from inference_scaling.analysis.report import provenance
from inference_scaling.analysis.report.folders import (
  settings,
  sources,
  telling_apart,
)
from inference_scaling.sweep import checkpoints
from tests.sweep import tiny

PAIR = {"draft": "small", "target": "large", "threshold": 0.5}
N = 4


def _config(family, **changes):
  runs = {
    "tree": {"strategy": "rebase", "policies": ("small+large",), "n": (N,)},
    "alone": {"strategy": "sampling", "policies": ("small",), "n": (N,)},
  }
  fields = {"runs": runs, "speculative": {"small+large": PAIR}}
  return tiny.config(family, **(fields | changes))


@pytest.fixture(scope="module")
def folder(family, tmp_path_factory):
  folder = tmp_path_factory.mktemp("speculative")
  sweep.run_sweep(_config(family), folder, say=lambda line: None)
  return folder


def _records(folder, policy):
  lines = (folder / "records.jsonl").read_text(encoding="utf-8").splitlines()
  rows = [json.loads(line) for line in lines]
  return [row for row in rows if row["run"]["policy"] == policy]


def test_the_ledger_counts_both_policies_and_what_they_read(family, folder):
  draft, target = (
    checkpoints.policy(str(family / name)).cost for name in tiny.POLICIES
  )
  assert draft.per_token == target.per_token  # of one architecture
  reward = checkpoints.reward(str(family / "reward"), "native").cost
  rows = _records(folder, "small+large")
  assert len(rows) == len(tiny.GOLDS)
  for row in rows:
    told = row["ledger"]
    drafted, written = told["draft_decode"], told["target_decode"]
    assert told["policy_decode"] == drafted + written == told["reward_scored"]
    taken = sum(row["tree"]["tokens"])
    assert taken == told["policy_decode"] - told["draft_rejected"]
    paper = 2 * draft.parameters * drafted + 2 * target.parameters * written
    assert told["flops"]["paper"] == paper
    scored = 2 * reward.parameters * told["reward_scored"]
    assert told["flops"]["with_reward"] == paper + scored
    assert told["flops_draft"]["paper"] == 2 * draft.parameters * drafted
    read = told["draft_read"] + told["target_read"]
    passed = told["policy_prefill"] + told["policy_decode"] + read
    needed = (
      draft.per_token * passed
      + draft.per_position * told["policy_attended"]
      + draft.unembedding * told["policy_decode"]
    )
    both = told["flops_draft"]["full"] + told["flops_target"]["full"]
    assert both == pytest.approx(needed)
    own = reward.per_token * (told["reward_prefill"] + told["reward_scored"])
    own += reward.per_position * told["reward_attended"]
    own += reward.unembedding * told["reward_scored"]
    assert told["flops"]["full"] == pytest.approx(both + own)
    # No vote does without the reward, which decides who writes.
    assert set(told["flops_reward"].values()) == {0.0}
    assert told["flops_prefill"]["paper"] == 0 < told["flops_prefill"]["full"]
  for key in ("draft_rejected", "draft_read", "target_read", "target_decode"):
    assert sum(row["ledger"][key] for row in rows) > 0
  assert any(
    candidate["answer"] for row in rows for candidate in row["candidates"]
  )


def test_records_of_one_policy_say_nothing_of_two(folder):
  for row in _records(folder, "small"):
    assert not [key for key in row["ledger"] if "draft" in key or "tar" in key]


def test_reports_take_it_for_a_policy_of_its_own(folder):
  read = load.read_records(folder / "records.jsonl")
  pair = [record for record in read if record.policy == "small+large"]
  for record in pair:
    assert record.flops["paper"][1] == record.flops["paper"].sum() > 0
    assert record.flops["full"][2:].sum() == 0
  own = provenance.read(folder / "config.json")
  assert own is not None
  sizes = own.parameters
  assert sizes["small+large"] == sizes["small"] + sizes["large"]
  (line,) = [line for line in settings.lines(own) if "Policies" in line]
  assert "two policies (draft `small`, target `large`, threshold 0.5)" in line


def test_another_threshold_gives_the_pair_another_name_and_nobody_else(
  folder, tmp_path
):
  other = tmp_path / "other"
  shutil.copytree(folder, other)
  content = json.loads((other / "config.json").read_text(encoding="utf-8"))
  content["config"]["speculative"]["small+large"]["threshold"] = 0.6
  (other / "config.json").write_text(json.dumps(content), encoding="utf-8")
  names = telling_apart.tell_apart(sources.read([folder, other]))
  for renamed in names.policies:
    assert renamed["small"] == "small"
    assert renamed["small+large"].startswith("small+large@")
  assert any("they differ in threshold" in note for note in names.notes)


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    ({"speculative": {"small": PAIR}}, "has the name of a policy"),
    (
      {"speculative": {"small+large": PAIR | {"target": "huge"}}},
      r"small\+large.target is 'huge', which config.policies lacks; .*large",
    ),
    ({"reward": {"format": "none"}}, "needs rewards of steps"),
    ({"mesh": {"data": 2, "model": 1}}, "mesh of one device"),
    (
      {"thinking": {"small": {}}},
      "draft is 'small', which thinks before it answers",
    ),
    (
      {"speculative": {"small+large": {"draft": "small"}}},
      r"config.speculative.small\+large.target",
    ),
  ],
)
def test_a_pair_that_cannot_be_is_refused(family, changes, words):
  runs = {"alone": {"strategy": "sampling", "n": (N,)}}
  with pytest.raises(ValueError, match=words):
    spec.read_sweep(_config(family, runs=runs, **changes))


def test_a_block_is_of_pairs_too_unless_it_says_otherwise(family):
  runs = {"alone": {"strategy": "sampling", "n": (N,)}}
  read = spec.read_sweep(_config(family, runs=runs))
  assert read.runs["alone"].policies == ("small", "large", "small+large")


def test_pairs_may_come_and_stay_as_they_are(family):
  old = spec.read_sweep(_config(family))
  more = {"small+large": PAIR, "large+small": PAIR}
  assert not spec.changes(
    old, spec.read_sweep(_config(family, speculative=more))
  )
  other = {"small+large": PAIR | {"threshold": 0.6}}
  (line,) = spec.changes(
    old, spec.read_sweep(_config(family, speculative=other))
  )
  assert line == "config.speculative.small+large.threshold: 0.5 -> 0.6"
