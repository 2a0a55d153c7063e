"""Lines are whole or not there, whatever happens while they are written."""

import errno
import json
import resource

import pytest
from absl import logging

from inference_scaling.sweep.records import files

ROWS = [{"id": i, "text": "ки\n" * i, "score": 0.1 + i} for i in range(4)]


@pytest.fixture
def path(tmp_path):
  path = tmp_path / "records.jsonl"
  with files.JsonLines(path) as file:
    for row in ROWS:
      file.append(row)
  return path


def read(path):
  with files.JsonLines(path) as file:
    return list(file.read())


def test_rows_come_back_one_a_line(path):
  assert read(path) == ROWS
  assert path.read_bytes().count(b"\n") == len(ROWS)


def test_equal_rows_are_equal_bytes(path, tmp_path):
  other = tmp_path / "other.jsonl"
  with files.JsonLines(other) as file:
    for row in ROWS:
      file.append(json.loads(json.dumps(row)))
  assert other.read_bytes() == path.read_bytes()


def test_a_line_is_on_the_disk_when_append_returns(tmp_path):
  path = tmp_path / "records.jsonl"
  with files.JsonLines(path) as file:
    for count, row in enumerate(ROWS, start=1):
      file.append(row)
      assert file.count == count
      assert path.read_bytes().count(b"\n") == count


def test_a_line_cut_at_any_byte_is_dropped_with_a_warning(path, monkeypatch):
  whole = path.read_bytes()
  start = whole.rindex(b"\n", 0, -1) + 1
  warnings = []
  monkeypatch.setattr(logging, "warning", lambda *args: warnings.append(args))
  for end in range(start + 1, len(whole)):
    path.write_bytes(whole[:end])
    assert read(path) == ROWS[:-1]
    assert path.read_bytes() == whole[:start]
  assert len(warnings) == len(whole) - start - 1
  path.write_bytes(whole[:start])
  assert read(path) == ROWS[:-1]
  assert len(warnings) == len(whole) - start - 1  # nothing was cut


def test_a_file_that_is_one_cut_line_is_emptied(tmp_path):
  path = tmp_path / "records.jsonl"
  path.write_bytes(b'{"a": 1')
  assert read(path) == []
  assert path.read_bytes() == b""


def test_a_cut_line_longer_than_a_block_is_dropped(path):
  whole = path.read_bytes()
  path.write_bytes(whole + b"x" * 200_000)
  assert read(path) == ROWS
  assert path.read_bytes() == whole


def test_appending_goes_on_after_a_dropped_line(path):
  path.write_bytes(path.read_bytes()[:-3])
  with files.JsonLines(path) as file:
    file.append(ROWS[-1])
  assert read(path) == ROWS


def test_damage_in_the_middle_is_named_by_line(path):
  lines = path.read_bytes().split(b"\n")
  lines[1] = lines[1][:-4]
  path.write_bytes(b"\n".join(lines))
  with pytest.raises(ValueError, match=r"records.jsonl, line 2, is not JSON"):
    read(path)


def test_numbers_that_are_none_are_never_written(path):
  with files.JsonLines(path) as file, pytest.raises(ValueError, match="JSON"):
    file.append({"score": float("nan")})
  assert read(path) == ROWS


def test_a_full_disk_keeps_what_was_finished(path):
  whole = path.read_bytes()
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  with files.JsonLines(path) as file:
    list(file.read())
    try:
      # The kernel writes what fits and then refuses, as on a full disk.
      resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 10, hard))
      with pytest.raises(OSError) as caught:
        file.append(ROWS[3])
    finally:
      resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    message = str(caught.value)
    assert str(path) in message and "4 finished lines are safe" in message
    assert "File too large" in message and "same command" in message
    assert path.read_bytes() == whole
    file.append(ROWS[0])
  assert read(path) == [*ROWS, ROWS[0]]


def test_no_space_left_is_said_in_words(path, monkeypatch):
  def refuse(descriptor):
    raise OSError(errno.ENOSPC, "No space left on device")

  whole = path.read_bytes()
  with files.JsonLines(path) as file:
    monkeypatch.setattr(files.os, "fsync", refuse)
    with pytest.raises(OSError, match=r"No space left .*Free space"):
      file.append(ROWS[0])
  assert path.read_bytes() == whole


def test_a_second_writer_is_refused(path):
  with files.JsonLines(path):
    with pytest.raises(OSError, match=r"another process is writing.*--workdir"):
      files.JsonLines(path)
  assert read(path) == ROWS


def test_rows_are_dropped_and_appending_goes_on(path):
  with files.JsonLines(path) as file:
    file.drop(lambda row: row["id"] in (1, 3))
    assert file.count == 2
    with pytest.raises(OSError, match="another process is writing"):
      files.JsonLines(path)
    file.append(ROWS[3])
  assert read(path) == [ROWS[0], ROWS[2], ROWS[3]]
  assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_kill_while_rows_are_dropped_leaves_all_of_them(path, monkeypatch):
  def kill(*unused):
    raise KeyboardInterrupt

  whole = path.read_bytes()
  with files.JsonLines(path) as file, monkeypatch.context() as patch:
    patch.setattr(files.json_lines.os, "replace", kill)
    with pytest.raises(KeyboardInterrupt):
      file.drop(lambda row: True)
  assert path.read_bytes() == whole
  with files.JsonLines(path) as file:  # over what the kill left behind
    file.drop(lambda row: row["id"] != 2)
  assert read(path) == [ROWS[2]]
