"""How long the first result takes, and that later ones compile nothing."""

import contextlib
import dataclasses
import functools
import pathlib
import tempfile
from collections.abc import Iterator

import jax

from inference_scaling.benchmark import child, table

_EVENT = "/jax/core/compile/backend_compile_duration"


@dataclasses.dataclass
class Compiled:
  """What was compiled, or taken from the persistent cache.

  Attributes:
    programs: how many.
    seconds: how long it took.
  """

  programs: int = 0
  seconds: float = 0.0


_counters: list[Compiled] = []


@contextlib.contextmanager
def count() -> Iterator[Compiled]:
  """Counts the programs that are compiled within a `with` block.

  Yields:
    The counter.
  """
  _listen()
  counter = Compiled()
  _counters.append(counter)
  try:
    yield counter
  finally:
    _counters.remove(counter)


@functools.cache
def _listen() -> None:
  """Listens to JAX, once and for good."""
  jax.monitoring.register_event_duration_secs_listener(_hear)


def _hear(event: str, duration_secs: float, **_: str | int) -> None:
  if event == _EVENT:
    for counter in _counters:
      counter.programs += 1
      counter.seconds += duration_secs


def first_results(task: child.Task, repeats: int) -> list[table.Row]:
  """Starts processes with an empty and with a full compilation cache.

  Args:
    task: of each of them; its cache is not used.
    repeats: processes with a full cache.

  Returns:
    Rows of the table.
  """
  with tempfile.TemporaryDirectory() as folder:
    task = dataclasses.replace(task, cache=folder)
    cold = child.run(task)
    size = sum(path.stat().st_size for path in pathlib.Path(folder).iterdir())
    warm = [child.run(task) for _ in range(repeats)]
  warm.sort(key=lambda result: result["first_result"])
  rows = []
  for name, result in (("empty", cold), ("full", warm[len(warm) // 2])):
    note = (
      f"process start to first samples; {result['imports']:.1f} s imports, "
      f"{result['loading']:.1f} s weights, {result['programs']} programs in "
      f"{result['compiling']:.1f} s"
    )
    rows.append(
      table.Row(
        "first result", f"{name} compilation cache", result["first_result"],
        "s", note,
      )
    )  # fmt: skip
  return [
    *rows, table.Row("first result", "compiled programs", size / 1e6, "MB")
  ]  # fmt: skip
