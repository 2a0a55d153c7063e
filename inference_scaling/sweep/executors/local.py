"""Workers as processes of this machine, each with its cores or its devices."""

import collections
import contextlib
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from inference_scaling import runtime
from inference_scaling.sweep.workers import executor

_GRACE = 10.0  # seconds that a worker has to end in order
_TAIL = 15  # lines of a log that are shown
_DEVICES = ("/dev/nvidia0", "/dev/accel0", "/dev/vfio/0")  # GPUs, TPUs
_PROBE = """
import json, jax
devices = jax.local_devices()
print(json.dumps([devices[0].platform, len(devices)]))
"""


class Local(executor.Executor):
  """Starts processes and watches them by their ids.

  They are no children that die with the driver: one that is killed leaves them
  at work, and the next one finds them.

  Attributes:
    name: as --executor takes it.
    detached: False: Ctrl-C ends them too.
    command: that starts a worker, before its arguments.
  """

  name = "local"
  detached = False
  command = (sys.executable, "-m", "inference_scaling.sweep.workers.worker")

  def __init__(self, workers: int, devices: int, logs: pathlib.Path):
    """Says how the machine is shared out.

    Args:
      workers: that are to run at once.
      devices: that each of them needs, data * model of the mesh.
      logs: folder of what they print.
    """
    self._workers, self._devices, self._logs = workers, devices, logs
    self._processes: dict[str, subprocess.Popen] = {}
    self._attached: dict[str, int] = {}
    self._shares: list[dict[str, str]] = [{} for _ in range(workers)]
    self._cores = _split(sorted(_cores()), workers)
    self._taken: dict[str, int] = {}

  def check(self) -> None:
    """Raises a ValueError if there are too few cores or devices."""
    cores = len(_cores())
    if self._workers > cores:
      raise ValueError(
        f"--workers is {self._workers}, but this process may use {cores} "
        f"cores; expected at most {cores}."
      )
    platform, count = _accelerators()
    if platform == "cpu":
      return
    if self._workers * self._devices > count:
      raise ValueError(
        f"--workers={self._workers} with config.mesh of {self._devices} "
        f"device(s) need {self._workers * self._devices}, but this machine has "
        f"{count} of platform {platform}. Lower --workers to "
        f"{count // self._devices}, or the mesh."
      )
    if platform == "tpu" and self._workers > 1:
      raise ValueError(
        f"--workers is {self._workers}, but processes cannot share the TPUs of "
        "a machine here; expected 1, with a mesh of all of them."
      )
    if platform in ("gpu", "cuda"):
      names = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
      names = names if len(names) == count else list(map(str, range(count)))
      for i in range(self._workers):
        mine = names[i * self._devices : (i + 1) * self._devices]
        self._shares[i] = {"CUDA_VISIBLE_DEVICES": ",".join(mine)}

  def start(self, workers: Sequence[executor.Start]) -> dict[str, str]:
    """Starts processes; each has a share of the machine that is free."""
    self._logs.mkdir(parents=True, exist_ok=True)
    jobs = {}
    for worker in workers:
      share = self._free_share()
      self._taken[worker.name] = share
      process = self._spawn(worker, share)
      self._processes[worker.name] = process
      jobs[worker.name] = f"{process.pid} {share}"
    return jobs

  def attach(self, jobs: Mapping[str, str]) -> None:
    """Watches processes that another driver has started."""
    for name, job in jobs.items():
      process, share = map(int, job.split())
      self._attached[name] = process
      self._taken[name] = share

  def ended(self) -> dict[str, str]:
    """Processes that are no more."""
    ended = {}
    for name, process in self._processes.items():
      code = process.poll()
      if code is not None:
        ended[name] = "" if code == 0 else self._why(name, code)
    for name, process in self._attached.items():
      if not _is_worker(process, name):
        ended[name] = ""  # whose child it was learns the code
    for name in ended:
      self._taken.pop(name, None)
    return ended

  def waiting(self) -> set[str]:
    """None: a process begins at once."""
    return set()

  def stop(self, names: Iterable[str]) -> None:
    """Asks processes to end, and ends those that do not."""
    ids = {name: self._id(name) for name in names}
    running = {
      name: process
      for name, process in ids.items()
      if process is not None and _is_worker(process, name)
    }
    for process in running.values():
      _signal(process, signal.SIGTERM)
      _signal(process, signal.SIGCONT)  # one that was stopped hears it, too
    deadline = time.monotonic() + _GRACE
    while running and time.monotonic() < deadline:
      self.ended()  # reaps
      running = {
        name: process
        for name, process in running.items()
        if _is_worker(process, name)
      }
      time.sleep(0.1)
    for process in running.values():
      _signal(process, signal.SIGKILL)
    for name in ids.keys() & self._processes.keys():
      self._processes[name].wait()

  def _spawn(self, worker: executor.Start, share: int) -> subprocess.Popen:
    # The threads of one process on all cores, so that bits do not depend on the
    # number of workers: twice the cores of a worker cost 4% of its time.
    threads = runtime.threads(len(_cores()))
    environment = threads | os.environ | self._shares[share]
    path = os.pathsep.join(entry for entry in sys.path if entry)
    with (
      (self._logs / f"{worker.name}.log").open("ab") as log,
      _held_to(self._cores[share]),
    ):
      return subprocess.Popen(
        [*self.command, worker.folder, worker.name, worker.token],
        stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        env=environment | {"PYTHONPATH": path}, start_new_session=True,
      )  # fmt: skip

  def _free_share(self) -> int:
    """A part of the machine with the fewest workers on it."""
    used = collections.Counter(self._taken.values())
    return min(range(self._workers), key=lambda share: used[share])

  def _id(self, name: str) -> int | None:
    if name in self._processes:
      return self._processes[name].pid
    return self._attached.get(name)

  def _why(self, name: str, code: int) -> str:
    """Why a process ended: a signal, or its last lines."""
    log = self._logs / f"{name}.log"
    how = f"exit code {code}"
    if code < 0:
      how = f"killed by {signal.Signals(-code).name}"
      if -code == signal.SIGKILL:
        how += " (out of memory, if nobody did it)"
    return f"{how}; {log} ends in\n{tail(log)}"


