import concurrent.futures
import os
import subprocess
import sys
import threading

import pytest

from inference_scaling import tasks
from inference_scaling.tasks.grading import grader as grading
from inference_scaling.tasks.grading import process as grading_process

HUGE = "9^{9^{9^9}}"
EQUAL = (r"\frac{1}{2}", "0.5")  # equal, and not by their texts


@pytest.fixture(scope="module")
def grader():
  with tasks.Grader() as shared:
    yield shared


@pytest.fixture(name="warnings")
def _warnings(monkeypatch):
  """Collects what is logged as a warning."""
  logged = []
  monkeypatch.setattr(
    grading.logging, "warning", lambda text, *args: logged.append(text % args)
  )
  return logged


@pytest.mark.parametrize(
  ("gold", "answer"),
  [
    ("42", "42.00"),
    ("42", "$42"),
    ("42", "42 apples"),
    ("1234", "1,234"),
    ("18.9", r"\$18.90"),
    (r"\frac{1}{2}", "1/2"),
    (r"\frac{1}{2}", "0.5"),
    (r"1\frac{4}{5}", r"\frac{9}{5}"),
    (r"1\frac{4}{5}", "1.8"),
    ("0.5", "50%"),
    ("10000000", "10^7"),
    ("8", "2^3"),
    (r"3\sqrt{13}", r"\sqrt{117}"),
    (r"\left( 3, \frac{\pi}{2} \right)", r"(3,\pi/2)"),
    ("(3,4]", r"\left(3, 4\right]"),
    ("3, 5, 7", "7, 5, 3"),
    ("1,-2", r"\{-2, 1\}"),
    (r"1 \pm \sqrt{19}", r"1+\sqrt{19}, 1-\sqrt{19}"),
    (r"(-\infty, 2) \cup (3, \infty)", r"(3,\infty)\cup(-\infty,2)"),
    ("x=5", "5"),
    ("5", "x = 5"),
    ("y = 2x + 3", "y = 3 + 2x"),
    ("x^3+3x-6", "3x - 6 + x^3"),
    ("(a+5)(b+2)", "ab + 2a + 5b + 10"),
    ("6 - 5i", "-5i + 6"),
    ("p - q", "-q + p"),
    (r"x \in [-2,7]", "[-2,7]"),
    ("5x - 7y + 4 = 0", "-5x + 7y - 4 = 0"),
    ("(2,5) \\cup (5,9)", "(5,9) \\cup (2,5)"),
    (r"\text{Evelyn}", "Evelyn"),
    (r"\text{(C)}", "C"),
    (r"90^\circ", "90"),
    (r"864 \mbox{ inches}^2", "864"),
    (
      r"\begin{pmatrix} -1/3 \\ 2/3 \end{pmatrix}",
      r"\begin{pmatrix} -\frac{1}{3} \\ \frac{2}{3} \end{pmatrix}",
    ),
  ],
)
def test_equal_answers(grader, gold, answer):
  assert grader.grade(gold, answer)


