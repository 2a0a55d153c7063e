"""Two processes run one sweep, as one process on one device does."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import types

import jax
import numpy as np
import pytest

from inference_scaling import decoding, sweep
from tests.launch import tiny_mesh
from tests.sweep import tiny

pytestmark = pytest.mark.slow
ROOT = pathlib.Path(__file__).parents[2]
SECONDS = 300  # on a loaded machine; a hang would be for ever
ENVIRONMENT = {
  **os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu",
  "JAX_NUM_CPU_DEVICES": "2", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
}  # fmt: skip
# launch/sweep.py, but for the drawing of figures, which takes longer than the
# search and is tested elsewhere.
SWEEP = """
import runpy, sys, types
sys.modules["inference_scaling.analysis"] = types.SimpleNamespace(
  write_report=lambda workdir, **price: workdir / "report.md"
)
runpy.run_path("launch/sweep.py", run_name="__main__")
"""
# Launchers whose processes meet, and then fail or wait for the others.
MEET = """
import os, signal
from jax.experimental import multihost_utils
from inference_scaling import launching
def main(argv):
  multihost_utils.process_allgather(1)
  %s
  multihost_utils.process_allgather(2)
launching.run(main)
"""
FULL_DISK = "if launching.is_lead(): raise OSError('no space left')"
KILLED = "if not launching.is_lead(): os.kill(os.getpid(), signal.SIGKILL)"


@pytest.fixture
def alone(tmp_path, monkeypatch):
  """Folders of models, and of their sweep in this process, on one device."""
  family = tiny_mesh.write_family(tmp_path / "family")
  config = tiny_mesh.get_config(str(family))
  config.mesh = {"data": 1, "model": 1}
  passed = types.SimpleNamespace(message="")  # the two processes test it
  monkeypatch.setattr(decoding, "self_test", lambda *arguments: passed)
  jax.config.update("jax_disable_most_optimizations", True)
  sweep.run_sweep(config, tmp_path / "alone", say=lambda line: None)
  jax.config.update("jax_disable_most_optimizations", False)
  return family, tmp_path / "alone"


def start(*commands):
  """Starts the processes of some launchers and waits for their ends.

  Returns exit codes, and what was said on standard output and standard error.
  """
  with socket.socket() as free:
    free.bind(("localhost", 0))
    port = free.getsockname()[1]
  processes = [
    subprocess.Popen(
      [
        sys.executable, *command, "--compilation_cache=", "--distributed",
        f"--coordinator_address=localhost:{port}",
        f"--num_processes={len(commands)}", f"--process_id={number}",
      ],
      cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
      env=ENVIRONMENT,
    )
    for number, command in enumerate(commands)
  ]  # fmt: skip
  try:
    said = [process.communicate(timeout=SECONDS) for process in processes]
  finally:
    for process in processes:
      process.kill()
  outs, errors = zip(*said, strict=True)
  # The collectives of CPUs speak, too, and their threads into each other's
  # lines, so that "[Gloo] Rank" need not stand before the rest.
  outs = [
    "\n".join(re.findall(r"^(?!.*(?:\[Gloo\]|peer ranks)).+", out, re.M))
    for out in outs
  ]
  return [process.returncode for process in processes], outs, errors


def parsed(workdir):
  text = (workdir / "records.jsonl").read_text()
  rows = [json.loads(line) for line in text.splitlines()]
  return {row["problem"]["id"]: row for row in rows}


def assert_same(one, other):
  """Compares JSON data; numbers with a fraction to 1e-6."""
  assert type(one) is type(other)
  if isinstance(one, dict):
    assert one.keys() == other.keys()
    for key in one:
      assert_same(one[key], other[key])
  elif isinstance(one, list):
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
      assert_same(left, right)
  elif isinstance(one, float):
    np.testing.assert_allclose(one, other, atol=1e-6)
  else:
    assert one == other


def test_two_processes_complete_what_one_began(alone, tmp_path):
  family, reference = alone
  folder, unused = tmp_path / "first", tmp_path / "second"
  folder.mkdir()
  content = json.loads((reference / "config.json").read_text())
  content["config"]["mesh"] = {"data": 2, "model": 2}
  (folder / "config.json").write_text(json.dumps(content))
  lines = (reference / "records.jsonl").read_bytes().splitlines(keepends=True)
  (folder / "records.jsonl").write_bytes(b"".join(lines[:2]))

  command = ("-c", SWEEP, f"--config=tests/launch/tiny_mesh.py:{family}")
  codes, outs, errors = start(
    (*command, f"--workdir={folder}"), (*command, f"--workdir={unused}")
  )
  assert codes == [0, 0], errors
  assert "Going on: 2 records" in outs[0] and "Report:" in outs[0]
  assert "format 'llemma'" in outs[0]
  assert not outs[1] and not unused.exists()
  timings = (folder / "timings.jsonl").read_text().splitlines()
  assert len(timings) == len(tiny.GOLDS) - 2
  records, expected = parsed(folder), parsed(reference)
  assert sorted(records) == sorted(expected) == list(range(len(tiny.GOLDS)))
  for problem_id in records:
    assert_same(records[problem_id], expected[problem_id])
  # The reward model read what the policy wrote, and its scores differ.
  scores = [step for row in records.values() for step in row["tree"]["scores"]]
  assert np.ptp(scores) > 0.05


@pytest.mark.parametrize(
  ("failure", "first", "second", "words"),
  [
    (FULL_DISK, [1], [1, -signal.SIGABRT], "^Error: no space left$"),
    # A bug, a lost process: nothing that has a message of its own. On a busy
    # machine JAX may find out by its heartbeat first, and ends the process.
    (
      KILLED,
      [1, -signal.SIGABRT],
      [-signal.SIGKILL],
      r"^Traceback[^$]* Connection \w+ by peer|another task died",
    ),
  ],
  ids=["an error", "a kill"],
)
def test_a_process_that_fails_ends_the_other(failure, first, second, words):
  command = ("-c", MEET % failure)
  codes, _, errors = start(command, command)
  assert codes[0] in first and codes[1] in second
  assert re.search(words, errors[0])
