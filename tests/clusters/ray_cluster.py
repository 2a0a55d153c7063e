"""A Ray of this machine, for tests, whose nodes can be lost one by one.

  cluster = ray_cluster.cluster  # a fixture of the test file

  def test_it(cluster):
    node = cluster.add_node(cpus=1, resources={"TPU": 4})
    ...  # a driver connects to cluster.address
    cluster.kill_node(node)

Drivers need the variables of this process, which hold the cluster's token. Each
node has an address of its own on the loopback device.
"""

import contextlib
import importlib.util
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping

import pytest

ROOT = pathlib.Path(__file__).parents[2]
_PATIENCE = 60.0  # seconds until a node has started
# Ports that are taken by default would clash with another cluster's.
_FLAGS = (
  "--block", "--disable-usage-stats", "--min-worker-port=0",
  "--max-worker-port=0", "--dashboard-agent-listen-port=0",
  "--object-store-memory=80000000",
)  # fmt: skip
# A node is lost after three seconds without an answer, not 15; and workers are
# not the least urgent programs of all.
_VARIABLES = {
  "RAY_worker_niceness": "0",
  "RAY_health_check_period_ms": "1000",
  "RAY_health_check_failure_threshold": "3",
}
_COMMAND = "import sys; from ray.scripts.scripts import main; sys.exit(main())"


class Cluster:
  """Nodes of one cluster.

  Attributes:
    address: that drivers connect to.
  """

  def __init__(self, folder: pathlib.Path):
    """Chooses an address; no node runs yet.

    Args:
      folder: of all that Ray writes; sockets need a short path.
    """
    self._folder = folder
    self._nodes: list[subprocess.Popen] = []
    with socket.socket() as free:
      free.bind(("127.0.0.1", 0))
      self._port = free.getsockname()[1]
    self.address = f"{_ip(0)}:{self._port}"

  def start_head(self) -> None:
    """Starts the first node, of two CPUs."""
    self._start(
      "--head", f"--port={self._port}", f"--temp-dir={self._folder}",
      "--include-dashboard=false", "--num-cpus=2",
    )  # fmt: skip

  def add_node(
    self,
    cpus: int,
    resources: Mapping[str, float],
    environment: Mapping[str, str] | None = None,
  ) -> int:
    """Adds a node.

    Args:
      cpus: that it has.
      resources: that it has besides.
      environment: variables of it alone.

    Returns:
      Its number.
    """
    return self._start(
      f"--address={self.address}", f"--num-cpus={cpus}",
      f"--resources={json.dumps(dict(resources))}", environment=environment,
    )  # fmt: skip

  def kill_node(self, number: int) -> None:
    """Ends a node with all of its processes, as a power cut does."""
    process = self._nodes[number]
    for each in [process.pid, *_descendants(process.pid)]:
      with contextlib.suppress(ProcessLookupError):
        os.kill(each, signal.SIGKILL)
    process.wait()

  def close(self) -> None:
    """Ends all nodes."""
    for number in range(len(self._nodes)):
      self.kill_node(number)

  def _start(
    self, *flags: str, environment: Mapping[str, str] | None = None
  ) -> int:
    number = len(self._nodes)
    log = self._folder / f"node-{number}.log"
    with log.open("wb") as out:
      process = subprocess.Popen(
        [
          sys.executable, "-P", "-c", _COMMAND, "start", *flags, *_FLAGS,
          f"--node-ip-address={_ip(number)}",
        ],
        stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        start_new_session=True, cwd=self._folder,
        env=os.environ | _VARIABLES | dict(environment or {}),
      )  # fmt: skip
    self._nodes.append(process)
    deadline = time.monotonic() + _PATIENCE
    while "Ray runtime started" not in log.read_text(errors="replace"):
      assert process.poll() is None, log.read_text(errors="replace")
      assert time.monotonic() < deadline, log.read_text(errors="replace")
      time.sleep(0.1)
    return number


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
  """A cluster of one node; the test is skipped where there is no Ray."""
  if importlib.util.find_spec("ray") is None:
    pytest.skip('needs Ray: pip install "inference_scaling[ray]"')
  with contextlib.ExitStack() as stack:
    # Ray listens on all devices: who has no token has no say.
    environment = stack.enter_context(pytest.MonkeyPatch.context())
    environment.setenv("RAY_AUTH_MODE", "token")
    environment.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    environment.delenv("RAY_ADDRESS", raising=False)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ray"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    started = Cluster(folder)
    stack.callback(started.close)
    started.start_head()
    yield started


def _ip(number: int) -> str:
  """Address of a node. Ray takes 127.0.0.1 for the one of the machine."""
  return f"127.0.0.{number + 2}"


def _descendants(process: int) -> list[int]:
  """Ids of all processes that one has started, by way of others too."""
  children: dict[int, list[int]] = {}
  for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
    with contextlib.suppress(OSError):
      fields = stat.read_text().rpartition(")")[2].split()
      children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
  ids = [process]
  for each in ids:
    ids.extend(children.get(each, []))
  return ids[1:]
