"""Sweeps without a reward model: from the config to the report."""

import dataclasses
import json

import pandas as pd
import pytest

from inference_scaling import analysis, decoding, sweep
from inference_scaling.analysis.figures import style
from inference_scaling.sweep.solve import EMBEDDED_SETTINGS
from tests.sweep import tiny

NONE = {"format": "none"}
RUNS = {
  "sampling": {
    "strategy": "sampling", "policies": ("large",), "n": (4,), "seeds": (0,)
  },
}  # fmt: skip
# One problem in flight in the sweep, too, so that both are one program.
ROWS = 4
SETTINGS = dataclasses.replace(
  EMBEDDED_SETTINGS,
  reward_format="none",
  limits=decoding.Limits(
    prompt_tokens=32, step_tokens=8, total_tokens=32, max_steps=4
  ),
)


@pytest.fixture(scope="module")
def unrewarded(family, tmp_path_factory):
  """Folder of a finished sweep without a reward model, and what it said."""
  said = []
  policies = {"large": str(family / "large")}
  config = tiny.config(
    family, reward=NONE, runs=RUNS, policies=policies, batch_size=ROWS
  )
  folder = tmp_path_factory.mktemp("unrewarded")
  return sweep.run_sweep(config, folder, say=said.append), "\n".join(said)


def records(workdir):
  with (workdir / "records.jsonl").open() as file:
    values = [json.loads(line) for line in file]
  key = lambda r: (*r["run"].values(), r["problem"]["id"])  # noqa: E731
  return {key(record): record for record in values}


def test_samples_are_those_of_a_sweep_with_a_reward_model(unrewarded, swept):
  workdir, said = unrewarded
  scored = records(swept)
  unscored = records(workdir)
  assert len(unscored) == 6
  assert "large sampling n=4 seed=0: 6 problems, majority " in said
  for key, record in unscored.items():
    assert list(record["votes"]) == ["majority"]
    assert record["tree"]["scores"] is None
    assert set(record["ledger"]["flops_reward"].values()) == {0.0}
    assert record["votes"]["majority"] == scored[key]["votes"]["majority"]
    candidates = [c | {"step_scores": []} for c in scored[key]["candidates"]]
    assert record["candidates"] == candidates


def test_a_report_of_it_has_majority_voting_alone(unrewarded, monkeypatch):
  workdir, _ = unrewarded
  monkeypatch.setattr(style, "save", lambda figure, folder, name: [])
  report = analysis.write_report(workdir).read_text()
  assert "No reward model: candidates vote by majority" in report
  summary = pd.read_csv(workdir / "summary.csv")
  assert set(summary["voting"]) == {"majority", "pass"}
  assert (summary["flops_paper"] == summary["flops_with_reward"]).all()


def test_search_by_rewards_is_refused_without_them(family, tmp_path):
  with pytest.raises(ValueError, match=r"config\.runs\.rebase\.strategy is"):
    sweep.run_sweep(tiny.config(family, reward=NONE), tmp_path / "run")
  assert not (tmp_path / "run").exists()
  with pytest.raises(
    ValueError, match=r"strategy is 'rebase'.*rewards is 'none'"
  ):
    sweep.solve("How many?", settings=SETTINGS)


def test_one_question_is_answered_by_majority(family):
  solution = sweep.solve(
    "Anna has 2 apples. How many apples does Anna have now?",
    policy=str(family / "large"),
    strategy="sampling",
    n=ROWS,
    settings=SETTINGS,
  )
  assert solution.answer == solution.record["votes"]["majority"]["answer"]
  assert "reward, width" not in solution.render()
