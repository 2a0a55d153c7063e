"""A folder has one driver; one that is gone stands in nobody's way."""

import os
import subprocess
import sys
import threading
import time

import pytest

from inference_scaling import storage
from inference_scaling.sweep.workers import board as board_lib
from inference_scaling.sweep.workers import lock

INTERVAL = 0.03  # seconds


@pytest.fixture
def board(tmp_path):
  return board_lib.Board(storage.open_store(tmp_path))


def take(board, said=None):
  """A lock of this process."""
  say = (lambda line: None) if said is None else said.append
  return lock.Lock(board, say, INTERVAL)


class Beating:
  """Another driver, with a host and a process of its own."""

  def __init__(self, board, **who):
    self._board, self._who = board, who
    self._stop = threading.Event()
    self._thread = threading.Thread(target=self._run)

  def __enter__(self):
    self._board.lead(self.beat(0))
    self._thread.start()

  def __exit__(self, *exception):
    self._stop.set()
    self._thread.join()

  def beat(self, number):
    return {"since": "2026-01-31", "beat": number, **self._who}

  def _run(self):
    number = 0
    while not self._stop.wait(INTERVAL):
      number += 1
      self._board.lead(self.beat(number))


@pytest.fixture
def ended():
  """Number of a process that has ended."""
  process = subprocess.Popen([sys.executable, "-c", ""])
  process.wait()
  return process.pid


HERE = os.uname().nodename


@pytest.mark.parametrize("host", [HERE, "another"])
def test_a_second_driver_is_told_of_the_first(host, board):
  with Beating(board, host=host, pid=os.getppid()):
    with pytest.raises(OSError) as error:
      with take(board):
        pass
  text = str(error.value)
  assert f"process {os.getppid()} of {host}, since 2026-01-31" in text
  assert "Expected one at a time" in text
  assert board.driver()["host"] == host  # it still leads


def test_a_driver_that_has_ended_is_followed_at_once(board, ended):
  board.lead({"host": HERE, "pid": ended, "since": "x", "beat": 3})
  said = []
  with take(board, said):
    assert board.driver()["pid"] == os.getpid()
  assert said == [] and board.driver() is None


@pytest.mark.parametrize("host", [HERE, "another"])
def test_a_driver_whose_beats_have_stopped_is_followed_after_a_while(
  host, board
):
  """Here: its number is that of another process, as after a restart."""
  board.lead({"host": host, "pid": os.getppid(), "since": "x", "beat": 3})
  said, start = [], time.monotonic()
  with take(board, said):
    assert time.monotonic() - start >= 3 * INTERVAL
    assert board.driver()["pid"] == os.getpid()
  (line,) = said
  assert f"A driver on {host} was here; waiting" in line


def test_a_driver_that_ends_meanwhile_is_followed(board):
  board.lead({"host": "another", "pid": 1, "since": "x", "beat": 3})
  timer = threading.Timer(INTERVAL, board.lead, [None])
  timer.start()
  with take(board):
    assert board.driver()["pid"] == os.getpid()
  timer.join()


def test_a_driver_beats_while_it_leads(board):
  threads = threading.active_count()
  with take(board):
    deadline = time.monotonic() + 10
    while board.driver()["beat"] < 3:
      assert time.monotonic() < deadline
      time.sleep(0.005)
  assert board.driver() is None and threading.active_count() == threads


def test_of_two_that_begin_at_once_one_leads(board, monkeypatch):
  other = {"host": "another", "pid": 1, "since": "x", "beat": 0}
  look, looks = board.driver, []

  def driver():  # at the first look there is none
    looks.append(1)
    seen = look()
    if len(looks) == 1:
      board.lead(other)
    return seen

  monkeypatch.setattr(board, "driver", driver)
  with pytest.raises(OSError, match="process 1 of another"):
    with take(board):
      pass
  assert look() == other


def test_one_that_was_taken_for_gone_leaves_the_next_one_alone(board):
  other = {"host": "another", "pid": 1, "since": "x", "beat": 0}
  with take(board):
    board.lead(other)
    time.sleep(3 * INTERVAL)
    assert board.driver() == other
  assert board.driver() == other
