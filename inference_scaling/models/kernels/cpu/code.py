"""Writes functions in LLVM's intermediate representation.

Pointers are to bytes and offsets are in bytes, so that one kind of each serves
weights, activations and sums.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

WIDTH = 16  # numbers of 32 bits in a register of 512
BYTE, WORD, LONG = ir.IntType(8), ir.IntType(32), ir.IntType(64)
WORDS = ir.VectorType(WORD, WIDTH)
FLOATS = ir.VectorType(ir.FloatType(), WIDTH)
BYTES = ir.VectorType(BYTE, 4 * WIDTH)
POINTER = ir.PointerType(BYTE)
FLOAT = ir.FloatType()
# Below it a power of 2 is no longer of full precision.
_LEAST_EXPONENT = -87.0
_LOG_2_HIGH = 0.693359375  # 355 / 512


def whole(value: int) -> ir.Constant:
  """A constant of 64 bits."""
  return ir.Constant(LONG, value)


class Code:
  """The body of a function, written from its start to its end.

  Attributes:
    builder: of instructions at the end of what is written.
  """

  def __init__(self, function: ir.Function):
    self._function = function
    self.builder = ir.IRBuilder(function.append_basic_block())

  def loop(
    self,
    start: Any,
    stop: Any,
    step: int,
    body: Callable[..., Sequence[Any] | None],
    carried: Sequence[Any] = (),
  ) -> list[Any]:
    """Writes a loop over an index.

    Args:
      start: first index.
      stop: the index that is not reached.
      step: of the index.
      body: writes one turn, of the index and of what is carried; returns what
        is carried on.
      carried: before the first turn.

    Returns:
      What is carried after the last turn.
    """
    builder, before = self.builder, self.builder.block
    head, inside, after = (self._function.append_basic_block() for _ in "abc")
    builder.branch(head)
    builder.position_at_end(head)
    index = builder.phi(LONG)
    index.add_incoming(start, before)
    held = [builder.phi(value.type) for value in carried]
    for value, first in zip(held, carried, strict=True):
      value.add_incoming(first, before)
    builder.cbranch(builder.icmp_signed("<", index, stop), inside, after)
    builder.position_at_end(inside)
    new = body(index, *held) or ()
    index.add_incoming(builder.add(index, whole(step)), builder.block)
    for value, last in zip(held, new, strict=True):
      value.add_incoming(last, builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    return held

  def repeat(
    self, draw: Callable[[], Any], stop: Any, body: Callable[[Any], None]
  ) -> None:
    """Writes a loop over numbers that are drawn, until one reaches a bound.

    Args:
      draw: writes how the next number comes about.
      stop: the bound.
      body: writes one turn, of the number.
    """
    builder = self.builder
    head, inside, after = (self._function.append_basic_block() for _ in "abc")
    builder.branch(head)
    builder.position_at_end(head)
    number = draw()
    builder.cbranch(builder.icmp_signed("<", number, stop), inside, after)
    builder.position_at_end(inside)
    body(number)
    builder.branch(head)
    builder.position_at_end(after)

  def add(self, pointer: Any, offset: int, value: int) -> Any:
    """Adds to a number that threads share, and returns what it was."""
    pointed = self._at(pointer, whole(offset), LONG)
    return self.builder.atomic_rmw("add", pointed, whole(value), "seq_cst")

  def wait(self, pointer: Any, offset: int, value: Any) -> None:
    """Waits until a number that threads share is a value."""
    builder = self.builder
    pointed = self._at(pointer, whole(offset), LONG)
    head, after = (self._function.append_basic_block() for _ in "ab")
    builder.branch(head)
    builder.position_at_end(head)
    read = builder.load_atomic(pointed, "seq_cst", align=8)
    builder.cbranch(builder.icmp_signed("==", read, value), after, head)
    builder.position_at_end(after)

  def load(self, pointer: Any, offset: Any, kind: ir.Type) -> Any:
    """Reads a value; it need not be aligned."""
    # `align` of an instruction is set by nothing else, and not typed.
    value: Any = self.builder.load(self._at(pointer, offset, kind))
    value.align = 1
    return value

  def store(self, value: Any, pointer: Any, offset: Any) -> None:
    """Writes a value; it need not be aligned."""
    stored: Any = self.builder.store(
      value, self._at(pointer, offset, value.type)
    )
    stored.align = 1

  def spread(self, value: Any, kind: ir.VectorType) -> Any:
    """Makes a vector of one number."""
    undefined = ir.Constant(kind, ir.Undefined)
    first = self.builder.insert_element(undefined, value, ir.Constant(WORD, 0))
    zeros = ir.Constant(ir.VectorType(WORD, WIDTH), [0] * WIDTH)
    return self.builder.shuffle_vector(first, undefined, zeros)

  def least(self, one: Any, other: Any) -> Any:
    """The smaller of two whole numbers."""
    smaller = self.builder.icmp_signed("<", one, other)
    return self.builder.select(smaller, one, other)

  def multiple(self, value: Any, of: int) -> Any:
    """The largest multiple of a number that is not above a value."""
    return self.builder.mul(self.builder.sdiv(value, whole(of)), whole(of))

  def sum(self, first: Any, *rest: Any) -> Any:
    """Adds whole numbers."""
    for value in rest:
      first = self.builder.add(first, value)
    return first

  def times(self, value: Any, factor: Any) -> Any:
    """Multiplies a whole number by another or by a constant."""
    if isinstance(factor, int):
      factor = whole(factor)
    return self.builder.mul(value, factor)

  def divide(self, value: Any, by: Any) -> tuple[Any, Any]:
    """The quotient and the remainder of whole numbers."""
    builder = self.builder
    return builder.sdiv(value, by), builder.srem(value, by)

  def whole(self, pointer: Any, index: Any) -> Any:
    """One of an array of int32."""
    value = self.load(pointer, self.times(index, 4), WORD)
    return self.builder.sext(value, LONG)

  def _at(self, pointer: Any, offset: Any, kind: ir.Type) -> Any:
    spot = self.builder.gep(pointer, [offset])
    return self.builder.bitcast(spot, ir.PointerType(kind))


class Numbers:
  """Operations on vectors of numbers, beyond those of the builder."""

  def __init__(self, module: ir.Module, text: Code):
    self._module, self._text = module, text

  def fma(self, one: Any, other: Any, added: Any) -> Any:
    """One * other + added, rounded once."""
    return self._call("fma.v16f32", FLOATS, one, other, added)

  def larger(self, one: Any, other: Any) -> Any:
    """The larger of two numbers, or of each pair of two vectors."""
    single = one.type == FLOAT
    name = "maxnum.f32" if single else "maxnum.v16f32"
    return self._call(name, one.type, one, other)

  def highest(self, vector: Any) -> Any:
    """The largest number of a vector."""
    return self._call("vector.reduce.fmax.v16f32", FLOAT, vector)

  def total(self, vector: Any) -> Any:
    """The sum of a vector, in the order of its numbers."""
    zero = ir.Constant(FLOAT, 0.0)
    return self._call("vector.reduce.fadd.v16f32", FLOAT, zero, vector)

  def exp(self, vector: Any) -> Any:
    """Exp of numbers that are at most 0, to some 1e-7 of it; NaN of NaN.

    2^n exp(r) with a whole n and |r| <= log(2) / 2, by the series of exp; 0
    where a float32 of full precision ends.
    """
    builder = self._text.builder

    def constant(value: float) -> ir.Constant:
      return ir.Constant(FLOATS, [value] * WIDTH)

    held = self.larger(vector, constant(_LEAST_EXPONENT))
    scaled = builder.fmul(held, constant(1 / math.log(2)))
    number = self._call("nearbyint.v16f32", FLOATS, scaled)
    # log(2) in two parts, of which n times the first is exact.
    rest = self.fma(number, constant(-_LOG_2_HIGH), held)
    rest = self.fma(number, constant(-(math.log(2) - _LOG_2_HIGH)), rest)
    series = constant(1 / math.factorial(7))
    for power in range(6, -1, -1):
      series = self.fma(series, rest, constant(1 / math.factorial(power)))
    exponent = builder.fptosi(number, WORDS)
    bits = builder.add(exponent, ir.Constant(WORDS, [127] * WIDTH))
    bits = builder.shl(bits, ir.Constant(WORDS, [23] * WIDTH))
    value = builder.fmul(series, builder.bitcast(bits, FLOATS))
    small = builder.fcmp_ordered("<", vector, constant(_LEAST_EXPONENT))
    value = builder.select(small, constant(0.0), value)
    # `larger` drops NaN, and a search must end where a number is none.
    nothing = builder.fcmp_unordered("uno", vector, vector)
    return builder.select(nothing, vector, value)

  def _call(self, name: str, kind: ir.Type, *arguments: Any) -> Any:
    """Calls an intrinsic of LLVM."""
    name = f"llvm.{name}"
    function = self._module.globals.get(name)
    if function is None:
      types = [argument.type for argument in arguments]
      function = ir.Function(self._module, ir.FunctionType(kind, types), name)
    return self._text.builder.call(function, arguments)
