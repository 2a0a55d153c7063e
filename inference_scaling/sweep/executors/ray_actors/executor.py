"""Starts workers as actors of a Ray cluster."""

import hashlib
import importlib.util
import os
import secrets
import socket
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from inference_scaling import runtime
from inference_scaling.sweep.executors.ray_actors import connection
from inference_scaling.sweep.workers import executor

_OPTIONS = ("address", "cpus", "gpus", "memory", "resources")
_LOCAL = ("", "local")  # addresses of no cluster but one that is started
_GIB = 2**30
_REACHING = 5.0  # seconds until something at an address must listen
_JOINING, _PATIENCE = 40.0, 120.0  # until Ray must join, and answer later
_TRIES = "5"  # of Ray to join a cluster, each of a second
_VARIABLES = ("JAX_", "XLA_")  # of the driver, that workers take over
_JOB = "ray:"  # what the text of a job begins with; the namespace follows


class Ray(executor.Executor):
  """One actor a worker; it keeps its models from task to task.

  An actor, and so the mesh of its devices, lies within one node: ask for as
  many GPUs as the mesh has devices. With an address the actors are detached:
  they outlive the driver, and another one finds them by their names. Without
  one they end with the driver, as the Ray that is started for it does. Nodes
  need this package and Ray in the versions of the driver.
  """

  name = "ray"

  def __init__(
    self,
    options: Mapping[str, str],
    say: Callable[[str], None] = print,
  ):
    """Reads the options.

    Args:
      options: `address` of a cluster (host:port, or auto), by default that of
        the variable RAY_ADDRESS, or none; of each worker, `cpus` (1), `gpus`
        (0), `memory` in GiB and further `resources` as in TPU=4,v5e=0.5.
      say: takes a line that the user should read.

    Raises:
      ValueError: on an option that is none, or has no such value.
    """
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
      raise ValueError(
        f"{unknown[0]} is no option of workers of Ray; expected one of "
        f"{', '.join(_OPTIONS)}."
      )
    address = options.get("address", os.environ.get("RAY_ADDRESS", ""))
    self._address = None if address in _LOCAL else address
    self.detached = self._address is not None
    self._needs = _needs(options)
    self._say = say
    self._connection: connection.Connection | None = None

  def check(self) -> None:
    """Connects to the cluster, or starts one.

    Raises:
      OSError: if there is no Ray, or no cluster at the address.
      ValueError: if this machine has not what a worker asks for. A cluster may
        grow, so there only a line is said.
    """
    if importlib.util.find_spec("ray") is None:
      raise OSError(
        "Workers of Ray need the package ray, which is not installed: "
        'pip install "inference_scaling[ray]"'
      )
    if self._connection is not None:
      return
    if self._address is not None:
      _reach(self._address)
    nodes = self._connect()
    if any(_fits(self._needs, node["resources"]) for node in nodes):
      return
    where = f"the Ray cluster at {self._address}" if self.detached else "Ray"
    words = (
      f"A worker needs {_words(self._needs)}, which no node of {where} has: "
      f"{'; '.join(_describe(node) for node in nodes)}."
    )
    if not self.detached:
      raise ValueError(f"{words} Lower what --executor asks for.")
    self._say(
      f"{words} Workers wait until one joins; if none is to, stop this "
      "(Ctrl-C) and lower what --executor asks for."
    )

  def start(self, workers: Sequence[executor.Start]) -> dict[str, str]:
    """Starts actors; those that no node has space for wait."""
    environment = {
      name: value
      for name, value in os.environ.items()
      if name.startswith(_VARIABLES)
    }
    # JAX has as many threads as these say, not as the node has cores.
    environment |= runtime.threads(int(self._needs["CPU"]))
    path = [os.path.abspath(entry) for entry in sys.path if entry]
    jobs = {}
    for worker in workers:
      namespace = _namespace(worker.folder)
      self._call(
        "start", name=worker.name, namespace=namespace, needs=self._needs,
        detached=self.detached, path=path, environment=environment,
        arguments=(worker.folder, worker.name, worker.token),
      )  # fmt: skip
      jobs[worker.name] = f"{_JOB}{namespace}"
    return jobs

  def attach(self, jobs: Mapping[str, str]) -> None:
    """Takes over detached actors; those that are no more have ended."""
    for name, job in jobs.items():
      self._call("attach", name=name, namespace=job.removeprefix(_JOB))

  def ended(self) -> dict[str, str]:
    """Actors that have ended, each with what Ray or its traceback says."""
    return self._call("ended")

  def waiting(self) -> set[str]:
    """Actors that no node has had the resources for yet."""
    return self._call("waiting")

  def stop(self, names: Iterable[str]) -> None:
    """Ends actors at once: whatever they have recorded is safe."""
    self._call("stop", names=list(names))

  def close(self) -> None:
    """Leaves the cluster, or ends the Ray that was started."""
    if self._connection is not None:
      self._connection.close()
      self._connection = None

  def _connect(self) -> list[dict[str, Any]]:
    """Joins or starts Ray; its nodes."""
    joined = connection.Connection(self._environment())
    try:
      nodes = joined.call("connect", {"address": self._address}, _JOINING)
    except TimeoutError as error:
      raise OSError(
        f"No Ray answers at {self._address or 'this machine'}: {error}"
      ) from error
    self._connection = joined
    return nodes

  def _environment(self) -> dict[str, str]:
    """Variables that tell Ray how to behave."""
    if self.detached:
      return {"RAY_NUM_REDIS_GET_RETRIES": _TRIES}
    # Nobody else may use the Ray that is started, and it reports to nobody. Its
    # token stands nowhere: Ray would write one into the user's home. Workers
    # are as urgent as other programs, not the least of all as by default.
    return {
      "RAY_AUTH_MODE": "token",
      "RAY_AUTH_TOKEN": secrets.token_hex(32),
      "RAY_USAGE_STATS_ENABLED": "0",
      "RAY_worker_niceness": "0",
    }

  def _call(self, method: str, **arguments: Any) -> Any:
    self.check()
    assert self._connection is not None
    return self._connection.call(method, arguments, _PATIENCE)


