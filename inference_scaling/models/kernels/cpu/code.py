"""Writes functions in LLVM's intermediate representation.

Pointers are to bytes and offsets are in bytes, so that one kind of each serves
weights, activations and sums.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

WIDTH = 16  # numbers of 32 bits in a register of 512
BYTE, WORD, LONG = ir.IntType(8), ir.IntType(32), ir.IntType(64)
WORDS = ir.VectorType(WORD, WIDTH)
FLOATS = ir.VectorType(ir.FloatType(), WIDTH)
BYTES = ir.VectorType(BYTE, 4 * WIDTH)
POINTER = ir.PointerType(BYTE)


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
    place = self._at(pointer, whole(offset), LONG)
    return self.builder.atomic_rmw("add", place, whole(value), "seq_cst")

  def wait(self, pointer: Any, offset: int, value: Any) -> None:
    """Waits until a number that threads share is a value."""
    builder = self.builder
    place = self._at(pointer, whole(offset), LONG)
    head, after = (self._function.append_basic_block() for _ in "ab")
    builder.branch(head)
    builder.position_at_end(head)
    read = builder.load_atomic(place, "seq_cst", align=8)
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

  def _at(self, pointer: Any, offset: Any, kind: ir.Type) -> Any:
    spot = self.builder.gep(pointer, [offset])
    return self.builder.bitcast(spot, ir.PointerType(kind))
