"""Attention of one token to the entries of one row and kv head.

Entries are taken by chunks, with a softmax that goes on from chunk to chunk:
its sums shrink whenever a higher score comes.

Axis letters: G query heads of a kv head, H head dim, S entries.
"""

import dataclasses
from typing import Any

from llvmlite import ir

from inference_scaling.models.kernels.cpu import code
from inference_scaling.models.kernels.cpu.code import (
  FLOATS,
  POINTER,
  WIDTH,
  WORD,
  WORDS,
  whole,
)

_CHUNK = 128  # entries
_SUMS = 28  # registers of sums: of 32, as others hold what is multiplied
_LOWEST = -1e30  # below any score
_FLOAT = ir.FloatType()


@dataclasses.dataclass(frozen=True)
class Function:
  """The function and what it is for.

  Attributes:
    function: of pointers to float32[G, H] queries, [H, S] keys, [S, H] values,
      and to [G, H] sums, [G] peaks and [G] totals, to be written; then S and
      the number of entries that are seen.
    heads: G.
    head_dim: H.
  """

  function: ir.Function
  heads: int
  head_dim: int


def write(module: ir.Module, heads: int, head_dim: int) -> Function:
  """Writes the function into a module.

  Args:
    module: that it becomes part of.
    heads: G.
    head_dim: H, a multiple of 16.

  Returns:
    The function.
  """
  kind = ir.FunctionType(ir.VoidType(), [POINTER] * 6 + [code.LONG] * 2)
  function = ir.Function(module, kind, f"attend_{heads}_{head_dim}")
  for pointer in function.args[:6]:
    pointer.add_attribute("noalias")
  text = code.Code(function)
  # As many heads at once as registers hold the sums of.
  together = max(1, min(heads, _SUMS * WIDTH // head_dim))
  scratch: Any = text.builder.alloca(code.BYTE, 4 * _CHUNK * together)
  scratch.align = 64
  for first in range(0, heads, together):
    count = min(together, heads - first)
    _Heads(module, text, function, scratch, head_dim, first, count).attend()
  text.builder.ret_void()
  return Function(function, heads, head_dim)


class _Heads:
  """Some query heads of the function."""

  def __init__(
    self,
    module: ir.Module,
    text: code.Code,
    function: ir.Function,
    scratch: Any,
    head_dim: int,
    first: int,
    count: int,
  ):
    (
      self.queries, self.keys, self.values, self.sums, self.peaks, self.totals,
      self.entries, self.stop,
    ) = function.args  # fmt: skip
    self.text, self.scratch = text, scratch
    self.head_dim, self.first, self.count = head_dim, first, count
    self.numbers = code.Numbers(module, text)

  def attend(self) -> None:
    """Writes the loop over chunks, and what comes out of it."""
    text = self.text
    lowest = ir.Constant(_FLOAT, _LOWEST)
    nothing = ir.Constant(_FLOAT, 0.0)
    # Of no entries there are no sums.
    zeros = ir.Constant(FLOATS, [0.0] * WIDTH)
    for head in range(self.count):
      for vector in range(self.head_dim // WIDTH):
        text.store(zeros, self.sums, self._sum_at(head, vector))
    carried = [lowest] * self.count + [nothing] * self.count
    last = text.loop(whole(0), self.stop, _CHUNK, self._chunk, carried)
    for head in range(self.count):
      at = whole(4 * (self.first + head))
      text.store(last[head], self.peaks, at)
      text.store(last[self.count + head], self.totals, at)

  def _chunk(self, at: Any, *carried: Any) -> list[Any]:
    """One chunk of entries, from entry `at` on."""
    text, builder, numbers = self.text, self.text.builder, self.numbers
    size = text.least(builder.sub(self.stop, at), whole(_CHUNK))
    old, totals = carried[: self.count], carried[self.count :]
    lowest = ir.Constant(FLOATS, [_LOWEST] * WIDTH)
    highest = text.loop(
      whole(0), size, WIDTH,
      lambda entry, *peaks: self._scores(at, entry, size, peaks),
      [lowest] * self.count,
    )  # fmt: skip
    peaks = [
      numbers.larger(before, numbers.highest(vector))
      for before, vector in zip(old, highest, strict=True)
    ]
    zeros = ir.Constant(FLOATS, [0.0] * WIDTH)
    added = text.loop(
      whole(0), size, WIDTH,
      lambda entry, *sums: self._weights(entry, peaks, sums),
      [zeros] * self.count,
    )  # fmt: skip
    shrunk = [
      numbers.exp(text.spread(builder.fsub(before, now), FLOATS))
      for before, now in zip(old, peaks, strict=True)
    ]
    new = []
    for head in range(self.count):
      share = builder.extract_element(shrunk[head], ir.Constant(WORD, 0))
      total = builder.fmul(totals[head], share)
      new.append(builder.fadd(total, numbers.total(added[head])))
    self._mix(at, size, shrunk)
    return [*peaks, *new]

  def _scores(self, at: Any, entry: Any, size: Any, peaks: Any) -> list[Any]:
    """Scores of 16 entries, which go to the scratch; returns the peaks."""
    text, builder, numbers = self.text, self.text.builder, self.numbers
    zeros = ir.Constant(FLOATS, [0.0] * WIDTH)
    begin = text.sum(at, entry)

    def inner(row: Any, *sums: Any) -> list[Any]:
      offset = text.sum(text.times(row, self.entries), begin)
      keys = text.load(self.keys, text.times(offset, 4), FLOATS)
      new = []
      for head, old in enumerate(sums):
        offset = text.sum(row, whole((self.first + head) * self.head_dim))
        query = text.load(self.queries, text.times(offset, 4), _FLOAT)
        new.append(numbers.fma(text.spread(query, FLOATS), keys, old))
      return new

    scores = text.loop(
      whole(0), whole(self.head_dim), 1, inner, [zeros] * self.count
    )
    seen = self._seen(entry, size)
    lowest = ir.Constant(FLOATS, [_LOWEST] * WIDTH)
    new = []
    for head, score in enumerate(scores):
      score = builder.select(seen, score, lowest)
      text.store(score, self.scratch, self._scratch_at(head, entry))
      new.append(numbers.larger(peaks[head], score))
    return new

  def _weights(self, entry: Any, peaks: Any, sums: Any) -> list[Any]:
    """Weights of 16 entries in place of their scores; returns their sums."""
    text, builder = self.text, self.text.builder
    new = []
    for head, old in enumerate(sums):
      offset = self._scratch_at(head, entry)
      score = text.load(self.scratch, offset, FLOATS)
      score = builder.fsub(score, text.spread(peaks[head], FLOATS))
      weight = self.numbers.exp(score)
      text.store(weight, self.scratch, offset)
      new.append(builder.fadd(old, weight))
    return new

  def _mix(self, at: Any, size: Any, shrunk: Any) -> None:
    """Adds the values of a chunk, each times its weight, to the sums."""
    text, numbers = self.text, self.numbers
    vectors = self.head_dim // WIDTH
    begun = [
      text.builder.fmul(
        text.load(self.sums, self._sum_at(head, vector), FLOATS), shrunk[head]
      )
      for head in range(self.count)
      for vector in range(vectors)
    ]

    def inner(entry: Any, *sums: Any) -> list[Any]:
      row = text.times(text.sum(at, entry), 4 * self.head_dim)
      values = [
        text.load(self.values, text.sum(row, whole(4 * WIDTH * i)), FLOATS)
        for i in range(vectors)
      ]
      new = []
      for head in range(self.count):
        weight = text.load(self.scratch, self._scratch_at(head, entry), _FLOAT)
        weight = text.spread(weight, FLOATS)
        new += [
          numbers.fma(weight, value, sums[head * vectors + i])
          for i, value in enumerate(values)
        ]
      return new

    mixed = text.loop(whole(0), size, 1, inner, begun)
    for head in range(self.count):
      for vector in range(vectors):
        value = mixed[head * vectors + vector]
        text.store(value, self.sums, self._sum_at(head, vector))

  def _seen(self, entry: Any, size: Any) -> Any:
    """Marks which of 16 entries are among those of the chunk."""
    builder = self.text.builder
    left = builder.trunc(builder.sub(size, entry), WORD)
    index = ir.Constant(WORDS, list(range(WIDTH)))
    return builder.icmp_signed("<", index, self.text.spread(left, WORDS))

  def _scratch_at(self, head: int, entry: Any) -> Any:
    entry = self.text.sum(whole(head * _CHUNK), entry)
    return self.text.times(entry, 4)

  def _sum_at(self, head: int, vector: int) -> Any:
    index = (self.first + head) * self.head_dim + vector * WIDTH
    return whole(4 * index)