def _needs(options: Mapping[str, str]) -> dict[str, float]:
  """What a worker needs of its node, by Ray's names."""
  needs: dict[str, float] = {"CPU": _whole("cpus", options.get("cpus", "1"), 1)}
  if "gpus" in options:
    needs["GPU"] = _whole("gpus", options["gpus"], 0)
  if "memory" in options:
    gib = _amount("memory", options["memory"], "a number of GiB, such as 16")
    needs["memory"] = float(int(gib * _GIB))
  for entry in filter(None, options.get("resources", "").split(",")):
    name, _, value = (part.strip() for part in entry.partition("="))
    if not name or name in ("CPU", "GPU", "memory"):
      raise ValueError(
        f"resources holds {entry!r}; expected names of a node's own resources "
        "with amounts, as in TPU=4. CPU, GPU and memory are options of their "
        "own."
      )
    needs[name] = _amount(
      f"{name} of resources", value, "an amount above 0, as in TPU=4"
    )
  return needs


def _whole(name: str, value: str, least: int) -> int:
  if not value.isdecimal() or int(value) < least:
    raise ValueError(
      f"{name} is {value!r}; expected a whole number from {least}."
    )
  return int(value)


def _amount(name: str, value: str, expected: str) -> float:
  try:
    amount = float(value)
  except ValueError:
    amount = 0.0
  if not 0 < amount < float("inf"):
    raise ValueError(f"{name} is {value!r}; expected {expected}.")
  return amount


def _reach(address: str) -> None:
  """Raises an OSError if nothing listens: Ray would try for long."""
  host, _, port = address.rpartition("://")[2].rpartition(":")
  if not host or not port.isdecimal():
    return  # auto, or a name that Ray knows
  try:
    socket.create_connection((host, int(port)), timeout=_REACHING).close()
  except (OSError, OverflowError) as error:
    raise OSError(
      f"No Ray cluster answers at {address} ({error}); expected host:port as "
      "`ray start --head` prints it, or auto on a node of the cluster."
    ) from error


def _fits(needs: Mapping[str, float], resources: Mapping[str, float]) -> bool:
  return all(resources.get(name, 0) >= n for name, n in needs.items())


def _describe(node: Mapping[str, Any]) -> str:
  return f"{node['host']} has {_words(node['resources'])}"


def _words(resources: Mapping[str, float]) -> str:
  """Resources in words; those that Ray makes up itself are left out."""
  return ", ".join(
    f"memory={n / _GIB:.1f} GiB" if name == "memory" else f"{name}={n:g}"
    for name, n in sorted(resources.items())
    if ":" not in name and name != "object_store_memory"
  )


def _namespace(folder: str) -> str:
  """The namespace of a folder's actors."""
  digest = hashlib.sha256(folder.encode()).hexdigest()[:16]
  return f"inference_scaling-{digest}"
