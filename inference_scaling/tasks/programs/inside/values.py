"""Values of Python as JSON data and back, which never runs code of theirs.

What a program returns comes to the tests as text: `None`, booleans, numbers,
texts and lists as in JSON, other plain types as an object with one key that
names the type. Of a subclass the plain part counts, so that no `__eq__` of a
program's own takes part in a comparison. Anything else is opaque: it stays
where it is, and a number stands for it.
"""

import collections
import importlib
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

MAX_ITEMS = 100_000  # that an iterator is read for
_MAX_DIGITS = 300  # of a number that JSON writes in decimal
_VIEWS = {
  type({}.keys()): "keys",
  type({}.values()): "values",
  type({}.items()): "items",
}
# Types of the standard library whose text says all, by their modules, which
# are loaded where they are used.
_BY_TEXT = {"Decimal": "decimal", "Fraction": "fractions"}
# Types with items beside lists and dicts.
_ITEMS: dict[str, type] = {
  "tuple": tuple,
  "set": set,
  "frozenset": frozenset,
  "deque": collections.deque,
}

Keep = Callable[[Any], int]
Opaque = Callable[[int], Any]


def encode(value: Any, keep: Keep) -> Any:
  """Turns a value into JSON data.

  Args:
    value: any; an iterator is read.
    keep: gives what is not plain a number.

  Returns:
    JSON data; items of sets are in no order.

  Raises:
    RecursionError: if the value is too deep, or holds itself.
  """
  if value is None or isinstance(value, bool):
    return value
  for encoder in (_encode_number, _encode_text, _encode_items):
    data = encoder(value, keep)
    if data is not None:
      return data
  return {"opaque": keep(value)}


def _encode_number(value: Any, keep: Keep) -> Any:
  del keep
  if isinstance(value, int):
    small = abs(value).bit_length() < _MAX_DIGITS
    plain = int.__int__(value)  # an enumeration has texts of its own
    return plain if small else {"int": hex(plain)}
  if isinstance(value, float):
    return float(value)
  if isinstance(value, complex):
    return {"complex": [value.real, value.imag]}
  name = type(value).__name__
  if type(value).__module__ == _BY_TEXT.get(name):
    return {name: str(value)}
  # A scalar of NumPy: it has no axis, and says what it is in Python.
  if getattr(value, "shape", None) == () and hasattr(value, "item"):
    return encode(value.item(), _no_number)
  return None


def _no_number(value: Any) -> int:
  raise TypeError(f"a scalar holds a {type(value).__name__}")


def _encode_text(value: Any, keep: Keep) -> Any:
  del keep
  if isinstance(value, str):
    return str.__str__(value)
  if isinstance(value, (bytes, bytearray)):
    name = "bytes" if isinstance(value, bytes) else "bytearray"
    return {name: value.hex()}
  return None


def _encode_items(value: Any, keep: Keep) -> Any:
  def all_of(items: Any) -> list:
    return [encode(item, keep) for item in items]

  if isinstance(value, list):
    return all_of(value)
  if isinstance(value, dict):
    return {"dict": [all_of(pair) for pair in value.items()]}
  for name, kind in _ITEMS.items():
    if isinstance(value, kind):
      return {name: all_of(value)}
  if isinstance(value, range):
    return {"range": all_of((value.start, value.stop, value.step))}
  if type(value) in _VIEWS:
    return {_VIEWS[type(value)]: all_of(value)}
  if isinstance(value, Iterator):
    return {"iterator": all_of(itertools.islice(value, MAX_ITEMS))}
  return None


def decode(data: Any, opaque: Opaque) -> Any:
  """Makes the value again; an iterator begins anew.

  Args:
    data: of `encode`, or what pretends to be.
    opaque: makes what stands for a value that is not plain.

  Returns:
    The value.

  Raises:
    ValueError: if the data are of no value.
    RecursionError: if they are too deep.
  """
  if isinstance(data, list):
    return [decode(item, opaque) for item in data]
  if not isinstance(data, dict):
    return data
  if len(data) != 1:
    raise ValueError(f"{len(data)} keys; expected one that names a type")
  ((name, content),) = data.items()
  try:
    if name in _DECODERS:
      return _DECODERS[name](content)
    if name in _BY_TEXT:
      kind = getattr(importlib.import_module(_BY_TEXT[name]), name)
      return kind(str(content))
    if name == "opaque":
      return opaque(int(content))
    items = decode(content, opaque)
    return _CONTAINERS[name](items)
  except (ArithmeticError, KeyError, TypeError) as error:
    raise ValueError(f"{name!r} holds no value of its type") from error


_DECODERS: dict[str, Callable[[Any], Any]] = {
  "int": lambda text: int(text, 16),
  "complex": lambda parts: complex(*parts),
  "bytes": bytes.fromhex,
  "bytearray": bytearray.fromhex,
}
_CONTAINERS: dict[str, Callable[[list], Any]] = {
  **_ITEMS,
  "dict": dict,
  "range": lambda parts: range(*parts),
  "keys": lambda items: dict.fromkeys(items).keys(),
  "values": lambda items: dict(enumerate(items)).values(),
  "items": lambda items: dict(items).items(),
  "iterator": iter,
}
# Those that compare equal in any order.
_UNORDERED = ("set", "frozenset", "dict", "keys", "items")


def canonical(data: Any) -> str:
  """A text that data of equal values share, as Python compares them.

  Args:
    data: of `encode`.

  Returns:
    JSON text: 1, 1.0 and True are the same, and so are sets and dicts whose
    items came in another order. Opaque values are all alike.
  """
  return json.dumps(_canonical(data), separators=(",", ":"))


def _canonical(data: Any) -> Any:
  if isinstance(data, list):
    return [_canonical(item) for item in data]
  if isinstance(data, dict):
    ((name, content),) = data.items()
    if name == "opaque":
      return {name: 0}
    content = _canonical(content)
    if name in _UNORDERED:
      content = sorted(content, key=json.dumps)
    return {name: content}
  if isinstance(data, bool):
    return int(data)
  if isinstance(data, float) and data.is_integer() and abs(data) < 1 << 53:
    return int(data)
  return data
