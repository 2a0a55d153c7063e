"""The text of a compiled program, read into computations and instructions.

XLA prints what it compiled: `compiled.as_text()`. Each line is an instruction:
its name, the shape of its result with the layout in memory, what it does, what
it does it to, and attributes. A layout on TPU also names tiles, to whole ones
of which an array is padded, and the memory space: `S(1)` is on-chip memory;
without it the array is in HBM. On GPU and CPU arrays are neither tiled nor on
the chip.
"""

import dataclasses
import functools
import math
import re
from collections.abc import Iterator

_HEADER = re.compile(r"^(ENTRY )?%([\w.\-]+) \(.*\{$")
_INSTRUCTION = re.compile(r"^\s+(ROOT )?%([\w.\-]+) = ")
_ARRAY = re.compile(r"\b([a-z]\w*)\[([^\]]*)\](?:\{([^{}]*)\})?")
_OPCODE = re.compile(r" ?([\w\-]+)\(")
_NAMES = re.compile(r"%([\w.\-]+)")
_CALLED = re.compile(
  r"\b(?:calls|body|condition|to_apply|true_computation|false_computation)="
  r"%([\w.\-]+)"
)
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_BITS = {"pred": 8, "token": 0, "opaque": 0}
HBM = 0  # the memory space without a mark


