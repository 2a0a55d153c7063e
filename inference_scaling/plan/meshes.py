"""Which mesh a search is compiled for, and what would fit where it does not."""

from jax.sharding import Mesh

from inference_scaling.decoding.batching import placement
from inference_scaling.decoding.memory import plan as memory
from inference_scaling.decoding.memory import table
from inference_scaling.models import sharding
from inference_scaling.plan import targets
from inference_scaling.plan import workload as workload_lib

Sizes = tuple[int, int]


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
        f"devices, but {target.name} has {count}; expected data,model of "
        f"{sharding.either([f'{a},{b}' for a, b in _meshes(count)])}."
      )
    return wished
  error: ValueError | None = None
  for sizes in _meshes(count):
    try:
      _peak(memory.Plan(workload.search), workload, *sizes)
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


def fitting(workload: workload_lib.Workload, target: targets.Target) -> str:
  """Says what would fit, by the plan from shapes.

  Args:
    workload: the search, that does not fit.
    target: the devices.

  Returns:
    For each mesh of the target the largest N and P that fit, in words.
  """
  plan, words = memory.Plan(workload.search), []
  P, N = workload.problems, workload.beams

  def fits(sizes: Sizes, parts: int, beams: int) -> bool:
    rows = workload.rows and min(workload.rows, beams)
    work = workload.with_problems(parts * sizes[0], beams, rows)
    return _peak(plan, work, *sizes) <= target.chip.memory

  for sizes in _meshes(target.num_devices):
    data = sizes[0]
    whole = -(-P // data)
    try:
      beams = table.largest(lambda n: fits(sizes, whole, n))
      parts = table.largest(lambda parts: fits(sizes, parts, N))
    except ValueError:
      continue  # this mesh divides no head
    words.append(
      f"mesh {data},{sizes[1]}: N = {beams} at P = {whole * data}, "
      f"P = {parts * data} at N = {N}"
    )
  return "; ".join(words) or "no mesh of these devices divides the models"


def planned_peak(workload: workload_lib.Workload, sizes: Sizes) -> int:
  """The peak that the plan from shapes gives, bytes of a device."""
  return _peak(memory.Plan(workload.search), workload, *sizes)


def _peak(
  plan: memory.Plan, workload: workload_lib.Workload, data: int, model: int
) -> int:
  problems = -(-workload.problems // data) * data
  lookahead = workload.strategy.lookahead > 0
  return plan.footprint(
    problems, workload.beams, data, model, workload.rows, lookahead
  ).peak


def _meshes(count: int) -> list[Sizes]:
  """All meshes of some devices, those with most on 'model' first."""
  sizes = [size for size in range(1, count + 1) if count % size == 0]
  return [(size, count // size) for size in sizes]
