"""Files are written whole or not at all."""

import errno
import os
import pathlib

import pytest

from inference_scaling.analysis import files


def full(self, content):
  """A disk without room: a part is written, then no more."""
  with self.open("wb") as file:
    file.write(content[:3])
  raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_and_its_folder_are_made(tmp_path):
  path = tmp_path / "a" / "b.txt"
  files.write(path, "ки")
  assert path.read_text("utf-8") == "ки"
  files.write(path, b"\x00")
  assert path.read_bytes() == b"\x00"
  assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
  path = tmp_path / "figure.png"
  path.write_bytes(b"before")
  monkeypatch.setattr(pathlib.Path, "write_bytes", full)
  with pytest.raises(OSError, match=r"cannot write .*figure\.png: No space"):
    files.write(path, b"afterwards")
  assert path.read_bytes() == b"before"
  assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
  (tmp_path / "file").touch()
  for path in (tmp_path / "file" / "x.html", tmp_path):
    for write in (files.check, lambda path: files.write(path, "text")):
      with pytest.raises(OSError, match=f"cannot write {path}: "):
        write(path)
  files.check(tmp_path / "new" / "x.html")
  assert list((tmp_path / "new").iterdir()) == []


def test_staged_files_take_their_places_together(tmp_path):
  (tmp_path / "a.txt").write_text("old")
  with files.staging(tmp_path) as stage:
    files.write(stage / "a.txt", "new")
    files.write(stage / "deep" / "b.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"
  assert (tmp_path / "a.txt").read_text() == "new"
  assert (tmp_path / "deep" / "b.txt").read_text() == "new"
  assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "deep"]


@pytest.mark.parametrize(
  "error", [OSError(28, "No space"), ValueError("wrong")]
)
def test_an_error_leaves_all_as_it_was(tmp_path, error):
  (tmp_path / "a.txt").write_text("old")
  with pytest.raises(type(error)), files.staging(tmp_path) as stage:
    files.write(stage / "a.txt", "new")
    raise error
  assert (tmp_path / "a.txt").read_text() == "old"
  assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
