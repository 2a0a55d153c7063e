"""Progress: a bar on a terminal, a line now and then elsewhere."""

import io
import sys
import types
from typing import Any

import pytest

from inference_scaling.spec import grid
from inference_scaling.sweep.progress import bar, cell

RUN = grid.Run("small", "rebase", 16, 0)
RIGHT, WRONG = (
  {"weighted/last": {"correct": value}} for value in (True, False)
)


class Terminal(io.StringIO):
  def isatty(self):
    return True


def run_with_clock(ticks, stream):
  """Four problems, of which one was there; the clock goes by `ticks`."""
  times = iter(ticks)
  lines = []
  with bar.Progress(
    8, 1, "weighted/last", lines.append, stream, clock=lambda: next(times)
  ) as shown:
    shown.start_run(RUN, [True])
    for vote in (RIGHT, WRONG, WRONG):
      shown.advance(vote)
    shown.end_run()
  return lines


def test_elsewhere_a_line_every_ten_seconds():
  stream = io.StringIO()
  lines = run_with_clock([0, 1, 9, 12, 18], stream)
  assert stream.getvalue() == ""
  assert lines == [
    "  3 of 8 problems done, 0.3 per second, about 15 s left; now small rebase"
    " n=16 seed=0, accuracy 66.7%",
    "small rebase n=16 seed=0: 4 problems, weighted/last accuracy 50.0%",
  ]


def test_no_line_before_ten_seconds():
  lines = run_with_clock([0, 1, 2, 3, 4], io.StringIO())
  assert len(lines) == 1


def test_a_terminal_gets_a_bar_with_rate_and_accuracy():
  stream = Terminal()
  lines = run_with_clock([0] * 9, stream)
  assert len(lines) == 1
  last = stream.getvalue().split("\r")[-1]
  assert "4/8" in last and "problem/s" in last
  assert "small rebase n=16 seed=0 50.0%" in last


class Kernel:
  """IPython in a notebook, without one."""

  def __init__(self, monkeypatch, kernel: str | None = "a kernel"):
    shell = types.SimpleNamespace(kernel=kernel)
    display = types.SimpleNamespace(display=self.display)
    ipython: Any = types.ModuleType("IPython")
    ipython.get_ipython, ipython.display = lambda: shell, display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    self.shown: list[list[str]] = []

  def display(self, data, *, raw, display_id):
    assert raw and display_id
    self.shown.append([])
    self.update(data, raw=raw)
    return self

  def update(self, data, *, raw):
    assert raw and list(data) == ["text/plain"]
    self.shown[-1].append(data["text/plain"])


def test_a_cell_of_a_notebook_gets_one_bar_of_text(monkeypatch, capsys):
  kernel = Kernel(monkeypatch)
  lines = run_with_clock([0] * 9, stream=None)
  assert lines == [
    "small rebase n=16 seed=0: 4 problems, weighted/last accuracy 50.0%"
  ]
  (states,) = kernel.shown  # each in the place of the one before
  assert "1/8" in states[0] and "100.0%" in states[1]
  assert "4/8" in states[-1] and "rebase n=16 seed=0 50.0%" in states[-1]
  for state in states:
    assert "\r" not in state and "\n" not in state
    assert 80 < len(state) <= cell.WIDTH
  assert capsys.readouterr() == ("", "")


def test_a_shell_in_a_terminal_gets_none(monkeypatch, capsys):
  kernel = Kernel(monkeypatch, kernel=None)
  assert cell.find() is None
  assert len(run_with_clock([0] * 9, stream=None)) == 1
  assert kernel.shown == []


class Clock:
  """Seconds that tests set."""

  def __init__(self):
    self.now = 0.0

  def __call__(self):
    return self.now


def lines_of(batches, in_flight, compiling=180.0, seconds=20.0, total=500):
  """The lines of one run whose problems end in batches, all at a time."""
  clock, lines = Clock(), []
  with bar.Progress(
    total, 0, "weighted/last", lines.append, io.StringIO(), clock
  ) as shown:
    shown.start_run(RUN, [], in_flight)
    clock.now = compiling
    for _ in range(batches):
      clock.now += seconds
      for _ in range(in_flight):
        shown.advance(RIGHT)
        clock.now += 0.001
  return lines


