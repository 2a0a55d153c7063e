"""Operations of the products of matrices in a compiled program.

All else is a few operations for each entry that is read or written, which
count little beside these.
"""

import json
import math
import re

from inference_scaling.plan.hlo import loops
from inference_scaling.plan.hlo import program as hlo

_RUNS = ("async-start", "call", "conditional", "fusion", "while")


def flops(module: hlo.Module, computation: str) -> int:
  """Counts operations: two for each product that is summed.

  Args:
    module: the program.
    computation: its name, such as the body of a loop. Loops within it count as
      often as they run, or once where that is not known.

  Returns:
    Operations of dot products, convolutions and calls of cuBLAS. A product
    that XLA has written as sums over a longer array is not seen: attention of
    few tokens on TPU.
  """
  total = 0
  inside = module[computation]
  for one in inside.instructions.values():
    if one.opcode in _RUNS:
      times = loops.trip_count(module, one) if one.opcode == "while" else 1
      total += (times or 1) * sum(flops(module, name) for name in one.called)
    else:
      total += _flops(inside, one)
  return total


def _flops(inside: hlo.Computation, one: hlo.Instruction) -> int:
  operands = inside.operands(one)
  if one.opcode == "convolution":
    # Each result sums over the inputs of one of the kernel's outputs.
    kernel = operands[1].arrays[0]
    labels = re.search(r"dim_labels=\w+_(\w+)->", one.attributes)
    assert labels, one
    summed = kernel.size // kernel.dims[labels[1].index("o")]
    return 2 * one.arrays[0].size * summed
  axes = _contracted(one)
  if axes is None:
    return 0
  left = operands[0].arrays[0]
  return 2 * one.arrays[0].size * math.prod(left.dims[axis] for axis in axes)


def _contracted(one: hlo.Instruction) -> list[int] | None:
  """The axes of the left factor that are summed over; None for no product."""
  if one.opcode == "dot":
    match = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", one.attributes)
    return [int(axis) for axis in re.findall(r"\d+", match[1])] if match else []
  if one.opcode == "custom-call" and "cublas" in one.attributes:
    match = re.search(
      r'"lhs_contracting_dimensions":(\[[^\]]*\])', one.attributes
    )
    return [int(axis) for axis in json.loads(match[1])] if match else None
  return None
