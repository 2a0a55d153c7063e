"""Problems of the user's own, under the names that published files use."""

import json
import pathlib

import pytest

from inference_scaling import tasks
from inference_scaling.tasks.files import (
  field_names,
  jsonl,
)

DATA = pathlib.Path(__file__).parents[4] / "shared" / "data"


def _file(tmp_path, *lines):
  path = tmp_path / "mine.jsonl"
  lines = [x if isinstance(x, str) else json.dumps(x) for x in lines]
  path.write_text("\n".join(lines), encoding="utf-8")
  return path


def test_loads_rows_with_and_without_the_fields_that_may_be_left_out(tmp_path):
  path = _file(
    tmp_path,
    {"question": "1 + 1?", "gold": "2", "more": [1]},
    "",
    {"question": "Half?", "gold": 0.5, "level": 3},
  )
  assert tasks.load_problems(path) == [
    tasks.Problem(id=0, question="1 + 1?", gold="2", level=1, source="mine"),
    tasks.Problem(id=1, question="Half?", gold="0.5", level=3, source="mine"),
  ]


def test_keeps_given_ids_and_makes_gold_canonical(tmp_path):
  path = _file(
    tmp_path,
    {"id": 7, "question": "a?", "gold": "$1,234.0"},
    {"id": 3, "question": "b?", "gold": r"\dfrac12"},
  )
  problems = tasks.load_problems(str(path))
  assert [(p.id, p.gold) for p in problems] == [
    (7, "1234"),
    (3, r"\frac{1}{2}"),
  ]


GOOD = {"question": "1 + 1?", "gold": "2"}


@pytest.mark.parametrize(
  ("line", "message"),
  [
    ({"gold": "2"}, "no field `question` (fields: gold); expected `question`"),
    ({"question": "a?"}, "no field `gold` (fields: question)"),
    ({"question": "", "gold": "2"}, "`question` is ''; expected a text"),
    ({"question": 5, "gold": "2"}, "`question` is 5; expected a text"),
    ({"question": "a?", "gold": None}, "`gold` is None; expected a text"),
    ({"question": "a?", "gold": True}, "`gold` is True; expected a text"),
    ({"question": "a?", "gold": "$."}, "`gold` is '$.'; expected an answer"),
    (GOOD | {"level": 0}, "`level` is 0; expected 1 or more"),
    (GOOD | {"level": "hard"}, "`level` is 'hard'; expected an integer"),
    (GOOD | {"id": True}, "`id` is True; expected an integer"),
    (GOOD | {"id": -1}, "`id` is -1; expected 0 or more"),
    (GOOD | {"id": 2.5}, "`id` is 2.5; expected an integer or a text"),
    (GOOD | {"id": ""}, "`id` is ''; expected a text that is not empty"),
    (GOOD | {"id": [1]}, "`id` is [1]; expected an integer or a text"),
    (GOOD | {"level": 2.5}, "`level` is 2.5; expected an integer or a text su"),
    (GOOD | {"level": "Level 0"}, "`level` is Level 0; expected 1 or more"),
    (GOOD | {"level": "Level ?"}, "`level` is 'Level ?'; expected an integer"),
    (GOOD | {"level": True}, "`level` is True; expected an integer"),
    (GOOD | {"gold": []}, "`gold` is []; expected an answer, or a list of"),
    (GOOD | {"gold": ["1", None]}, "`gold[1]` is None; expected a text"),
    (GOOD | {"gold": [["1"]]}, "`gold[0]` is ['1']; expected a text"),
    (GOOD | {"gold": {"a": 1}}, "`gold` is {'a': 1}; expected a text"),
    (GOOD | {"gold": "So\n#### many"}, "ends in 'So\\n#### many', a solution"),
    (GOOD | {"gold": r"It is \boxed{4"}, "of which no answer can be read"),
    (GOOD | {"question": "a \ud83d?"}, "with half of a character; expected"),
    ("[" * 100_000, "'[[[[[[["),
    (GOOD | {"id": 0}, "id 0 is that of line 1 too; expected an id that"),
    ('{"question": "a', '\'{"question": "a\' (Unterminated string'),
    ("[1, 2]", "a list; expected a JSON object"),
    ("7", "a int; expected a JSON object"),
  ],
)
def test_bad_row_is_named_with_file_and_line(tmp_path, line, message):
  path = _file(tmp_path, GOOD, line)
  with pytest.raises(ValueError) as caught:
    tasks.load_problems(path)
  assert str(caught.value).startswith(f"{path}, line 2: ")
  assert message in str(caught.value)


