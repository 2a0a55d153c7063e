"""Copies and collectives of a compiled program."""

import dataclasses
import math
import re
from collections.abc import Iterator

from inference_scaling.plan.hlo import loops
from inference_scaling.plan.hlo import program as hlo

# What changes where entries lie, or how wide they are, and computes nothing.
_MOVES = ("convert", "copy", "transpose")
# What may stand beside these in a fusion that computes nothing.
_BESIDE = (
  *_MOVES, "bitcast", "broadcast", "bitcast-convert", "concatenate", "constant",
  "dynamic-slice", "get-tuple-element", "pad", "parameter", "reshape",
  "reverse", "select", "slice", "tuple",
)  # fmt: skip
_COLLECTIVES = (
  "all-gather", "all-reduce", "all-to-all", "collective-broadcast",
  "collective-permute", "ragged-all-to-all", "reduce-scatter",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Copy:
  """An array that is copied in HBM.

  Attributes:
    instruction: which copies it.
    bytes: of the copy.
    in_loop: whether it is within a loop.
  """

  instruction: hlo.Instruction
  bytes: int
  in_loop: bool


@dataclasses.dataclass(frozen=True)
class Collective:
  """An exchange between devices.

  Attributes:
    instruction: which does it.
    kind: such as "all-reduce".
    bytes: that a device gives.
    devices: that take part.
    times: how often it runs where its computation runs once.
  """

  instruction: hlo.Instruction
  kind: str
  bytes: int
  devices: int
  times: int

  @property
  def link_bytes(self) -> float:
    """Bytes that a device sends in all, at the least.

    In a ring each part of an array is sent once by all devices but one; a sum
    is gathered and then spread.
    """
    others, devices = self.devices - 1, self.devices
    part = {
      "all-gather": others,
      "all-reduce": 2 * others / devices,
      "all-to-all": others / devices,
      "ragged-all-to-all": others / devices,
      "reduce-scatter": others / devices,
    }.get(self.kind, min(others, 1))
    return part * self.bytes * self.times


def large_copies(module: hlo.Module, at_least_bytes: int) -> list[Copy]:
  """Lists the large copies: arrays written to HBM anew, and not computed.

  A copy to the chip, to compute there, is none; nor is one from it.

  Args:
    module: the program.
    at_least_bytes: of the copy, without padding.

  Returns:
    Copies, transposes and conversions, also as fusions and in the background.
  """
  inside = {
    name for loop in loops.loops(module) for name in (loop.body, *loop.within)
  }
  copies = {}
  for computation, one in module.walk(module.entry):
    size = _copied(module, computation, one)
    if size >= at_least_bytes:
      copies[one.name] = Copy(one, size, computation.name in inside)
  return list(copies.values())


def collectives(module: hlo.Module, computation: str) -> list[Collective]:
  """Lists the exchanges of a computation.

  Args:
    module: the program.
    computation: its name, such as the body of a loop or `module.entry`. Loops
      within it count as often as they run, or once where that is not known.

  Returns:
    The exchanges, those in fusions included.
  """
  return list(_collectives(module, computation, 1))


def _copied(
  module: hlo.Module, computation: hlo.Computation, one: hlo.Instruction
) -> int:
  """Bytes that an instruction copies from HBM to HBM."""
  operands = computation.operands(one)
  if one.opcode == "copy-start":
    target, source = one.arrays[0], one.arrays[1]
    return target.bytes if target.in_hbm and source.in_hbm else 0
  if one.opcode == "fusion":
    inside = module[one.called[0]].instructions.values()
    opcodes = {part.opcode for part in inside}
    if not opcodes.issubset(_BESIDE) or not opcodes.intersection(_MOVES):
      return 0
  elif one.opcode not in _MOVES:
    return 0
  if not any(array.in_hbm for part in operands for array in part.arrays):
    return 0
  return max((array.bytes for array in one.arrays if array.in_hbm), default=0)


def _collectives(
  module: hlo.Module, name: str, times: int
) -> Iterator[Collective]:
  computation = module[name]
  for one in computation.instructions.values():
    kind = one.opcode.removesuffix("-start")
    if kind in _COLLECTIVES:
      given = sum(
        array.bytes
        for operand in computation.operands(one)
        for array in operand.arrays
      )
      yield Collective(one, kind, given, _group_size(one), times)
      continue
    again = times
    if one.opcode == "while":
      again *= loops.trip_count(module, one) or 1
    if one.opcode in ("async-start", "call", "conditional", "fusion", "while"):
      for called in one.called:
        yield from _collectives(module, called, again)


def _group_size(one: hlo.Instruction) -> int:
  """How many devices take part in an exchange."""
  text = one.attributes
  if match := re.search(r"replica_groups=\[(\d+),(\d+)\]", text):
    return int(match[2])
  if match := re.search(r"replica_groups=mesh\[(.*?)\][^{]*\{(.*?)\}", text):
    sizes = dict(re.findall(r"'(\w+)'=(\d+)", match[1]))
    return math.prod(int(sizes[axis]) for axis in re.findall(r"\w+", match[2]))
  if match := re.search(r"replica_groups=\{\{([\d,]*)\}", text):
    return len(match[1].split(","))
  pairs = re.search(r"source_target_pairs=\{(.*?)\}\}", text)
  return 2 if pairs else 1
