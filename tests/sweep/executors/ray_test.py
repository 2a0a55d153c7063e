"""Workers as actors of a real Ray, whose work is a stand-in for a sweep's."""

import contextlib
import importlib.util
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

from inference_scaling.sweep.executors import ray_actors
from inference_scaling.sweep.workers import executor as executor_lib
from tests.clusters import ray_cluster

cluster = ray_cluster.cluster
# Says that it has begun, waits for a file, and does what stands in it.
_STAND_IN = """
import json, os, pathlib, socket, threading, time

class WorkerError(OSError):
  pass

def work(folder, name, token):
  folder = pathlib.Path(folder)
  told = {"pid": os.getpid(), "token": token, "environment": {**os.environ}}
  told["niceness"] = os.nice(0)
  draft = folder / f"{name}.draft"
  draft.write_text(json.dumps(told))
  draft.rename(folder / name)
  while not (task := folder / f"{name}.task").exists():
    time.sleep(0.05)
  exec(task.read_text())
"""
# A driver that starts two workers and says nothing of its own but their jobs.
_DRIVER = """
import json, sys, time
from inference_scaling.sweep.executors import ray_actors
from inference_scaling.sweep.workers import executor

options, path, folder, *names = json.loads(sys.argv[1])
sys.path.insert(0, path)  # for its workers
workers = ray_actors.Ray(options)
workers.check()
starts = [executor.Start(name, folder, "token") for name in names]
print(json.dumps(workers.start(starts)), flush=True)
while len(workers.ended()) < len(names):
  time.sleep(0.05)
"""


def _wait(until, seconds=60.0):
  """The first answer that is not empty."""
  deadline = time.monotonic() + seconds
  while not (answer := until()):
    assert time.monotonic() < deadline, "nothing happened"
    time.sleep(0.05)
  return answer


class _Folder:
  """What stand-ins and tests tell each other."""

  def __init__(self, path: pathlib.Path):
    self.path = path

  def start(self, *names):
    return [executor_lib.Start(name, str(self.path), "abc") for name in names]

  def begun(self, name):
    """What a worker says once it works."""
    path = self.path / name
    _wait(path.exists)
    return json.loads(path.read_text())

  def do(self, name, code="pass"):
    draft = self.path / f"{name}.code"
    draft.write_text(code)
    draft.rename(self.path / f"{name}.task")


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """Makes the package of workers a stand-in, and a folder to tell it."""
  package = tmp_path / "path" / "inference_scaling" / "sweep" / "workers"
  package.mkdir(parents=True)
  for each in (package, package.parent, package.parents[1]):
    (each / "__init__.py").touch()
  (package / "worker.py").write_text(_STAND_IN)
  monkeypatch.syspath_prepend(tmp_path / "path")
  (tmp_path / "shared").mkdir()
  return _Folder(tmp_path / "shared")


@pytest.fixture
def executor(cluster):
  """Makes executors of the cluster, and ends their connections."""
  made = []

  def make(**options):
    options = {"address": cluster.address, **options}
    made.append(ray_actors.Ray(options, said.append))
    return made[-1]

  said = []
  make.said = said
  yield make
  for each in made:
    each.close()


def test_a_worker_works_as_the_driver_would(executor, folder, monkeypatch):
  monkeypatch.setenv("JAX_PLATFORMS", "cpu")
  monkeypatch.setenv("MINE", "alone")
  workers = executor()
  workers.check()
  assert workers.start(folder.start("a"))["a"].startswith("ray:")
  told = folder.begun("a")
  assert told["token"] == "abc"
  environment = told["environment"]
  assert environment["JAX_PLATFORMS"] == "cpu"
  assert environment["NPROC"] == environment["PJRT_NPROC"] == "1"
  assert "MINE" not in environment
  assert workers.ended() == {} and workers.waiting() == set()
  folder.do("a")
  assert _wait(workers.ended) == {"a": ""}
  assert executor.said == []


