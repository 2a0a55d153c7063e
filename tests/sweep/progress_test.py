"""Progress: a bar on a terminal, a line now and then elsewhere."""

import io

from inference_scaling.sweep import grid, progress

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
  with progress.Progress(
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
    "  3 of 8 problems done, 0.2 a second, about 30 s left; now small rebase"
    " n=16 seed=0, 66.7% right",
    "small rebase n=16 seed=0: 4 problems, weighted/last 50.0% right",
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


def test_durations_in_words():
  words = [progress._duration(s) for s in (40, 600, 9000)]
  assert words == ["40 s", "10 min", "2.5 h"]
