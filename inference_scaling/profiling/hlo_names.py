"""Which scope of the source each operation of a trace comes from.

A trace names operations as the compiler does ("fusion.12"), and holds the
compiled programs, whose operations say where they come from. JAX reads the
events of a trace, but not these programs; so the few fields that are needed are
read here from the bytes, which are protocol buffers. A field is a number that
the definitions of XSpace, HloModuleProto and their parts fix for good.
"""

from collections.abc import Iterator
from typing import Any

# Fields on the way from the file to an operation.
_PLANES, _EVENTS, _EVENT, _STATS, _BYTES = 1, 4, 2, 5, 6
_MODULE, _NAME, _COMPUTATIONS, _ID, _INSTRUCTIONS = 1, 1, 3, 5, 2
_OPCODE, _METADATA, _OP_NAME = 2, 7, 2
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
# An operation that runs others, which a trace lists beside it.
_CONTAINERS = (b"call", b"conditional", b"while")

# By program, as in events ("jit_step", 4), and operation: its path of scopes.
Operations = dict[str, str | None]
Scopes = dict[tuple[str, str], Operations]


def scopes(data: bytes) -> Scopes:
  """Reads the scopes of all operations of all programs in a trace.

  Args:
    data: an .xplane.pb file.

  Returns:
    For each program, by name and number, the path of each operation, such as
    "jit(step)/policy_extend/while/body/sample/add"; "" where it has none, and
    None for one that only runs others.
  """
  programs: Scopes = {}
  for plane in _all(data, _PLANES):
    for entry in _all(plane, _EVENTS):
      for event in _all(entry, _EVENT):
        for stat in _all(event, _STATS):
          for proto in _all(stat, _BYTES):
            for module in _all(proto, _MODULE):
              key, operations = _module(module)
              programs[key] = operations
  return programs


def _module(module: bytes) -> tuple[tuple[str, str], Operations]:
  """Name and number of a program, and the paths of its operations."""
  operations: Operations = {}
  for computation in _all(module, _COMPUTATIONS):
    for instruction in _all(computation, _INSTRUCTIONS):
      path = b""
      for metadata in _all(instruction, _METADATA):
        path = _first(metadata, _OP_NAME, b"")
      contains = _first(instruction, _OPCODE, b"") in _CONTAINERS
      operations[_first(instruction, _NAME, b"").decode()] = (
        None if contains else path.decode()
      )
  name = _first(module, _NAME, b"").decode()
  return (name, str(_first(module, _ID, 0))), operations


def _first(message: bytes, number: int, default: Any) -> Any:
  """The first value of a field, of the type of the default."""
  return next(_values(message, number), default)


def _all(message: bytes, number: int) -> Iterator[bytes]:
  """The values of a field that are messages."""
  for value in _values(message, number):
    if isinstance(value, bytes | memoryview):
      yield bytes(value)


def _values(message: bytes, number: int) -> Iterator[bytes | int]:
  """The values of a field of a message, in order."""
  position = 0
  while position < len(message):
    tag, position = _varint(message, position)
    kind = tag & 7
    if kind == _VARINT:
      value, position = _varint(message, position)
    else:
      size = {_FIXED64: 8, _FIXED32: 4}.get(kind)
      if kind == _LENGTH:
        size, position = _varint(message, position)
      elif size is None:
        raise ValueError(
          f"a trace holds a field of kind {kind} at byte {position}; expected "
          "0, 1, 2 or 5. Its file is damaged, or no .xplane.pb."
        )
      value, position = message[position : position + size], position + size
    if tag >> 3 == number:
      yield value


def _varint(message: bytes, position: int) -> tuple[int, int]:
  """A number of variable length, and the position after it."""
  value = shift = 0
  while True:
    byte = message[position]
    value |= (byte & 127) << shift
    position, shift = position + 1, shift + 7
    if byte < 128:
      return value, position
