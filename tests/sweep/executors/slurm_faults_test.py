"""Sweeps on a real Slurm that loses a node, and that starts a job again."""

import contextlib
import functools
import os
import pathlib
import signal
import threading

import pytest

from inference_scaling import storage
from inference_scaling.sweep.executors import slurm as slurm_lib
from inference_scaling.sweep.workers import board as board_lib
from inference_scaling.sweep.workers import driver, planning
from tests.clusters import slurm
from tests.launch import tiny_sweep
from tests.sweep.executors import faults

pytestmark = pytest.mark.slow
two_nodes = slurm.two_nodes


def test_a_worker_of_two_nodes_makes_the_same_records(
  two_nodes, family, whole, tmp_path
):
  config = tiny_sweep.get_config(family)
  config.mesh.data = 2
  driver.run_sweep(
    config,
    tmp_path,
    lambda prepared: slurm_lib.Slurm({"nodes": "2"}, tmp_path / "logs"),
    driver.Options(1, planning.Cutting(1e-9, 1.0)),
    lambda line: None,
  )
  assert faults.records(tmp_path) == whole


def drive(family, workdir, disturb):
  """Runs the driver, and disturbs the cluster once both workers are at work.

  Returns:
    What the driver said.
  """
  said = []

  def wait_and_disturb():
    slurm.wait_for(lambda: len(faults.workers(workdir)) == 2, 120)
    slurm.wait_for(lambda: len(faults.records(workdir)) >= 2, 120)
    disturb()

  thread = threading.Thread(target=wait_and_disturb)
  thread.start()
  driver.run_sweep(
    tiny_sweep.get_config(family),
    pathlib.Path(workdir),
    lambda prepared: slurm_lib.Slurm(
      {}, pathlib.Path(workdir) / "logs", faults.work_slowly
    ),
    driver.Options(
      2, planning.Cutting(1e-9, 1.0, f"{family}/cache"), lost_after=12
    ),
    said.append,
  )
  thread.join()
  return said


def test_a_job_that_is_requeued_goes_on(two_nodes, family, whole, tmp_path):
  def requeue():
    job = next(
      name for name, state in two_nodes.jobs().items() if state == "RUNNING"
    )
    two_nodes.run("scontrol", "requeue", job)

  drive(family, tmp_path, requeue)
  assert faults.records(tmp_path) == whole


def kill_at_work(two_nodes, node, workdir):
  """Kills a node while its worker has a task, which nothing but a loss frees.

  What runs on it is stopped first, or the task might end in between.
  """
  board = board_lib.Board(storage.open_store(str(workdir / board_lib.FOLDER)))
  board.use(board.plan().token)

  def stopped_at_work():
    processes = two_nodes.processes(node)
    tell(processes, signal.SIGSTOP)
    beats = board.beats().items()
    mine = {name for name, beat in beats if beat["pid"] in processes}
    if mine & set(map(board.claimant, board.claimed() - board.done())):
      return True
    tell(processes, signal.SIGCONT)
    return False

  slurm.wait_for(stopped_at_work, 120)
  two_nodes.kill_node(node)


def tell(processes, number):
  for process in processes:
    with contextlib.suppress(ProcessLookupError):
      os.kill(process, number)


def test_a_node_that_is_lost_loses_nothing(two_nodes, family, whole, tmp_path):
  said = drive(
    family, tmp_path,
    functools.partial(kill_at_work, two_nodes, "n1", tmp_path),
  )  # fmt: skip
  assert any(line.startswith("Worker ") for line in said), said
  assert faults.records(tmp_path) == whole