@dataclasses.dataclass(frozen=True)
class Array:
  """An array in memory.

  Attributes:
    dtype: as XLA writes it, such as "bf16".
    dims: sizes of its axes.
    order: its axes, the one that is contiguous in memory first.
    tile: sizes of the tiles over the last axes of `order` reversed; empty for
      none.
    space: of memory; `HBM`, or another number for what is on the chip.
  """

  dtype: str
  dims: tuple[int, ...]
  order: tuple[int, ...]
  tile: tuple[int, ...]
  space: int

  @property
  def size(self) -> int:
    """Number of entries."""
    return math.prod(self.dims)

  @property
  def bytes(self) -> int:
    """Bytes of its entries, without padding."""
    return -(-self.size * _bits(self.dtype) // 8)

  @property
  def padded_bytes(self) -> int:
    """Bytes that it takes in memory, padded to whole tiles."""
    sizes = [self.dims[axis] for axis in self.order]
    for position, tile in enumerate(reversed(self.tile)):
      if position < len(sizes):
        sizes[position] = -(-sizes[position] // tile) * tile
    return -(-math.prod(sizes) * _bits(self.dtype) // 8)

  @property
  def in_hbm(self) -> bool:
    """Whether it is in the device's main memory."""
    return self.space == HBM


@dataclasses.dataclass(frozen=True)
class Instruction:
  """A line of a computation.

  Attributes:
    name: unique in the program.
    opcode: such as "fusion".
    arrays: of its result; several for a tuple.
    operands: names of instructions of the same computation.
    argument: what stands in its brackets.
    attributes: the rest of the line.
    is_root: whether it is the result of its computation.
  """

  name: str
  opcode: str
  arrays: tuple[Array, ...]
  operands: tuple[str, ...]
  argument: str
  attributes: str
  is_root: bool

  @property
  def op_name(self) -> str:
    """Where in the source it comes from: scopes and operations, by "/"."""
    match = re.search(r'op_name="([^"]*)"', self.attributes)
    return match[1] if match else ""

  @property
  def called(self) -> tuple[str, ...]:
    """Names of the computations that it runs."""
    names = _CALLED.findall(self.attributes)
    for branches in _BRANCHES.findall(self.attributes):
      names += _NAMES.findall(branches)
    return tuple(names)

  def attribute(self, name: str) -> str | None:
    """The computation that an attribute such as "body" names."""
    match = re.search(rf"\b{name}=%([\w.\-]+)", self.attributes)
    return match[1] if match else None


@dataclasses.dataclass(frozen=True)
class Computation:
  """A list of instructions, of which one is the result.

  Attributes:
    name: unique in the program.
    instructions: by name, in their order.
  """

  name: str
  instructions: dict[str, Instruction]

  @property
  def root(self) -> Instruction:
    """The result."""
    return next(one for one in self.instructions.values() if one.is_root)

  def parameter(self, index: int) -> Instruction | None:
    """The parameter of a number; None where it is not named."""
    for one in self.instructions.values():
      if one.opcode == "parameter" and one.argument == str(index):
        return one
    return None

  def operands(self, instruction: Instruction) -> list[Instruction]:
    """The instructions that an instruction takes."""
    return [
      self.instructions[name]
      for name in instruction.operands
      if name in self.instructions
    ]

  def users(self, name: str) -> list[Instruction]:
    """The instructions that take the result of one."""
    return [self.instructions[user] for user in self._users.get(name, ())]

  @functools.cached_property
  def _users(self) -> dict[str, list[str]]:
    users: dict[str, list[str]] = {}
    for one in self.instructions.values():
      for name in dict.fromkeys(one.operands):
        users.setdefault(name, []).append(one.name)
    return users


@dataclasses.dataclass(frozen=True)
class Module:
  """A compiled program.

  Attributes:
    computations: by name.
    entry: name of the one that is run.
  """

  computations: dict[str, Computation]
  entry: str

  def __getitem__(self, name: str) -> Computation:
    return self.computations[name]

  def walk(self, name: str) -> Iterator[tuple[Computation, Instruction]]:
    """Yields the instructions of a computation and of all that it runs.

    The insides of fusions are left out: they are not in memory.

    Args:
      name: of the computation.

    Yields:
      Computations and instructions; those of a computation that is run from
      two places twice.
    """
    computation = self[name]
    for one in computation.instructions.values():
      yield computation, one
      if one.opcode in ("while", "conditional", "call"):
        for called in one.called:
          yield from self.walk(called)


def parse(text: str) -> Module:
  """Reads the text of a compiled program.

  Args:
    text: of `compiled.as_text()`.

  Returns:
    The program.

  Raises:
    ValueError: for a text without a computation that is run.
  """
  computations: dict[str, Computation] = {}
  entry, current = "", None
  for line in text.splitlines():
    header = _HEADER.match(line)
    if header:
      current = Computation(header[2], {})
      computations[header[2]] = current
      entry = header[2] if header[1] else entry
    elif line.startswith("}"):
      current = None
    elif current is not None and (match := _INSTRUCTION.match(line)):
      one = _instruction(match, line[match.end() :])
      current.instructions[one.name] = one
  if not entry:
    raise ValueError(
      "the text is no compiled program: it has no ENTRY computation; expected "
      "that of compiled.as_text()."
    )
  return Module(computations, entry)


def arrays(text: str) -> tuple[Array, ...]:
  """Reads the arrays of a shape.

  Args:
    text: such as "bf16[4,512]{1,0:T(8,128)(2,1)S(1)}", or a tuple of these.

  Returns:
    The arrays.
  """
  return tuple(
    _array(dtype, dims, layout or "")
    for dtype, dims, layout in _ARRAY.findall(text)
  )


@functools.lru_cache(maxsize=1 << 16)
def _array(dtype: str, dims: str, layout: str) -> Array:
  sizes = tuple(int(size) for size in re.findall(r"\d+", dims))
  order, _, rest = layout.partition(":")
  tile = re.match(r"T\(([\d,]*)\)", rest)
  space = re.search(r"S\((\d+)\)", rest)
  axes = tuple(int(axis) for axis in re.findall(r"\d+", order))
  return Array(
    dtype=dtype,
    dims=sizes,
    order=axes or tuple(reversed(range(len(sizes)))),
    tile=tuple(int(size) for size in tile[1].split(",")) if tile else (),
    space=int(space[1]) if space else HBM,
  )


def _instruction(match: re.Match[str], text: str) -> Instruction:
  end = _closing(text, 0) + 1 if text.startswith("(") else text.index(" ")
  opcode = _OPCODE.match(text, end)
  assert opcode, text
  close = _closing(text, opcode.end() - 1)
  argument = text[opcode.end() : close]
  return Instruction(
    name=match[2],
    opcode=opcode[1],
    arrays=arrays(text[:end]),
    operands=tuple(_NAMES.findall(argument)),
    argument=argument,
    attributes=text[close + 1 :],
    is_root=bool(match[1]),
  )


def _closing(text: str, start: int) -> int:
  """Where the bracket that opens at a place is closed."""
  depth = 0
  for position in range(start, len(text)):
    depth += {"(": 1, ")": -1}.get(text[position], 0)
    if depth == 0:
      return position
  raise ValueError(f"a bracket of {text[:80]!r} is never closed.")


def _bits(dtype: str) -> int:
  if dtype in _BITS:
    return _BITS[dtype]
  digits = re.search(r"\d+", dtype)
  return int(digits[0]) if digits else 8
