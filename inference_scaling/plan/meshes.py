"""Whether a search fits, on which mesh, and what would fit in its place."""

import dataclasses
import functools
from typing import Any

from jax.sharding import Mesh

from inference_scaling import runtime
from inference_scaling.decoding.batching import placement
from inference_scaling.decoding.memory import abstract, table
from inference_scaling.decoding.memory import plan as memory
from inference_scaling.models import sharding
from inference_scaling.models.layers import hardware
from inference_scaling.plan import searches, targets
from inference_scaling.plan import workload as workload_lib

Sizes = tuple[int, int]
_LESS = 0.9  # of what the plan gave a search that does not fit


@dataclasses.dataclass(frozen=True)
class Fit:
  """What a search takes of a device.

  Attributes:
    name: of the search.
    peak: bytes at its fullest, by the plan from shapes.
    memory: bytes that the device has.
  """

  name: str
  peak: int
  memory: int

  def __str__(self) -> str:
    fits = "fits" if self.peak <= self.memory else "does NOT fit"
    return (
      f"{self.name}: peak {self.peak / 2**30:.2f} of "
      f"{self.memory / 2**30:.2f} GiB: {fits}"
    )


def fit_here(config: Any, num_problems: int | None = None) -> list[Fit]:
  """Says whether a sweep fits this machine, before its weights are fetched.

  Args:
    config: as `searches.of_sweep`.
    num_problems: likewise.

  Returns:
    What each search takes of one device, the largest search of a policy first.

  Raises:
    ValueError, OSError: as `searches.of_sweep`.
  """
  machine = hardware.of_mesh(None)
  memory = runtime.device_memory()
  return [
    Fit(
      group.workload.name,
      _peak(_plan(group.workload.search), group.workload, 1, 1, machine.is_cpu),
      memory,
    )
    for group in searches.of_sweep(config, num_problems, machine)
  ]


def choose(
  workload: workload_lib.Workload,
  target: targets.Target,
  wished: Sizes | None = None,
) -> Sizes:
  """Chooses the sizes of data and model.

  Args:
    workload: the search.
    target: the devices.
    wished: sizes that were asked for; None for as many devices on 'model' as
      the heads and weights of both models allow.

  Returns:
    Both sizes.

  Raises:
    ValueError: for a mesh that the target does not have, or none that divides
      the models.
  """
  count = target.num_devices
  if wished is not None:
    if wished[0] * wished[1] != count:
      raise ValueError(
        f"the mesh {wished[0]},{wished[1]} is of {wished[0] * wished[1]} "
        f"devices, but {target.name} has {count}; expected data,model that are "
        f"one of {'  '.join(f'{a},{b}' for a, b in _meshes(count))}."
      )
    return wished
  error: ValueError | None = None
  plan = _plan(workload.search)
  for sizes in _meshes(count):
    try:
      _peak(plan, workload, *sizes)
      return sizes
    except ValueError as reason:
      error = reason
  raise ValueError(f"no mesh of {target.name} divides the models: {error}")


def on_mesh(
  workload: workload_lib.Workload, target: targets.Target, sizes: Sizes
) -> tuple[workload_lib.Workload, Mesh]:
  """Makes the mesh, and rounds P up so that it divides the problems.

  Args:
    workload: the search.
    target: the devices.
    sizes: of data and model.

  Returns:
    The search with its P, and the mesh of devices that only a compiler knows.

  Raises:
    ValueError: as `targets.devices`.
  """
  mesh = sharding.make_mesh(*sizes, devices=targets.devices(target))
  slots = placement.whole_slots(workload.problems, mesh)
  return workload.with_problems(slots), mesh


def fitting(
  workload: workload_lib.Workload, target: targets.Target, planned: int
) -> str:
  """Says what would fit, by the plan from shapes.

  Args:
    workload: the search, that does not fit.
    target: the devices.
    planned: bytes that the plan gave it; where that is less than the devices
      have, the plan is too low, and less is offered.

  Returns:
    For each mesh of the target the largest N and P that fit, in words.
  """
  plan = _plan(workload.search)
  most = min(target.chip.memory, int(_LESS * planned))
  words = [
    _fitting(plan, workload, most, *sizes)
    for sizes in _meshes(target.num_devices)
  ]
  return "; ".join(filter(None, words)) or "no mesh divides the models"


def planned_peak(workload: workload_lib.Workload, sizes: Sizes) -> int:
  """The peak that the plan from shapes gives, bytes of a device."""
  return _peak(_plan(workload.search), workload, *sizes)


@functools.lru_cache(maxsize=4)
def _plan(search: abstract.Search) -> memory.Plan:
  """The plan of a search, whose tracing takes seconds."""
  return memory.Plan(search)


def _fitting(
  plan: memory.Plan,
  workload: workload_lib.Workload,
  most: int,
  data: int,
  model: int,
) -> str:
  """What fits on one mesh; "" where it divides no head."""
  P, N = -(-workload.problems // data), workload.beams

  def fits(parts: int, beams: int) -> bool:
    rows = workload.rows and min(workload.rows, beams)
    work = workload.with_problems(parts * data, beams, rows)
    return _peak(plan, work, data, model) <= most

  try:
    beams = table.largest(lambda beams: fits(P, beams))
    parts = table.largest(lambda parts: fits(parts, N))
  except ValueError:
    return ""
  if not beams and not parts:
    return f"mesh {data},{model}: nothing"
  return (
    f"mesh {data},{model}: N = {beams or 'none'} at P = {P * data}, "
    f"P = {parts * data or 'none'} at N = {N}"
  )


def _peak(
  plan: memory.Plan,
  workload: workload_lib.Workload,
  data: int,
  model: int,
  cpu: bool = False,
) -> int:
  problems = -(-workload.problems // data) * data
  lookahead = workload.strategy.lookahead > 0
  return plan.footprint(
    problems, workload.beams, data, model, workload.rows, lookahead, cpu
  ).peak


def _meshes(count: int) -> list[Sizes]:
  """All meshes of some devices, those with most on 'model' first."""
  sizes = [size for size in range(1, count + 1) if count % size == 0]
  return [(size, count // size) for size in sizes]
