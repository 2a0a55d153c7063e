"""Bytes that a compiled program moves through a device's main memory.

XLA's own count adds what fusions read on the chip, and all of an array of which
only a slice is read or written. Here each instruction counts by its operands
and results in HBM, padded as they lie there, a fusion as one instruction; what
is only sliced, gathered from or updated in place counts by the slice. Numbers
(arrays without axes) are left out.
"""

import dataclasses
from collections.abc import Iterator

from inference_scaling.plan.hlo import loops
from inference_scaling.plan.hlo import program as hlo

# What moves nothing: names for what is there already, or the end of a copy
# that is counted where it starts.
_FREE = (
  "after-all", "bitcast", "constant", "get-tuple-element", "opt-barrier",
  "optimization-barrier", "parameter", "partition-id", "replica-id", "tuple",
)  # fmt: skip
_FREE_CALLS = ("AllocateBuffer", "ConcatBitcast", "Sharding")
_SLICES = ("dynamic-slice", "gather", "slice")
_UPDATES = {"dynamic-update-slice": 1, "scatter": 2}  # operand: what is written
_RUNS = ("while", "conditional", "call")


@dataclasses.dataclass(frozen=True)
class Moved:
  """What an instruction moves.

  Attributes:
    instruction: the instruction.
    read: bytes from HBM.
    written: bytes to HBM.
    times: how often it runs where its computation runs once.
  """

  instruction: hlo.Instruction
  read: int
  written: int
  times: int

  @property
  def bytes(self) -> int:
    """All of it."""
    return (self.read + self.written) * self.times


def hbm_bytes(module: hlo.Module, computation: str) -> int:
  """Counts the bytes that a computation moves through HBM.

  Args:
    module: the program.
    computation: its name, such as the body of a loop. Loops within it count as
      often as they run, or once where that is not known.

  Returns:
    Bytes read and written.
  """
  return sum(moved.bytes for moved in traffic(module, computation))


def traffic(module: hlo.Module, computation: str) -> list[Moved]:
  """Lists what the instructions of a computation move.

  Args:
    module: the program.
    computation: as of `hbm_bytes`.

  Returns:
    Those that move something, with those of loops within.
  """
  return [
    moved for moved in _traffic(module, module[computation], 1) if moved.bytes
  ]


def _traffic(
  module: hlo.Module, computation: hlo.Computation, times: int
) -> Iterator[Moved]:
  for one in computation.instructions.values():
    if one.opcode in _RUNS:
      again = times
      if one.opcode == "while":
        again *= loops.trip_count(module, one) or 1
      for called in one.called:
        yield from _traffic(module, module[called], again)
    elif not _is_free(one):
      read, written = _moved(module, computation, one)
      yield Moved(one, read, written, times)


def _is_free(one: hlo.Instruction) -> bool:
  if one.opcode == "custom-call":
    return any(f'"{name}"' in one.attributes for name in _FREE_CALLS)
  return one.opcode in _FREE or one.opcode.endswith("-done")


def _moved(
  module: hlo.Module, computation: hlo.Computation, one: hlo.Instruction
) -> tuple[int, int]:
  """Bytes that an instruction reads, and that it writes."""
  operands = computation.operands(one)
  if one.opcode in ("copy-start", "slice-start"):
    return _started(one)
  if one.opcode in _SLICES:
    part = sum(array.bytes for array in one.arrays)
    return _if_hbm(operands[0], part) + _sum(operands[1:]), _sum([one])
  if one.opcode in _UPDATES:
    update = operands[_UPDATES[one.opcode]]
    part = sum(array.bytes for array in update.arrays)
    return _sum(operands[1:]), _if_hbm(one, part)
  called = one.called
  if one.opcode in ("fusion", "async-start") and called:
    inner = module[called[0]]
    read = sum(
      _read(module, inner, index, operand)
      for index, operand in enumerate(operands)
    )
    return read, _written(module, inner, one)
  # A kernel that takes an array by several windows reads it once.
  return _sum(list({id(array): array for array in operands}.values())), _sum(
    [one]
  )


