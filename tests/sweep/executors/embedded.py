"""A sweep of the embedded family, shared out in one way or another."""

import os
import pathlib
import subprocess
import sys
from unittest import mock

from configs import demo
from inference_scaling import runtime
from inference_scaling.sweep.workers import driver, planning

ROOT = pathlib.Path(__file__).parents[3]


def get_config(arg=""):
  """Greedy, sampling and REBASE of one policy: 48 searches.

  With fewer problems or beams the shapes of programs are those for which sums
  do not depend on the number of threads.

  Args:
    arg: number of threads; "" for the default.
  """
  value = demo.get_config()
  value.task.count = 16
  value.threads = int(arg or 0)
  value.policies = {"small": value.policies["small"]}
  for block in value.runs.values():
    block.policies = ("small",)
    if "n" in block:
      block.n = (16,)
  return value


def run_alone(workdir, cache):
  """Runs the launcher in a process of its own, on all cores.

  This process has eight devices, which share out products otherwise.
  """
  subprocess.run(
    [
      sys.executable, "launch/sweep.py",
      "--config=tests/sweep/executors/embedded.py", f"--workdir={workdir}",
      f"--compilation_cache={cache}",
    ],
    cwd=ROOT, check=True, capture_output=True,
    env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
  )  # fmt: skip


def drive(workdir, make_executor, cache, workers=2, threads=0):
  """Runs the driver in this process, on tasks of a run each at most."""
  with mock.patch.dict(os.environ):
    runtime.use_threads(threads)
    driver.run_sweep(
      get_config(threads),
      workdir,
      make_executor,
      driver.Options(workers, planning.Cutting(1e-9, 1.0, str(cache))),
      lambda line: None,
    )