def test_bytes_that_are_not_utf8_are_named(tmp_path):
  path = tmp_path / "mine.jsonl"
  path.write_bytes(b'{"question": "caf\xe9"}')
  with pytest.raises(ValueError, match=r"mine\.jsonl, line 1: .*utf-8"):
    tasks.load_problems(path)


@pytest.mark.parametrize("load", [tasks.load_problems, tasks.load_gsm8k])
@pytest.mark.parametrize("content", ["", "\n \n"])
def test_file_without_rows_is_refused(tmp_path, load, content):
  path = tmp_path / "empty.jsonl"
  path.write_text(content, encoding="utf-8")
  with pytest.raises(ValueError, match=r"empty\.jsonl has no rows: expected"):
    load(path)


@pytest.mark.parametrize("load", [tasks.load_problems, tasks.load_gsm8k])
def test_missing_file_is_named(tmp_path, load):
  with pytest.raises(
    FileNotFoundError, match=r"no problem file at .*none\.json"
  ):
    load(tmp_path / "none.jsonl")


def _only_problem(tmp_path, *lines, fields=None):
  *_, last = tasks.load_problems(_file(tmp_path, *lines), fields)
  return last


QUESTIONS = ("question", "problem", "input", "prompt", "query", "Problem")
GOLDS = (
  "gold", "answer", "target", "final_answer", "expected_answer",
  "ground_truth", "solution", "Answer", "GOLD",
)  # fmt: skip


