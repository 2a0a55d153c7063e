"""Loops of a compiled program: which there are, and how often they run."""

import dataclasses
import re
from collections.abc import Iterator

from inference_scaling.plan.hlo import program as hlo

# Scopes of the source around the loops that decode and that encode.
TOKENS = "policy_extend"
SCORES = "reward_score"
# What XLA makes a loop over rows of, where it has no better way.
_MADE_OF = ("scatter", "gather", "dynamic_update_slice", "dynamic_slice")


@dataclasses.dataclass(frozen=True)
class Loop:
  """A loop.

  Attributes:
    instruction: the `while`.
    within: names of the bodies of the loops around it, outermost first.
    trip_count: how often it runs; None where that depends on its values.
  """

  instruction: hlo.Instruction
  within: tuple[str, ...]
  trip_count: int | None

  @property
  def body(self) -> str:
    """Name of the computation that it runs."""
    body = self.instruction.attribute("body")
    assert body, self.instruction
    return body

  @property
  def is_of_rows(self) -> bool:
    """Whether XLA made it, of an operation that writes or reads row by row."""
    last = self.instruction.op_name.rpartition("/")[2]
    return last.split("[")[0].replace("-", "_") in _MADE_OF


def loops(module: hlo.Module) -> list[Loop]:
  """Lists all loops, each before those in it.

  Args:
    module: the program.

  Returns:
    The loops.
  """
  return list(_loops(module, module.entry, ()))


def row_loops(module: hlo.Module) -> list[Loop]:
  """Lists the loops over rows: those that XLA made of a scatter or gather.

  Args:
    module: the program.

  Returns:
    The loops.
  """
  return [loop for loop in loops(module) if loop.is_of_rows]


def outermost(module: hlo.Module, scope: str) -> Loop | None:
  """Finds the loop of a phase.

  Args:
    module: the program.
    scope: `TOKENS` or `SCORES`.

  Returns:
    The first loop of the source in this scope, and of those around each other
    the outermost; None without one.
  """
  pattern = re.compile(rf"/{scope}/(?:.*/)?while$")
  for loop in loops(module):
    if pattern.search(loop.instruction.op_name):
      return loop
  return None


def trip_count(module: hlo.Module, loop: hlo.Instruction) -> int | None:
  """Finds how often a loop runs.

  Args:
    module: the program.
    loop: a `while`.

  Returns:
    The number that XLA notes, or the constant that its counter is compared
    with; None where neither is known.
  """
  known = re.search(r'known_trip_count":\{"n":"(\d+)"', loop.attributes)
  if known:
    return int(known[1])
  condition = module[loop.attribute("condition") or ""]
  root = condition.root
  if root.opcode != "compare" or "direction=LT" not in root.attributes:
    return None
  for operand in condition.operands(root):
    if operand.opcode == "constant" and operand.argument.isdigit():
      return int(operand.argument)
  return None


def _loops(
  module: hlo.Module, name: str, within: tuple[str, ...]
) -> Iterator[Loop]:
  for one in module[name].instructions.values():
    if one.opcode == "while":
      loop = Loop(one, within, trip_count(module, one))
      yield loop
      yield from _loops(module, loop.body, (*within, loop.body))
    elif one.opcode in ("conditional", "call"):
      for called in one.called:
        yield from _loops(module, called, within)
