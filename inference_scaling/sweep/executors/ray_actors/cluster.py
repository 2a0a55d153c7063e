"""Speaks to Ray for a driver: a program of its own, see `connection`.

It imports nothing of this package. Ray sends the class of the actors as it
stands here, so that a node without the package can say that it lacks it.
"""

import asyncio
import concurrent.futures
import importlib
import logging
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from multiprocessing import connection as pipes
from typing import Any

import ray  # pyright: ignore[reportMissingImports]  # optional
import ray.actor  # pyright: ignore[reportMissingImports]
import ray.exceptions  # pyright: ignore[reportMissingImports]

_WORKER = "inference_scaling.sweep.workers.worker"
_OBJECTS = 100 * 2**20  # bytes for objects of Ray, which has none from here
_LINGER = 5.0  # seconds that an actor waits for drivers to learn of its end
_TAIL = 15  # lines of a traceback that are told


class Worker:
  """An actor. It works in a thread, so that it answers meanwhile."""

  def __init__(
    self,
    path: Sequence[str],
    environment: Mapping[str, str],
    arguments: Sequence[str],
  ):
    """Begins to work at once, whether the driver still lives or not."""
    os.environ.update(environment)
    sys.path[:] = dict.fromkeys([*path, *sys.path])
    self._end = concurrent.futures.Future()
    actor = ray.get_runtime_context().current_actor
    threading.Thread(
      target=self._run, args=(arguments, actor), daemon=True
    ).start()

  def _run(self, arguments: Sequence[str], actor: Any) -> None:
    self._end.set_result(_work(arguments))
    time.sleep(_LINGER)
    actor.leave.remote()

  async def host(self) -> str:
    """Where it runs."""
    return socket.gethostname()

  async def end(self) -> str:
    """Why it has ended, once it has; "" where all is done."""
    return await asyncio.wrap_future(self._end)

  async def leave(self) -> None:
    """Gives back its resources."""
    ray.actor.exit_actor()


def _work(arguments: Sequence[str]) -> str:
  """Works as the package does; why that ended, in words."""
  host = socket.gethostname()
  try:
    worker = importlib.import_module(_WORKER)
  except ImportError as error:
    return (
      f"{host} cannot import {_WORKER} ({error}): install the package for "
      f"{sys.executable} on all nodes, in the version of the driver."
    )
  try:
    worker.work(*arguments)
  except worker.WorkerError as error:
    return str(error)
  except BaseException:
    lines = traceback.format_exc().splitlines()[-_TAIL:]
    return "\n  ".join([f"on {host}:", *lines])
  return ""


