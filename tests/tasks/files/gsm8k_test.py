import json
import pathlib

import pytest

from inference_scaling import tasks

DATA = pathlib.Path(__file__).parents[4] / "shared" / "data"


def _file(tmp_path, *rows):
  path = tmp_path / "gsm8k_dev.jsonl"
  path.write_text("".join(json.dumps(row) + "\n" for row in rows))
  return path


def _row(answer):
  return {"question": "How many?", "answer": answer}


def test_reads_gold_and_level(tmp_path):
  path = _file(
    tmp_path,
    _row("6 + 1 = <<6+1=7>>7\n7 * 6 = $<<7*6=42>>42\n#### 42"),
    _row("No marks.\n#### 1,234"),
    _row("Colder.\n#### -3 "),
  )
  assert tasks.load_gsm8k(path) == [
    tasks.Problem(0, "How many?", "42", 2, "gsm8k_dev"),
    tasks.Problem(1, "How many?", "1234", 1, "gsm8k_dev"),
    tasks.Problem(2, "How many?", "-3", 1, "gsm8k_dev"),
  ]


@pytest.mark.parametrize(
  ("row", "message"),
  [
    ({"question": "a?"}, "no field `answer` (fields: question)"),
    ({"problem": "a?", "answer": "#### 1"}, "no field `question`"),
    (_row("It is 42."), "`answer` ends in 'It is 42.'; expected a last line"),
    (_row("#### many"), "expected a last line `#### NUMBER`"),
    (_row("#### 1,23"), "expected a last line `#### NUMBER`"),
    (_row(42), "`answer` is 42; expected a text"),
  ],
)
def test_bad_row_is_named_with_file_and_line(tmp_path, row, message):
  path = _file(tmp_path, _row("#### 1"), row)
  with pytest.raises(ValueError) as caught:
    tasks.load_gsm8k(path)
  assert str(caught.value).startswith(f"{path}, line 2: ")
  assert message in str(caught.value)


@pytest.mark.parametrize(
  ("name", "count"), [("gsm8k_test", 1319), ("gsm8k_train", 7473)]
)
def test_loads_the_published_files(name, count):
  path = DATA / f"{name}.jsonl"
  if not path.is_file():
    pytest.skip(f"no benchmark file at {path}")
  problems = tasks.load_gsm8k(path)
  assert [p.id for p in problems] == list(range(count))
  assert {p.source for p in problems} == {name}
  assert all(int(p.gold) == float(p.gold) for p in problems)
  assert min(p.level for p in problems) == 1
  assert max(p.level for p in problems) > 5
