"""The same records of the embedded family, however a sweep is shared out."""

import os

import pytest

from inference_scaling.sweep.executors import local, ray_actors, slurm
from tests.clusters import ray_cluster
from tests.clusters import slurm as slurm_cluster
from tests.sweep.executors import embedded, faults

two_nodes = slurm_cluster.two_nodes
cluster = ray_cluster.cluster
# Those of a process alone, which a job or an actor of fewer cores has not.
THREADS = len(os.sched_getaffinity(0))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
  """Folder of compiled programs, which all ways of this file share."""
  return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def whole(cache, tmp_path_factory):
  """Records of one process, on all cores."""
  folder = tmp_path_factory.mktemp("whole")
  embedded.run_alone(folder, cache)
  return faults.records(folder)


@pytest.mark.parametrize(
  "workers", [pytest.param(1, marks=pytest.mark.slow), 2]
)
def test_by_processes(workers, whole, cache, tmp_path):
  embedded.drive(
    tmp_path,
    lambda prepared: local.Local(workers, 1, tmp_path / "logs"),
    cache, workers,
  )  # fmt: skip
  assert faults.records(tmp_path) == whole


@pytest.mark.slow
def test_by_jobs_of_slurm(two_nodes, whole, cache, tmp_path):
  embedded.drive(
    tmp_path, lambda prepared: slurm.Slurm({}, tmp_path / "logs"), cache,
    threads=THREADS,
  )  # fmt: skip
  assert faults.records(tmp_path) == whole


@pytest.mark.slow
def test_by_actors_of_ray(cluster, whole, cache, tmp_path):
  options = {"address": cluster.address}
  embedded.drive(
    tmp_path, lambda prepared: ray_actors.Ray(options), cache, threads=THREADS
  )
  assert faults.records(tmp_path) == whole
