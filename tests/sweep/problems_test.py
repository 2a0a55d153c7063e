"""Problems come from where the task says."""

import pathlib

import pytest

from inference_scaling import spec, tasks
from inference_scaling.sweep import problems
from inference_scaling.tasks import synthetic
from tests.sweep import tiny


def read(task):
  return spec.read_sweep(tiny.config(pathlib.Path(), task=task)).task


def test_synthetic_problems_are_those_of_the_generator():
  task = {
    "kind": "synthetic", "split": "validation", "count": 4, "seed": 3,
    "levels": [2, 5],
  }  # fmt: skip
  assert problems.load(read(task)) == synthetic.generate(
    "validation", 4, 3, [2, 5]
  )
  assert "levels 2, 5" in problems.describe(read(task))


@pytest.mark.parametrize(("limit", "count"), [(0, 3), (2, 2), (9, 3)])
def test_files_may_be_limited(limit, count, tmp_path):
  own, gsm8k = tmp_path / "own.jsonl", tmp_path / "gsm8k.jsonl"
  own.write_text('{"question": "q", "gold": "1"}\n' * 3)
  gsm8k.write_text('{"question": "q", "answer": "1 + 1 = 2\\n#### 2"}\n' * 3)
  for kind, path, load in (
    ("jsonl", own, tasks.load_problems),
    ("gsm8k", gsm8k, tasks.load_gsm8k),
  ):
    loaded = problems.load(
      read({"kind": kind, "path": str(path), "limit": limit})
    )
    assert loaded == load(path)[:count]


@pytest.mark.parametrize("kind", ["gsm8k", "math500", "aime25", "minerva"])
def test_benchmarks_come_by_path_or_from_the_hub(kind, monkeypatch):
  calls = []

  def load(name, where, option_seed):
    calls.append((name, where))
    assert option_seed is None
    return [tasks.Problem(i, "q", "1", 1, name) for i in range(3)]

  monkeypatch.setattr(tasks, "load_benchmark", load)
  task = {"kind": kind, "path": "hub", "limit": 2}
  assert len(problems.load(read(task))) == 2
  assert problems.describe(read(task)) == f"the first 2 of {kind} (hub)"
  assert len(problems.load(read(task | {"path": "a.jsonl", "limit": 0}))) == 3
  assert (
    problems.describe(read(task | {"path": "a.jsonl", "limit": 0})) == "a.jsonl"
  )
  assert calls == [(kind, "hub"), (kind, "a.jsonl")]


@pytest.mark.parametrize(
  ("task", "seed"),
  [
    ({"kind": "gpqa_diamond"}, 0),
    ({"kind": "gpqa_diamond", "option_seed": 5}, 5),
    ({"kind": "mmlu_pro"}, 0),
    ({"kind": "mmlu_pro", "option_seed": 5}, 5),
    ({"kind": "mmlu_pro", "option_order": "published"}, None),
  ],
)
def test_the_config_has_the_seed_of_the_options(task, seed, monkeypatch):
  seeds = []
  monkeypatch.setattr(
    tasks, "load_benchmark", lambda *call: seeds.append(call[2]) or [call]
  )
  problems.load(read(task))
  assert seeds == [seed]


def test_the_right_option_of_gpqa_is_never_the_first_of_all():
  with pytest.raises(ValueError, match=r"config\.task\.option_order.*no such"):
    read({"kind": "gpqa_diamond", "option_order": "published"})
