"""Sweeps whose folder is in an object store, with and without workers."""

import os
import pathlib
import subprocess
import sys

import fsspec
import pytest

from inference_scaling import storage
from tests.storage import servers
from tests.sweep.executors import faults

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture(scope="module")
def bucket():
  with servers.s3() as url:
    yield url


def run(family, url, home, *flags):
  """Runs the launcher where the mirrors of other machines are not."""
  done = subprocess.run(
    [
      sys.executable, "launch/sweep.py",
      f"--config=tests/launch/tiny_sweep.py:{family}", f"--workdir={url}",
      f"--compilation_cache={family}/cache", *flags,
    ],
    cwd=ROOT, capture_output=True, text=True, check=False,
    env={
      **os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu",
      "XDG_CACHE_HOME": str(home), "HOME": str(home),
    },
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  return done.stdout


def records(url, folder):
  """Records of a folder in a store, fetched as another machine would."""
  keys = dict.fromkeys(("records.jsonl", "timings.jsonl"), lambda line: line)
  store = storage.open_store(url)
  with storage.Mirror(store, folder, keys, skip=("tasks",)) as mirror:
    mirror.pull()
  return faults.records(folder)


@pytest.mark.slow
def test_a_folder_in_s3_is_that_of_one_process(family, bucket, tmp_path):
  alone, shared = f"{bucket}/alone", f"{bucket}/shared"
  run(family, alone, tmp_path / "a")
  run(family, shared, tmp_path / "b", "--executor=local", "--workers=2")
  whole = records(alone, tmp_path / "alone")
  assert len(whole) == faults.TOTAL
  assert records(shared, tmp_path / "shared") == whole
  # What workers shared is gone; the report is there; nothing is left to do.
  store = storage.open_store(shared)
  left = fsspec.filesystem("s3").find(f"{shared}/tasks")
  assert left == []
  assert "report.md" in store.list("")
  out = run(family, shared, tmp_path / "c")
  assert "Nothing is left to compute." in out
