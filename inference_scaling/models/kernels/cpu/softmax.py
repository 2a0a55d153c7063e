"""Attention of one token, of one row or several, to entries of one kv head.

Axis letters: B rows that see the same entries, G query heads of a kv head, H
head dim, S entries.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from inference_scaling.models.kernels.cpu import code, softmax_heads
from inference_scaling.models.kernels.cpu.code import POINTER


@dataclasses.dataclass(frozen=True)
class Function:
  """The function and what it is for.

  Attributes:
    function: of pointers to float32[B, .., G, H] queries, [H, S] keys, [S, H]
      values, and to [B, .., G, H] sums, [B, .., G] peaks and [B, .., G] totals;
      then S, the number of entries that are seen, and how many heads lie
      between the first ones of two rows.
    rows: B.
    heads: G.
    head_dim: H.
  """

  function: ir.Function
  rows: int
  heads: int
  head_dim: int

  def call(
    self,
    text: code.Code,
    queries: Any,
    keys: Any,
    values: Any,
    sums: Sequence[Any],
    group: Any,
    stored: Any,
    entries: Any,
    stop: Any,
    between: Any,
  ) -> None:
    """Writes a call for rows of arrays.

    Args:
      text: that the call becomes part of.
      queries: pointer to all queries.
      keys: to all keys.
      values: to all values.
      sums: to all sums, peaks and totals.
      group: which G heads of the queries and sums the first row has.
      stored: which kv head of the keys and values is read.
      entries: S.
      stop: how many of them are seen.
      between: heads from a row to the next.
    """
    first = text.times(group, 4 * self.heads)
    begin = text.times(text.times(stored, entries), 4 * self.head_dim)

    def at(pointer: Any, offset: Any) -> Any:
      return text.builder.gep(pointer, [offset])

    vectors = text.times(first, self.head_dim)
    mixed, peaks, totals = sums
    text.builder.call(
      self.function,
      [
        at(queries, vectors), at(keys, begin), at(values, begin),
        at(mixed, vectors), at(peaks, first), at(totals, first),
        entries, stop, between,
      ],
    )  # fmt: skip


def rows_together(heads: int, head_dim: int) -> int:
  """Says how many rows one pass over the entries serves best.

  Args:
    heads: G.
    head_dim: H.

  Returns:
    The most rows whose sums are in registers all at once; at least 1.
  """
  return max(1, softmax_heads.together(head_dim) // heads)


def write(
  module: ir.Module, rows: int, heads: int, head_dim: int, goes_on: bool
) -> Function:
  """Writes the function into a module.

  Args:
    module: that it becomes part of.
    rows: B.
    heads: G.
    head_dim: H, a multiple of 16.
    goes_on: whether sums, peaks and totals are those of other entries, which
      the function adds to; else they are only written.

  Returns:
    The function.
  """
  kind = ir.FunctionType(ir.VoidType(), [POINTER] * 6 + [code.LONG] * 3)
  function = ir.Function(module, kind, f"attend_{rows}_rows_{goes_on}")
  for pointer in function.args[:6]:
    pointer.add_attribute("noalias")
  *_, between = function.args
  text = code.Code(function)
  numbers = [
    text.sum(text.times(between, row), code.whole(head))
    for row in range(rows)
    for head in range(heads)
  ]
  together = min(softmax_heads.together(head_dim), len(numbers))
  size = softmax_heads.scratch_size(together)
  scratch: Any = text.builder.alloca(code.BYTE, size)
  scratch.align = 64
  for first in range(0, len(numbers), together):
    chosen = numbers[first : first + together]
    softmax_heads.Heads(
      module, text, function, scratch, chosen, head_dim
    ).attend(goes_on)
  text.builder.ret_void()
  return Function(function, rows, heads, head_dim)
