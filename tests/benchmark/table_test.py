import json

import pytest

from inference_scaling.benchmark import table

ROWS = [
  table.Row("machine", "products of float32", 123.456, "GFLOP/s"),
  table.Row("sampling", "own", 1234.5, "tokens/s", "a note", (1.0, 2.0)),
  table.Row("sampling", "other", None, "", "not installed: torch"),
]


def test_text_of_sections():
  assert table.render(ROWS) == (
    "machine\n"
    "  products of float32  123.5 GFLOP/s\n"
    "\n"
    "sampling\n"
    "  own                  1,234 tokens/s  a note\n"
    "  other                    -           not installed: torch"
  )
  assert table.render([]) == ""


def test_numbers_keep_three_digits():
  rows = [table.Row("s", "x", value) for value in (0.01234, 5.678, 0.0, 42.0)]
  shown = [line.split()[-1] for line in table.render(rows).splitlines()[1:]]
  assert shown == ["0.0123", "5.68", "0", "42"]


def test_file_of_all_numbers(tmp_path):
  path = tmp_path / "new" / "found.json"
  table.write(path, {"cores": 2}, ROWS)
  content = json.loads(path.read_text())
  assert content["setting"] == {"cores": 2}
  assert content["rows"][1] == {
    "section": "sampling", "name": "own", "value": 1234.5,
    "unit": "tokens/s", "note": "a note", "rounds": [1.0, 2.0],
  }  # fmt: skip
  assert content["rows"][2]["value"] is None


def test_a_path_that_cannot_be_written_is_told_before_the_work(tmp_path):
  (tmp_path / "found").mkdir()
  with pytest.raises(OSError, match=r"found cannot be written \(.*--output"):
    table.prepare(tmp_path / "found")
  old = tmp_path / "old.json"
  old.write_text("numbers")
  table.prepare(old)
  assert old.read_text() == "numbers"