def _started(one: hlo.Instruction) -> tuple[int, int]:
  """A copy in the background: its result is of what comes, and what went."""
  arrays = [array for array in one.arrays if array.dims]
  if one.opcode == "copy-start":
    target, source = arrays[0], arrays[1]
  else:
    source, target = arrays[0], arrays[1]
  size = target.padded_bytes
  return size * source.in_hbm, size * target.in_hbm


def _read(
  module: hlo.Module,
  inner: hlo.Computation,
  index: int,
  operand: hlo.Instruction,
) -> int:
  """Bytes that a fusion reads of an operand."""
  whole = _sum([operand])
  parameter = inner.parameter(index)
  if not whole or parameter is None:
    return whole
  part = _part(module, inner, parameter.name)
  return whole if part is None else min(part, whole)


def _part(module: hlo.Module, inner: hlo.Computation, name: str) -> int | None:
  """Bytes that are read of a value within a fusion; None for all."""
  total = 0
  for user in inner.users(name):
    first = user.operands[0] == name and user.operands.count(name) == 1
    if user.opcode in _SLICES and first:
      total += sum(array.bytes for array in user.arrays)
    elif user.opcode in _UPDATES and first:
      continue  # updated where it is; `_written` counts what is written
    elif user.opcode in ("bitcast", "get-tuple-element", "tuple"):
      if user.opcode == "tuple" or user.is_root:
        return None
      part = _part(module, inner, user.name)
      if part is None:
        return None
      total += part
    elif user.opcode == "fusion":
      nested = _nested(module, inner, user, name)
      if nested is None:
        return None
      total += nested
    else:
      return None
  return total


def _nested(
  module: hlo.Module, outer: hlo.Computation, fusion: hlo.Instruction, name: str
) -> int | None:
  """Bytes that a fusion within a fusion reads of a value; None for all."""
  inner = module[fusion.called[0]]
  parameter = inner.parameter(fusion.operands.index(name))
  if parameter is None or fusion.operands.count(name) > 1:
    return None
  if _source(inner, inner.root).name == parameter.name:  # renames it only
    return None if fusion.is_root else _part(module, outer, fusion.name)
  return _part(module, inner, parameter.name)


def _written(
  module: hlo.Module, inner: hlo.Computation, one: hlo.Instruction
) -> int:
  """Bytes that a fusion writes."""
  root = inner.root
  results = inner.operands(root) if root.opcode == "tuple" else [root]
  if len(results) != len(one.arrays):
    return _sum([one])
  total = 0
  for result, array in zip(results, one.arrays, strict=True):
    if array.in_hbm and array.dims:
      update = _update(module, inner, result)
      total += array.padded_bytes if update is None else update
  return total


def _update(
  module: hlo.Module, inner: hlo.Computation, result: hlo.Instruction
) -> int | None:
  """Bytes by which a fusion updates an operand; None for a new array."""
  source = _source(inner, result)
  if source.opcode == "fusion":
    nested = module[source.called[0]]
    return _update(module, nested, nested.root)
  if source.opcode not in _UPDATES:
    return None
  operands = inner.operands(source)
  if not _is_given(module, inner, operands[0]):
    return None
  update = operands[_UPDATES[source.opcode]]
  return sum(array.bytes for array in update.arrays)


def _is_given(
  module: hlo.Module, inner: hlo.Computation, value: hlo.Instruction
) -> bool:
  """Whether a value within a fusion is an operand of it, or its bits."""
  source = _source(inner, value)
  while source.opcode == "fusion":
    nested = module[source.called[0]]
    bottom = _source(nested, nested.root)
    if bottom.opcode != "parameter":
      return False
    operand = source.operands[int(bottom.argument)]
    source = _source(inner, inner.instructions[operand])
  return source.opcode == "parameter"


def _source(inner: hlo.Computation, value: hlo.Instruction) -> hlo.Instruction:
  """What a value is another name of."""
  while value.opcode == "bitcast":
    value = inner.instructions[value.operands[0]]
  return value


def _sum(instructions: list[hlo.Instruction]) -> int:
  """Bytes of results in HBM."""
  return sum(
    array.padded_bytes
    for one in instructions
    for array in one.arrays
    if array.in_hbm and array.dims
  )


def _if_hbm(one: hlo.Instruction, size: int) -> int:
  return size if any(array.in_hbm for array in one.arrays) else 0