def test_workers_wait_for_a_node_and_then_begin(executor, folder):
  workers = executor()
  workers.start(folder.start("a", "b", "c"))
  _wait(lambda: len(workers.waiting()) == 1)
  (waiting,) = workers.waiting()
  running = sorted({"a", "b", "c"} - {waiting})
  for name in running:
    folder.begun(name)
  assert not (folder.path / waiting).exists()
  folder.do(running[0])
  folder.begun(waiting)
  _wait(lambda: not workers.waiting())
  assert workers.ended() == {running[0]: ""}
  pid = folder.begun(waiting)["pid"]
  workers.stop([waiting, running[1], running[0]])
  _wait(lambda: not _runs(pid))
  assert workers.ended() == dict.fromkeys("abc", "")


def test_reasons_of_an_end_are_told(executor, folder):
  workers = executor()
  workers.start(folder.start("known", "other"))
  folder.begun("known"), folder.begun("other")
  folder.do("known", "raise WorkerError('the disk is full')")
  folder.do("other", "raise ValueError('no such thing')")
  _wait(lambda: len(workers.ended()) == 2)
  ended = workers.ended()
  assert ended["known"] == "the disk is full"
  assert ended["other"].startswith(f"on {socket.gethostname()}:")
  assert ended["other"].endswith("ValueError: no such thing")
  workers.start(folder.start("killed"))
  os.kill(folder.begun("killed")["pid"], signal.SIGKILL)
  _wait(lambda: len(workers.ended()) == 3)
  # One that dies before it has told its host is on "a node".
  why, _, more = workers.ended()["killed"].partition(" is no more: killed, out")
  host = why.removeprefix("its process on ")
  assert host in (socket.gethostname(), "a node") and more


def test_a_node_without_the_package_says_so(executor, folder):
  for path in folder.path.parent.glob("path/*/sweep/workers/worker.py"):
    path.unlink()
  workers = executor()
  workers.start(folder.start("a"))
  why = _wait(workers.ended)["a"]
  assert why.startswith(f"{socket.gethostname()} cannot import")
  assert "install the package" in why and "on all nodes" in why


def test_workers_outlive_a_driver_and_another_one_finds_them(
  executor, cluster, folder
):
  with _driver({"address": cluster.address}, folder, *"ab") as (_, jobs):
    before = {name: folder.begun(name)["pid"] for name in "ab"}
  folder.do("a")  # it ends, and nobody learns of it
  workers = executor()
  workers.check()
  workers.attach(jobs)
  _wait(lambda: not _runs(before["a"]))
  assert _runs(before["b"]) and workers.waiting() == set()
  assert workers.ended() == {"a": ""}
  folder.do("b", "raise WorkerError('mine')")
  _wait(lambda: len(workers.ended()) == 2)
  assert workers.ended()["b"] == "mine"
  late = executor()
  late.attach(jobs | {"c": "1234 0"})  # of another executor
  assert late.ended() == dict.fromkeys("abc", "")


def test_a_node_is_lost_and_the_others_go_on(executor, cluster, folder):
  node = cluster.add_node(cpus=1, resources={"far": 1})
  far = executor(resources="far=1")
  near = executor()
  far.start(folder.start("far"))
  near.start(folder.start("near"))
  folder.begun("far"), folder.begun("near")
  cluster.kill_node(node)
  why = _wait(far.ended)["far"]
  assert why.startswith(f"its node {socket.gethostname()} is lost"), why
  assert near.ended() == {}
  folder.do("near")
  assert _wait(near.ended) == {"near": ""}


def test_a_worker_that_takes_too_much_memory(executor, cluster, folder):
  node = cluster.add_node(
    cpus=1, resources={"small": 1},
    environment={
      "RAY_memory_usage_threshold": "0.0001",
      "RAY_memory_monitor_refresh_ms": "100",
    },
  )  # fmt: skip
  workers = executor(resources="small=1")
  workers.start(folder.start("a"))
  why = _wait(workers.ended)["a"]
  cluster.kill_node(node)
  assert why.startswith("out of memory on "), why
  assert "--executor.memory" in why