@pytest.mark.parametrize("gold", GOLDS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_fields_go_by_the_names_of_published_files(question, gold, tmp_path):
  actual = _only_problem(
    tmp_path, {question: "How many?", gold: 27.0, "Level": 9}
  )
  assert actual == tasks.Problem(0, "How many?", "27", 1, "mine")


@pytest.mark.parametrize(
  ("row", "gold"),
  [
    # This package's own names come first, a solution last.
    ({"question": "a?", "gold": "1", "answer": "2"}, "1"),
    ({"question": "a?", "problem": "b?", "gold": "1"}, "1"),
    ({"question": "a?", "answer": "1", "solution": r"\boxed{2}"}, "1"),
    ({"question": "a?", "answer": "", "target": "1"}, "1"),
    ({"question": "a?", "gold": None, "answer": "1", "x": "2"}, "1"),
    # Several fields that say the same are no matter.
    ({"question": "a?", "answer": "1.0", "final_answer": 1}, "1"),
    ({"question": "a?", "answer": "So\n#### 1", "final_answer": "1"}, "1"),
    ({"question": "a?", "answer": ["1", "2"], "target": ["2", "1"]}, "1"),
    ({"problem": "a?", "prompt": " a? ", "gold": "1"}, "1"),
  ],
)
def test_one_field_is_meant(row, gold, tmp_path):
  actual = _only_problem(tmp_path, row)
  assert (actual.question, actual.gold) == ("a?", gold)


@pytest.mark.parametrize(
  ("row", "message"),
  [
    (
      {"question": "a?", "answer": "1", "target": "2"},
      "the gold may be `answer` ('1') or `target` ('2'); expected one of them, "
      "or a choice by config.task.fields.gold",
    ),
    (
      {"question": "a?", "answer": "1", "Answer": "2"},
      "the gold may be `answer` ('1') or `Answer` ('2')",
    ),
    (
      {"problem": "a?", "input": "b?", "gold": "1"},
      "the question may be `problem` ('a?') or `input` ('b?')",
    ),
    (
      {"problem": "a?", "input": "b?", "query": "c?", "gold": "1"},
      "the question may be `problem` ('a?') or `input` ('b?') or `query` ('c",
    ),
    (
      {"question": "a?", "answer": "1", "target": {"x": 1}},
      "the gold may be `answer` ('1') or `target`",
    ),
    (
      {"text": "a?", "gold": "1"},
      "no field `question` (fields: gold, text); expected `question`, problem,",
    ),
    (
      {"question": "a?", "label": 3},
      "no field `gold` (fields: label, question); expected `gold`, answer, ",
    ),
    (
      {"question": "a?", "solution": "We add all of the apples and get five."},
      "`solution` ends in 'We add all of the apples and get five.' and states "
      "no answer; expected `#### 42`",
    ),
  ],
)
def test_what_cannot_be_told_is_refused_by_name(row, message, tmp_path):
  with pytest.raises(ValueError) as caught:
    _only_problem(tmp_path, row)
  assert f"mine.jsonl, line 1: {message}" in str(caught.value)


@pytest.mark.parametrize(
  ("first", "second", "words"),
  [
    ({"answer": "1"}, {"gold": "1"}, "the gold is in `gold`, .* in `answer`;"),
    ({"gold": "1"}, {"answer": "1"}, "the gold is in `answer`, .* in `gold`;"),
    ({"answer": "1"}, {"solution": "1"}, "is in `solution`, .* in `answer`;"),
  ],
)
def test_names_are_the_same_in_all_rows(first, second, words, tmp_path):
  question = {"question": "a?"}
  with pytest.raises(ValueError, match=rf"line 2: .*{words}"):
    _only_problem(tmp_path, question | first, question | second)


def test_a_mapping_comes_before_all_names(tmp_path):
  row = {
    "question": "not this", "gold": "0", "task": "a?", "result": r"\boxed{5}",
    "difficulty": "Level 4", "uid": "x-1", "id": 3, "level": 1,
  }  # fmt: skip
  fields = {
    "question": "task", "gold": "result", "level": "difficulty", "id": "uid"
  }  # fmt: skip
  actual = _only_problem(tmp_path, row, fields=fields)
  assert (actual.question, actual.gold, actual.level) == ("a?", "5", 4)
  assert actual.name == "x-1"
  actual = _only_problem(tmp_path, row, fields={"gold": "result"})
  assert (actual.question, actual.gold, actual.id) == ("not this", "5", 3)


@pytest.mark.parametrize(
  ("fields", "words"),
  [
    ({"question": "task"}, "no field `task` .*config.task.fields.question"),
    ({"gold": "Gold"}, r"no field `Gold` \(fields: gold, question\)"),
    ({"level": "x"}, "no field `x`"),
    ({"id": "uid"}, "no field `uid`"),
    ({"answer": "gold"}, "fields has 'answer': 'gold'; .*question, gold, lev"),
    ({"gold": ""}, "fields has 'gold': ''"),
    ({"gold": 3}, "fields has 'gold': 3"),
    ({"gold": "question", "question": "question"}, "another field for each"),
  ],
)
def test_a_wrong_mapping_is_named(fields, words, tmp_path):
  with pytest.raises(ValueError, match=words):
    _only_problem(tmp_path, GOOD, fields=fields)


@pytest.mark.parametrize(
  ("level", "number"),
  [
    (3, 3), (3.0, 3), ("3", 3), ("3.0", 3), ("Level 3", 3), ("level 3", 3),
    ("LEVEL: 12", 12), ("level_2", 2), ("L5", 5), (" Level 1 ", 1), (None, 1),
  ],
)  # fmt: skip
def test_levels_are_read_as_files_write_them(level, number, tmp_path):
  assert _only_problem(tmp_path, GOOD | {"level": level}).level == number


@pytest.mark.parametrize(
  ("value", "number", "name"),
  [
    (7, 7, ""), (7.0, 7, ""), ("7", 7, ""), (2**31 - 1, 2**31 - 1, ""),
    ("07", jsonl.number_of("07"), "07"), ("-7", jsonl.number_of("-7"), "-7"),
    (2**31, jsonl.number_of("2147483648"), "2147483648"),
    ("99999999999999999999999", None, "99999999999999999999999"),
    (" algebra/1 ", jsonl.number_of("algebra/1"), "algebra/1"),
    ("задача 1", None, "задача 1"), (None, 0, ""),
  ],
)  # fmt: skip
def test_ids_are_integers_or_texts(value, number, name, tmp_path):
  actual = _only_problem(tmp_path, GOOD | {"id": value})
  assert actual.name == name
  assert actual.id == (jsonl.number_of(name) if number is None else number)
  assert 0 <= actual.id < 2**31


def test_the_number_of_a_name_depends_on_nothing_else(tmp_path):
  # Draws are keyed by it: with other numbers old records are of other draws.
  assert jsonl.number_of("test/algebra/1072.json") == 1981749373
  assert jsonl.number_of("ки") == 56879543
  names = [f"aime-{i}" for i in range(40)]
  rows = [GOOD | {"id": name} for name in names]
  once = {p.name: p.id for p in tasks.load_problems(_file(tmp_path, *rows))}
  rows = rows[::-1][:20]
  again = {p.name: p.id for p in tasks.load_problems(_file(tmp_path, *rows))}
  assert list(once) == names and len(set(once.values())) == 40
  assert again == {name: once[name] for name in names[:19:-1]}


def test_names_that_come_to_the_same_number_are_refused(tmp_path, monkeypatch):
  rows = [GOOD | {"id": name} for name in ("a", "b")]
  monkeypatch.setattr(jsonl, "number_of", lambda name: 5)
  with pytest.raises(ValueError, match=r"line 2: the ids 'b' and 'a' \(line 1"):
    _only_problem(tmp_path, *rows)
  with pytest.raises(ValueError, match="line 2: the ids 5 and 'a'"):
    _only_problem(tmp_path, rows[0], GOOD | {"id": 5})
  with pytest.raises(ValueError, match="line 2: id a is that of line 1 too"):
    _only_problem(tmp_path, rows[0], rows[0])


@pytest.mark.parametrize(
  ("gold", "golds"),
  [
    ("5", ("5",)),
    (["5"], ("5",)),
    (["5", "five", 5.0], ("5", "five")),
    ([r"\dfrac12", 0.5, "1/2"], (r"\frac{1}{2}", "0.5")),
    (6.72e-05, ("0.0000672",)),
    (1e21, ("1000000000000000000000",)),
    # Solutions, by the marks that they state their answers with.
    ("She has 2 + 3 = <<2+3=5>>5.\n#### 1,234", ("1234",)),
    (r"We get $\boxed{\dfrac{1}{2}}$.", (r"\frac{1}{2}",)),
    (r"First \boxed{1}, then \boxed{x^2}.", ("x^2",)),
    (r"\fbox{7}", ("7",)),
    ("Step 1: 2 + 3 = 5. ки\nThe answer is: 5 ки", ("5",)),
    ("So the answer is 7.", ("7",)),
    ("2 + 3 = 5. The Answer is: 5", ("5",)),
    ("We add.\n**Answer:** 5", ("5",)),
    ("<answer>5</answer>", ("5",)),
    ([r"\boxed{3}", "#### 4"], ("3", "4")),
    # No marks, no solutions.
    ("(1, 2)", ("(1, 2)",)),
    ("Evelyn", ("evelyn",)),
    ("#3", ("#3",)),
  ],
)
@pytest.mark.parametrize("name", ["gold", "answer", "solution"])
def test_a_gold_is_an_answer_or_a_solution_or_a_list(
  name, gold, golds, tmp_path
):
  actual = _only_problem(tmp_path, {"question": "a?", name: gold})
  assert actual.golds == golds
  assert (actual.gold, *actual.alternatives) == golds


def test_a_byte_order_mark_and_line_ends_of_windows_mean_nothing(tmp_path):
  path = tmp_path / "mine.jsonl"
  text = f"{json.dumps(GOOD)}\r\n\r\n{json.dumps(GOOD)}"
  path.write_text(text, encoding="utf-8-sig", newline="")
  assert len(tasks.load_problems(path)) == 2


def test_it_is_told_which_fields_were_taken(tmp_path):
  path = _file(tmp_path, {"Problem": "a?", "answer": "1", "other": 2})
  assert jsonl.field_used(path, field_names.QUESTION) == "Problem"
  assert jsonl.field_used(path, field_names.GOLD) == "answer"
  actual = jsonl.field_used(path, field_names.GOLD, {"gold": "other"})
  assert actual == "other"
  assert jsonl.field_used(path, field_names.GOLD, {"gold": "x"}) is None


@pytest.mark.parametrize(
  ("name", "load", "levels"),
  [
    ("gsm8k_test", tasks.load_gsm8k, {1}),
    ("math500", tasks.load_math500, {1, 2, 3, 4, 5}),
    ("aime24", tasks.load_aime, {1}),
    ("amc23", tasks.load_amc, {1}),
  ],
)
def test_published_files_are_read_as_by_their_own_loaders(name, load, levels):
  path = DATA / f"{name}.jsonl"
  if not path.is_file():
    pytest.skip(f"no benchmark file at {path}")
  problems, reference = tasks.load_problems(path), load(path)
  assert [(p.question, p.gold) for p in problems] == [
    (p.question, p.gold) for p in reference
  ]
  assert {p.level for p in problems} == levels
