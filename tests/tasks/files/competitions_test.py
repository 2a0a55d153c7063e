import json
import pathlib

import pytest

from inference_scaling import tasks

DATA = pathlib.Path(__file__).parents[4] / "shared" / "data"


def _file(tmp_path, *rows):
  path = tmp_path / "dev.jsonl"
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))
  return path


def _math(**fields):
  good = {"problem": "Sum?", "answer": "42", "level": "Level 3", "subject": "a"}
  return good | fields


def test_math500_reads_levels_of_both_forms_and_makes_gold_canonical(tmp_path):
  path = _file(
    tmp_path,
    _math(level="Level 5", answer=r"\dfrac12"),
    _math(level=2, answer=r"(1,\,2)", solution=r"\boxed{3}"),
  )
  assert tasks.load_math500(path) == [
    tasks.Problem(0, "Sum?", r"\frac{1}{2}", 5, "dev"),
    tasks.Problem(1, "Sum?", "(1, 2)", 2, "dev"),
  ]


@pytest.mark.parametrize("level", [4, 4.0, "4", "Level 4", "level 4"])
def test_math500_reads_levels_as_tables_write_them(level, tmp_path):
  (result,) = tasks.load_math500(_file(tmp_path, _math(level=level)))
  assert result.level == 4


@pytest.mark.parametrize(
  ("load", "question", "answer", "gold"),
  [
    (tasks.load_aime, "problem", "204", "204"),
    (tasks.load_aime, "problem", "025", "25"),
    (tasks.load_aime, "problem", 0, "0"),
    (tasks.load_amc, "problem", 27.0, "27"),
    (tasks.load_amc, "question", "27", "27"),
    (tasks.load_amc, "question", "27.0", "27"),
    (tasks.load_amc, "problem", -1.0, "-1"),
    (tasks.load_amc, "problem", 3.5, "3.5"),
  ],
)
@pytest.mark.parametrize("field", ["answer", "extracted_groundtruth"])
def test_competition_answers_are_numbers(
  load, question, answer, gold, field, tmp_path
):
  # What stands in `solution` may be a number, or a text with several boxes.
  row = {question: "How many?", field: answer, "solution": 7.0}
  (result,) = load(_file(tmp_path, row))
  assert result == tasks.Problem(0, "How many?", gold, 1, "dev")


@pytest.mark.parametrize(
  ("load", "row", "message"),
  [
    (tasks.load_math500, _math(level="Level ?"), "`level` is 'Level ?'"),
    (tasks.load_math500, _math(level=6), "`level` is 6; expected 1 to 5"),
    (tasks.load_math500, _math(level=4.5), "`level` is 4.5; expected 1 to 5"),
    (tasks.load_math500, _math(level=True), "`level` is True; expected 1 to 5"),
    (tasks.load_math500, _math(level=None), "`level` is None; expected 1 to 5"),
    (tasks.load_math500, _math(answer="$.$"), "`answer` is '$.$'; expected an"),
    (tasks.load_math500, {"question": "a?"}, "no field `problem` (fields: que"),
    (tasks.load_aime, {"problem": "a?"}, "no field `answer`"),
    (tasks.load_aime, {"problem": "a?", "answer": "1000"}, "answer is '1000'"),
    (tasks.load_aime, {"problem": "a?", "answer": "x"}, "integer from 0 to 99"),
    (tasks.load_amc, {"problem": "a?", "answer": True}, "`answer` is True"),
    (
      tasks.load_amc,
      {"problem": "a?", "answer": float("nan")},
      "is nan; expec",
    ),
    (tasks.load_amc, {"url": "x", "answer": "1"}, "no field `problem`"),
  ],
)
def test_bad_row_is_named_with_file_and_line(load, row, message, tmp_path):
  path = _file(tmp_path, row)
  with pytest.raises(ValueError) as caught:
    load(path)
  assert str(caught.value).startswith(f"{path}, line 1: ")
  assert message in str(caught.value)


@pytest.mark.parametrize(
  ("load", "name", "count", "first", "levels"),
  [
    (
      tasks.load_math500,
      "math500",
      500,
      r"(3, \frac{\pi}{2})",
      {1, 2, 3, 4, 5},
    ),
    (tasks.load_aime, "aime24", 30, "204", {1}),
    (tasks.load_amc, "amc23", 40, "27", {1}),
  ],
)
def test_loads_the_published_files(load, name, count, first, levels):
  path = DATA / f"{name}.jsonl"
  if not path.is_file():
    pytest.skip(f"no benchmark file at {path}")
  problems = load(path)
  assert [p.id for p in problems] == list(range(count))
  assert problems[0].gold == first
  assert {p.level for p in problems} == levels
  assert {p.source for p in problems} == {name}
  assert all(tasks.canonical(p.gold) == p.gold for p in problems)
