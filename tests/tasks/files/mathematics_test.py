"""MATH, Minerva and OlympiadBench, by the field names that are published."""

import json

import pytest

from inference_scaling import tasks
from inference_scaling.tasks.files import (
  hendrycks_math,
  minerva,
  olympiadbench,
)

SEVERAL = "The problem has several answers: give all of them, with commas."


def _math(**fields):
  good = {
    "problem": "Half?", "level": "Level 4", "type": "Algebra",
    "solution": r"First \boxed{1}. It is $\boxed{\dfrac12}$.",
  }  # fmt: skip
  return good | fields


def _olympiad(**fields):
  good = {
    "id": 3, "question": "How far?", "context": None, "final_answer": ["$2$"],
    "is_multiple_answer": False, "unit": None, "answer_type": "Numerical",
    "error": None,
  }  # fmt: skip
  return good | fields


def _file(tmp_path, *rows):
  path = tmp_path / "dev.jsonl"
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))
  return path


def test_math_reads_levels_and_the_last_box(tmp_path):
  path = _file(
    tmp_path,
    _math(),
    _math(level=2, answer="3"),  # a file that has the answers, too
    _math(level="Level ?", solution=r"\framebox{\text{East}}"),
  )
  assert hendrycks_math.load_math(path) == [
    tasks.Problem(0, "Half?", r"\frac{1}{2}", 4, "dev"),
    tasks.Problem(1, "Half?", "3", 2, "dev"),
    tasks.Problem(2, "Half?", "east", 0, "dev"),
  ]


def test_minerva_reads_numbers_and_formulas(tmp_path):
  path = _file(
    tmp_path,
    {"question": "How bright?", "answer": "4.5e33"},
    {"problem": "Which law?", "answer": r"I(0) e^{-\frac{t}{RC}}", "idx": 1},
  )
  first, second = minerva.load_minerva(path)
  assert (first.question, first.gold) == ("How bright?", "4.5e33")
  assert (second.id, second.question) == (1, "Which law?")
  for answer in (
    r"4.5 \times 10^{33} \text{ erg/s}",
    r"4.5 \times 10^{33}~\text{erg s}^{-1}",
    "4.5 * 10^33",
    "4.5e33",
  ):
    assert tasks.grade(first.golds, answer), answer
  assert not tasks.grade(first.golds, r"4.6 \times 10^{33}")
  assert tasks.grade(second.golds, r"I(0) \exp(-t/(RC))")


def test_olympiadbench_asks_for_all_answers_and_for_their_unit(tmp_path):
  path = _file(
    tmp_path,
    _olympiad(),
    _olympiad(is_multiple_answer=True, final_answer=["$2,-1$"]),
    _olympiad(unit=r"$\mathrm{km}$", context="A road.", error="1e-1"),
    _olympiad(
      is_multiple_answer=True, unit="m", final_answer=["1.5, 2"], error="0.1,"
    ),
  )
  problems = olympiadbench.load_olympiadbench(path)
  assert [p.question for p in problems] == [
    "How far?",
    f"How far?\n\n{SEVERAL}",
    "A road.\n\nHow far?\n\n"
    r"Give the answer in $\mathrm{km}$, without the unit.",
    f"How far?\n\n{SEVERAL} Give the answer in m, without the unit.",
  ]
  assert [p.gold for p in problems] == ["2", "2, -1", "2", "1.5, 2"]
  assert [p.tolerances for p in problems] == [(), (), (0.1,), (0.1, 0.0)]
  assert tasks.grade(problems[1].golds, "-1, 2")
  assert not tasks.grade(problems[1].golds, "2")


@pytest.mark.parametrize(
  ("load", "row", "message"),
  [
    (hendrycks_math.load_math, _math(level="Level 6"), "`level` is 'Level 6'"),
    (
      hendrycks_math.load_math,
      _math(level=None),
      "`level` is None; expected 1",
    ),
    (
      hendrycks_math.load_math,
      _math(solution="Two."),
      "`solution` ends in 'Tw",
    ),
    (hendrycks_math.load_math, _math(solution=r"\boxed{}"), "`solution` ends"),
    (hendrycks_math.load_math, _math(answer="$.$"), "`answer` is '$.$'; expec"),
    (hendrycks_math.load_math, {"level": 1}, "no field `problem` (fields: lev"),
    (minerva.load_minerva, {"question": "a?"}, "no field `answer` (fields: qu"),
    (minerva.load_minerva, {"answer": "1"}, "no field `problem` (fields: answ"),
    (
      minerva.load_minerva,
      {"question": "a?", "answer": ["1"]},
      "`answer` is ['1']; expected a text",
    ),
    (
      olympiadbench.load_olympiadbench,
      _olympiad(final_answer="2"),
      "`final_answer` is '2'; expected a list of one text",
    ),
    (
      olympiadbench.load_olympiadbench,
      _olympiad(final_answer=["2", "3"]),
      "`final_answer` is ['2', '3']; expected a list of one text",
    ),
    (
      olympiadbench.load_olympiadbench,
      _olympiad(final_answer=[""]),
      "`final_answer[0]` is ''; expected a text",
    ),
    (
      olympiadbench.load_olympiadbench,
      _olympiad(is_multiple_answer="no"),
      "`is_multiple_answer` is 'no'; expected true or false",
    ),
    (
      olympiadbench.load_olympiadbench,
      _olympiad(error="much"),
      "`error` is 'much'; expected numbers from 0 on",
    ),
    (
      olympiadbench.load_olympiadbench,
      _olympiad(error="-1"),
      "`error` is '-1'; expected numbers from 0 on",
    ),
    (
      olympiadbench.load_olympiadbench,
      _olympiad(unit=5),
      "`unit` is 5; expected a text",
    ),
  ],
)
def test_bad_row_is_named_with_file_and_line(load, row, message, tmp_path):
  path = _file(tmp_path, row)
  with pytest.raises(ValueError) as caught:
    load(path)
  assert str(caught.value).startswith(f"{path}, line 1: ")
  assert message in str(caught.value)
