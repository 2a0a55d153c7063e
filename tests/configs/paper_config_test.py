"""The configs of the paper's sweeps, and of models that must be fetched."""

import importlib
import json

import pytest

from inference_scaling import analysis, models, spec, sweep
from inference_scaling.models import published
from inference_scaling.spec import grid

PAPER = {
  "llama3_8b": ("math500", "gsm8k"),
  "llemma_34b": ("math500", "gsm8k"),
  "llemma_7b": ("math500", "gsm8k"),
  "mistral_7b": ("math500", "gsm8k"),
  "pythia": ("gsm8k",),
}
CASES = [
  (name, arg) for name, benchmarks in PAPER.items() for arg in benchmarks
]


def get_config(name, arg):
  return importlib.import_module(f"configs.{name}").get_config(arg)


@pytest.mark.parametrize(("name", "arg"), CASES)
def test_a_sweep_has_the_settings_of_the_paper(name, arg):
  config = spec.read_sweep(get_config(name, arg))
  assert config.task.model_dump() == {"kind": arg, "path": "hub", "limit": 0}
  assert config.sampler.temperature == 1.0
  assert config.limits.step_tokens == 256
  assert config.limits.total_tokens == 1024
  assert config.reward.source == "tkitsers/Llemma-reward-model"
  runs = grid.expand(config.runs)
  assert {run.strategy for run in runs} >= {"greedy", "sampling"}
  for run in runs:
    if run.strategy == "rebase":
      assert run.hyperparameters == {
        "temperature": 0.1, "rule": "ceil", "duplicates": "keep"
      }  # fmt: skip


@pytest.mark.parametrize(("name", "arg"), CASES)
def test_its_mesh_divides_the_models(name, arg):
  config = spec.read_sweep(get_config(name, arg))
  local = spec.read_sweep(get_config(name, f"{arg},runlocal"))
  sources = (*local.policies.values(), local.reward.source)
  for source in sources:  # random/ and the name of the original
    original = source.removeprefix(published.RANDOM_PREFIX)
    heads = published.published_config(original).num_kv_heads
    assert heads % config.mesh.model == 0, source


@pytest.mark.parametrize(("name", "arg"), CASES)
def test_runlocal_needs_no_file(name, arg):
  config = spec.read_sweep(get_config(name, f"{arg},runlocal"))
  assert config.task.kind == "synthetic"
  for source in (*config.policies.values(), config.reward.source):
    assert models.open_checkpoint(source).files() == []
  originals = spec.read_sweep(get_config(name, arg))
  assert config.policies.keys() == originals.policies.keys()


@pytest.mark.parametrize("name", sorted(PAPER))
def test_another_argument_is_refused(name):
  words = "'aime'.*gsm8k.*'runlocal'"
  with pytest.raises(ValueError, match=words):
    get_config(name, "aime")


def test_runlocal_runs_from_start_to_end(tmp_path):
  """The reward model reads steps that the policy never tagged for it."""
  config = get_config("llama3_8b", "math500,runlocal")
  del config.runs["greedy"], config.runs["sampling"]
  config.runs.rebase.n = (2,)
  config.task.count = 2
  said = []
  workdir = sweep.run_sweep(config, tmp_path, said.append)
  assert any("random/llemma_34b" in line and "rewards" in line for line in said)
  assert analysis.write_report(workdir).is_file()


def test_the_real_model_on_a_cpu_votes_without_rewards():
  for arg in ("", "runlocal"):
    config = spec.read_sweep(get_config("smollm2_gsm8k", arg))
    assert config.reward.format == "none"
    runs = grid.expand(config.runs)
    assert [run.strategy for run in runs] == ["greedy", "sampling"]
  full = spec.read_sweep(get_config("smollm2_gsm8k", ""))
  sizes = {run.n for run in grid.expand(full.runs)}
  assert (full.task.limit, sizes) == (100, {1, 16})


def test_a_model_that_thinks_has_budgets_up_to_half_its_context():
  for arg in ("math500", "aime24"):
    config = spec.read_sweep(get_config("r1_distill", arg))
    assert config.task.kind == arg and config.limits.total_tokens == 2**15
    runs = grid.expand(config.runs)
    budgets = {run.thinking["thinking_tokens"] for run in runs} - {None}
    assert sorted(budgets) == [2**k for k in range(9, 15)]
    assert {run.thinking["waits"] for run in runs} == {None, 1, 2, 4}


def test_a_model_that_thinks_runs_locally_from_start_to_end(tmp_path):
  config = get_config("r1_distill", "math500,runlocal")
  for name in set(config.runs) - {"budget8", "wait1"}:
    del config.runs[name]
  config.task.count = 1
  workdir = sweep.run_sweep(config, tmp_path, lambda line: None)
  assert analysis.write_report(workdir).is_file()
  lines = (workdir / "records.jsonl").read_text("utf-8").splitlines()
  budget, wait = sorted(
    map(json.loads, lines), key=lambda row: row["run"]["strategy"]
  )
  for candidate in budget["candidates"]:
    assert candidate["thinking_tokens"] <= 8 + len("\n~")
  assert any("Wait" in c["text"] for c in wait["candidates"])
