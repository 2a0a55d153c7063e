"""What every kind of storage keeps to."""

import collections
import subprocess
import sys
import threading

import hypothesis
import pytest
from hypothesis import strategies as st

from inference_scaling import storage


def test_a_file_is_as_it_was_written_last(store):
  assert store.read("a/b") is None
  store.write("a/b", b"one")
  store.write("a/b", b"")
  assert store.read("a/b") == b""
  store.write("a/b", b"\0two\n" * 1000)
  assert storage.open_store(store.url).read("a/b") == b"\0two\n" * 1000


def test_a_file_is_made_once(store):
  assert store.create("claims/task", b"mine")
  assert not store.create("claims/task", b"of another")
  assert store.read("claims/task") == b"mine"
  store.delete("claims/task")
  assert store.create("claims/task", b"of another")
  store.write("plan", b"")
  assert not store.create("plan", b"another")


def test_of_many_threads_one_makes_a_file(store):
  stores = [storage.open_store(store.url) for _ in range(8)]
  start = threading.Barrier(len(stores))
  made = collections.Counter()

  def claim(number, own):
    start.wait()
    for task in range(5):
      if own.create(f"claims/{task}", b"%d" % number):
        made[task] += 1
        assert own.read(f"claims/{task}") == b"%d" % number

  threads = [
    threading.Thread(target=claim, args=item) for item in enumerate(stores)
  ]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert made == dict.fromkeys(range(5), 1)


_CLAIM = """
import sys
from inference_scaling import storage
store = storage.open_store(sys.argv[1])
store.write(f"ready/{sys.argv[2]}", b"")
while store.read("go") is None:
  pass
tasks = [f"task-{i}" for i in range(12)]
print(*(t for t in tasks if store.create(f"claims/{t}", sys.argv[2].encode())))
"""


def test_of_many_processes_one_makes_a_file(store):
  if store.url.startswith("memory:"):
    pytest.skip("memory is of one process")
  claimants = [
    subprocess.Popen(
      [sys.executable, "-c", _CLAIM, store.url, str(number)],
      stdout=subprocess.PIPE, text=True,
    )
    for number in range(3)
  ]  # fmt: skip
  while len(store.list("ready")) < len(claimants):
    assert all(claimant.poll() is None for claimant in claimants)
  store.write("go", b"")
  made = [claimant.communicate()[0].split() for claimant in claimants]
  every = [task for tasks in made for task in tasks]
  assert sorted(every) == sorted(f"task-{i}" for i in range(12))
  for number, tasks in enumerate(made):
    for task in tasks:
      assert store.read(f"claims/{task}") == b"%d" % number


def test_a_log_is_read_on_from_a_position(store):
  assert store.read_from("records/a", 0) == (b"", 0)
  store.append("records/a", b"1\n")
  first, position = store.read_from("records/a", 0)
  store.append("records/a", b"2\n3\n")
  behind = storage.open_store(store.url).append("records/a", b"4\n")
  assert first == b"1\n"
  second, position = store.read_from("records/a", position)
  assert second == b"2\n3\n4\n" and position == behind
  assert store.read_from("records/a", position) == (b"", position)
  assert store.read_from("records/a", 0) == (b"1\n2\n3\n4\n", position)


def test_a_log_of_many_lines_comes_back_in_order(store):
  lines = [b"%d\n" % i for i in range(50)]
  for line in lines:
    store.append("log", line)
  assert store.read_from("log", 0)[0] == b"".join(lines)


def test_files_and_logs_of_a_folder_are_listed(store):
  assert store.list("") == store.list("a") == []
  for name in ("a/z.b", "a/b", "c", "a/deeper/d"):
    store.write(name, b"")
  store.append("a/log.1", b"1\n")
  store.append("a/log.1", b"2\n")
  assert store.create("a/made", b"")
  assert store.list("a") == ["b", "log.1", "made", "z.b"]
  assert store.list("") == ["c"]
  assert store.list("a/deeper") == ["d"]
  assert store.list("c2") == []


def test_what_is_deleted_is_gone(store):
  store.delete("a/missing")
  store.write("a/file", b"1")
  store.append("a/log", b"1\n")
  store.append("a/log", b"2\n")
  store.append("a/log2", b"1\n")
  store.delete("a/file")
  store.delete("a/log")
  assert store.list("a") == ["log2"]
  assert store.read("a/file") is None
  assert store.read_from("a/log", 0) == (b"", 0)
  store.append("a/log", b"3\n")
  assert store.read_from("a/log", 0)[0] == b"3\n"


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "../a", "a/.b", "."])
def test_a_name_that_is_none_is_told(store, name):
  for call in (store.write, store.create, store.append):
    with pytest.raises(ValueError, match="names no file of a store"):
      call(name, b"")


_NAMES = st.sampled_from(["a", "b.c", "d/a", "d/b-1", "e/f/g_2"])
_LINES = st.lists(st.sampled_from([b"\n", b"x\n", b"yy\n"]), min_size=1)
_CALLS = st.one_of(
  st.tuples(st.just("write"), _NAMES, st.binary(max_size=9)),
  st.tuples(st.just("create"), _NAMES, st.binary(max_size=9)),
  st.tuples(st.just("append"), _NAMES.map("log-{}".format), _LINES),
  st.tuples(st.just("delete"), _NAMES, st.none()),
  st.tuples(st.just("delete"), _NAMES.map("log-{}".format), st.none()),
  st.tuples(st.just("open"), st.none(), st.none()),
)


@hypothesis.settings(
  max_examples=12,
  deadline=None,
  suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(calls=st.lists(_CALLS, max_size=12))
def test_a_store_is_a_table_of_names(new_url, calls):
  store, table, read = storage.open_store(new_url()), {}, {}
  for call, name, data in calls:
    match call:
      case "write":
        store.write(name, data)
        table[name] = data
      case "create":
        assert store.create(name, data) == (name not in table)
        table.setdefault(name, data)
      case "append":
        store.append(name, b"".join(data))
        table[name] = table.get(name, b"") + b"".join(data)
        before, position = read.get(name, (b"", 0))
        more, position = store.read_from(name, position)
        read[name] = (before + more, position)
        assert read[name][0] == table[name]
      case "delete":
        store.delete(name)
        table.pop(name, None)
        read.pop(name, None)
      case "open":
        store = storage.open_store(store.url)
  for name, data in table.items():
    if name.startswith("log-"):
      assert store.read_from(name, 0)[0] == data
    else:
      assert store.read(name) == data
  for folder in ("", "d", "e/f", "log-d", "log-e/f"):
    start = f"{folder}/" if folder else ""
    names = [n.removeprefix(start) for n in table if n.startswith(start)]
    assert store.list(folder) == sorted(n for n in names if "/" not in n)
