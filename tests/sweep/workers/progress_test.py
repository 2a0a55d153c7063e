"""The line that tells how far a sweep by workers is."""

import io

import pytest

from inference_scaling.spec import grid
from inference_scaling.sweep.workers import progress

CHEAP = grid.Run("small", "sampling", 1, 0)
DEAR = grid.Run("large", "sampling", 4, 0)
PLANNED = {CHEAP: 1e9, DEAR: 9e9}
VOTE = "weighted/last"


class Terminal(io.StringIO):
  def isatty(self):
    return True


class World:
  """Progress of ten problems, its clock and what it says."""

  def __init__(self, stream=None):
    self.now, self.said = 100.0, []
    self.shown = progress.Progress(
      PLANNED, 10, VOTE, self.said.append, stream or io.StringIO(),
      lambda: self.now,
    )  # fmt: skip

  def see(self, run, right=0, wrong=0):
    for correct in [True] * right + [False] * wrong:
      votes = {"majority": {"correct": None}, VOTE: {"correct": correct}}
      self.shown.see({"run": run.key, "votes": votes})

  def show(self, seconds, *tasks):
    """Time passes; returns the last line."""
    self.now += seconds
    self.shown.show(*(tasks or (1, 0, 2, 8)))
    return self.said[-1] if self.said else None


def test_a_line_appears_now_and_then():
  world = World()
  assert world.show(9) is None
  world.see(CHEAP, right=1, wrong=2)
  line = world.show(2)
  assert line.startswith("  3 of 20 problems, tasks: 1 of 8 done, 0 failed, 2 ")
  assert line.endswith("accuracy so far 33.3%")
  for _ in range(9):
    world.show(1)
  assert len(world.said) == 1
  world.show(1, 3, 1, 4, 8)
  assert "tasks: 3 of 8 done, 1 failed, 4 running" in world.said[1]


def test_the_time_left_is_by_planned_flops():
  world = World()
  world.show(0)
  world.see(CHEAP, right=10)  # a tenth of all
  assert "1.0 problems/s, about 2 min left" in world.show(10)


def test_slow_problems_are_told_in_seconds():
  world = World()
  world.show(0)
  world.see(DEAR, right=1)
  assert "50 s/problem" in world.show(50)


def test_before_anything_is_measured_nothing_is_known():
  world = World()
  line = world.show(11)
  assert "? problems/s, time left not known yet" in line
  assert line.endswith("accuracy so far not known")


def test_what_was_there_before_counts_but_is_no_speed():
  world = World()
  for _ in range(9):
    world.shown.before(CHEAP, True)
  world.shown.before(grid.Run("gone", "sampling", 1, 0), True)
  assert world.show(0) is None
  world.see(DEAR, wrong=2)  # 18 of 100 FLOPs in 10 seconds, beside 9
  line = world.show(10)
  assert line.startswith("  11 of 20") and "0.2 problems/s, about 41 s" in line
  assert line.endswith("accuracy so far 81.8%")


def test_the_rate_is_of_the_last_minutes():
  world = World()
  world.show(0)
  world.see(CHEAP, right=5)
  world.show(1)
  for _ in range(7):
    line = world.show(100)
  assert "? problems/s" in line


def test_a_run_that_is_complete_is_told_once():
  world = World()
  world.shown.before(CHEAP, True)
  world.see(CHEAP, right=4, wrong=4)
  assert world.said == []
  world.see(CHEAP, wrong=1)
  assert world.said == [f"{CHEAP}: 10 problems, {VOTE} accuracy 50.0%"]


def test_records_of_other_runs_do_not_count():
  world = World()
  world.see(grid.Run("gone", "sampling", 1, 0), right=3)
  assert world.show(11).startswith("  0 of 20 problems")


def test_an_answer_that_is_not_known_is_not_right():
  world = World()
  votes = {VOTE: {"correct": None}}
  world.shown.see({"run": CHEAP.key, "votes": votes})
  assert world.show(11).endswith("accuracy so far 0.0%")


def test_a_terminal_has_a_bar():
  stream = Terminal()
  world = World(stream)
  with world.shown:
    world.shown.before(CHEAP, True)
    world.see(CHEAP, right=9)
    world.show(0, 3, 1, 2, 8)
  text = stream.getvalue()
  assert "10/20" in text
  assert "tasks: 3 of 8 done, 1 failed, 2 running" in text
  assert world.said == [f"{CHEAP}: 10 problems, {VOTE} accuracy 100.0%"]


@pytest.mark.parametrize("error", [None, KeyError])
def test_a_bar_is_closed_whatever_happens(error):
  world = World(Terminal())
  try:
    with world.shown:
      if error:
        raise error
  except KeyError:
    pass
  assert world.shown._bar.disable
