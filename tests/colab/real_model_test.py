"""The notebook of a real model runs with tiny ones, and without the hub."""

import dataclasses
import json
import re

import pytest
from nbclient import exceptions

from inference_scaling import models
from tests.colab import notebooks
from tests.models import external_models, tiny, tokenizers_of

pytestmark = pytest.mark.slow
NAME = "real_model.ipynb"
STRATEGIES = ("sampling", "rebase", "beam_search")
SUMS = ((2, 3), (10, 7), (48, 24))


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory):
  """What `MODELS` names: a policy, a reward model and three problems."""
  folder = tmp_path_factory.mktemp("models")
  (folder / "reward").mkdir()
  external_models.write("skywork", folder / "reward")
  policy = tiny.make_model(external_models.config("skywork"), seed=1)
  tokenizer = tokenizers_of.byte_level("qwen")
  models.save_model(
    dataclasses.replace(policy, tokenizer=tokenizer), folder / "policy"
  )
  for name in ("policy", "reward"):
    path = folder / name / "config.json"
    raw = json.loads(path.read_text()) | {"max_position_embeddings": 4096}
    path.write_text(json.dumps(raw))
  rows = [
    {"problem": f"What is {a} + {b}?", "answer": str(a + b), "level": 1}
    for a, b in SUMS
  ]
  (folder / "problems.jsonl").write_text("\n".join(map(json.dumps, rows)))
  return folder


@pytest.fixture(name="executed", scope="module")
def _executed(folder, tmp_path_factory):
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv("MODELS", str(folder))
    return notebooks.execute(NAME, tmp_path_factory.mktemp("jupyter"))


def _printed(notebook):
  return "\n".join(notebooks.outputs(notebook, "stdout"))


def test_it_plans_before_it_searches(executed):
  text = _printed(executed)
  for name in STRATEGIES:
    line = rf"policy, {name}, n = 4: peak [\d.]+ of [\d.]+ GiB: fits\n"
    assert re.search(line, text.partition("Sweep of 3 runs")[0])


def test_it_searches_by_three_strategies(executed):
  text = _printed(executed)
  assert "Sweep of 3 runs over 3 problems: 9 searches." in text
  assert "format skywork" in text
  for name in STRATEGIES:
    assert f"policy {name} n=4 seed=0: 3 problems, weighted/last" in text
  bars = notebooks.outputs(executed, "text/plain")
  assert any("| 9/9 [" in bar for bar in bars)


def test_it_shows_votes_cost_and_accuracy(executed):
  tables = notebooks.outputs(executed, "text/html")
  votes, cost, accuracy = (
    next(table for table in tables if word in table)
    for word in ("weighted vote", "FLOPs with reward", "flops_paper")
  )
  for a, b in SUMS:
    assert votes.count(f"<td>{a + b}</td>") == len(STRATEGIES)
  for name in STRATEGIES:
    assert name in cost and name in accuracy
  assert accuracy.count("<td>sampling</td>") == 3  # 1, 2 and 4 candidates


def test_it_shows_the_page_of_a_tree_in_a_frame(executed):
  for notebook in (executed, notebooks.read(NAME)):
    page = notebooks.framed_page(notebook)
    assert page.startswith("<!DOCTYPE html>") and "REBASE" in page


def test_it_warns_of_nothing(executed):
  assert not notebooks.outputs(executed, "stderr")


def test_without_the_hub_it_says_so_in_one_line(monkeypatch, tmp_path):
  for name, value in {
    "MODELS": "hub", "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub"),
  }.items():  # fmt: skip
    monkeypatch.setenv(name, value)
  with pytest.raises(exceptions.CellExecutionError) as caught:
    notebooks.execute(NAME, tmp_path)
  message = str(caught.value).splitlines()
  (line,) = (line for line in message if line.startswith("FileNotFoundError"))
  assert "Skywork/Skywork-o1-Open-PRM-Qwen-2.5-1.5B is no folder" in line
  assert "huggingface.co cannot be reached" in line
  assert "run where there is a network: hf download" in line
  assert "Traceback" not in caught.value.traceback


def test_the_committed_notebook_has_its_outputs_and_is_small():
  notebooks.check_committed(NAME, pictures=0, most_bytes=450_000)
  printed = _printed(notebooks.read(NAME))
  assert "problems  the first 4 of models/problems.jsonl" in printed
  assert "reward    likelihood" in printed
