"""Reads fields of decoded JSON objects, or says what is wrong with them."""

import math
from typing import Any


class RecordError(ValueError):
  """A record that cannot be analysed; the message names file and line."""


def get(content: Any, key: str, kind: type | tuple, where: str) -> Any:
  """Reads one field.

  Args:
    content: the object.
    key: name of the field.
    kind: type that is expected, or several.
    where: "file:line", the start of an error message.

  Returns:
    content[key].

  Raises:
    RecordError: if the field is missing or of another type.
  """
  if not isinstance(content, dict) or key not in content:
    raise RecordError(f"{where}: field {key!r} is missing")
  value = content[key]
  # bool is a subclass of int in Python: a count must not be true.
  wrong_bool = isinstance(value, bool) and kind is not bool
  if not isinstance(value, kind) or wrong_bool:
    raise RecordError(
      f"{where}: field {key!r} is {short(value)}; expected {kind}"
    )
  return value


def number(content: dict, key: str, where: str) -> float:
  """Reads a finite number that is not negative.

  Args:
    content: the object.
    key: name of the field.
    where: the start of an error message.

  Returns:
    The number.

  Raises:
    RecordError: if there is no such number.
  """
  value = float(get(content, key, (int, float), where))
  if not math.isfinite(value) or value < 0:
    raise RecordError(f"{where} {key!r} is {value}; expected >= 0")
  return value


def is_finite(value: Any) -> bool:
  """Whether a decoded value is a finite number."""
  return type(value) in (int, float) and math.isfinite(value)


def short(value: Any) -> str:
  """A value in an error message."""
  return repr(value)[:60]
