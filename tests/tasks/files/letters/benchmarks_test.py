"""GPQA and MMLU-Pro, by the field names under which they are published."""

import csv
import json

import pytest

from inference_scaling.tasks.files.letters import gpqa, mmlu_pro


def _gpqa(**fields):
  good = {
    "Question": "Which?", "Correct Answer": "right", "Incorrect Answer 1": "w",
    "Incorrect Answer 2": "x", "Incorrect Answer 3": "y", "Record ID": "rec0",
  }  # fmt: skip
  return good | {name.replace("_", " "): x for name, x in fields.items()}


def _mmlu(**fields):
  good = {
    "question_id": 1, "question": "Which?", "options": ["w", "x", "right"],
    "answer": "C", "answer_index": 2, "category": "law",
  }  # fmt: skip
  return good | fields


def _table(tmp_path, *table):
  path = tmp_path / "dev.csv"
  with open(path, "w", newline="") as file:
    writer = csv.DictWriter(file, list(table[0]))
    writer.writeheader()
    writer.writerows(table)
  return path


def _lines(tmp_path, *lines):
  path = tmp_path / "dev.jsonl"
  path.write_text("".join(json.dumps(line) + "\n" for line in lines))
  return path


def test_gpqa_is_shuffled_by_the_seed(tmp_path):
  path = _table(tmp_path, *[_gpqa(Question=f"Which {i}?") for i in range(40)])
  problems = gpqa.load_gpqa(path, 0)
  assert [p.id for p in problems] == list(range(40))
  assert {p.options["ABCD".index(p.gold)] for p in problems} == {"right"}
  assert {p.gold for p in problems} == {*"ABCD"}
  assert all(len(p.options) == 4 and p.alternatives == () for p in problems)
  assert gpqa.load_gpqa(path, 0) == problems
  assert gpqa.load_gpqa(path, 1) != problems
  # A problem's order depends on no other problem.
  assert (
    gpqa.load_gpqa(_table(tmp_path, _gpqa(Question="Which 0?")), 0)
    == (problems[:1])
  )


def test_mmlu_pro_is_as_published_or_shuffled(tmp_path):
  path = _lines(tmp_path, *[_mmlu()] * 20)
  published = mmlu_pro.load_mmlu_pro(path)
  assert {p.gold for p in published} == {"C"}
  assert published[0].question == "Which?\n\n(A) w\n(B) x\n(C) right"
  shuffled = mmlu_pro.load_mmlu_pro(path, 0)
  assert {p.gold for p in shuffled} == {*"ABC"}
  assert {p.options["ABC".index(p.gold)] for p in shuffled} == {"right"}


def test_what_fills_up_a_list_is_no_option(tmp_path):
  filled = _mmlu(
    options=["N/A", "x", "right", "N/A"], answer="C", answer_index=2
  )
  right = _mmlu(options=["w", "N/A", "N/A"], answer="B", answer_index=1)
  first, second = mmlu_pro.load_mmlu_pro(_lines(tmp_path, filled, right))
  assert first.options == ("x", "right") and first.gold == "B"
  assert second.options == ("w", "N/A") and second.gold == "B"


@pytest.mark.parametrize(
  ("load", "write", "row", "message"),
  [
    (gpqa, _table, _gpqa(Question=" "), "row 1: `Question` is ' '; expected a"),
    (gpqa, _table, _gpqa(Correct_Answer=""), "row 1: `Correct Answer` is ''"),
    (gpqa, _table, {"Question": "a?"}, "row 1: no field `Correct Answer` (fi"),
    (mmlu_pro, _lines, _mmlu(question=1), "line 1: `question` is 1; expected"),
    (mmlu_pro, _lines, _mmlu(options="w"), "line 1: `options` is 'w'; expect"),
    (mmlu_pro, _lines, _mmlu(options=["w", 2]), "line 1: `options[1]` is 2; e"),
    (mmlu_pro, _lines, _mmlu(answer="D"), "`answer` is 'D'; expected the lett"),
    (mmlu_pro, _lines, _mmlu(answer="AB"), "`answer` is 'AB'; expected the le"),
    (mmlu_pro, _lines, _mmlu(answer_index=1), "`answer_index` is 1 and `answe"),
    (mmlu_pro, _lines, {"question": "a?"}, "line 1: no field `options` (field"),
    (
      mmlu_pro,
      _lines,
      _mmlu(options=["w"], answer="A", answer_index=0),
      "line 1: there are 1 options; expected 2 to 26 of them",
    ),
  ],
)
def test_bad_row_is_named_with_file_and_line(
  load, write, row, message, tmp_path
):
  path = write(tmp_path, row)
  with pytest.raises(ValueError) as caught:
    if load is gpqa:
      gpqa.load_gpqa(path, 0)
    else:
      mmlu_pro.load_mmlu_pro(path)
  assert str(caught.value).startswith(f"{path}, ")
  assert message in str(caught.value)
