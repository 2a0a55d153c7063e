"""Both sides of a mirror end up with every line, whatever is killed when."""

import contextlib
import json
import os
import pathlib
import secrets
import shutil

import hypothesis
import pytest
from hypothesis import strategies as st

from inference_scaling import storage

LOGS = {"records.jsonl": lambda line: json.loads(line)["id"]}


def open_mirror(store, folder):
  return storage.Mirror(store, folder, LOGS, skip=("tasks",))


def line(number, by=""):
  return f'{{"id": {number}, "by": "{by}"}}\n'


def append(folder, *numbers, by=""):
  with open(folder / "records.jsonl", "a", encoding="utf-8") as file:
    file.writelines(line(number, by) for number in numbers)


def ids(folder):
  lines = (folder / "records.jsonl").read_bytes().splitlines()
  return [json.loads(text)["id"] for text in lines]


def pull(store, folder):
  with open_mirror(store, folder) as mirror:
    mirror.pull()


def push(store, folder):
  with open_mirror(store, folder) as mirror:
    mirror.pull()
    mirror.push()


@pytest.fixture
def folders(tmp_path):
  paths = tmp_path / "a", tmp_path / "b"
  for path in paths:
    path.mkdir()
  return paths


def test_another_machine_goes_on(store, folders):
  one, other = folders
  with open_mirror(store, one) as mirror:
    mirror.pull()
    append(one, 1, 2)
    (one / "config.json").write_text("{}")
    (one / "figures").mkdir()
    (one / "figures" / "error.png").write_bytes(b"\0png")
    (one / "tasks").mkdir()
    (one / "tasks" / "plan.json").write_text("{}")
    (one / "config.tmp").write_text("{")
    mirror.push()
    append(one, 3)
    mirror.push()
  pull(store, other)
  assert ids(other) == [1, 2, 3]
  assert (other / "config.json").read_text() == "{}"
  assert store.read("figures/error.png") == b"\0png"
  assert store.read("tasks/plan.json") is store.read("config.tmp") is None
  append(other, 4)
  push(store, other)
  pull(store, one)
  assert ids(one) == [1, 2, 3, 4]


def test_only_what_has_changed_is_sent(folders, monkeypatch):
  store, sent = storage.open_store("memory://sent"), []
  folder = folders[0]
  with open_mirror(store, folder) as mirror:
    append(folder, 1)
    for name in ("config.json", "report.md"):
      (folder / name).write_text("{}")
    mirror.push()
    for call in ("write", "append"):
      method = getattr(store, call)
      monkeypatch.setattr(
        store, call, lambda *a, m=method: (sent.append(a), m(*a))[1]
      )
    mirror.push()
    assert sent == []
    append(folder, 2)
    (folder / "report.md").write_text("other")
    os.utime(folder / "config.json")  # written again, and the same
    mirror.push()
  assert sent == [
    ("report.md", b"other"),
    ("records.jsonl", line(2).encode()),
  ]
  sent.clear()
  push(store, folder)  # another process, which knows what both have
  assert sent == []


def test_records_of_a_driver_that_died_before_its_push_stay(store, folders):
  one, other = folders
  push(store, one)
  append(one, 1, 2, by="one")  # and dies
  append(other, 2, 3, by="other")  # of the same workers
  push(store, other)
  pull(store, one)
  assert ids(one) == [2, 3, 1]
  assert line(2, "other") in (one / "records.jsonl").read_text()
  push(store, one)
  pull(store, other)
  assert ids(other) == [2, 3, 1]


def test_a_file_that_was_written_anew_replaces_the_log(store, folders):
  one, other = folders
  append(one, 1, 2, 3)
  push(store, one)
  pull(store, other)
  (one / "records.jsonl").write_text(line(2, "again") + line(4))
  pull(store, one)
  assert ids(one) == [2, 4]  # the store has nothing new
  push(store, one)
  pull(store, other)  # which has 1 and 3 as well
  assert ids(other) == [2, 4, 1, 3]
  shutil.rmtree(other)
  pull(store, other)
  assert (other / "records.jsonl").read_text() == line(2, "again") + line(4)
  assert "records.jsonl" not in store.list("")
  append(other, 5)
  push(store, other)
  pull(store, one)
  assert ids(one) == [2, 4, 5]


