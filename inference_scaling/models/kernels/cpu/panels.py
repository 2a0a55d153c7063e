"""A product of int8 by int8 with the dot products of AVX-512 VNNI.

Its instruction takes 64 bytes by 64 bytes to 16 sums of 4 products each, which
is four times what a fused multiply-add of float32 does. One operand of it is
unsigned: weights are read as such, 128 higher, and what that adds to a sum is
taken off before it begins.

Sums of a few rows by up to 64 columns stay in registers over a group of inputs;
a group of them has a scale of its own for each column, so that one large
activation coarsens no other group.

Axis letters: N rows of a weight, K inputs, M columns, a multiple of 16; G
groups of K.
"""

from typing import Any

from llvmlite import ir

from inference_scaling.models.kernels.cpu import code
from inference_scaling.models.kernels.cpu.code import POINTER, WIDTH, whole
from inference_scaling.models.kernels.cpu.quantising import GROUP

_VNNI = "llvm.x86.avx512.vpdpbusd.512"
# By the number of vectors of columns: rows whose sums are in registers at once.
_ROWS = {4: 6, 3: 8, 2: 12, 1: 12}
CHUNK = 96  # rows whose group is in the first cache
_WORD_OF_SIGNS = -(0x80808080 ^ 0xFFFFFFFF) - 1


def write(module: ir.Module) -> ir.Function:
  """Writes the product into a module.

  Args:
    module: that it becomes part of.

  Returns:
    A function of pointers and sizes: int8[N, K] weights; int8[M / 16, K / 4,
    16, 4] columns; int32[G, M], -128 times the sum of each group of a column;
    float32[G, M] scales of columns; float32[N] scales of rows; float32[N, M]
    results; then K, M, the first row and the number of rows.
  """
  panels = {vectors: _write_panel(module, vectors) for vectors in _ROWS}
  kind = ir.FunctionType(ir.VoidType(), [POINTER] * 6 + [code.LONG] * 4)
  function = ir.Function(module, kind, "int8_product")
  *pointers, inputs, columns, first, count = function.args
  text = code.Code(function)
  builder = text.builder
  scratch: Any = builder.alloca(code.BYTE, CHUNK * GROUP)
  scratch.align = 64
  vectors = builder.sdiv(columns, whole(WIDTH))
  most = max(_ROWS)
  wide = text.multiple(vectors, most)

  def call(number: int, begin: Any) -> None:
    builder.call(
      panels[number],
      [*pointers, scratch, first, count, inputs, columns, begin],
    )

  text.loop(whole(0), wide, most, lambda begin: call(most, begin))
  rest = builder.sub(vectors, wide)
  for number in range(1, most):
    with builder.if_then(builder.icmp_signed("==", rest, whole(number))):
      call(number, wide)
  builder.ret_void()
  return function


def _write_panel(module: ir.Module, vectors: int) -> ir.Function:
  """Writes the product for some vectors of columns, from a first one on."""
  kind = ir.FunctionType(ir.VoidType(), [POINTER] * 7 + [code.LONG] * 5)
  function = ir.Function(module, kind, f"panel_{vectors}")
  for pointer in function.args[:7]:
    pointer.add_attribute("noalias")
  panel = _Panel(module, function, vectors)
  panel.text.loop(whole(0), panel.count, CHUNK, panel.chunk)
  panel.text.builder.ret_void()
  return function


