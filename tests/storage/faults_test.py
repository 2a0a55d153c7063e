"""Kills, full disks, lost answers and stores that do not keep to the rules."""

import contextlib
import errno
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys

import pytest

from inference_scaling import storage

_LINE = b"x" * 99 + b"\n"


@contextlib.contextmanager
def full_disk(size):
  """No file grows over a size: what fits is written, the rest is refused."""
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def local(tmp_path):
  return storage.LocalStore(tmp_path / "shared")


_APPEND = """
import itertools, sys
from inference_scaling import storage
store = storage.open_store(sys.argv[1])
for i in itertools.count():
  store.append("log", b"%d%s\\n" % (i, b"." * 100_000))
  print(i, flush=True)
"""


def test_lines_that_were_appended_outlive_a_kill(store):
  if store.url.startswith("memory:"):
    pytest.skip("memory is of one process")
  writer = subprocess.Popen(
    [sys.executable, "-c", _APPEND, store.url], stdout=subprocess.PIPE
  )
  told = [int(writer.stdout.readline()) for _ in range(5)]
  os.kill(writer.pid, signal.SIGKILL)
  told += [int(line) for line in writer.communicate()[0].splitlines()]
  lines = store.read_from("log", 0)[0].splitlines()
  assert [int(line.strip(b".")) for line in lines] == list(range(len(lines)))
  assert len(lines) in (len(told), len(told) + 1)  # its number was not told
  assert {len(line.lstrip(b"0123456789")) for line in lines} == {100_000}
  other = storage.open_store(store.url)
  other.append("log", b"on\n")
  assert other.read_from("log", 0)[0].splitlines() == [*lines, b"on"]


_KILLED = """
import resource, signal, sys
from inference_scaling import storage
store = storage.open_store(sys.argv[1])
store.append("log", b"x" * 99 + b"\\n")
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), hard))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
store.append("log", b"x" * 99 + b"\\n")
"""


def test_a_line_that_a_kill_cut_is_never_read(local):
  done = subprocess.run([sys.executable, "-c", _KILLED, local.url, "150"])
  assert done.returncode == -signal.SIGXFSZ  # within the second line
  assert os.path.getsize(f"{local.url}/log") == 150
  assert local.read_from("log", 0) == (_LINE, 100)
  local.append("log", b"on\n")
  assert local.read_from("log", 100) == (b"on\n", 103)
  assert os.path.getsize(f"{local.url}/log") == 103


@pytest.mark.parametrize("size", [0, 1, 99])
def test_a_log_that_is_one_cut_line_is_emptied(local, size):
  os.makedirs(local.url)
  pathlib.Path(local.url, "log").write_bytes(_LINE[:size])
  assert local.read_from("log", 0) == (b"", 0)
  local.append("log", b"on\n")
  assert local.read_from("log", 0) == (b"on\n", 3)


def test_a_cut_line_longer_than_a_block_is_dropped(local):
  local.append("log", _LINE)
  with pathlib.Path(local.url, "log").open("ab") as file:
    file.write(b"y" * 200_000)
  other = storage.LocalStore(local.url)
  other.append("log", b"on\n")
  assert other.read_from("log", 0)[0] == _LINE + b"on\n"


def test_a_full_disk_cuts_no_line(local):
  local.append("log", _LINE)
  with full_disk(150), pytest.raises(OSError, match=r"log: .*Free space"):
    local.append("log", _LINE)
  assert os.path.getsize(f"{local.url}/log") == 100
  local.append("log", b"on\n")
  assert local.read_from("log", 0) == (_LINE + b"on\n", 103)


def test_a_full_disk_takes_no_line_back(local):
  """A reader may have seen it: a position behind it must stay one."""
  with full_disk(250), pytest.raises(OSError, match="File too large"):
    local.append("log", _LINE * 3)
  assert local.read_from("log", 0) == (_LINE * 2, 200)
  local.append("log", b"on\n")
  assert local.read_from("log", 200) == (b"on\n", 203)


def test_a_full_disk_keeps_the_old_file_and_makes_none(local):
  local.write("plan", b"old")
  for call, name in ((local.write, "plan"), (local.create, "claims/task")):
    with full_disk(2), pytest.raises(OSError, match=r"Free space"):
      call(name, b"new one")
  assert local.read("plan") == b"old"
  assert local.create("claims/task", b"later")
  entries = [entry for _, _, names in os.walk(local.url) for entry in names]
  assert sorted(entries) == ["plan", "task"]


def test_a_file_that_was_just_replaced_is_read_again(local, monkeypatch):
  """As NFS answers where another host replaced it; forever, it is told."""
  local.write("beat", b"1")
  left, whole = [2], pathlib.Path.open

  def open_stale(path, *args):
    left[0] -= 1
    if left[0] >= 0:
      raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
    return whole(path, *args)

  monkeypatch.setattr(pathlib.Path, "open", open_stale)
  assert local.read("beat") == b"1"
  left[0] = 1000
  with pytest.raises(OSError, match=r"beat: Stale file handle"):
    local.read("beat")


def test_a_link_whose_answer_was_lost_is_its_own(local, monkeypatch):
  link = os.link

  def link_twice(*args):
    link(*args)
    link(*args)

  monkeypatch.setattr(os, "link", link_twice)
  assert local.create("claims/task", b"mine")
  assert not local.create("claims/task", b"of another")


