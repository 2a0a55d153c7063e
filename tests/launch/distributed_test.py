"""Two processes run one sweep, as one process with the same mesh does."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

from inference_scaling import models, sweep
from tests.launch import tiny_mesh
from tests.sweep import tiny

ROOT = pathlib.Path(__file__).parents[2]
SECONDS = 300  # on a loaded machine; a hang would be for ever
ENVIRONMENT = {
  **os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu",
  "JAX_NUM_CPU_DEVICES": "2", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
}  # fmt: skip


@pytest.fixture(scope="module")
def family(tmp_path_factory):
  folder = tmp_path_factory.mktemp("family")
  return tiny.write_family(folder, kv_heads=2)


@pytest.fixture(scope="module")
def alone(family, tmp_path_factory):
  """Folder of the sweep as one process runs it, on four devices."""
  make_mesh, devices = models.make_mesh, jax.devices()[:4]
  folder = tmp_path_factory.mktemp("alone")
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(
      models, "make_mesh", lambda data, model: make_mesh(data, model, devices)
    )
    jax.config.update("jax_disable_most_optimizations", True)
    config = tiny_mesh.get_config(str(family))
    sweep.run_sweep(config, folder, say=lambda line: None)
    jax.config.update("jax_disable_most_optimizations", False)
  return folder


@pytest.fixture(scope="module")
def start(family, tmp_path_factory):
  """A function that starts one process for each of some folders."""
  cache = tmp_path_factory.mktemp("cache")

  def start_all(*workdirs):
    with socket.socket() as free:
      free.bind(("localhost", 0))
      port = free.getsockname()[1]
    return [
      subprocess.Popen(
        [
          sys.executable, "launch/sweep.py", f"--workdir={workdir}",
          f"--config=tests/launch/tiny_mesh.py:{family}",
          f"--compilation_cache={cache}", "--distributed",
          f"--coordinator_address=localhost:{port}",
          f"--num_processes={len(workdirs)}", f"--process_id={number}",
        ],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=ENVIRONMENT,
      )
      for number, workdir in enumerate(workdirs)
    ]  # fmt: skip

  return start_all


def wait(processes):
  """Exit codes, and what was said on standard output and on standard error."""
  try:
    said = [process.communicate(timeout=SECONDS) for process in processes]
  finally:
    for process in processes:
      process.kill()
  outs, errors = zip(*said, strict=True)
  # The collectives of CPUs speak, too.
  outs = [
    "\n".join(re.findall(r"^(?!.*\[Gloo\]).+", out, re.M)) for out in outs
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


def test_two_processes_complete_what_one_began(alone, start, tmp_path):
  folder, unused = tmp_path / "first", tmp_path / "second"
  folder.mkdir()
  shutil.copy(alone / "config.json", folder)
  lines = (alone / "records.jsonl").read_bytes().splitlines(keepends=True)
  (folder / "records.jsonl").write_bytes(b"".join(lines[:2]))

  codes, outs, errors = wait(start(folder, unused))
  assert codes == [0, 0], errors
  assert "Going on: 2 records" in outs[0] and "Report:" in outs[0]
  assert not outs[1] and not unused.exists()
  timings = (folder / "timings.jsonl").read_text().splitlines()
  assert len(timings) == len(tiny.GOLDS) - 2
  ours, theirs = parsed(folder), parsed(alone)
  assert sorted(ours) == sorted(theirs) == list(range(len(tiny.GOLDS)))
  for problem_id in ours:
    assert_same(ours[problem_id], theirs[problem_id])


def test_a_failure_of_the_first_process_ends_the_other(start, tmp_path):
  (tmp_path / "timings.jsonl").symlink_to("/dev/full")
  codes, outs, errors = wait(start(tmp_path, tmp_path / "second"))
  assert codes[0] == 1 and codes[1] != 0
  assert errors[0].startswith(f"Error: cannot write to {tmp_path}/timings")
  assert "No space left" in errors[0]
  assert not outs[1]
  assert len(parsed(tmp_path)) == 1
