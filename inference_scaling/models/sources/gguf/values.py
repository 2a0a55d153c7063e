"""Values in the metadata of a GGUF file, held to their kind."""

import math
from collections.abc import Callable, Mapping
from typing import Any


def hold(
  key: str,
  value: Any,
  fits: Callable[[Any], bool],
  expected: str,
  where: str,
) -> Any:
  """Holds the value of a key to its kind.

  Args:
    key: of the metadata, for errors.
    value: of the key; None where there is no such key, which passes.
    fits: tells whether a value will do.
    expected: what will do, in words.
    where: the file, for errors.

  Returns:
    The value.

  Raises:
    ValueError: where the value will not do.
  """
  if value is not None and not fits(value):
    raise ValueError(f"{where}: {key} is {short(value)}; expected {expected}.")
  return value


def is_bool(value: Any) -> bool:
  """Whether a value is true or false."""
  return isinstance(value, bool)


def is_number(value: Any) -> bool:
  """Whether a value is a finite number."""
  return type(value) in (int, float) and math.isfinite(value)


def is_whole(value: Any) -> bool:
  """Whether a value is a whole number."""
  return type(value) is int


def is_text(value: Any) -> bool:
  """Whether a value is a text."""
  return isinstance(value, str)


def short(value: Any) -> str:
  """Writes a value, long ones cut."""
  text = repr(value)
  return text if len(text) <= 60 else f"{text[:57]}..."


class Reader:
  """Looks up keys of an architecture and holds them to their kind."""

  def __init__(self, metadata: Mapping[str, Any], prefix: str, where: str):
    self.metadata, self.prefix, self.where = metadata, prefix, where

  def key(self, name: str) -> str:
    """The whole key."""
    return f"{self.prefix}.{name}"

  def count(self, name: str) -> int | None:
    """Reads a whole number above 0; a list must have it for every layer."""
    value = self.metadata.get(self.key(name))
    layers = self.metadata.get(self.key("block_count"))
    if isinstance(value, list) and value and len(value) == layers:
      same = "one and the same number for all layers"
      self._hold(name, value, lambda v: v.count(v[0]) == len(v), same)
      value = value[0]
    return self._hold(name, value, _is_count, "a whole number above 0")

  def number(self, name: str) -> float | None:
    """Reads a finite number above 0."""
    value = self.metadata.get(self.key(name))
    return self._hold(name, value, _is_positive, "a number above 0")

  def scale(self, name: str) -> float:
    """Reads a factor, of which 0 is another way to write 1."""
    value = self.metadata[self.key(name)]
    return 1.0 if value == 0 else float(self.number(name) or 1.0)

  def expect(self, name: str, value: Any, what: str) -> None:
    """Raises where a key is there and has another value."""
    stored = self.metadata.get(self.key(name))
    self._hold(name, stored, lambda other: other == value, f"{value!r}, {what}")

  def _hold(self, name: str, value: Any, fits: Callable, expected: str) -> Any:
    return hold(self.key(name), value, fits, expected, self.where)


def _is_count(value: Any) -> bool:
  return is_whole(value) and value > 0


def _is_positive(value: Any) -> bool:
  return is_number(value) and value > 0
