"""Workers as processes: the records are those of one process, come what may."""

import os
import pathlib
import re
import signal
import threading
import time

import pytest

from tests.sweep import tiny
from tests.sweep.executors import faults


def test_two_workers_make_the_records_of_one_process(family, whole, tmp_path):
  process = faults.start(family, tmp_path, "--workers=2")
  out, err = process.communicate()
  assert process.returncode == 0, err
  assert faults.records(tmp_path) == whole
  assert "Report: " in out
  assert f"rebase n=4 seed=0: {len(tiny.GOLDS)} problems" in out
  # What driver and workers shared is gone, but for what workers printed.
  shared = [p for p in (tmp_path / "tasks").rglob("*") if p.is_file()]
  assert {path.parent.name for path in shared} == {"logs"}
  assert len(shared) == 2


def test_a_worker_that_is_killed_in_a_write_loses_nothing(
  family, whole, tmp_path
):
  said = []
  code = faults.killed_in_a_write(tmp_path)
  faults.drive(family, tmp_path, code, say=said.append)
  assert (tmp_path / "once").exists()
  assert any("killed by SIGKILL" in line for line in said), said
  assert faults.records(tmp_path) == whole


def test_a_worker_whose_disk_is_full_leaves_the_rest_to_others(
  family, whole, tmp_path
):
  said = []
  faults.drive(family, tmp_path, faults.full_disk(tmp_path), 2, say=said.append)
  (line,) = [line for line in said if line.startswith("Worker ")]
  assert "No space left on device" in line and os.uname().nodename in line
  assert faults.records(tmp_path) == whole


@pytest.mark.slow
def test_a_driver_that_is_killed_finds_its_workers_again(
  family, whole, tmp_path
):
  process = faults.driver_process(family, tmp_path, faults.SLOWLY, 2)
  faults.wait(lambda: len(faults.records(tmp_path)) >= 2, process)
  with pytest.raises(OSError, match=f"process {process.pid} of "):
    faults.drive(family, tmp_path)  # the second one is told of the first
  process.kill()
  process.communicate()
  before = faults.workers(tmp_path)
  assert len(before) == 2
  for number in before.values():
    os.kill(number, 0)  # they go on
  said = []
  # Workers that this driver started would fail at once.
  faults.drive(family, tmp_path, "raise SystemExit(3)", 2, say=said.append)
  assert not [line for line in said if line.startswith("Worker ")], said
  assert faults.records(tmp_path) == whole


@pytest.mark.slow
def test_a_worker_that_is_not_heard_of_is_replaced(family, whole, tmp_path):
  """As of a host that is lost: here it stands still, and wakes up too late."""
  beat = "\nfrom inference_scaling.sweep.workers import beats\n"
  beat += "beats.Heart.__init__.__defaults__ = (0.2,)\n"
  said, stopped = [], []

  def stop_one():
    while not stopped:
      for number in faults.workers(tmp_path).values():
        if len(faults.records(tmp_path)) >= 2:
          os.kill(number, signal.SIGSTOP)
          stopped.append(number)
          return
      time.sleep(0.02)

  thread = threading.Thread(target=stop_one)
  thread.start()
  faults.drive(
    family, tmp_path, faults.SLOWLY + beat, 2, lost_after=3.0, say=said.append
  )
  thread.join()
  assert any("taken for lost" in line for line in said), said
  assert faults.records(tmp_path) == whole


@pytest.mark.slow
def test_ctrl_c_ends_workers_too(family, whole, tmp_path):
  process = faults.driver_process(family, tmp_path, faults.SLOWLY, 2)
  faults.wait(lambda: len(faults.records(tmp_path)) >= 2, process)
  running = list(faults.workers(tmp_path).values())
  process.send_signal(signal.SIGINT)
  _, err = process.communicate()
  count = len(faults.records(tmp_path))
  assert f"{count} records in {tmp_path}/records.jsonl are safe" in err
  for number in running:
    assert not pathlib.Path(f"/proc/{number}").exists()
  faults.drive(family, tmp_path)
  assert faults.records(tmp_path) == whole


def test_workers_that_do_nothing_are_given_up_with_their_last_lines(
  family, tmp_path
):
  code = "raise SystemExit('a library is missing')"
  with pytest.raises(OSError, match="3 workers in a row") as error:
    faults.drive(family, tmp_path, code, say=lambda line: None)
  assert "a library is missing" in str(error.value)
  assert re.search(r"logs/worker-\w+\.log", str(error.value))


@pytest.mark.parametrize(
  ("flags", "message"),
  [
    (["--workers=4096"], "--workers is 4096, but this process may use"),
    (["--task_minutes=0"], "--task_minutes is 0.0; expected a number above 0"),
    (["--executor.partition=a"], "--executor.partition is an option of slurm"),
    (["--executor=", "--workers=2"], "value should be one of"),
  ],
)
def test_flags_that_cannot_be_are_named(flags, message, family, tmp_path):
  process = faults.start(family, tmp_path, *flags)
  _, err = process.communicate()
  assert process.returncode == 1
  assert message in err and "Traceback" not in err
