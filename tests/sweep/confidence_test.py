"""Sweeps that keep how sure a policy was: records, votes, DeepConf online."""

import json

import numpy as np
import pytest

from inference_scaling import analysis, names, sweep
from inference_scaling.analysis.figures import style
from tests.sweep import tiny

N, WARM, PERCENT, WINDOW = 6, 3, 50, 4
CONFIDENCE = {"window": WINDOW, "tail": 3}


@pytest.fixture(name="records", scope="module")
def _records(family, tmp_path_factory):
  """Folder of a sweep, and strategy and problem -> record."""
  policies = {"large": str(family / "large")}
  block = {"policies": ("large",), "n": (N,), "seeds": (0,)}
  config = tiny.config(
    family, reward={"format": "group_confidence"}, policies=policies,
    confidence=CONFIDENCE, batch_size=N, runs={
      "sampling": {"strategy": "sampling", **block},
      "deepconf": {
        "strategy": "deepconf", "warmup": WARM, "percent": PERCENT, **block
      },
    },
  )  # fmt: skip
  folder = tmp_path_factory.mktemp("confidence")
  sweep.run_sweep(config, folder, say=lambda line: None)
  with (folder / "records.jsonl").open() as file:
    values = [json.loads(line) for line in file]
  return folder, {
    (value["run"]["strategy"], value["problem"]["id"]): value
    for value in values
  }


def test_candidates_say_how_sure_the_policy_was(records):
  for record in records[1].values():
    for one in record["candidates"]:
      assert tuple(one["confidence"]) == names.MEASURES
      for measure, said in one["confidence"].items():
        assert tuple(said) == names.STATISTICS
        assert 0 < said["lowest"] <= said["bottom"]
        assert measure != "likelihood" or said["mean"] <= 1
      # The policy's state in the search and its tokens in the tree agree.
      if one["status"] != "unfinished" and one["tokens"] >= WINDOW:
        lowest = one["confidence"]["token_confidence"]["lowest"]
        assert one["step_scores"][-1] == pytest.approx(lowest, rel=1e-5)
      assert one["step_scores"] == sorted(one["step_scores"], reverse=True)


def test_online_is_the_replay_of_the_samples(records):
  stopped = silent = 0
  for (strategy, problem), whole in records[1].items():
    if strategy != "sampling":
      continue
    online = records[1]["deepconf", problem]
    scores = [
      [whole["tree"]["scores"][node] for node in one["path"]]
      for one in whole["candidates"]
    ]
    warm = [row[-1] for row in scores[:WARM] if row[-1] > 0]
    bar = np.percentile(warm, 100 - PERCENT)
    tokens = 0
    for n, (row, old, new) in enumerate(
      zip(scores, whole["candidates"], online["candidates"], strict=True)
    ):
      low = [i for i, score in enumerate(row) if 0 < score < bar]
      steps = low[0] + 1 if low and n >= WARM else len(row)
      assert len(new["path"]) == steps
      tokens += new["tokens"]
      if steps < len(row):
        stopped += 1
        assert new["status"] == "unfinished" and new["answer"] is None
        assert old["text"].startswith(new["text"].strip()[:8])
        continue
      assert (new["text"], new["status"]) == (old["text"], old["status"])
      votes = row[-1] >= bar
      silent += not votes and old["answer"] is not None
      assert new["answer"] == (old["answer"] if votes else None)
      assert new["correct"] == (old["correct"] and votes)
    spent = online["ledger"]["policy_decode"]
    assert spent == tokens <= whole["ledger"]["policy_decode"]
    assert set(online["ledger"]["flops_reward"].values()) == {0.0}
    assert online["votes"]["weighted/last"] == vote(online["candidates"])
  assert stopped and silent


def vote(candidates):
  """The answer of the most confidence, as the released code sums it up."""
  totals = {}
  for one in candidates:
    if one["answer"] is not None:
      score = totals.get(one["answer"], 0.0) + one["step_scores"][-1]
      totals[one["answer"]] = score
  if not totals:
    return {"answer": None, "correct": False}
  answer = min(totals, key=lambda key: (-totals[key], key))
  right = next(c["correct"] for c in candidates if c["answer"] == answer)
  return {"answer": answer, "correct": right}


def test_a_report_has_the_votes_and_the_strategy(records, monkeypatch):
  monkeypatch.setattr(style, "save", lambda figure, folder, name: [])
  report = analysis.write_report(records[0], num_subsets=5).read_text()
  assert "## Votes by confidence" in report
  assert "| large | DeepConf | 6 | confident | token_confidence.low" in report


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    (
      {"confidence": {"window": 0}},
      "window is 0; expected how many tokens",
    ),
    ({"reward": {"format": "none"}}, "expected 'group_confidence'"),
    (
      {"policies": {"large": "python:a.b:c"}},
      "python:a.b:c', a function of your own",
    ),
  ],
)
def test_what_does_not_go_together_is_named(family, tmp_path, changes, words):
  runs = {"deepconf": {"strategy": "deepconf", "n": (4,)}}
  settings = {
    "reward": {"format": "group_confidence"}, "confidence": CONFIDENCE,
    "policies": {"large": str(family / "large")}, "runs": runs,
  }  # fmt: skip
  with pytest.raises(ValueError, match=words):
    sweep.run_sweep(
      tiny.config(family, **{**settings, **changes}), tmp_path / "run"
    )
