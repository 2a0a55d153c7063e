"""A worker is lost when its beats stop, whatever its clock says."""

import threading
import time

import pytest

from inference_scaling import storage
from inference_scaling.sweep.workers import beats
from inference_scaling.sweep.workers import board as board_lib


@pytest.fixture
def board(tmp_path):
  return board_lib.Board(storage.open_store(tmp_path))


class World:
  """A watch, its clocks, and what it says."""

  def __init__(self):
    self.now, self.wall, self.said = 100.0, 1e9, []
    self.watch = beats.Watch(
      self.said.append, 60.0, lambda: self.now, lambda: self.wall
    )

  def look(self, seconds=0.0, **workers):
    """Time passes, and beats of these numbers are seen."""
    self.now += seconds
    self.wall += seconds
    self.watch.look({name: self.beat(beat) for name, beat in workers.items()})

  def beat(self, beat, **changes):
    return {"beat": beat, "pid": 1, "host": "h", "time": self.wall} | changes


@pytest.fixture
def world():
  return World()


def test_a_worker_is_lost_a_minute_after_its_last_beat(world):
  world.look(a=1, b=1)
  world.look(50, a=2, b=1)
  assert world.watch.lost("ab") == set()
  world.look(11, a=2, b=1)
  assert world.watch.lost("ab") == {"b"}
  assert world.watch.lost("a") == set()
  assert world.watch.alive("ab") == {"a"}
  world.look(50, a=2, b=1)
  assert world.watch.lost("ab") == {"a", "b"}
  world.look(0, a=2, b=2)  # it was only slow
  assert world.watch.lost("ab") == {"a"} and world.watch.alive("ab") == {"b"}


def test_one_that_has_never_beaten_is_neither_lost_nor_alive(world):
  """It waits in a queue."""
  world.look(1000, a=1)
  assert world.watch.lost(["b"]) == world.watch.alive(["b"]) == set()


def test_old_beats_count_from_when_they_are_seen_first(world):
  """A driver that starts anew gives workers of an earlier one their minute."""
  world.watch.look({"a": world.beat(1, time=0.0)})
  world.now += 59
  assert world.watch.lost("a") == set()
  world.now += 2
  assert world.watch.lost("a") == {"a"}


def test_a_worker_that_was_started_again_is_alive(world):
  world.look(a=1)
  world.look(100, a=1)
  for change in ({"pid": 2}, {"pid": 2, "host": "other"}):
    world.watch.look({"a": world.beat(1, **change)})
    assert world.watch.alive("a") == {"a"}
    world.now += 61


def test_clocks_judge_nobody_and_are_told_of_once_a_host(world):
  def look(beat):
    world.watch.look({
      "a": world.beat(beat, host="ahead", time=world.wall + 7200),
      "b": world.beat(beat, host="ahead", time=world.wall + 7300),
      "c": world.beat(beat, host="behind", time=0.0),
      "d": world.beat(beat, host="right", time=world.wall - 30),
    })  # fmt: skip

  look(1)
  assert world.said == []  # this one may have been made at any time
  for beat in range(2, 5):
    world.now += 50
    look(beat)
  assert world.watch.alive("abcd") == set("abcd")
  ahead, behind = world.said
  assert ahead.startswith("The clock of ahead is 7200 s ahead of this one's")
  assert behind.startswith(f"The clock of behind is {world.wall:.0f} s behind")
  world.now += 61
  assert world.watch.lost("abcd") == set("abcd")


def test_a_heart_beats_until_it_ends(board):
  with beats.Heart(board, "w", interval=0.01) as heart:
    first = board.beats()["w"]
    assert not first["ended"] and first["task"] == ""
    heart.tell(task="a-1")
    assert board.beats()["w"]["task"] == "a-1"
    deadline = time.monotonic() + 10
    while board.beats()["w"]["beat"] < 5:
      assert time.monotonic() < deadline
      time.sleep(0.005)
    assert board.beats()["w"]["task"] == "a-1"
    threads = threading.active_count()
    heart.tell(ended=True, why="a reason", task="")
  assert threading.active_count() == threads - 1
  last = board.beats()["w"]
  assert (last["ended"], last["why"], last["task"]) == (True, "a reason", "")
  assert last["host"] == first["host"] and last["pid"] == first["pid"]
  assert abs(last["time"] - time.time()) < 30
  time.sleep(0.03)
  assert board.beats()["w"] == last


def test_a_beat_that_cannot_be_written_is_made_up_for(board, monkeypatch):
  write, full = board.store.write, [True]

  def refuse(name, data):
    if full:
      raise OSError("No space left on device")
    write(name, data)

  with beats.Heart(board, "w", interval=0.01) as heart:
    monkeypatch.setattr(board.store, "write", refuse)
    heart.tell(task="a-1")
    time.sleep(0.05)
    assert board.beats()["w"]["task"] == ""
    full.clear()
    deadline = time.monotonic() + 10
    while board.beats()["w"]["task"] != "a-1":
      assert time.monotonic() < deadline
      time.sleep(0.005)


def test_a_worker_that_cannot_beat_does_not_begin(board, monkeypatch):
  def refuse(name, data):
    raise OSError("No space left on device")

  monkeypatch.setattr(board.store, "write", refuse)
  threads = threading.active_count()
  with pytest.raises(OSError, match="No space"):
    with beats.Heart(board, "w"):
      pass
  assert threading.active_count() == threads