def tail(log: pathlib.Path, lines: int = _TAIL) -> str:
  """The last lines of a log, indented; a word where there is none.

  Args:
    log: the file.
    lines: how many.

  Returns:
    The lines.
  """
  try:
    text = log.read_text(encoding="utf-8", errors="replace")
  except OSError:
    return "  (nothing)"
  last = text.rstrip().splitlines()[-lines:] or ["(nothing)"]
  return "\n".join(f"  {line}" for line in last)


def _cores() -> set[int]:
  """Cores that this process may use."""
  if hasattr(os, "sched_getaffinity"):
    return os.sched_getaffinity(0)
  return set(range(os.cpu_count() or 1))


@contextlib.contextmanager
def _held_to(cores: set[int]) -> Iterator[None]:
  """Holds what this thread starts to some cores, and JAX there counts them."""
  if not cores:
    yield
    return
  before = os.sched_getaffinity(0)
  os.sched_setaffinity(0, cores)
  try:
    yield
  finally:
    os.sched_setaffinity(0, before)


def _split(cores: Sequence[int], workers: int) -> list[set[int]]:
  """Shares out cores; none where the system cannot hold a process to them."""
  if not hasattr(os, "sched_setaffinity"):
    return [set() for _ in range(workers)]
  bounds = [i * len(cores) // workers for i in range(workers + 1)]
  return [set(cores[first:last]) for first, last in itertools.pairwise(bounds)]


def _accelerators() -> tuple[str, int]:
  """Platform and number of the devices that a worker would see.

  JAX is asked in another process: this one must not take their memory.
  """
  platforms = os.environ.get("JAX_PLATFORMS", "")
  devices = shutil.which("nvidia-smi") or any(
    pathlib.Path(path).exists() for path in _DEVICES
  )
  if platforms == "cpu" or not devices:
    return "cpu", 1
  out = subprocess.run(
    [sys.executable, "-c", _PROBE], capture_output=True, text=True, check=False
  )
  if out.returncode != 0:
    last = out.stderr.strip().splitlines()[-1:] or ["nothing is said"]
    raise OSError(f"JAX does not find the devices of this machine: {last[0]}")
  platform, count = json.loads(out.stdout.splitlines()[-1])
  return platform, count


def _is_worker(process: int, name: str) -> bool:
  """Whether a process runs and is this worker, not another of its number."""
  command = pathlib.Path(f"/proc/{process}/cmdline")
  if command.parent.parent.joinpath("self").exists():
    try:
      return name.encode() in command.read_bytes().split(b"\0")
    except OSError:
      return False
  try:
    os.kill(process, 0)
  except OSError:
    return False
  return True


def _signal(process: int, number: int) -> None:
  try:
    os.killpg(process, number)  # it leads its session
  except OSError:
    pass
