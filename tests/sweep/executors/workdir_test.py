"""The folder of a sweep: a path is itself, an address has a mirror here."""

import json
import secrets

import pytest

from inference_scaling import storage
from inference_scaling.sweep import executors

RECORD = {"run": {"policy": "a"}, "problem": {"id": 1}}
TIMING = {"run": {"policy": "a"}, "problem": 1, "machine_seconds": 1.0}


@pytest.fixture
def url(tmp_path, monkeypatch):
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
  return f"memory://{secrets.token_hex(6)}/sweep"


def write(folder):
  """Records one search, as whoever writes a folder does."""
  for name, line in (("records.jsonl", RECORD), ("timings.jsonl", TIMING)):
    with (folder.path / name).open("a") as file:
      file.write(json.dumps(line) + "\n")
  folder.see(RECORD, TIMING)


def lines(folder):
  path = folder.path / "records.jsonl"
  return len(path.read_text().splitlines()) if path.exists() else 0


def test_a_path_is_the_folder(tmp_path):
  with executors.open_workdir(tmp_path / "a b", print) as folder:
    assert folder.path == tmp_path / "a b"
    assert folder.shared == str(tmp_path / "a b" / "tasks")
    folder.path.mkdir()
    write(folder)
    folder.save()
  assert lines(folder) == 1


def test_an_address_of_this_machine_is_a_path(tmp_path):
  with executors.open_workdir(f"file://{tmp_path}/a", print) as folder:
    assert folder.path == tmp_path / "a"


@pytest.mark.parametrize("url", ["s3://", "gs:///"])
def test_an_address_without_a_bucket_is_refused(url):
  with (
    pytest.raises(ValueError, match="names no bucket"),
    executors.open_workdir(url, print),
  ):
    pass


def test_an_address_is_sent_now_and_then_and_at_the_end(url):
  now = [0.0]

  def sent():
    return storage.open_store(url).list("")

  with executors.open_workdir(f"{url}/", print, lambda: now[0]) as folder:
    assert folder.shared == f"{url}/tasks"
    write(folder)
    assert not sent()
    now[0] = 31.0
    write(folder)
    assert "records.jsonl" in sent()
    (folder.path / "report.md").write_text("a report")
    (folder.path / "tasks").mkdir()
    (folder.path / "tasks" / "log").write_text("of this machine")
  assert "report.md" in sent()
  assert not storage.open_store(url).list("tasks")


def test_an_error_sends_what_is_recorded(url, tmp_path, monkeypatch):
  with (
    pytest.raises(KeyboardInterrupt),
    executors.open_workdir(url, print) as folder,
  ):
    write(folder)
    raise KeyboardInterrupt
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another machine"))
  with executors.open_workdir(url, print) as folder:
    assert lines(folder) == 1


def test_a_store_that_fails_in_between_is_a_warning(url, monkeypatch):
  now, said = [0.0], []

  def fail(self):
    raise OSError("no route to host")

  with executors.open_workdir(url, said.append, lambda: now[0]) as folder:
    write(folder)
    now[0] = 31.0
    with monkeypatch.context() as patch:
      patch.setattr(storage.Mirror, "push", fail)
      write(folder)
    assert len(said) == 1 and "no route to host" in said[0]
    assert str(folder.path) in said[0]
    assert not storage.open_store(url).list("")
  assert "records.jsonl" in storage.open_store(url).list("")
