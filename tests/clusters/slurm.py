"""A Slurm of two nodes on this machine, for tests.

  two_nodes = slurm.two_nodes  # a fixture of the test file

  def test_it(two_nodes):
    two_nodes.run("sbatch", "--wrap=hostname")

Its daemons are those of Debian's slurm-wlm: one slurmctld, and a slurmd for
each of the nodes n1 and n2, on loopback, in a temporary folder, with ports of
their own. It is known by SLURM_CONF. Nobody checks who asks (no munge), and
there is no sacct.
"""

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

NODES = ("n1", "n2")
PARTITION, URGENT = "main", "urgent"  # the second takes nodes from the first
CORES = 2  # that each node is said to have
_READY = 60.0  # seconds that the daemons have to start
_PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol")
_CONF = """
ClusterName=tests
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
# Seconds after which a job may start again.
AuthInfo=cred_expire=5
CredType=cred/none
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdSpoolDir={folder}/%n
SlurmdLogFile={folder}/%n.log
SlurmdPidFile={folder}/%n.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=2
InactiveLimit=0
ReturnToService=2
SlurmdTimeout={slurmd_timeout}
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[1]} {has}
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[2]} {has}
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=12:00:00 PriorityTier=1
PartitionName=urgent Nodes=n1,n2 MaxTime=12:00:00 PriorityTier=9
"""


class Cluster:
  """A Slurm that runs.

  Attributes:
    folder: of its files, logs included.
    environment: what its programs, and those that call them, need.
  """

  def __init__(self, folder: pathlib.Path, slurmd_timeout: int):
    """Starts the daemons.

    Args:
      folder: for its files; empty.
      slurmd_timeout: seconds of silence after which a node is down.
    """
    self.folder = folder
    self._conf = folder / "slurm.conf"
    *ports, port = _free_ports(4)
    self.environment = {
      "SLURM_CONF": str(self._conf),
      # JAX takes the name of the first node, which is no host here.
      "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
    }
    (folder / "state").mkdir()
    self._conf.write_text(
      _CONF.format(
        folder=folder, ports=ports, slurmd_timeout=slurmd_timeout,
        user=pwd.getpwuid(os.getuid()).pw_name,
        has=f"CPUs={CORES} RealMemory=4096",
      )
    )  # fmt: skip
    self._daemons: dict[str, subprocess.Popen] = {}
    self._start("slurmctld", "slurmctld")
    for node in NODES:
      self.start_node(node)

  def run(self, *command: str) -> str:
    """Runs a program of Slurm; what it prints."""
    done = subprocess.run(
      command, env=os.environ | self.environment, text=True, timeout=60,
      capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}: {done.stderr}\n{self.logs()}"
    return done.stdout

  def nodes(self) -> dict[str, str]:
    """States of the nodes: idle, mixed, allocated, down or the like."""
    lines = self.run("sinfo", "-h", "-N", "-p", PARTITION, "-o", "%N %T")
    return dict(line.split() for line in lines.splitlines())

  def jobs(self) -> dict[str, str]:
    """States of all jobs that Slurm knows of, such as RUNNING."""
    lines = self.run("squeue", "-h", "-r", "-t", "all", "-o", "%i %T")
    return dict(line.split() for line in lines.splitlines())

  def start_node(self, node: str) -> None:
    """Starts a node, for the first time or after `kill_node`."""
    self._start(node, "slurmd", "-N", node)

  def kill_node(self, node: str) -> None:
    """Kills a node with all that runs on it, as a loss of power does.

    Slurm sees it after some 25 seconds, or once `give_up_node` says so.
    """
    self._kill_daemon(node)
    _kill_all(lambda: self.processes(node))

  def give_up_node(self, node: str) -> None:
    """Lets Slurm take a node for lost at once; its jobs are requeued."""
    self.run("scontrol", "update", f"nodename={node}", "state=down",
             "reason=lost")  # fmt: skip

  def processes(self, node: str) -> set[int]:
    """Ids of the processes that jobs have on a node, Slurm's own included."""
    log = str(self.folder / f"{node}.log")  # which each slurmstepd holds
    daemons = {daemon.pid for daemon in self._daemons.values()}
    conf = f"SLURM_CONF={self._conf}".encode()
    name = f"SLURMD_NODENAME={node}".encode()
    return {
      process
      for process, environment in _environments()
      if conf in environment
      and (name in environment or log in _files(process))
      and process not in daemons
    }

  def stop(self) -> None:
    """Ends the daemons and all that they have started."""
    for name in list(self._daemons):
      self._kill_daemon(name)
    _kill_all(lambda: set().union(*map(self.processes, NODES)))

  def logs(self) -> str:
    """The last lines of all daemons, for a test that fails."""
    return "\n".join(
      f"{path.name}: {path.read_text(errors='replace')[-1500:]}"
      for path in sorted(self.folder.glob("*.log"))
    )

  def _start(self, name: str, *command: str) -> None:
    with (self.folder / f"{name}.out").open("ab") as out:
      self._daemons[name] = subprocess.Popen(
        [*command, "-D", "-f", str(self._conf)],
        env=os.environ | self.environment, stdin=subprocess.DEVNULL,
        stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
      )  # fmt: skip

  def _kill_daemon(self, name: str) -> None:
    daemon = self._daemons.pop(name)
    with contextlib.suppress(ProcessLookupError):
      os.killpg(daemon.pid, signal.SIGKILL)  # slurmctld has a helper
    daemon.wait()


