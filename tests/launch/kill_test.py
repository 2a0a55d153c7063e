"""Sweeps in processes of their own, stopped by signals."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import jax
import pytest

from inference_scaling import sweep
from tests.launch import tiny_sweep
from tests.sweep import tiny

pytestmark = pytest.mark.slow
ROOT = pathlib.Path(__file__).parents[2]
TOTAL = 24


@pytest.fixture(scope="module")
def family(tmp_path_factory):
  cache = tmp_path_factory.mktemp("cache")
  jax.config.update("jax_compilation_cache_dir", str(cache))
  yield tiny.write_family(tmp_path_factory.mktemp("family"))
  jax.config.update("jax_compilation_cache_dir", None)


def start(family, workdir):
  # Where tests run in the background, shells make them ignore Ctrl-C, and
  # processes inherit that.
  signal.signal(signal.SIGINT, signal.default_int_handler)
  return subprocess.Popen(
    [
      sys.executable, "launch/sweep.py",
      f"--config=tests/launch/tiny_sweep.py:{family}", f"--workdir={workdir}",
      "--compilation_cache=",
    ],
    cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
  )  # fmt: skip


def lines(workdir):
  path = workdir / "records.jsonl"
  return path.read_bytes().splitlines(True) if path.exists() else []


def wait_for_records(process, workdir, count):
  while len(lines(workdir)) < count:
    assert process.poll() is None, process.communicate()
    time.sleep(0.01)


def test_ctrl_c_and_kill_9_lose_nothing_and_change_nothing(family, tmp_path):
  """One sweep: interrupted, killed, completed; another one: undisturbed."""
  stopped, whole = tmp_path / "stopped", tmp_path / "whole"
  process = start(family, stopped)
  wait_for_records(process, stopped, 2)
  process.send_signal(signal.SIGINT)
  out, err = process.communicate()
  assert process.returncode == 130
  after_interrupt = lines(stopped)
  assert f"{len(after_interrupt)} records in {stopped}" in err
  assert "same command" in err and "Traceback" not in err
  assert "4 runs over 6 problems" in out

  process = start(family, stopped)
  wait_for_records(process, stopped, len(after_interrupt) + 2)
  process.kill()
  process.communicate()
  after_kill = lines(stopped)
  assert after_kill[: len(after_interrupt)] == after_interrupt
  assert len(after_kill) < TOTAL
  # What a kill in the middle of a write leaves behind.
  with (stopped / "records.jsonl").open("ab") as file:
    file.write(after_kill[0][:-30])

  config = tiny_sweep.get_config(family)
  sweep.run_sweep(config, stopped)
  sweep.run_sweep(config, whole)
  assert len(lines(whole)) == TOTAL
  assert lines(stopped)[: len(after_kill)] == after_kill
  assert sorted(lines(stopped)) == sorted(lines(whole))
  for line in lines(stopped):
    json.loads(line)
