"""Each record of each worker comes into the folder, once."""

import contextlib

import pytest

from inference_scaling import storage
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep.records import recorded
from inference_scaling.sweep.workers import board as board_lib
from inference_scaling.sweep.workers import collecting
from tests.sweep import tiny
from tests.sweep.workers import stand_in


class Folder:
  """A folder of a sweep, and what its workers have recorded."""

  def __init__(self, path):
    self.path = path
    self.board = board_lib.Board(storage.open_store(path / "tasks"))
    self.prepared = stand_in.prepare(path)
    self.run = self.prepared.runs[0]
    self.said, self.seen = [], []

  @contextlib.contextmanager
  def open(self, prepared=None):
    """A collector of a driver that starts now, and the open folder."""
    prepared = prepared or self.prepared
    with contextlib.ExitStack() as stack:
      opened = stand_in.opened(self.path, stack)
      renew = recorded.renewer(
        prepared.problems, settings_lib.aggregations(prepared.sweep)
      )
      yield (
        collecting.Collector(
          self.board, opened.records, opened.timings, renew,
          lambda record, timing: self.seen.append((record, timing)),
          self.said.append,
        ),
        opened,
      )  # fmt: skip

  def append(self, log, problem, run=None, seconds=1.0):
    value, timing = stand_in.made(
      self.prepared, run or self.run, self.prepared.problems[problem], seconds
    )
    self.board.append(log, {"record": value, "timing": timing})
    return value, timing


@pytest.fixture
def folder(tmp_path, monkeypatch):
  stand_in.patch(monkeypatch)
  return Folder(tmp_path)


def test_what_is_new_is_taken_once(folder):
  with folder.open() as (collector, opened):
    assert collector.collect() == 0
    one = folder.append("a.w1.0", 0)
    assert collector.collect() == 1 and collector.collect() == 0
    two = folder.append("a.w1.0", 1)
    three = folder.append("b.w2.0", 0, folder.prepared.runs[1])
    assert collector.collect() == 2
    assert collector.recorded == {stand_in.key(r) for r, _ in (one, two, three)}
    assert list(opened.records.read()) == [one[0], two[0], three[0]]
    assert list(opened.timings.read()) == [one[1], two[1], three[1]]
  assert folder.seen == [one, two, three]


def test_what_two_workers_recorded_is_taken_from_the_first(folder):
  with folder.open() as (collector, opened):
    one = folder.append("a.w1.0", 0, seconds=1.0)
    folder.append("a.w2.0", 0, seconds=2.0)  # it took the first for lost
    two = folder.append("a.w2.0", 1, seconds=3.0)
    assert collector.collect() == 2
    assert list(opened.records.read()) == [one[0], two[0]]
    assert list(opened.timings.read()) == [one[1], two[1]]
  assert folder.seen == [one, two]


def test_a_driver_that_starts_anew_takes_nothing_twice(folder):
  one = folder.append("a.w1.0", 0)
  with folder.open() as (collector, _):
    collector.collect()
  two = folder.append("a.w1.0", 1)
  with folder.open() as (collector, opened):
    assert collector.recorded == {stand_in.key(one[0])}
    assert collector.collect() == 1
    assert list(opened.records.read()) == [one[0], two[0]]
    assert list(opened.timings.read()) == [one[1], two[1]]


def test_a_kill_between_record_and_timing_loses_neither(folder):
  value, timing = folder.append("a.w1.0", 0)
  with folder.open() as (_, opened):
    opened.records.append(value)
  with folder.open() as (collector, opened):
    assert collector.collect() == 0
    assert list(opened.records.read()) == [value]
    assert list(opened.timings.read()) == [timing]
  assert folder.seen == []


def test_a_record_that_cannot_be_written_is_taken_later(folder, monkeypatch):
  one, two = folder.append("a.w1.0", 0), folder.append("a.w1.0", 1)
  with folder.open() as (collector, opened):
    append = opened.timings.append

    def refuse(value):
      raise OSError("No space left on device")

    monkeypatch.setattr(opened.timings, "append", refuse)
    with pytest.raises(OSError, match="No space"):
      collector.collect()
    monkeypatch.setattr(opened.timings, "append", append)
    collector.collect()
    assert list(opened.records.read()) == [one[0], two[0]]
    assert list(opened.timings.read()) == [one[1], two[1]]


def test_a_cut_line_waits_for_its_end(folder):
  value, _ = folder.append("a.w1.0", 0)
  log = folder.path / "tasks" / "records" / "a.w1.0"
  whole = log.read_bytes()
  with folder.open() as (collector, opened):
    for end in (0, 1, len(whole) // 2, len(whole) - 1):
      log.write_bytes(whole[:end])
      assert collector.collect() == 0
    log.write_bytes(whole)
    assert collector.collect() == 1
    assert list(opened.records.read()) == [value]


def test_what_workers_say_is_said_once(folder):
  for log in ("a.w1.0", "b.w2.0"):
    folder.board.append(log, {"say": "Loaded."})
  folder.board.append("b.w2.0", {"say": "Slow."})
  with folder.open() as (collector, _):
    assert collector.collect() == collector.collect() == 0
  assert folder.said == ["Loaded.", "Slow."]


def test_logs_of_complete_tasks_are_left_alone(folder, monkeypatch):
  folder.append("a.w1.0", 0)
  folder.append("b.w1.0", 1)
  read = []
  read_log = folder.board.read_log
  monkeypatch.setattr(
    folder.board,
    "read_log",
    lambda log, position: (read.append(log), read_log(log, position))[1],
  )
  with folder.open() as (collector, _):
    assert collector.collect({"a"}) == 1
    assert read == ["b.w1.0"]
    assert collector.collect() == 1


def test_votes_are_those_of_today(folder):
  """The config has grown since the worker began."""
  value, _ = folder.append("a.w1.0", 0)
  grown = stand_in.prepare(folder.path, aggregations=("last", "min"))
  with folder.open(grown) as (collector, opened):
    assert collector.collect() == 1
    (taken,) = opened.records.read()
  expected, _ = stand_in.made(grown, folder.run, grown.problems[0])
  assert taken == expected and taken != value


def test_a_record_of_a_problem_that_has_changed_is_not_taken(folder):
  path = folder.path / "problems.jsonl"
  path.write_text(path.read_text().replace("Anna", "Berta", 1))
  folder.append("a.w1.0", 0)
  kept, timing = folder.append("a.w1.0", 1)
  folder.append("a.w1.0", len(tiny.GOLDS) - 1)
  today = stand_in.prepare(folder.path)
  problems = today.problems[:-1]  # and the last one is gone
  today = type(today)(
    today.sweep, problems, today.policies, today.reward, today.runs
  )
  with folder.open(today) as (collector, opened):
    assert collector.collect() == 1
    assert list(opened.records.read()) == [kept]
    assert list(opened.timings.read()) == [timing]
