"""What jobs of a test of Slurm run in the stead of a worker."""

import os
import pathlib
import time

import jax
import numpy as np
from jax.experimental import multihost_utils

from inference_scaling.sweep.workers import worker

_PATIENCE = 120.0  # seconds, in case the test is no more


def wait(folder: str, name: str, token: str) -> None:
  """Says that it has begun, and ends once the test says so."""
  path = pathlib.Path(folder)
  with (path / name).open("a") as file:
    file.write(f"{os.environ['SLURMD_NODENAME']} {token}\n")
  deadline = time.monotonic() + _PATIENCE
  while not (path / "end").exists() and time.monotonic() < deadline:
    time.sleep(0.05)


def fail(folder: str, name: str, token: str) -> None:
  """Fails in the way that its name says."""
  if name == "stop":
    raise worker.WorkerError("the disk of this node is full")
  raise AttributeError("a bug of the package")


def gather(folder: str, name: str, token: str) -> None:
  """Writes what all processes of a JAX program know of one another."""
  mine = np.array([jax.process_index(), jax.local_device_count()])
  gathered = multihost_utils.process_allgather(mine)
  if jax.process_index() == 0:
    draft = pathlib.Path(folder, f"{name}.draft")
    draft.write_text(f"{jax.process_count()} {np.asarray(gathered).tolist()}")
    draft.rename(draft.with_suffix(""))
