"""Boxes hold, whatever a program does, and right programs pass in them."""

import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

import pytest

from inference_scaling.tasks.programs import (
  bubblewrap,
  interpreter,
  jobs,
  limits,
  probe,
  process,
  sandbox,
)
from inference_scaling.tasks.programs.inside import values
from tests.tasks.programs import hostile

TESTS = jobs.Tests("", "assert f(2) == 4", ("f",))
RIGHT = "def f(x): return x * 2"
ROOT = pathlib.Path(__file__).parents[3]
# On a loaded machine a second of its processor takes many others.
LIMITS = limits.Limits(seconds=60.0, cpu_seconds=1, memory_mib=256)
ASLEEP = "sleeping"  # ends with its time alone


@pytest.fixture(name="box", params=sandbox.KINDS, scope="module")
def _box(request):
  box = sandbox.Sandbox(request.param, LIMITS)
  reason = probe.lacks(request.param) or probe.breach(box)
  if reason:
    pytest.skip(reason)
  return box


@pytest.fixture(name="became", scope="module")
def _became(box, tmp_path_factory):
  """What became of all hostile programs and of a right one beside them."""
  folder = tmp_path_factory.mktemp("parent")
  secret = folder / "secret"
  secret.write_text("4")
  programs = hostile.sources(secret=secret, folder=folder, parent=os.getpid())
  programs["right"] = RIGHT
  short = dataclasses.replace(LIMITS, seconds=1.0)
  impatient = dataclasses.replace(box, limits=short)
  asleep = impatient.examine(programs.pop(ASLEEP), TESTS)
  verdicts = box.examine_all(programs.values(), TESTS)
  became = dict(zip(programs, verdicts, strict=True))
  return became | {ASLEEP: asleep}, folder


@pytest.mark.parametrize("name", hostile.PROGRAMS)
def test_hostile_programs_are_survived(became, name):
  verdict = became[0][name]
  assert not verdict.passed
  assert re.search(hostile.PROGRAMS[name][1], verdict.why), verdict.why


def test_a_right_program_passes_beside_them(became):
  assert became[0]["right"] == jobs.Verdict(True, "", ())


def test_they_have_changed_nothing(became):
  folder = became[1]
  assert [path.name for path in folder.iterdir()] == ["secret"]
  assert (folder / "secret").read_text() == "4"
  assert os.access(folder, os.R_OK | os.W_OK | os.X_OK)


def _boxes():
  """Processes of this machine that run a box."""
  script = interpreter.command()[-1].encode()
  for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    try:
      if script in path.read_bytes():
        yield path
    except OSError:
      pass  # it has ended


def test_none_of_them_is_left(became):
  del became
  _wait_until(lambda: not any(_is_ours(path) for path in _boxes()))


def _wait_until(holds):
  until = time.monotonic() + 60
  while not holds():
    assert time.monotonic() < until
    time.sleep(0.1)


def _is_ours(path):
  """Whether a box was started by this process, or by none that lives."""
  try:
    fields = (path.parent / "stat").read_text().rpartition(")")[2].split()
  except OSError:
    return False
  return int(fields[1]) in (1, os.getpid())


def test_equal_types_come_back(box):
  given = {
    "n": [None, True, 3, -(1 << 400), 0.5, float("inf"), 2 + 3j, "é\ud800"],
    "t": ((1, (2,)), {3, 4}, frozenset({5}), {(6,): [7]}, b"8", range(9)),
  }
  tests = jobs.Tests(
    f"given = {given!r}".replace("inf", "float('inf')"),
    "assert f(given) == given\n"
    "assert [type(x) for x in f(given)['t']] == "
    "[type(x) for x in given['t']]\n"
    "assert list(g(3)) == [0, 1, 2] and h()(2) == 4\n"
    "assert d() == __import__('decimal').Decimal('1.10')\n"
    "node = Node(1)\nnode.next = Node(2)\nassert last(node) == 2\n"
    "try: f()\nexcept TypeError: pass\nelse: raise AssertionError\n",
    ("f", "g", "h", "d", "Node", "last"),
  )
  program = (
    "import decimal\n"
    "def f(x): return x\ndef g(n): yield from range(n)\n"
    "def h(): return lambda x: x * 2\ndef d(): return decimal.Decimal('1.10')\n"
    "class Node:\n  def __init__(self, value): self.value = value\n"
    "def last(node): return node.next.value\n"
  )
  assert box.examine(program, tests) == jobs.Verdict(True, "", ())


def test_what_honest_programs_use_is_there(box):
  """Their module, texts of enumerations and exceptions, any keyword."""
  program = (
    "from __future__ import annotations\n"
    "import dataclasses, enum, pickle, typing\n"
    "@dataclasses.dataclass\nclass P:\n  x: int\n  next: P | None = None\n"
    "class E(str, enum.Enum):\n  A = 'a'\n"
    "def f(x): return pickle.loads(pickle.dumps(P(x))).x\n"
    "def g(self, of): return E.A if of else typing.get_type_hints(P)['x']()\n"
    "def h(x): raise ValueError('no ' + x)\n"
  )
  tests = jobs.Tests(
    "",
    "assert f(3) == 3 and g(self=1, of=2) == 'a' and g(1, 0) == 0\n"
    "try: h('x')\nexcept ValueError as error: assert str(error) == 'no x'\n"
    "else: raise AssertionError('nothing was raised')",
    ("f", "g", "h"),
  )
  assert box.examine(program, tests) == jobs.Verdict(True, "", ())