def test_what_no_node_has_is_said_once(executor, folder):
  workers = executor(resources="TPU=4", memory="2")
  workers.check()
  workers.start(folder.start("a"))
  (line,) = executor.said
  assert "CPU=1, TPU=4, memory=2.0 GiB, which no node of the Ray" in line
  assert f"{socket.gethostname()} has CPU=2, memory=" in line
  assert workers.waiting() == {"a"}
  workers.stop(["a"])
  assert workers.waiting() == set()


def test_without_an_address_all_ends_with_the_driver(folder, monkeypatch):
  pytest.importorskip("ray")
  monkeypatch.delenv("RAY_ADDRESS", raising=False)
  home = folder.path.parent
  monkeypatch.setenv("HOME", str(home))
  with _driver({}, folder, *"ab") as (driver, _):
    begun = [folder.begun(name) for name in "ab"]
    assert [told["niceness"] for told in begun] == 2 * [os.nice(0)]
    pids = [told["pid"] for told in begun]
    folder.do("a", "os._exit(1)")
    _wait(lambda: not _runs(pids[0]))
    driver.kill()
    assert driver.communicate() == ("", "")
  _wait(lambda: not any(map(_runs, pids)))
  assert not (home / ".ray").exists()


def test_no_ray_is_installed(monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  with pytest.raises(OSError, match=r'pip install "inference_scaling\[ray\]"'):
    ray_actors.Ray({}).check()


def test_no_cluster_is_at_the_address(monkeypatch):
  pytest.importorskip("ray")
  with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{free.getsockname()[1]}"
  with pytest.raises(OSError, match=f"No Ray cluster answers at {address}"):
    ray_actors.Ray({"address": address}).check()
  monkeypatch.setenv("RAY_ADDRESS", address)
  with pytest.raises(OSError, match=f"No Ray cluster answers at {address}"):
    ray_actors.Ray({}).check()


def test_the_token_of_the_cluster_is_missing(executor, monkeypatch):
  monkeypatch.delenv("RAY_AUTH_TOKEN")
  monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
  with pytest.raises(OSError, match="asks for a token: set RAY_AUTH_MODE"):
    executor().check()


@pytest.mark.parametrize(
  ("options", "message"),
  [
    (
      {"partition": "x"},
      "^partition is no option of workers of Ray; expected one of address, "
      "cpus, gpus, memory, resources",
    ),
    ({"cpus": "0"}, "cpus is '0'; expected a whole number from 1"),
    ({"gpus": "1.5"}, "gpus is '1.5'; expected a whole number from 0"),
    ({"memory": "16G"}, "memory is '16G'; expected a number of GiB"),
    ({"memory": "nan"}, "memory is 'nan'; expected a number of GiB"),
    ({"resources": "TPU"}, "TPU of resources is ''; expected an amount above"),
    ({"resources": "TPU=4,GPU=1"}, "resources holds 'GPU=1'; expected names"),
  ],
)
def test_options_that_are_none(options, message):
  with pytest.raises(ValueError, match=message):
    ray_actors.Ray(options)


@contextlib.contextmanager
def _driver(options, folder, *names):
  """Runs a driver; it and its workers' jobs."""
  path = folder.path.with_name("path")
  arguments = json.dumps([options, str(path), str(folder.path), *names])
  driver = subprocess.Popen(
    [sys.executable, "-c", _DRIVER, arguments],
    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    cwd=ray_cluster.ROOT,
  )  # fmt: skip
  assert driver.stdout is not None
  try:
    yield driver, json.loads(driver.stdout.readline())
  finally:
    driver.kill()
    driver.communicate()


def _runs(process):
  return pathlib.Path(f"/proc/{process}").exists()
