"""Sweeps by worker processes that are to go wrong, and what they should be."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from inference_scaling.sweep.executors import local
from inference_scaling.sweep.workers import driver, planning, worker
from tests.launch import tiny_sweep

ROOT = pathlib.Path(__file__).parents[3]
TOTAL = 24  # records of the tiny sweep


def start(family, workdir, *flags):
  """Starts the launcher on the tiny sweep, by one worker if not told else."""
  # Where tests run in the background, shells make them ignore Ctrl-C, and
  # processes inherit that.
  signal.signal(signal.SIGINT, signal.default_int_handler)
  return subprocess.Popen(
    [
      sys.executable, "launch/sweep.py",
      f"--config=tests/launch/tiny_sweep.py:{family}", f"--workdir={workdir}",
      "--executor=local", f"--compilation_cache={family}/cache", *flags,
    ],
    cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
  )  # fmt: skip


def records(workdir):
  """The records of a folder, by run and problem."""
  path = workdir / "records.jsonl"
  lines = path.read_text().splitlines() if path.exists() else []
  values = [json.loads(line) for line in lines]
  keyed = {
    str((list(value["run"].values()), value["problem"]["id"])): value
    for value in values
  }
  assert len(keyed) == len(values), "a record stands twice"
  return keyed


def wait(condition, process, seconds=120):
  """Waits until something is so, while a process runs."""
  deadline = time.monotonic() + seconds
  while not condition():
    assert process.poll() is None, process.communicate()
    assert time.monotonic() < deadline, "it takes too long"
    time.sleep(0.02)


def workers(workdir):
  """Process ids of the workers that have begun, by their names."""
  beats = (workdir / "tasks").glob("*/workers/worker-*")
  return {beat.name: json.loads(beat.read_text())["pid"] for beat in beats}


class Broken(local.Local):
  """Runs a few lines of Python in each worker before it begins."""

  def __init__(self, code, workers, logs):
    super().__init__(workers, 1, logs)
    run = (
      f"{code}\nimport sys\n"
      "from inference_scaling.sweep.workers import worker\n"
      "sys.exit(worker.main(sys.argv[1:]))"
    )
    self.command = (sys.executable, "-c", run)


def drive(family, workdir, code="", workers=1, lost_after=60.0, say=print):
  """Runs the driver in this process, on tasks as small as can be."""
  driver.run_sweep(
    tiny_sweep.get_config(family),
    pathlib.Path(workdir),
    lambda prepared: Broken(code, workers, pathlib.Path(workdir) / "logs"),
    driver.Options(
      workers,
      planning.Cutting(1e-9, 1.0, f"{family}/cache"),
      lost_after,
    ),
    say,
  )


def driver_process(family, workdir, code, workers=1):
  """Runs the driver in a process of its own."""
  call = f"faults.drive({str(family)!r}, {str(workdir)!r}, {code!r}, {workers})"
  return subprocess.Popen(
    [
      sys.executable, "-c",
      f"from tests.sweep.executors import faults\n{call}",
    ],
    cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
  )  # fmt: skip


ONCE = """
import os

def once(folder):
  try:
    os.close(os.open(f"{folder}/once", os.O_CREAT | os.O_EXCL))
  except FileExistsError:
    return False
  return True

from inference_scaling.storage import local as storage_local
append = storage_local.LocalStore.append
"""
SLOWLY = (
  ONCE
  + """
import time

def slowly(self, name, data):
  time.sleep(0.3)
  append(self, name, data)

storage_local.LocalStore.append = slowly
"""
)


def work_slowly(folder, name, token):
  """Works as a worker does, but for a rest before each record."""
  exec(SLOWLY, {})
  worker.work(folder, name, token)


def killed_in_a_write(folder):
  """The third record of one worker is cut by kill -9."""
  return f"""{ONCE}
import signal
count = [0]

def cut(self, name, data):
  count[0] += 1
  if count[0] == 3 and once({str(folder)!r}):
    with open(f"{{self.url}}/{{name}}", "ab") as file:
      file.write(data[: len(data) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
  append(self, name, data)

storage_local.LocalStore.append = cut
"""


def full_disk(folder):
  """The disk of the first worker that writes is full from its third record."""
  return f"""{ONCE}
import errno
count = [0]

def full(self, name, data):
  if count[0] == 0:
    count[0] = 2 if once({str(folder)!r}) else -1000
  count[0] += 1
  if count[0] > 4:
    raise OSError(errno.ENOSPC, "cannot write: No space left on device")
  append(self, name, data)

storage_local.LocalStore.append = full
"""