def test_a_program_does_not_end_the_iterations_of_tests(box):
  tests = jobs.Tests("", "assert all(map(f, [1, 2]))", ("f",))
  verdict = box.examine("def f(x): raise StopIteration", tests)
  assert not verdict.passed and "StopIteration" in verdict.why


def test_what_tests_print_is_no_reply(box):
  noise = (
    "import os, sys\nprint('x' * 100000, file=sys.stderr, flush=True)\n"
    "print('{}', flush=True)\n"
  )
  tests = jobs.Tests(noise, noise + TESTS.code, ("f",))
  assert box.examine(RIGHT, tests).passed
  assert len(box.record_calls(tests)) == 1


def test_calls_are_recorded_and_observed(box):
  tests = jobs.Tests(
    "n = 3",
    "def check(g):\n  assert g([n], k=(1,)) == 5, g(2)\n  assert g(4) > g(5)\n"
    "check(f)",
    ("f",),
  )
  calls = box.record_calls(tests)
  assert [call[1] for call in calls] == [[[3]], [4], [5]]
  programs = (
    "def f(x, k=0): return float(x) if k == 0 else 1",
    "def f(x, k=None): return x if k is None else True",
    "def f(x, k=0): return 1 / 0 if k == 0 else 1",
    "def f(x, k=0):\n  while x == 5: pass\n  return x if k == 0 else 1",
  )
  one, same, fails, slow = (
    verdict.seen for verdict in box.examine_all(programs, tests, calls)
  )
  assert one == same and all(one) and len(set(one)) == 3
  assert fails == (one[0], "", "") and slow == (*one[:2], "")


def test_a_box_that_does_not_hold_is_noticed(box, monkeypatch, tmp_path):
  del box
  monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
  monkeypatch.setattr(
    interpreter, "readable", lambda: [*_READABLE, str(tmp_path)]
  )
  for kind in sandbox.KINDS:
    if not probe.lacks(kind):
      reason = probe.breach(sandbox.Sandbox(kind))
      assert "read a file of the parent's" in reason


_READABLE = interpreter.readable()


def test_where_no_box_holds_programs_are_refused(monkeypatch):
  monkeypatch.setattr(bubblewrap, "program", lambda: None)
  monkeypatch.setattr(probe.landlock, "version", lambda: 2)
  with pytest.raises(jobs.SandboxError) as raised:
    probe.choose()
  message = str(raised.value)
  assert "bwrap is not installed" in message and "Landlock 2" in message
  assert "apt install bubblewrap" in message and "\n" not in message


def test_a_box_that_does_not_start_says_why(monkeypatch):
  monkeypatch.setattr(bubblewrap, "program", lambda: "/bin/false")
  with pytest.raises(jobs.SandboxError, match="'bubblewrap' does not start"):
    sandbox.Sandbox(sandbox.BUBBLEWRAP).examine(RIGHT, TESTS)


def test_what_a_box_says_is_bounded(monkeypatch):
  monkeypatch.setattr(process, "MAX_BYTES", 1 << 20)
  with process.Box(["yes", "x" * 5000], {}) as box:
    with pytest.raises(process.BoxEndedError, match="no message"):
      box.receive(time.monotonic() + 10)
  with process.Box(["cat", "/dev/zero"], {}) as box:
    with pytest.raises(process.BoxEndedError, match="too much"):
      box.receive(time.monotonic() + 10)


def test_the_box_ends_with_an_interrupted_parent(monkeypatch):
  started = []

  class Interrupted(process.Box):
    def receive(self, until):
      started.append(self._process)
      raise KeyboardInterrupt

  monkeypatch.setattr(process, "Box", Interrupted)
  with pytest.raises(KeyboardInterrupt):
    sandbox.Sandbox(sandbox.LANDLOCK).examine(RIGHT, TESTS)
  assert started[0].poll() is not None
  assert threading.active_count() < 50


def test_the_box_ends_with_a_killed_parent(box):
  code = (
    "from inference_scaling.tasks.programs import jobs, sandbox\n"
    f"box = sandbox.Sandbox({box.kind!r})\n"
    "tests = jobs.Tests('', 'assert f(2) == 4', ('f',))\n"
    "box.examine('import time\\ndef f(x): time.sleep(99)', tests)\n"
  )
  before = set(_boxes())
  parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
  _wait_until(lambda: len(set(_boxes()) - before) > 2)
  parent.kill()
  parent.wait()
  _wait_until(lambda: not any(_is_ours(path) for path in _boxes()))


@pytest.mark.parametrize(
  ("one", "other", "same"),
  [
    (True, 1.0, True), ({1, 2}, {2, 1}, True), ([1], (1,), False),
    ({1: 2, 3: 4}, {3: 4, 1: 2}, True), (0.1 + 0.2, 0.3, False),
    ("1", 1, False), (1 << 60, float(1 << 60), False),
  ],
)  # fmt: skip
def test_equal_values_have_one_text(one, other, same):
  texts = [
    values.canonical(values.encode(value, lambda _: 0))
    for value in (one, other)
  ]
  assert (texts[0] == texts[1]) == same
