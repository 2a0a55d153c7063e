"""The memory plan as a table, and the largest search that fits."""

from collections.abc import Callable, Sequence

from inference_scaling.decoding.memory import plan as plan_lib

_GIB = 2**30
_MOST = 1 << 20  # the most beams or problems that are tried
Mesh = tuple[int, int]


def table(
  plan: plan_lib.Plan,
  problems: int,
  beams: int,
  meshes: Sequence[Mesh],
  device_gib: float,
  rows: int | None = None,
) -> str:
  """Writes the footprints of a search on some meshes.

  Args:
    plan: of the search.
    problems: P, in all; rounded up to what 'data' divides.
    beams: N.
    meshes: sizes of data and model.
    device_gib: memory of a device.
    rows: R, active beams of a problem; None for all.

  Returns:
    A table with one column a mesh.
  """
  columns = [
    _column(plan, problems, beams, mesh, device_gib * _GIB, rows)
    for mesh in meshes
  ]
  names = [name for column in columns for name in column]
  lines = []
  for name in dict.fromkeys(names):
    cells = "".join(f"{column.get(name, ''):>14}" for column in columns)
    lines.append(f"{name:<34}{cells}".rstrip())
  return "\n".join(lines)


def largest(fits: Callable[[int], bool]) -> int:
  """Finds the largest number that fits.

  Args:
    fits: true up to a number, false above it.

  Returns:
    The number, or 0 where none fits.
  """
  low, high = 0, 1
  while high < _MOST and fits(high):
    low, high = high, 2 * high
  while high - low > 1:
    middle = (low + high) // 2
    low, high = (middle, high) if fits(middle) else (low, middle)
  return low


def _column(
  plan: plan_lib.Plan,
  problems: int,
  beams: int,
  mesh: Mesh,
  memory: float,
  rows: int | None,
) -> dict[str, str]:
  """The column of one mesh."""
  data, model = mesh
  column = {
    "mesh data,model": f"{data},{model}",
    "devices": str(data * model),
  }
  whole = -(-problems // data)  # problems of each part of 'data'
  try:
    footprint = plan.footprint(whole * data, beams, data, model, rows)
  except ValueError as error:
    return column | {"fits": "cannot be", "": str(error)}

  def fits(parts: int, beams: int) -> bool:
    return plan.footprint(parts * data, beams, data, model, rows).peak <= memory

  column["problems in flight"] = str(whole * data)
  column |= {
    f"{name}, GiB": f"{size / _GIB:.2f}"
    for name, size in (
      ("policy weights", footprint.policy_weights),
      ("reward weights", footprint.reward_weights),
      ("prompt caches", footprint.prompt_caches),
      ("beam caches, policy", footprint.policy_beams),
      ("beam caches, reward model", footprint.reward_beams),
      ("other state", footprint.other_state),
      *((f"  while: {name}", size) for name, size in footprint.phases.items()),
      ("peak", footprint.peak),
    )
  }
  return column | {
    "fits": "yes" if footprint.peak <= memory else "NO",
    f"largest N at P = {problems}": str(largest(lambda n: fits(whole, n))),
    f"largest P at N = {beams}": str(
      data * largest(lambda parts: fits(parts, beams))
    ),
  }