class Cluster:
  """Starts actors and knows what has become of them."""

  def __init__(self):
    self._actors: dict[str, Any] = {}
    self._hosts: dict[str, Any] = {}  # futures, then names
    self._ends: dict[str, Any] = {}  # futures
    self._ended: dict[str, str] = {}

  def connect(self, address: str | None) -> list[dict[str, Any]]:
    """Joins a cluster, or starts one; its nodes, with their resources."""
    options: dict[str, Any] = {"address": address}
    if address is None:
      options = {
        "address": "local",
        "num_cpus": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else None,
        "include_dashboard": False,
        "object_store_memory": _OBJECTS,
      }
    try:
      ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
    except Exception as error:
      raise OSError(_refusal(address, error)) from error
    return [
      {"host": node["NodeManagerHostname"], "resources": node["Resources"]}
      for node in ray.nodes()
      if node["Alive"]
    ]

  def start(
    self,
    name: str,
    namespace: str,
    needs: Mapping[str, float],
    detached: bool,
    path: Sequence[str],
    environment: Mapping[str, str],
    arguments: Sequence[str],
  ) -> None:
    """Starts an actor that needs something of its node."""
    needs = dict(needs)
    remote = ray.remote(Worker).options(
      name=name, namespace=namespace,
      lifetime="detached" if detached else None,
      num_cpus=needs.pop("CPU"), num_gpus=needs.pop("GPU", 0),
      memory=needs.pop("memory", None), resources=needs, max_restarts=0,
    )  # fmt: skip
    self._watch(name, remote.remote(path, environment, arguments))

  def attach(self, name: str, namespace: str) -> None:
    """Takes over an actor, if it is still one."""
    try:
      self._watch(name, ray.get_actor(name, namespace=namespace))
    except ValueError:
      self._ended[name] = ""

  def ended(self) -> dict[str, str]:
    """Why actors have ended, by name."""
    for name in _ready(self._ends):
      try:
        self._finish(name, ray.get(self._ends[name]))
      except ray.exceptions.ActorUnavailableError:
        self._ends[name] = self._actors[name].end.remote()
      except ray.exceptions.RayError as error:
        self._finish(name, self._why(name, error))
    return self._ended

  def waiting(self) -> set[str]:
    """Names of actors that no node has taken."""
    return {
      name
      for name in self._ends.keys() - self._ended.keys()
      if not _answered(self._hosts[name])
    }

  def stop(self, names: Iterable[str]) -> None:
    """Ends actors."""
    for name in names:
      if name in self._ends:
        self._finish(name, "")

  def _watch(self, name: str, actor: Any) -> None:
    self._actors[name] = actor
    self._hosts[name] = actor.host.remote()
    self._ends[name] = actor.end.remote()

  def _finish(self, name: str, why: str) -> None:
    """Notes why an actor has ended, and gives back its resources."""
    self._ended[name] = why
    del self._ends[name]
    ray.kill(self._actors.pop(name))

  def _why(self, name: str, error: Exception) -> str:
    """What Ray says of an actor that is no more, in words."""
    try:
      host = ray.get(self._hosts[name], timeout=0)
    except (ray.exceptions.RayError, TimeoutError):
      host = "a node"
    text = str(error)
    if "exit_actor" in text:
      return ""  # it had ended, and left just as it was attached to
    if isinstance(error, ray.exceptions.OutOfMemoryError):
      return (
        f"out of memory on {host}: {text.splitlines()[0]} Ask for more by "
        "--executor.memory, or for fewer workers."
      )
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = lines[-1].partition(" Some common causes")[0]
    if "node has died" in text or "node was" in text:
      return f"its node {host} is lost. Ray says: {last}"
    return (
      f"its process on {host} is no more: killed, out of memory, or crashed. "
      f"Ray says: {last}"
    )


def _refusal(address: str | None, error: Exception) -> str:
  """Why there is no cluster, in words."""
  where = f"at {address}" if address else "on this machine"
  if "AuthenticationError" in "".join(traceback.format_exception(error)):
    return (
      f"The Ray cluster {where} asks for a token: set RAY_AUTH_MODE=token, and "
      "RAY_AUTH_TOKEN to that of its nodes."
    )
  lines = [line.strip() for line in str(error).splitlines() if line.strip()]
  return f"There is no Ray to be used {where}: " + (
    " ".join(lines[:3]) or type(error).__name__
  )


def _answered(future: Any) -> bool:
  return bool(ray.wait([future], timeout=0)[0])


def _ready(futures: Mapping[str, Any]) -> list[str]:
  """Names of the futures that are done."""
  return [name for name, future in futures.items() if _answered(future)]


def main(descriptor: int) -> None:
  """Answers calls until the driver ends.

  Args:
    descriptor: of the pipe that calls come by.
  """
  threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
  cluster = Cluster()
  with pipes.Connection(descriptor) as pipe:
    while True:
      try:
        method, arguments = pipe.recv()
      except (EOFError, ConnectionError):
        break
      try:
        answer = None, getattr(cluster, method)(**arguments)
      except Exception as error:
        traceback.print_exc()
        answer = str(error) or type(error).__name__, None
      pipe.send(answer)
  ray.shutdown()


def _end_with(driver: int) -> None:
  """Ends this process some time after the driver, whatever Ray is at."""
  while os.getppid() == driver:
    time.sleep(1)
  time.sleep(_LINGER)
  os._exit(1)


if __name__ == "__main__":
  main(int(sys.argv[1]))
