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
  "aime25": [
    {"problem": "1 + 1?", "answer": "2", "id": "0"},
    {"problem": "Many?", "answer": "234", "id": "1"},
  ],
  "math": [
    {
      "problem": "1 + 1?", "level": "Level 1", "type": "Algebra",
      "solution": r"It is $\boxed{2}$.",
    },
    {
      "problem": "Many?", "level": "Level 1", "type": "Algebra",
      "solution": r"They are $\boxed{1,\!234}$.",
    },
  ],
  "minerva": [
    {"question": "1 + 1?", "answer": "2"},
    {"question": "Many?", "answer": "1234"},
  ],
  "olympiadbench": [
    {
      "id": 7, "question": question, "solution": ["So."],
      "final_answer": [gold], "context": None, "image_1": None,
      "modality": "Text-only", "difficulty": "Competition",
      "is_multiple_answer": False, "unit": None, "answer_type": "Numerical",
      "error": None, "question_type": "Open-ended", "subfield": "Algebra",
      "subject": "Math", "language": "English",
    }
    for question, gold in (("1 + 1?", "$2$"), ("Many?", "1234"))
  ],
  "gpqa_diamond": [
    {
      "Record ID": f"rec{gold}", "Question": question, "Correct Answer": gold,
      "Incorrect Answer 1": "5", "Incorrect Answer 2": "6",
      "Incorrect Answer 3": "7", "Subdomain": "Genetics",
    }
    for question, gold in (("1 + 1?", "2"), ("Many?", "1234"))
  ],
  "mmlu_pro": [
    {
      "question_id": 70, "question": question, "options": ["5", gold, "7"],
      "answer": "B", "answer_index": 1, "cot_content": "", "category": "math",
      "src": "ori",
    }
    for question, gold in (("1 + 1?", "2"), ("Many?", "1234"))
  ],
}  # fmt: skip
ROWS["gsm8k_train"] = ROWS["gsm8k"]
ROWS["math_train"] = ROWS["math"]
GOLDS = {name: ["2", "1234"] for name in ROWS} | {
  "aime24": ["2", "234"],
  "aime25": ["2", "234"],
}


def _golds(problems):
  """Gold answers: of letters, the texts of their options."""
  return [
    p.options["ABCD".index(p.gold)] if p.options else p.gold for p in problems
  ]


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
    elif path.suffix == ".csv":
      pd.DataFrame(ROWS[name]).to_csv(path, index=False)
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
  first = [p.question.splitlines()[0] for p in problems]
  assert first == ["1 + 1?", "Many?"]
  assert _golds(problems) == GOLDS[name]
  assert [p.id for p in problems] == [0, 1]
  assert {(p.level, p.source) for p in problems} == {(1, name)}
  ((repo, _, repo_type),) = hub
  assert (repo.count("/"), repo_type) == (1, "dataset")


@pytest.mark.parametrize("name", sorted(benchmarks.BENCHMARKS))
def test_a_path_is_read_with_the_same_loader(name, hub, tmp_path):
  path = tmp_path / "mine.jsonl"
  path.write_text("".join(json.dumps(row) + "\n" for row in ROWS[name]))
  problems = tasks.load_benchmark(name, path)
  assert _golds(problems) == GOLDS[name]
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


def test_a_set_behind_terms_of_use_says_where_they_are(monkeypatch):
  class GatedRepoError(Exception):
    pass

  def download(*unused_args, **unused_kwargs):
    raise GatedRepoError("403")

  monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
  monkeypatch.setattr(huggingface_hub.errors, "GatedRepoError", GatedRepoError)
  with pytest.raises(FileNotFoundError) as caught:
    tasks.load_benchmark("gpqa_diamond", "hub")
  assert "huggingface.co/datasets/Idavidrein/gpqa" in str(caught.value)
  assert "accept" in str(caught.value) and "hf auth login" in str(caught.value)
  assert "Go online" not in str(caught.value)


def test_changed_data_set_is_refused(hub, monkeypatch):
  monkeypatch.setitem(ROWS, "amc23", ROWS["amc23"][:1])
  with pytest.raises(
    ValueError, match=r"math-ai/amc23 has 1 problems; expecte"
  ):
    tasks.load_benchmark("amc23", "hub")


def test_unknown_name_is_refused():
  with pytest.raises(ValueError, match="'maths'; expected one of aime24, aime"):
    tasks.load_benchmark("maths", "hub")


def test_parquet_rows_are_named_and_broken_files_refused(tmp_path):
  path = tmp_path / "rows.parquet"
  pd.DataFrame(
    {"question": ["a?", "b?"], "answer": ["#### 1", "x"]}
  ).to_parquet(path)
  with pytest.raises(ValueError, match=r"rows\.parquet, row 2: `answer` ends"):
    tasks.load_gsm8k(path)
  path = tmp_path / "broken.parquet"
  path.write_bytes(b"PAR1 and then nothing")
  with pytest.raises(ValueError, match="cannot be read as a parquet file"):
    tasks.load_gsm8k(path)


TABLE = "question,answer\n"


@pytest.mark.parametrize(
  ("content", "message"),
  [
    (TABLE + "a?,#### 1\nb?,#### 2,c\n", "row 2: it has more or fewer fields"),
    (TABLE + "a?,#### 1\nb?\n", "row 2: it has more or fewer fields"),
    (TABLE + "a?,#### 1\n'b?,x\n", "row 2: `answer` ends in 'x'"),
    (TABLE + 'a?,#### 1\n"b?,x\n', "row 2: it cannot be read (unexpected end"),
    (TABLE, "has no rows"),
    ("", "has no rows"),
    (b"question,answer\na\xff?,#### 1\n", "row 1: it cannot be read ('utf-8'"),
  ],
)
def test_rows_of_a_table_of_texts_are_named(content, message, tmp_path):
  path = tmp_path / "rows.csv"
  path.write_bytes(content.encode() if isinstance(content, str) else content)
  with pytest.raises(ValueError) as caught:
    tasks.load_gsm8k(path)
  assert str(caught.value).startswith(str(path))
  assert message in str(caught.value)


def test_a_field_of_a_table_goes_over_lines(tmp_path):
  path = tmp_path / "rows.csv"
  path.write_text(
    '\ufeffquestion,answer\n"a, b\n""c""?","so\n#### 1"\n', "utf-8"
  )
  (problem,) = tasks.load_gsm8k(path)
  assert (problem.question, problem.gold) == ('a, b\n"c"?', "1")