class _Panel:
  """What the loops of a panel share."""

  def __init__(self, module: ir.Module, function: ir.Function, vectors: int):
    (
      self.weights, self.columns, self.offsets, self.column_scales,
      self.row_scales, self.out, self.scratch, self.first, self.count,
      self.inputs, self.width, self.begin,
    ) = function.args  # fmt: skip
    self.vectors = vectors
    self.text = code.Code(function)
    self.dot = module.globals.get(_VNNI) or ir.Function(
      module, ir.FunctionType(code.WORDS, [code.WORDS] * 3), _VNNI
    )

  def chunk(self, start: Any) -> None:
    """Rows from `start` on, all groups of their inputs."""
    text = self.text
    stop = text.least(text.sum(start, whole(CHUNK)), self.count)
    text.loop(
      whole(0), self.inputs, GROUP, lambda at: self._group(start, stop, at)
    )

  def _group(self, start: Any, stop: Any, at: Any) -> None:
    """One group of the inputs of a chunk, from input `at` on."""
    text, builder = self.text, self.text.builder
    size = text.least(builder.sub(self.inputs, at), whole(GROUP))
    text.loop(start, stop, 1, lambda row: self._copy(row, start, at, size))
    base = text.sum(
      text.times(builder.sdiv(at, whole(GROUP)), self.width),
      text.times(self.begin, WIDTH),
    )
    base = text.times(base, 4)

    def per_vector(pointer: Any, kind: ir.Type) -> list[Any]:
      return [
        text.load(pointer, text.sum(base, whole(4 * WIDTH * i)), kind)
        for i in range(self.vectors)
      ]

    offsets = per_vector(self.offsets, code.WORDS)
    scales = per_vector(self.column_scales, code.FLOATS)
    rows = _ROWS[self.vectors]
    blocks = text.sum(start, text.multiple(builder.sub(stop, start), rows))

    def block(count: int) -> Any:
      return lambda row: self._block(
        row, builder.sub(row, start), count, at, size, offsets, scales
      )

    text.loop(start, blocks, rows, block(rows))
    text.loop(blocks, stop, 1, block(1))

  def _copy(self, row: Any, start: Any, at: Any, size: Any) -> None:
    """Copies a group of a row, 128 higher, to where a chunk lies close."""
    text, builder = self.text, self.text.builder
    source = text.sum(text.times(text.sum(self.first, row), self.inputs), at)
    target = text.times(builder.sub(row, start), GROUP)
    signs = ir.Constant(code.BYTES, [-128] * 4 * WIDTH)

    def move(kind: ir.Type, sign: Any) -> Any:
      def body(index: Any) -> None:
        value = text.load(self.weights, text.sum(source, index), kind)
        flipped = builder.xor(value, sign)
        text.store(flipped, self.scratch, text.sum(target, index))

      return body

    wide = text.multiple(size, 4 * WIDTH)
    text.loop(whole(0), wide, 4 * WIDTH, move(code.BYTES, signs))
    word = ir.Constant(code.WORD, _WORD_OF_SIGNS)
    text.loop(wide, size, 4, move(code.WORD, word))

  def _block(
    self,
    row: Any,
    near: Any,
    count: int,
    at: Any,
    size: Any,
    offsets: list[Any],
    scales: list[Any],
  ) -> None:
    """Sums of `count` rows over a group, which are added to the results."""
    text, builder = self.text, self.text.builder
    begin = text.times(near, GROUP)
    panel = text.times(self.inputs, WIDTH)  # bytes of a vector of columns

    def inner(index: Any, *sums: Any) -> list[Any]:
      offset = text.times(text.sum(at, index), WIDTH)
      columns = [
        text.load(
          self.columns,
          text.sum(text.times(text.sum(self.begin, whole(i)), panel), offset),
          code.WORDS,
        )
        for i in range(self.vectors)
      ]
      new = []
      for i in range(count):
        offset = text.sum(begin, whole(i * GROUP), index)
        four = text.load(self.scratch, offset, code.WORD)
        four = text.spread(four, code.WORDS)
        for j, column in enumerate(columns):
          old = sums[i * self.vectors + j]
          new.append(builder.call(self.dot, [old, four, column]))
      return new

    sums = text.loop(whole(0), size, 4, inner, offsets * count)
    for i in range(count):
      self._add(text.sum(row, whole(i)), at, sums[i * self.vectors :], scales)

  def _add(self, row: Any, at: Any, sums: list[Any], scales: list[Any]) -> None:
    """Adds the sums of a row to the results, or begins these with them."""
    text, builder = self.text, self.text.builder
    row = text.sum(self.first, row)
    begin = text.sum(text.times(row, self.width), text.times(self.begin, WIDTH))
    begun = builder.icmp_signed(">", at, whole(0))
    zeros = ir.Constant(code.FLOATS, [0.0] * WIDTH)
    scale = text.load(self.row_scales, text.times(row, 4), ir.FloatType())
    scale = text.spread(scale, code.FLOATS)
    for i in range(self.vectors):
      offset = text.times(text.sum(begin, whole(WIDTH * i)), 4)
      old = text.load(self.out, offset, code.FLOATS)
      old = builder.select(begun, old, zeros)
      value = builder.sitofp(sums[i], code.FLOATS)
      value = builder.fmul(builder.fmul(value, scales[i]), scale)
      text.store(builder.fadd(old, value), self.out, offset)
