"""A sweep of the embedded family, shared out in one way or another."""

import os
import pathlib
import subprocess
import sys

from configs import demo
from inference_scaling.sweep.workers import driver, planning

ROOT = pathlib.Path(__file__).parents[3]


def get_config(arg=""):
  """Two embedded policies, greedy, sampling and REBASE: 24 searches."""
  del arg
  value = demo.get_config("runlocal")
  value.task.count = 4
  policies = ("small", "middle")
  value.policies = {name: value.policies[name] for name in policies}
  for block in value.runs.values():
    block.policies = policies
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


def drive(workdir, make_executor, cache, workers=2):
  """Runs the driver in this process, on tasks of a run each at most."""
  driver.run_sweep(
    get_config(),
    workdir,
    make_executor,
    driver.Options(workers, planning.Cutting(1e-9, 1.0, str(cache))),
    lambda line: None,
  )
