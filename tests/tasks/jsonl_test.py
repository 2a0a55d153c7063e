import json

import pytest

from inference_scaling import tasks


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