@contextlib.contextmanager
def start(slurmd_timeout: int = 10) -> Iterator[Cluster]:
  """Starts a Slurm, which programs of this process then use; skips without one.

  Args:
    slurmd_timeout: seconds of silence after which a node is down.

  Yields:
    The Slurm, both of whose nodes are idle.
  """
  missing = [name for name in _PROGRAMS if shutil.which(name) is None]
  if missing:
    pytest.skip(f"no {missing[0]}: apt-get install slurm-wlm")
  # Names of sockets are short: no folder of pytest.
  with (
    tempfile.TemporaryDirectory(prefix="slurm-") as folder,
    pytest.MonkeyPatch.context() as patch,
  ):
    cluster = Cluster(pathlib.Path(folder), slurmd_timeout)
    try:
      for name, value in cluster.environment.items():
        patch.setenv(name, value)
      _wait_for_nodes(cluster)
      yield cluster
    finally:
      cluster.stop()


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[Cluster]:
  """A Slurm of two nodes for the tests of a file."""
  with start() as cluster:
    yield cluster


def wait_for(what: Callable[[], Any], seconds: float = 30.0) -> Any:
  """Asks until the answer is not empty; the answer.

  Args:
    what: is asked.
    seconds: that it may take.

  Returns:
    The last answer, empty where time ran out.
  """
  deadline = time.monotonic() + seconds
  while not (answer := what()) and time.monotonic() < deadline:
    time.sleep(0.1)
  return answer


def _wait_for_nodes(cluster: Cluster) -> None:
  deadline = time.monotonic() + _READY
  while time.monotonic() < deadline:
    with contextlib.suppress(AssertionError):  # slurmctld does not yet listen
      if set(cluster.nodes().values()) == {"idle"}:
        return
    time.sleep(0.1)
  raise TimeoutError(f"the nodes are not idle in time\n{cluster.logs()}")


def _free_ports(count: int) -> list[int]:
  """Ports of loopback that nobody listens on."""
  with contextlib.ExitStack() as stack:
    sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
    for one in sockets:
      one.bind(("127.0.0.1", 0))
    return [one.getsockname()[1] for one in sockets]


def _environments() -> Iterator[tuple[int, list[bytes]]]:
  """Yields the id and the environment of each process that shows it."""
  for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
    with contextlib.suppress(OSError):
      yield int(path.parent.name), path.read_bytes().split(b"\0")


def _files(process: int) -> set[str]:
  """Names of the files that a process has open."""
  names = set()
  with contextlib.suppress(OSError):
    for link in pathlib.Path(f"/proc/{process}/fd").iterdir():
      with contextlib.suppress(OSError):
        names.add(os.readlink(link))
  return names


def _kill_all(processes: Callable[[], set[int]]) -> None:
  """Kills until none is left: what dies may just have started another."""
  while ids := processes():
    for process in ids:
      with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    time.sleep(0.05)