@pytest.mark.parametrize(
  ("gold", "answer"),
  [
    ("42", "43"),
    ("42", "-42"),
    ("42", "4.2"),
    ("42", None),
    ("42", ""),
    ("42", "forty-two sheep"),
    ("1234", "1, 234"),
    (r"\frac{1}{2}", r"\frac{1}{3}"),
    (r"\frac{1}{3}", "0.33"),
    ("(1, 2)", "(2, 1)"),
    ("(1, 2)", "(1, 2, 3)"),
    ("(1, 2)", "1"),
    ("(3,4]", "[3,4]"),
    ("(3,4]", "(3,4)"),
    ("3, 5, 7", "3, 5"),
    ("3", "3, 5"),
    ("p - q", "q - p"),
    ("(1, 2)", "2, 1"),
    (r"x \in [-2,7]", "[-2,6]"),
    ("(2,5) \\cup (5,9)", "(2,9)"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", "(2, 1)"),
    ("6 - 5i", "6 + 5i"),
    (r"\text{even}", r"\text{odd}"),
    (r"\text{even}", "neve"),
    (r"\text{(C)}", "(D)"),
    ("3", "3 million"),
    ("x^2", r"\notlatex{{"),
  ],
)
def test_different_answers(grader, gold, answer):
  assert not grader.grade(gold, answer)


@pytest.mark.parametrize("gold", [["42"], ("6", "42"), ["42.0", "x"]])
def test_any_of_several_gold_answers_is_right(grader, gold):
  assert grader.grade(gold, "42")
  assert grader.grade(gold, r"\frac{84}{2}")
  assert not grader.grade(gold, "43")
  assert not grader.grade(gold, None)


def test_several_gold_answers_are_compared_by_value_and_kind(grader):
  golds = [r"\frac{1}{2}", "(1, 2)", "east"]
  assert grader.grade(golds, "0.5")
  assert grader.grade(golds, r"\left(1, \frac{4}{2}\right)")
  assert grader.grade(golds, "East")
  assert not grader.grade(golds, "1, 2")
  assert tasks.grade(golds, "0.50")


@pytest.mark.parametrize("gold", [[], [""], ["42", "$.$"]])
def test_empty_gold_among_several_is_refused(grader, gold):
  with pytest.raises(ValueError, match=r"gold answer is .* holds no answer"):
    grader.grade(gold, "42")


def test_percent_is_an_option_with_a_default(grader):
  with tasks.Grader(percent="value") as strict:
    assert grader.grade("28", r"28\%")
    assert not strict.grade("28", r"28\%")
    for any_grader in (grader, strict):
      assert any_grader.grade("0.28", r"28\%")
      assert not any_grader.grade("0.28", "28")
  with pytest.raises(
    ValueError, match="percent is 'all'; expected one of eith"
  ):
    tasks.Grader(percent="all")


def test_order_of_gold_and_answer_matters(grader):
  assert grader.grade("x<2", r"(-\infty, 2)")
  assert not grader.grade(r"(-\infty, 2)", "x<2")


def test_answers_of_one_voting_class_share_a_verdict(grader):
  spellings = ["1/2", "2/4", r"\dfrac12", r"\frac{1}{2}"]
  assert len({tasks.canonical(s) for s in spellings}) == 1
  assert {grader.grade("0.5", s) for s in spellings} == {True}


def test_module_function_needs_no_worker_for_integers_and_words(monkeypatch):
  def fail():
    raise AssertionError("a worker was started")

  monkeypatch.setattr(grading_process, "Worker", fail)
  monkeypatch.setattr(grading, "_default_grader", tasks.Grader())
  assert tasks.grade("1,234", "1234.0")
  assert not tasks.grade("42", "43")
  assert not tasks.grade("east", "west")
  assert not tasks.grade("42", None)


def test_each_pair_is_verified_once():
  with tasks.Grader() as grader:
    assert grader.num_verified == 0
    assert grader.grade(*EQUAL)
    assert grader.grade(*EQUAL)
    assert grader.grade("1/2", ".50")  # the same canonical texts
    assert grader.num_verified == 1
    assert grader.grade(*EQUAL[::-1])  # gold and answer swapped
    assert grader.num_verified == 2


# Stands for algebra that never returns: it is busy in one C call, which no
# signal handler interrupts.
HANGING_WORKER = r"""
import json, sys
print('{"ready": true}', flush=True)
for line in sys.stdin:
  if json.loads(line)["answer"] == "9^{9^{9^9}}":
    3 ** int("3" * 10)
  equal = json.loads(line)["answer"] == "\\frac{1}{4}"
  print(json.dumps({"equal": equal}), flush=True)
"""


def test_hanging_answer_is_stopped_and_the_next_one_graded(
  monkeypatch, tmp_path, warnings
):
  _fake_worker(monkeypatch, tmp_path, HANGING_WORKER)
  with tasks.Grader(timeout_seconds=3.0) as grader:
    assert grader.grade("0.25", r"\frac{1}{4}")
    hung = grader._worker._process
    assert not grader.grade("5", HUGE)
    assert hung.poll() is not None  # it is gone, not merely left behind
    assert grader.num_restarts == 1
    assert grader.grade(".250", r"\frac{2}{8}")  # from the cache
    assert not grader.grade("5", HUGE)  # from the cache
    assert (grader.num_restarts, grader.num_verified) == (1, 2)
    assert not grader.grade("0.25", r"\frac{1}{5}")
    assert (grader.num_restarts, grader.num_verified) == (1, 3)
  assert warnings == [
    f"Grading of answer {HUGE!r} against gold '5' took more than 3 s: "
    "counted as incorrect."
  ]


@pytest.mark.parametrize(
  "answer",
  [HUGE, "(10^9)!", r"\binom{10^9}{10^8}", "e^{10^{10}}", "(" * 480, "-" * 480,
   r"\frac{1}{" * 40 + "2" + "}" * 40, "2^{2^{2^{2^{2^2}}}}", "√" * 480,
   "((1+1)" * 60 + ")" * 60, r"\sin(10^{-10^{9}})"],
)  # fmt: skip
def test_huge_and_deep_answers_are_judged_at_once(answer, warnings):
  with tasks.Grader(timeout_seconds=30.0) as grader:
    assert not grader.grade("5", answer)
    assert grader.num_restarts == 0
  assert warnings == []


def test_crashed_worker_is_replaced_and_asked_again(warnings):
  with tasks.Grader() as grader:
    assert grader.grade(*EQUAL)
    grader._worker._process.kill()
    grader._worker._process.wait()
    assert grader.grade("0.25", r"\frac{1}{4}")
    assert grader.num_restarts == 1
  assert len(warnings) == 1
  assert "died" in warnings[0]
  assert "'0.25'" in warnings[0]


def _fake_worker(monkeypatch, tmp_path, code):
  script = tmp_path / "worker.py"
  script.write_text(code)
  monkeypatch.setattr(grading_process, "WORKER_FILE", script)


def test_answer_that_crashes_every_worker_is_incorrect(
  monkeypatch, tmp_path, warnings
):
  code = "print('{\"ready\": true}', flush=True); input(); raise SystemExit(3)"
  _fake_worker(monkeypatch, tmp_path, code)
  with tasks.Grader() as grader:
    assert not grader.grade(*EQUAL)
    assert grader.num_restarts == 2
  assert [("exit status 3" in w, "crashed twice" in w) for w in warnings] == [
    (True, False),
    (True, False),
    (False, True),
  ]


@pytest.mark.parametrize(
  ("code", "message"),
  [
    ('print(\'{"error": "no module of that name"}\')', "no module of that"),
    ("raise SystemExit(4)", "exit status 4"),
  ],
)
def test_worker_that_cannot_start_is_an_error(
  monkeypatch, tmp_path, code, message
):
  _fake_worker(monkeypatch, tmp_path, code)
  with tasks.Grader() as grader:
    with pytest.raises(RuntimeError, match="did not start: .*" + message):
      grader.grade(*EQUAL)


def test_late_reply_after_an_interrupt_goes_to_no_other_question(monkeypatch):
  with tasks.Grader() as grader:
    assert grader.grade(*EQUAL)

    def interrupt(timeout_seconds):
      raise KeyboardInterrupt

    monkeypatch.setattr(grader._worker, "_receive", interrupt)
    with pytest.raises(KeyboardInterrupt):
      grader.grade("0.25", r"\frac{1}{5}")
    assert grader.grade("0.25", r"\frac{1}{4}")
    assert not grader.grade("0.25", r"\frac{1}{5}")


def test_child_process_does_not_talk_through_its_parents_worker(monkeypatch):
  with tasks.Grader() as grader:
    assert grader.grade(*EQUAL)
    parent = grader._worker
    child_pid = os.getpid() + 1
    with monkeypatch.context() as patch:
      patch.setattr(grading.os, "getpid", lambda: child_pid)
      assert grader.grade("0.25", r"\frac{1}{4}")
      assert grader._worker is not parent
      grader.close()
    assert parent._process.poll() is None
    parent.stop()


def test_threads_share_a_grader():
  pairs = [
    (f"0.{n}", rf"\frac{{{m}}}{{10}}") for n in range(1, 7) for m in (n, 9)
  ]
  barrier = threading.Barrier(8)

  def grade_all(_):
    barrier.wait()
    return [grader.grade(*pair) for pair in pairs]

  with tasks.Grader() as grader:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
      verdicts = list(pool.map(grade_all, range(8)))
    assert verdicts == [[True, False] * 6] * 8
    assert grader.num_verified == len(pairs)


def test_closed_grader_leaves_no_process_and_starts_another_when_asked():
  grader = tasks.Grader()
  assert grader.grade(*EQUAL)
  first = grader._worker._process
  grader.close()
  grader.close()
  assert first.poll() is not None
  assert grader.grade("0.25", r"\frac{1}{4}")
  grader.close()


def test_worker_imports_neither_jax_nor_this_package(monkeypatch, tmp_path):
  for name in ("jax", "inference_scaling"):
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise SystemExit(9)")
  monkeypatch.setenv("PYTHONPATH", str(tmp_path))
  with tasks.Grader() as grader:
    assert grader.grade(*EQUAL)


def test_script_needs_no_main_guard_and_ends_by_itself(tmp_path):
  script = tmp_path / "script.py"
  script.write_text(
    "import multiprocessing\n"
    "multiprocessing.set_start_method('spawn')\n"
    "from inference_scaling import tasks\n"
    f"print(tasks.grade(*{EQUAL!r}), tasks.grade('0.5', '2/3'))\n"
  )
  root = os.fspath(grading_process.WORKER_FILE.parents[2])
  done = subprocess.run(
    [sys.executable, os.fspath(script)],
    env=os.environ | {"PYTHONPATH": root},
    capture_output=True,
    text=True,
    timeout=120,
    check=False,
  )
  assert (done.stdout, done.stderr, done.returncode) == ("True False\n", "", 0)


@pytest.mark.parametrize("gold", ["", "  ", "$.$"])
def test_empty_gold_is_refused(grader, gold):
  with pytest.raises(ValueError, match=r"gold answer is .* holds no answer"):
    grader.grade(gold, "42")


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan")])
def test_time_limit_must_be_positive(seconds):
  with pytest.raises(ValueError, match="timeout_seconds is"):
    tasks.Grader(timeout_seconds=seconds)


def test_a_very_long_answer_is_wrong_without_the_worker():
  with grading.Grader() as grader:
    assert not grader.grade("1", "1, " * 7000)
    assert grader.num_verified == 0