def test_the_time_left_does_not_count_compilation():
  # 100 batches of 5 problems in 20 s each, after three minutes of compiling.
  first, *others = lines_of(batches=100, in_flight=5)
  assert first.startswith(
    "  1 of 500 problems done, ? per second, compiling, time left not known "
    "yet; now small rebase n=16 seed=0"
  )
  assert len(others) == 99
  assert others[0].startswith(
    "  6 of 500 problems done, 0.2 per second, about 33 m"
  )
  assert (
    "251 of 500 problems done, 0.2 per second, about 17 min left" in others[49]
  )
  assert (
    "496 of 500 problems done, 0.2 per second, about 16 s left" in others[-1]
  )


@pytest.mark.parametrize("in_flight", [1, 7, 64])
def test_the_first_time_left_is_right_whatever_is_in_flight(in_flight):
  lines = lines_of(20, in_flight, seconds=60.0, total=20 * in_flight)
  unknown = [line for line in lines if "not known yet" in line]
  told = [line for line in lines if "about" in line]
  assert (len(unknown), len(told)) == (1, 19)
  # 19 batches of a minute are left, but for the problem that is done.
  assert f"about {19 - 1 / in_flight:.0f} min left" in told[0]


def test_a_run_of_one_batch_tells_no_rate_and_keeps_that_of_others():
  clock, lines = Clock(), []
  with bar.Progress(
    120, 0, "weighted/last", lines.append, io.StringIO(), clock
  ) as shown:
    for in_flight, count in ((40, 40), (1, 40), (40, 40)):
      shown.start_run(RUN, [], in_flight)
      clock.now += 100.0
      for _ in range(count):
        clock.now += 11.0
        shown.advance(RIGHT)
  assert all("not known yet" in line for line in lines[:41])
  assert (
    "42 of 120 problems done, 11 s per problem, about 14 min left" in lines[41]
  )
  assert (
    "81 of 120 problems done, 11 s per problem, about 7 min left" in lines[80]
  )
  assert all("11 s per problem" in line for line in lines[41:])


def test_the_end_of_runs_of_one_batch_each_waits_for_nothing():
  stream = Terminal()
  with bar.Progress(
    4, 0, "weighted/last", lambda line: None, stream, Clock()
  ) as shown:
    for _ in range(2):
      shown.start_run(RUN, [], in_flight=2)
      assert stream.getvalue().endswith("time left not known yet]")
      for _ in range(2):
        shown.advance(RIGHT)
  last = stream.getvalue().split("\r")[-1]
  assert "4/4" in last and "none left" in last


def test_what_was_there_before_does_not_count():
  clock, lines = Clock(), []
  with bar.Progress(
    100, 90, "weighted/last", lines.append, io.StringIO(), clock
  ) as shown:
    shown.start_run(RUN, [True] * 90)
    for seconds in (300, 20, 20):
      clock.now += seconds
      shown.advance(WRONG)
  assert [line.partition(";")[0] for line in lines] == [
    "  91 of 100 problems done, ? per second, compiling, time left not known "
    "yet",
    "  92 of 100 problems done, 20 s per problem, about 3 min left",
    "  93 of 100 problems done, 20 s per problem, about 2 min left",
  ]


def test_the_bar_shows_the_same_rate():
  clock, stream = Clock(), Terminal()
  with bar.Progress(
    100, 0, "weighted/last", lambda line: None, stream, clock
  ) as shown:
    shown.start_run(RUN, [], in_flight=2)
    assert "compiling, time left not known yet" in stream.getvalue()
    clock.now = 300.0
    for _ in range(10):
      for _ in range(2):
        shown.advance(RIGHT)
      clock.now += 4.0
    shown.start_run(RUN, [])  # shown anew
  last = stream.getvalue().split("\r")[-1]
  assert "20/100" in last and "0.5 problem/s, about" in last
  assert "not known" not in last


def test_durations_in_words():
  words = [bar.duration(s) for s in (40, 600, 9000)]
  assert words == ["40 s", "10 min", "2.5 h"]
