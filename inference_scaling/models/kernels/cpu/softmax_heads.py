"""How some query heads attend to the entries of one kv head, together.

Entries are taken by chunks, with a softmax that goes on from chunk to chunk:
its sums shrink whenever a higher score comes.

Axis letters: H head dim, S entries.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from inference_scaling.models.kernels.cpu import code
from inference_scaling.models.kernels.cpu.code import (
  FLOAT,
  FLOATS,
  WIDTH,
  WORD,
  WORDS,
  whole,
)

_CHUNK = 128  # entries
_VECTORS = 2  # of 16 entries that a query is multiplied by at once
_SUMS = 28  # registers of sums: of 32, as others hold what is multiplied
_LOWEST = -1e30  # below any score


def together(head_dim: int) -> int:
  """Says how many heads have their sums in registers all at once; at least 1.

  Args:
    head_dim: H.
  """
  return max(1, _SUMS * WIDTH // head_dim)


def scratch_size(count: int) -> int:
  """Bytes that some heads take for the weights of a chunk.

  Args:
    count: their number.
  """
  return 4 * _CHUNK * count


class Heads:
  """Some query heads of the function."""

  def __init__(
    self,
    module: ir.Module,
    text: code.Code,
    function: ir.Function,
    scratch: Any,
    indices: Sequence[Any],
    head_dim: int,
  ):
    """Takes what there is.

    Args:
      module: of the function.
      text: of the function, that they become part of.
      function: with the arguments of `softmax.Function`.
      scratch: space for `scratch_size` bytes.
      indices: which head of the arrays each one is.
      head_dim: H.
    """
    (
      self.queries, self.keys, self.values, self.sums, self.peaks, self.totals,
      self.entries, self.stop, _,
    ) = function.args  # fmt: skip
    self.text, self.scratch = text, scratch
    self.head_dim, self.count = head_dim, len(indices)
    self.indices = indices
    self.numbers = code.Numbers(module, text)

  def attend(self, goes_on: bool) -> None:
    """Writes the loop over chunks, and what comes out of it.

    Args:
      goes_on: whether it goes on from other entries.
    """
    text = self.text
    offsets = [text.times(index, 4) for index in self.indices]
    if goes_on:
      carried = [
        text.load(numbers, at, FLOAT)
        for numbers in (self.peaks, self.totals)
        for at in offsets
      ]
    else:
      carried = self._nothing()
    last = text.loop(whole(0), self.stop, _CHUNK, self._chunk, carried)
    for head, at in enumerate(offsets):
      text.store(last[head], self.peaks, at)
      text.store(last[self.count + head], self.totals, at)

  def _nothing(self) -> list[Any]:
    """Peaks and totals of no entries; their sums are written."""
    zeros = ir.Constant(FLOATS, [0.0] * WIDTH)
    for head in range(self.count):
      for vector in range(self.head_dim // WIDTH):
        self.text.store(zeros, self.sums, self._sum_at(head, vector))
    lowest, nothing = (ir.Constant(FLOAT, x) for x in (_LOWEST, 0.0))
    return [lowest] * self.count + [nothing] * self.count

  def _chunk(self, at: Any, *carried: Any) -> list[Any]:
    """One chunk of entries, from entry `at` on."""
    text, builder, numbers = self.text, self.text.builder, self.numbers
    size = text.least(builder.sub(self.stop, at), whole(_CHUNK))
    old, totals = carried[: self.count], carried[self.count :]
    lowest = ir.Constant(FLOATS, [_LOWEST] * WIDTH)
    highest = text.loop(
      whole(0), size, WIDTH * _VECTORS,
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
    """Scores of entries, which go to the scratch; returns the peaks.

    They are those of `_VECTORS` vectors of 16. What is not seen is computed,
    too, of the last entries of the row where it would lie behind them.
    """
    text, numbers = self.text, self.numbers
    last = text.builder.sub(self.entries, whole(WIDTH))
    entries = [text.sum(entry, whole(WIDTH * i)) for i in range(_VECTORS)]
    begins = [text.least(text.sum(at, first), last) for first in entries]

    def inner(row: Any, *sums: Any) -> list[Any]:
      offset = text.times(row, self.entries)
      keys = [
        text.load(self.keys, text.times(text.sum(offset, begin), 4), FLOATS)
        for begin in begins
      ]
      new, held = [], iter(sums)
      for index in self.indices:
        offset = text.sum(row, text.times(index, self.head_dim))
        query = text.load(self.queries, text.times(offset, 4), FLOAT)
        query = text.spread(query, FLOATS)
        new += [numbers.fma(query, vector, next(held)) for vector in keys]
      return new

    zeros = ir.Constant(FLOATS, [0.0] * WIDTH)
    scores = iter(
      text.loop(
        whole(0), whole(self.head_dim), 1, inner,
        [zeros] * (self.count * _VECTORS),
      )
    )  # fmt: skip
    lowest = ir.Constant(FLOATS, [_LOWEST] * WIDTH)
    seen = [self._seen(first, size) for first in entries]
    new = list(peaks)
    for head in range(self.count):
      for first, mask in zip(entries, seen, strict=True):
        score = text.builder.select(mask, next(scores), lowest)
        text.store(score, self.scratch, self._scratch_at(head, first))
        new[head] = numbers.larger(new[head], score)
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
        weight = text.load(self.scratch, self._scratch_at(head, entry), FLOAT)
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
    begin = self.text.times(self.indices[head], 4 * self.head_dim)
    return self.text.sum(begin, whole(4 * WIDTH * vector))