def test_a_file_system_without_links_is_told(local, monkeypatch):
  def refuse(*unused):
    raise PermissionError(errno.EPERM, "Operation not permitted")

  monkeypatch.setattr(os, "link", refuse)
  with pytest.raises(OSError, match=r"claims/task: .*no hard links.*another"):
    local.create("claims/task", b"")


def test_a_folder_that_may_not_be_written_is_told(local, monkeypatch):
  def refuse(*unused):
    raise PermissionError(errno.EACCES, "Permission denied")

  monkeypatch.setattr(os, "replace", refuse)
  with pytest.raises(OSError, match=r"shared/plan: Permission.*rights"):
    local.write("plan", b"")


@pytest.mark.parametrize("kind", ["s3", "gcs"])
def test_an_object_whose_answer_was_lost_is_its_own(request, kind, monkeypatch):
  store = storage.ObjectStore(f"{request.getfixturevalue(kind)}/lost")
  store.create("claims/first", b"")
  pipe_file = store._system.pipe_file

  def send_twice(*args, **kwargs):
    pipe_file(*args, **kwargs)
    pipe_file(*args, **kwargs)

  monkeypatch.setattr(store._system, "pipe_file", send_twice)
  assert store.create("claims/task", b"mine")
  assert not store.create("claims/task", b"mine")
  store.append("log", b"1\n")
  store.append("log", b"2\n")
  assert store.read_from("log", 0) == (b"1\n2\n", 2)


@pytest.mark.parametrize(
  ("code", "is_made"), [("ConditionalRequestConflict", True), ("Other", False)]
)
def test_a_conflict_is_tried_again(s3, monkeypatch, code, is_made):
  store = storage.ObjectStore(f"{s3}/conflict-{code}")
  store.create("claims/first", b"")
  pipe_file, errors = store._system.pipe_file, []

  def fail_once(*args, **kwargs):
    if not errors:
      errors.append(OSError(errno.EIO, "conflict"))
      cause = Exception()
      cause.response = {"Error": {"Code": code}}
      raise errors[0] from cause
    pipe_file(*args, **kwargs)

  monkeypatch.setattr(store._system, "pipe_file", fail_once)
  if is_made:
    assert store.create("claims/task", b"mine")
  else:
    with pytest.raises(OSError, match=r"claims/task: .*conflict"):
      store.create("claims/task", b"mine")


def test_lines_behind_an_error_are_behind_what_it_left(monkeypatch):
  """The error of an append may come after its object was written."""
  store = storage.ObjectStore("memory://late")
  store.append("log", b"1\n")
  pipe_file = store._system.pipe_file

  def write_and_fail(*args, **kwargs):
    pipe_file(*args, **kwargs)
    raise TimeoutError("no answer")

  with monkeypatch.context() as patch:
    patch.setattr(store._system, "pipe_file", write_and_fail)
    with pytest.raises(OSError, match="late/log: no answer"):
      store.append("log", b"2\n")
  assert store.read_from("log", 1) == (b"2\n", 2)
  store.append("log", b"3\n")
  assert store.read_from("log", 2) == (b"3\n", 3)


def test_a_store_that_writes_over_is_refused(monkeypatch):
  store = storage.ObjectStore("memory://over")
  pipe_file = store._system.pipe_file
  monkeypatch.setattr(
    store._system,
    "pipe_file",
    lambda path, data, **unused: pipe_file(path, data),
  )
  with pytest.raises(OSError, match="over/claims/task: the store writes over"):
    store.create("claims/task", b"")
  assert store.list("") == store.list("claims") == []


def test_a_log_is_polled_by_one_request(monkeypatch):
  store = storage.ObjectStore("memory://polled")
  for _ in range(200):
    store.append("log", b"1\n")
  asked, cat = [], store._system.cat

  def count(paths, **kwargs):
    asked.append(len(paths))
    return cat(paths, **kwargs)

  monkeypatch.setattr(store._system, "cat", count)
  assert store.read_from("log", 200) == (b"", 200)
  assert asked == [1]
  assert store.read_from("log", 0) == (b"1\n" * 200, 200)
  assert len(asked) < 12


def test_a_kind_without_exclusive_files_is_refused():
  with pytest.raises(OSError, match=r"kind 'http'.*expected a path or s3://"):
    storage.open_store("http://host/folder")


def test_a_missing_package_is_told(monkeypatch):
  def fail(*unused, **unused_too):
    raise ImportError("Please install gcsfs to access Google Storage")

  monkeypatch.setattr(storage.objects.core, "url_to_fs", fail)
  with pytest.raises(OSError, match=r"gs://b/f cannot.*Run: pip install gcsfs"):
    storage.open_store("gs://b/f")


def test_a_missing_bucket_is_told(s3):
  store = storage.open_store("s3://nowhere/folder")
  with pytest.raises(
    OSError, match=r"write s3://nowhere/folder/plan: .*does not exist.*bucket"
  ):
    store.write("plan", b"")


def test_paths_are_local(tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  urls = (tmp_path / "a", f"{tmp_path}/a", f"file://{tmp_path}/a", "~/a")
  for url in urls:
    store = storage.open_store(url)
    assert isinstance(store, storage.LocalStore)
    assert store.url == f"{tmp_path}/a" and not storage.is_remote(url)
  assert storage.is_remote("s3://bucket/a")


def test_the_example_of_the_readme_runs():
  page = pathlib.Path(storage.__file__).with_name("README.md")
  text = page.read_text(encoding="utf-8")
  (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
  exec(example, {})  # it asserts