def test_a_folder_that_was_deleted_comes_back(store, folders):
  folder = folders[0]
  append(folder, 1, 2)
  (folder / "config.json").write_text("{}")
  push(store, folder)
  (folder / "records.jsonl").unlink()
  (folder / "config.json").unlink()
  pull(store, folder)
  assert ids(folder) == [1, 2]
  assert (folder / "config.json").read_text() == "{}"
  (folder / "records.jsonl").write_bytes(b"")
  pull(store, folder)
  assert ids(folder) == [1, 2]


def test_a_store_that_was_emptied_gets_everything_again(store, folders):
  folder = folders[0]
  append(folder, 1, 2)
  (folder / "config.json").write_text("{}")
  push(store, folder)
  for name in store.list(""):
    store.delete(name)
  push(store, folder)
  pull(store, folders[1])
  assert ids(folders[1]) == [1, 2]
  assert store.read("config.json") == b"{}"


def test_a_store_that_is_emptied_meanwhile_gets_everything(folders):
  store = storage.open_store("memory://meanwhile")
  one, other = folders
  append(one, 1, 2)
  with open_mirror(store, one) as mirror:
    mirror.pull()
    mirror.push()
    for name in store.list(""):
      store.delete(name)
    append(one, 3)
    mirror.push()
  pull(store, other)
  assert ids(other) == [1, 2, 3]


def test_a_store_that_was_filled_anew_is_read_from_its_begin(store, folders):
  one, other = folders
  append(one, 1, 2)
  push(store, one)
  for name in store.list(""):
    store.delete(name)
  append(other, 3)
  push(store, other)
  push(store, one)
  assert ids(one) == [3, 1, 2]
  pull(store, other)
  assert ids(other) == [3, 1, 2]


def test_lines_that_were_sent_twice_are_taken_once(folders):
  store = storage.open_store("memory://twice")
  one, other = folders
  push(store, one)
  failing = _Killed(store, 10**6, True, OSError)
  with open_mirror(failing, one) as mirror:
    mirror.pull()
    append(one, 1, 2)
    failing._left = 1
    with pytest.raises(OSError):
      mirror.push()
    pull(store, other)
    failing._left = 10**6
    append(one, 3)
    mirror.push()
  assert ids(other) == [1, 2]
  pull(store, other)
  assert ids(other) == [1, 2, 3]
  sent = store.read_from("records.jsonl", 0)[0].splitlines()
  assert len(sent) == 5


def test_a_file_that_somebody_put_there_is_taken(store, folders):
  """As `aws s3 cp` copies the folder of a sweep."""
  one, other = folders
  store.write("records.jsonl", (line(1) + line(2)).encode())
  append(one, 2, 3)
  push(store, one)
  assert sorted(ids(one)) == [1, 2, 3]
  pull(store, other)
  assert sorted(ids(other)) == [1, 2, 3]


def test_of_two_configs_the_newer_is_kept(store, folders):
  one, other = folders
  (one / "config.json").write_text("1")
  push(store, one)
  pull(store, other)
  (one / "config.json").write_text("2")  # and the driver dies
  pull(store, one)
  assert (one / "config.json").read_text() == "2"
  (other / "config.json").write_text("3")
  push(store, other)
  pull(store, one)  # changed on both sides: what the store has goes on
  assert (one / "config.json").read_text() == "3"


def test_a_cut_line_is_not_sent(store, folders):
  folder = folders[0]
  append(folder, 1)
  with open(folder / "records.jsonl", "a") as file:
    file.write('{"id": 2')
  push(store, folder)
  assert store.read_from("records.jsonl", 0)[0] == line(1).encode()


def test_a_second_process_is_refused(folders):
  store = storage.open_store("memory://refused")
  with open_mirror(store, folders[0]):
    with pytest.raises(OSError, match=r"another process works in .*memory://"):
      open_mirror(store, folders[0])
  pull(store, folders[0])


