"""The config that takes any benchmark."""

import csv
import json

import pytest

from configs import benchmarks
from inference_scaling import names, spec, sweep
from inference_scaling.spec import grid


@pytest.mark.parametrize("name", names.BENCHMARKS)
def test_any_benchmark_may_be_chosen(name):
  config = spec.read_sweep(benchmarks.get_config(name))
  assert config.task.kind == name
  limits = config.limits
  assert limits.prompt_tokens + limits.total_tokens == 4096
  assert ("letter" in config.prompt.system) == (name in benchmarks.LETTERS)
  runs = {run.strategy: run.n for run in grid.expand(config.runs)}
  assert set(runs) == {"greedy", "sampling"}
  few = name[:3] in ("aim", "amc")
  assert runs["sampling"] == 64 if few else 4 <= runs["sampling"] < 64


def test_the_default_is_aime_of_2025_and_others_are_refused():
  assert benchmarks.get_config().task.kind == "aime25"
  with pytest.raises(ValueError, match="'aime'; expected 'aime25', 'gsm8k', "):
    benchmarks.get_config("aime")


def test_a_sweep_over_letters_records_the_options_in_their_order(tmp_path):
  path = tmp_path / "gpqa.csv"
  wrong = [f"Incorrect Answer {number}" for number in (1, 2, 3)]
  with open(path, "w", newline="") as file:
    csv.writer(file).writerows(
      [
        ["Question", "Correct Answer", *wrong],
        ["Which?", "right", "w", "x", "y"],
        ["What?", "right", "w", "x", "y"],
      ]
    )  # fmt: skip
  config = benchmarks.get_config("gpqa_diamond,runlocal")
  with config.unlocked():
    config.task = {"kind": "gpqa_diamond", "path": str(path)}
    del config.runs["greedy"]
  workdir = sweep.run_sweep(config, tmp_path / "run", lambda line: None)
  lines = (workdir / "records.jsonl").read_text("utf-8").splitlines()
  for record in map(json.loads, lines):
    problem = record["problem"]
    assert f"({problem['gold']}) right" in problem["question"].splitlines()
    assert len(record["candidates"]) == 4
  said = json.loads((workdir / "config.json").read_text("utf-8"))["config"]
  assert said["task"]["option_seed"] == 0
  config.task.option_seed = 1  # other questions: records would not fit
  with pytest.raises(ValueError, match="changed"):
    sweep.run_sweep(config, workdir, lambda line: None)
