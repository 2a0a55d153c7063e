import dataclasses
import json

import huggingface_hub
import pandas as pd
import pytest

from inference_scaling import tasks
from inference_scaling.tasks.files import benchmarks

# Two rows of each, with the fields that the files on the hub have.
ROWS = {
  "gsm8k": [
    {"question": "1 + 1?", "answer": "1 + 1 = <<1+1=2>>2\n#### 2"},
    {"question": "Many?", "answer": "Many.\n#### 1,234"},
  ],
  "math500": [
    {
      "problem": "1 + 1?", "solution": r"\boxed{2}", "answer": "2",
      "subject": "Algebra", "level": 1, "unique_id": "test/1.json",
    },
    {
      "problem": "Many?", "solution": r"\boxed{1234}", "answer": r"1,\!234",
      "subject": "Algebra", "level": 1, "unique_id": "test/2.json",
    },
  ],
  "aime24": [
    {
      "id": 60, "problem": "1 + 1?", "solution": "Two.", "answer": "002",
      "url": "", "year": "2024",
    },
    {
      "id": 61, "problem": "Many?", "solution": "Many.", "answer": "234",
      "url": "", "year": "2024",
    },
  ],
  "amc23": [
    {"id": 0, "question": "1 + 1?", "answer": "2.0", "url": ""},
    {"id": 1, "question": "Many?", "answer": "1234", "url": ""},
  ],
}  # fmt: skip
ROWS["gsm8k_train"] = ROWS["gsm8k"]
GOLDS = {name: ["2", "1234"] for name in ROWS} | {"aime24": ["2", "234"]}


@pytest.fixture(name="hub")
def _hub(monkeypatch, tmp_path):
  """A hub with two rows of each benchmark; returns what was asked for."""
  requested = []

  def download(repo, file, *, repo_type):
    requested.append((repo, file, repo_type))
    (name,) = [
      name
      for name, benchmark in benchmarks.BENCHMARKS.items()
      if (benchmark.repo, benchmark.file) == (repo, file)
    ]
    path = tmp_path / repo / file
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
      pd.DataFrame(ROWS[name]).to_parquet(path)
    else:
      path.write_text("".join(json.dumps(row) + "\n" for row in ROWS[name]))
    return str(path)

  monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
  small = {
    name: dataclasses.replace(benchmark, count=2)
    for name, benchmark in benchmarks.BENCHMARKS.items()
  }
  monkeypatch.setattr(benchmarks, "BENCHMARKS", small)
  return requested


@pytest.mark.parametrize("name", sorted(benchmarks.BENCHMARKS))
def test_downloads_the_test_set_by_name(name, hub):
  problems = tasks.load_benchmark(name, "hub")
  assert [p.question for p in problems] == ["1 + 1?", "Many?"]
  assert [p.gold for p in problems] == GOLDS[name]
  assert [p.id for p in problems] == [0, 1]
  assert {(p.level, p.source) for p in problems} == {(1, name)}
  ((repo, _, repo_type),) = hub
  assert (repo.count("/"), repo_type) == (1, "dataset")


@pytest.mark.parametrize("name", sorted(benchmarks.BENCHMARKS))
def test_a_path_is_read_with_the_same_loader(name, hub, tmp_path):
  path = tmp_path / "mine.jsonl"
  path.write_text("".join(json.dumps(row) + "\n" for row in ROWS[name]))
  problems = tasks.load_benchmark(name, path)
  assert [p.gold for p in problems] == GOLDS[name]
  assert {p.source for p in problems} == {"mine"}
  assert hub == []


def test_offline_is_one_error_that_says_what_to_do(monkeypatch):
  def download(*unused_args, **unused_kwargs):
    raise huggingface_hub.errors.LocalEntryNotFoundError("no connection")

  monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
  with pytest.raises(FileNotFoundError) as caught:
    tasks.load_benchmark("amc23", "hub")
  message = str(caught.value)
  assert "cannot download test-00000-of-00001.parquet" in message
  assert "data set math-ai/amc23" in message
  assert "Go online" in message
  assert "give its path in place of 'hub'" in message


def test_changed_data_set_is_refused(hub, monkeypatch):
  monkeypatch.setitem(ROWS, "amc23", ROWS["amc23"][:1])
  with pytest.raises(
    ValueError, match=r"math-ai/amc23 has 1 problems; expecte"
  ):
    tasks.load_benchmark("amc23", "hub")


def test_unknown_name_is_refused():
  with pytest.raises(ValueError, match="'math'; expected one of aime24, amc23"):
    tasks.load_benchmark("math", "hub")


def test_parquet_rows_are_named_and_broken_files_refused(tmp_path):
  path = tmp_path / "rows.parquet"
  pd.DataFrame(
    {"question": ["a?", "b?"], "answer": ["#### 1", "x"]}
  ).to_parquet(path)
  with pytest.raises(ValueError, match=r"rows\.parquet, row 2: `answer` ends"):
    tasks.load_gsm8k(path)
  path.write_bytes(b"PAR1 and then nothing")
  with pytest.raises(ValueError, match="cannot be read as a parquet file"):
    tasks.load_gsm8k(path)