def test_a_store_that_another_machine_took_over_is_told(folders):
  store = storage.open_store("memory://taken")
  with open_mirror(store, folders[0]) as mirror:
    mirror.pull()
    push(store, folders[1])
    with pytest.raises(OSError, match=r"taken has become.*one machine"):
      mirror.push()


def test_a_state_of_another_address_is_not_believed(folders):
  folder = folders[0]
  append(folder, 1)
  push(storage.open_store("memory://address-1"), folder)
  push(storage.open_store("memory://address-2"), folder)
  pull(storage.open_store("memory://address-2"), folders[1])
  assert ids(folders[1]) == [1]


def test_each_address_has_a_folder(monkeypatch):
  monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
  folder = storage.default_folder("s3://bucket/sweep/")
  assert folder == storage.default_folder("s3://bucket/sweep")
  assert folder != storage.default_folder("s3://other/sweep")
  assert folder.parent == pathlib.Path("/cache/inference_scaling/mirrors")
  assert folder.name.startswith("sweep-")


class _Kill(BaseException):
  """What no code catches."""


class _Killed:
  """A store whose calls end, before or after they act, once a count is up."""

  def __init__(self, store, left, after, error=_Kill):
    self._store, self._left, self._after = store, left, after
    self._error = error
    self.url = store.url

  def __getattr__(self, name):
    def call(*args):
      self._left -= 1
      if self._left < 0 and not self._after:
        raise self._error
      result = getattr(self._store, name)(*args)
      if self._left < 0:
        raise self._error
      return result

    return call


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("calls", range(8))
def test_a_push_that_fails_is_made_good_by_the_next(folders, calls, after):
  store = storage.open_store(f"memory://fails/{calls}-{after}")
  one, other = folders
  append(one, 1, 2)
  push(store, one)
  pull(store, other)
  failing = _Killed(store, 10**6, after, OSError)
  with open_mirror(failing, one) as mirror:
    mirror.pull()
    (one / "records.jsonl").write_text(line(2, "again") + line(3))
    failing._left = calls
    with contextlib.suppress(OSError):
      mirror.push()
    append(one, 4)
    failing._left = 10**6
    mirror.push()
  shutil.rmtree(other)
  pull(store, other)
  assert ids(other) == ids(one) and len(set(ids(other))) == 3
  assert line(2, "again") in (other / "records.jsonl").read_text()


_STEPS = st.lists(
  st.tuples(
    st.sampled_from([0, 1]),  # machine
    st.integers(0, 3),  # lines that it appends
    st.booleans(),  # whether it writes its file anew before
    st.integers(0, 12),  # calls before it is killed
    st.booleans(),
  ),
  max_size=8,
)


@hypothesis.settings(
  max_examples=25,
  deadline=None,
  suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(steps=_STEPS)
def test_no_kill_loses_a_line(tmp_path, steps):
  base = tmp_path / secrets.token_hex(4)
  store = storage.open_store(f"memory://kills/{base.name}")
  folders = [base / "0", base / "1"]
  count, appended, pushed = 0, (set(), set()), set()
  for machine, new, anew, calls, after in steps:
    folder = folders[machine]
    try:
      with open_mirror(_Killed(store, calls, after), folder) as mirror:
        mirror.pull()
        path = folder / "records.jsonl"
        if anew and path.exists():
          path.write_text(path.read_text().replace('""', '"again"'))
        append(folder, *range(count, count + new))
        appended[machine].update(range(count, count + new))
        count += new
        mirror.push()
        pushed |= set(ids(folder))
    except _Kill:
      pass
  for folder in folders:
    pull(store, folder)
  for folder, own in zip(folders, appended, strict=True):
    if (folder / "records.jsonl").exists():
      recorded = ids(folder)
      assert len(recorded) == len(set(recorded))
      assert own | pushed <= set(recorded)
    else:
      assert not own | pushed
  for folder in (*folders, *folders):
    push(store, folder)
  assert sorted(ids(folders[0])) == sorted(ids(folders[1])) if count else True
