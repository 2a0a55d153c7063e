"""Operations of the products of matrices in a compiled program.

All else is a few operations for each entry that is read or written, which
count little beside these.
"""

import json
import math
import re

import numpy as np

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
    return _convolution(operands[0].arrays[0], operands[1].arrays[0], one)
  axes = _contracted(one)
  if axes is None:
    return 0
  left = operands[0].arrays[0]
  return 2 * one.arrays[0].size * math.prod(left.dims[axis] for axis in axes)


def _convolution(
  left: hlo.Array, kernel: hlo.Array, one: hlo.Instruction
) -> int:
  """Operations of a convolution, as which XLA writes products on TPU.

  Axes of a batch become axes of space, along which most of what the kernel
  meets is padding: only the rest counts.
  """
  match = re.search(r"dim_labels=(\w+)_(\w+)->(\w+)", one.attributes)
  assert match, one
  of_left, of_kernel, of_result = match.groups()
  result = one.arrays[0]
  total = 2 * kernel.dims[of_kernel.index("i")]
  total *= result.dims[of_result.index("b")] * result.dims[of_result.index("f")]
  for label in filter(str.isdigit, of_result):
    total *= _met(
      result.dims[of_result.index(label)],
      left.dims[of_left.index(label)],
      {
        name: _of_window(one.attributes, name, int(label))
        for name in ("size", "stride", "pad", "lhs_dilate", "rhs_dilate")
      },
    )
  return total


def _met(results: int, inputs: int, window: dict[str, int | None]) -> int:
  """Pairs of a result and a place of the kernel that meet an input."""
  stride, before = window["stride"] or 1, window["pad"] or 0
  wide, apart = window["lhs_dilate"] or 1, window["rhs_dilate"] or 1
  result = np.arange(results)[:, None] * stride
  position = result - before + np.arange(window["size"] or 1)[None] * apart
  inside = (
    (position >= 0) & (position <= (inputs - 1) * wide) & (position % wide == 0)
  )
  return int(inside.sum())


def _of_window(attributes: str, name: str, axis: int) -> int | None:
  """What a window says of an axis of space; of padding, that before it."""
  window = re.search(r"window=\{([^}]*)\}", attributes)
  match = window and re.search(rf"\b{name}=([^ }}]+)", window[1])
  if not match:
    return None
  return int(match[1].split("x")[axis].split("_")[0])


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
