"""Decoded JSON objects as dataclasses, or what is wrong with them."""

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

Value = TypeVar("Value")


class RecordError(ValueError):
  """A record that cannot be read; the message names file and line."""


def read(kind: type[Value], content: Any, where: str) -> Value:
  """Reads an object into a dataclass; keys that it does not name are left.

  Args:
    kind: the dataclass. What has a default may be missing.
    content: the object.
    where: the start of an error message, as "file:line".

  Returns:
    The dataclass, filled.

  Raises:
    RecordError: if a field is missing or of a wrong type.
  """
  if not isinstance(content, Mapping):
    raise RecordError(f"{where} is {short(content)}; expected an object")
  return kind(
    **{
      name: read_field(content, name, expected, where)
      for name, expected, required in _fields(kind)
      if required or name in content
    }
  )


def read_field(
  content: Any, key: str, kind: type | types.UnionType, where: str
) -> Any:
  """Reads one field of a decoded object.

  Args:
    content: the object.
    key: name of the field.
    kind: type that is expected, or several.
    where: the start of an error message.

  Returns:
    content[key].

  Raises:
    RecordError: if the field is missing or of another type.
  """
  if not isinstance(content, Mapping) or key not in content:
    raise RecordError(f"{where}: field {key!r} is missing")
  value = content[key]
  if not _is(value, kind):
    expected = getattr(kind, "__name__", str(kind))
    raise RecordError(
      f"{where}: field {key!r} is {short(value)}; expected {expected}"
    )
  return value


def short(value: Any) -> str:
  """A value in an error message."""
  return repr(value)[:60]


def _is(value: Any, kind: type | types.UnionType) -> bool:
  # bool is a subclass of int in Python: a count must not be true.
  if isinstance(value, bool):
    return bool in (typing.get_args(kind) or (kind,))
  return isinstance(value, kind)


@functools.cache
def _fields(kind: type) -> list[tuple[str, Any, bool]]:
  """Name, type and whether it must be there, of the fields of a part."""
  return [
    (
      field.name,
      field.type,
      field.default is dataclasses.MISSING
      and field.default_factory is dataclasses.MISSING,
    )
    for field in dataclasses.fields(kind)
  ]
