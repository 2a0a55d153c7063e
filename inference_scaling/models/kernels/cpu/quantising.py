"""Quantises columns of activations and lays them out for the product.

In XLA's own operations this took longer than the product, since four rows are
woven into each word.

Axis letters: K inputs, M columns, a multiple of 16; G groups of K.
"""

from typing import Any

from llvmlite import ir

from inference_scaling.models.kernels.cpu import code
from inference_scaling.models.kernels.cpu.code import POINTER, WIDTH, whole

GROUP = 128  # inputs that share a scale
LARGEST = 127.0
# What makes int8 weights unsigned; it is taken off the sums again.
OFFSET = 128
_FLOAT = ir.FloatType()


def write(module: ir.Module) -> ir.Function:
  """Writes the function into a module.

  Args:
    module: that it becomes part of.

  Returns:
    A function of pointers and sizes: float32[K, M] columns; int8[M / 16, K / 4,
    16, 4], int32[G, M], -128 times the sum of each group, and float32[G, M],
    the scales, to be written; then K and M.
  """
  kind = ir.FunctionType(ir.VoidType(), [POINTER] * 4 + [code.LONG] * 2)
  function = ir.Function(module, kind, "quantise")
  for pointer in function.args[:4]:
    pointer.add_attribute("noalias")
  columns, packed, offsets, scales, inputs, width = function.args
  text = code.Code(function)
  builder = text.builder
  unary = ir.FunctionType(code.FLOATS, [code.FLOATS])
  size_of = ir.Function(module, unary, "llvm.fabs.v16f32")
  nearest = ir.Function(module, unary, "llvm.nearbyint.v16f32")
  # Of no number and any other it gives no number: the scale then tells of it.
  binary = ir.FunctionType(code.FLOATS, [code.FLOATS] * 2)
  larger_of = ir.Function(module, binary, "llvm.maximum.v16f32")

  def load(row: Any, column: Any) -> Any:
    offset = text.sum(text.times(row, width), column)
    return text.load(columns, text.times(offset, 4), code.FLOATS)

  def group(column: Any, at: Any) -> None:
    stop = text.least(text.sum(at, whole(GROUP)), inputs)
    zeros = ir.Constant(code.FLOATS, [0.0] * WIDTH)

    def larger(row: Any, highest: Any) -> list[Any]:
      value = builder.call(size_of, [load(row, column)])
      return [builder.call(larger_of, [highest, value])]

    (highest,) = text.loop(at, stop, 1, larger, [zeros])
    unit = builder.fmul(highest, _floats(1.0 / LARGEST))
    positive = builder.fcmp_ordered(">", unit, zeros)
    inverse = builder.select(positive, builder.fdiv(_floats(1.0), unit), zeros)

    def weave(row: Any, total: Any) -> list[Any]:
      word = ir.Constant(code.WORDS, [0] * WIDTH)
      for i in range(4):
        value = builder.fmul(load(text.sum(row, whole(i)), column), inverse)
        number = builder.fptosi(builder.call(nearest, [value]), code.WORDS)
        total = builder.add(total, number)
        byte = builder.and_(number, _words(255))
        word = builder.or_(word, builder.shl(byte, _words(8 * i)))
      offset = text.sum(text.times(column, inputs), text.times(row, WIDTH))
      text.store(word, packed, offset)
      return [total]

    (total,) = text.loop(at, stop, 4, weave, [_words(0)])
    index = builder.sdiv(at, whole(GROUP))
    offset = text.times(text.sum(text.times(index, width), column), 4)
    text.store(builder.mul(total, _words(-OFFSET)), offsets, offset)
    text.store(unit, scales, offset)

  def all_groups(column: Any) -> None:
    text.loop(whole(0), inputs, GROUP, lambda at: group(column, at))

  text.loop(whole(0), width, WIDTH, all_groups)
  builder.ret_void()
  return function


def _floats(value: float) -> ir.Constant:
  return ir.Constant(code.FLOATS, [ir.Constant(_FLOAT, value)] * WIDTH)


def _words(value: int) -> ir.Constant:
  return ir.Constant(code.WORDS, [value] * WIDTH)
