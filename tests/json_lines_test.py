"""One rule of what is whole, whoever reads: resume, report and tree page."""

import json
import os

import pytest
from absl import logging

from inference_scaling import analysis, json_lines
from inference_scaling.sweep.records import files
from tests.analysis import tree_records

# Of records of few bytes: every cut of the last one is tried.
STEPS = ["Step 1: 40 + 2 = 42 ки", "«ки» ½ 🐈"]


def rows(count):
  made = []
  for problem in range(count):
    record = tree_records.record(
      [None, 0], [tree_records.RUNNING, tree_records.FINISHED], None,
      [(1, "42")], STEPS,
    )  # fmt: skip
    record["problem"]["id"] = problem
    made.append(record)
  return made


ROWS = rows(3)


def encoded(values):
  return [
    json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    for value in values
  ]


WHOLE = b"\n".join([*encoded(ROWS[:2]), b""])
LAST = encoded(ROWS[2:])[0] + b"\n"


@pytest.fixture(name="path")
def _path(tmp_path):
  return tmp_path / "records.jsonl"


def read(path):
  return [value for _, value in json_lines.read(path)]


def by_report(path):
  return [record.problem for record in analysis.read_records(path)]


def by_tree_page(path):
  """Ids of the records, as the message for one that is missing lists them."""
  with pytest.raises(ValueError, match="no record of problem 99") as caught:
    analysis.find_record(path, 99)
  listed = str(caught.value).partition("those of ")[2]
  return [int(number) for number in listed.rstrip(".").split(", ")]


def by_resume(path):
  with files.JsonLines(path) as file:
    return [record["problem"]["id"] for record in file.read()]


READERS = {"report": by_report, "tree page": by_tree_page}


@pytest.fixture(name="logged")
def _logged(monkeypatch):
  warnings = []
  monkeypatch.setattr(logging, "warning", lambda *args: warnings.append(args))
  return warnings


@pytest.mark.parametrize("reader", READERS)
def test_a_last_line_cut_at_any_byte_is_left_out_with_a_warning(reader, path):
  inside = 0
  for end in range(1, len(LAST)):
    cut = LAST[:end]
    try:
      cut.decode()
    except UnicodeDecodeError:
      inside += 1
    path.write_bytes(WHOLE + cut)
    with pytest.warns(UserWarning, match=r"records\.jsonl:3: the last line"):
      assert READERS[reader](path) == [0, 1]
    assert path.read_bytes() == WHOLE + cut  # who reads writes nothing
  assert inside > 8
  path.write_bytes(WHOLE + LAST)
  assert READERS[reader](path) == [0, 1, 2]


def test_after_a_cut_at_any_byte_a_resume_gives_the_whole_again(path, logged):
  for end in range(1, len(LAST)):
    path.write_bytes(WHOLE + LAST[:end])
    with files.JsonLines(path) as file:
      assert [record["problem"]["id"] for record in file.read()] == [0, 1]
      file.append(ROWS[2])
    assert path.read_bytes() == WHOLE + LAST
  assert len(logged) == len(LAST) - 1
  for reader in READERS.values():
    assert reader(path) == [0, 1, 2]


# What a crash of the file system leaves: zeros, with or without line ends.
ZEROS = {
  "alone": bytes(300),
  "many": bytes(200_000),
  "behind a part": LAST[:50] + bytes(100),
  "within": LAST[:50] + bytes(100) + LAST[150:],
  "a block, then the end": bytes(len(LAST) - 1) + b"\n",
  "lines of them": bytes(20) + b"\n" + bytes(30) + b"\n\n" + bytes(5),
}


@pytest.mark.parametrize("name", ZEROS)
def test_zeros_at_the_end_are_what_a_crash_left(name, path, logged):
  for reader in READERS.values():
    path.write_bytes(WHOLE + ZEROS[name])
    with pytest.warns(UserWarning, match=r"records\.jsonl:3: the last line"):
      assert reader(path) == [0, 1]
  assert by_resume(path) == [0, 1]
  assert path.read_bytes() == WHOLE
  assert len(logged) == 1


# What editors leave behind, and means nothing.
HARMLESS = {
  "a blank last line": WHOLE + LAST + b"\n",
  "blank lines at the end": WHOLE + LAST + b"\n  \n\r\n",
  "spaces behind the end": WHOLE + LAST + b"  \t",
  "blank lines between": WHOLE + b"\n \n" + LAST,
  "line ends of Windows": (WHOLE + LAST).replace(b"\n", b"\r\n"),
  "a byte order mark": b"\xef\xbb\xbf" + WHOLE + LAST,
  "both": b"\xef\xbb\xbf" + (WHOLE + LAST).replace(b"\n", b"\r\n") + b"\r\n",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_editors_leave_means_nothing(name, path, logged):
  path.write_bytes(HARMLESS[name])
  for reader in (*READERS.values(), by_resume):
    assert reader(path) == [0, 1, 2]
  with files.JsonLines(path) as file:
    assert file.recount() == 3
    file.append({"problem": {"id": 3}})
    assert file.count == 4
  assert [row["problem"]["id"] for row in read(path)] == [0, 1, 2, 3]
  assert not logged


DAMAGE = {
  "cut": LAST[:50] + b"\n",
  "cut inside a character": LAST[: LAST.index("к".encode()) + 1] + b"\n",
  "zeros": LAST[:50] + bytes(100) + b"\n",
  "two objects": b"{} {}\n",
  "a list": b"[1]\n",
  "a number": b"7\n",
  "another encoding": '{"a": "é"}\n'.encode("latin-1"),
  "two bytes a letter": '{"a": 1}\n'.encode("utf-16"),
  "nested too deep": b"[" * 100_000 + b"\n",
  "a byte order mark": b"\xef\xbb\xbf{}\n",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_in_the_middle_names_file_and_line(name, path):
  first = encoded(ROWS[:1])[0] + b"\n"
  path.write_bytes(first + DAMAGE[name] + LAST + LAST)
  with pytest.raises(analysis.RecordError, match=r"records\.jsonl:2: not a J"):
    by_report(path)
  line = r"records\.jsonl, line 2, is not JSON \(.+\); expected one object"
  with pytest.raises(ValueError, match=line):
    analysis.find_record(path, 99)
  with pytest.raises(ValueError, match=line):
    by_resume(path)
  if name == "zeros":
    with pytest.raises(ValueError, match=r"\(it holds NUL bytes\)"):
      by_resume(path)


def test_a_file_in_another_encoding_is_named_and_not_emptied(path):
  text = (WHOLE + LAST).decode().encode("utf-16")
  path.write_bytes(text)
  with pytest.raises(ValueError, match=r"line 1, is not JSON"):
    by_resume(path)
  assert path.read_bytes() == text[:-1]


def test_a_last_line_with_its_end_is_no_cut(path):
  path.write_bytes(WHOLE + DAMAGE["cut"])
  for reader in (by_report, by_resume):
    with pytest.raises(ValueError, match=r"records\.jsonl.*3"):
      reader(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf", b" \r\n"])
def test_a_file_without_a_line_has_no_objects(content, path):
  path.write_bytes(content)
  if content == b"\xef\xbb\xbf":
    with pytest.warns(UserWarning, match=r"records\.jsonl:1: the last line"):
      assert read(path) == []
  else:
    assert read(path) == []


def test_what_is_written_meanwhile_is_not_looked_at(path):
  path.write_bytes(WHOLE)
  lines = json_lines.read(path)
  assert next(lines)[0] == 1
  with path.open("ab") as file:
    file.write(LAST[:50])
  assert [number for number, _ in lines] == [2]


def test_a_file_is_replaced_or_kept(path, monkeypatch):
  path.write_bytes(WHOLE)
  json_lines.rewrite(path, [LAST])
  assert path.read_bytes() == LAST

  def refuse(descriptor):
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(os, "fsync", refuse)
  with pytest.raises(
    OSError, match=r"records\.jsonl: No space left.*as it was"
  ):
    json_lines.rewrite(path, [WHOLE])
  assert path.read_bytes() == LAST
  assert [entry.name for entry in path.parent.iterdir()] == ["records.jsonl"]
