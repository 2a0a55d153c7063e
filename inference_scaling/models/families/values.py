"""Values of a config.json, each held against what it must be.

JSON knows texts, truth values, nothing and numbers that are none, and files
that were written by hand hold them instead of numbers. Each is refused by the
name of its key.
"""

import math
import numbers
import sys
from collections.abc import Mapping
from typing import Any

Raw = Mapping[str, Any]


def expect(raw: Raw, key: str, value: Any) -> None:
  """Raises where a key is there with any other value than the given one."""
  if raw.get(key, value) != value:
    raise ValueError(f"{key} is {raw[key]!r}; only {value!r} is supported.")


def integer(raw: Raw, key: str, minimum: int = 1) -> int:
  """Reads a whole number.

  Args:
    raw: contents of config.json, or a group in it.
    key: which must be there.
    minimum: the smallest that passes.

  Returns:
    The number.

  Raises:
    ValueError: on anything else.
  """
  value = raw[key]
  if not _is_number(value, numbers.Integral) or value < minimum:
    raise _unexpected(key, value, f"a whole number of at least {minimum}")
  return int(value)


def number(raw: Raw, key: str, maximum: float = math.inf) -> float:
  """Reads a number above 0; arguments and errors as `integer`.

  Args:
    raw: as `integer`.
    key: as `integer`.
    maximum: the largest that passes.

  Returns:
    The number.

  Raises:
    ValueError: as `integer`.
  """
  value = raw[key]
  if not (
    _is_number(value, numbers.Real)
    and 0
    < value
    <= min(maximum, sys.float_info.max)  # NaN is not, nor infinity
  ):
    bound = "" if maximum == math.inf else f" and at most {maximum}"
    raise _unexpected(key, value, f"a number above 0{bound}")
  return float(value)


def number_or_none(raw: Raw, key: str) -> float | None:
  """Reads a number above 0, or None where it is absent or null."""
  return None if raw.get(key) is None else number(raw, key)


def numbers_of(raw: Raw, key: str) -> tuple[float, ...]:
  """Reads a list of numbers above 0; errors as `integer`."""
  value = raw[key]
  if not isinstance(value, list) or not value:
    raise _unexpected(key, value, "a list of numbers above 0")
  return tuple(number({key: each}, key) for each in value)


def truth(raw: Raw, key: str, default: bool | None = None) -> bool:
  """Reads a truth value.

  Args:
    raw: as `integer`.
    key: which may be absent where there is a default.
    default: of an absent key; None for none.

  Returns:
    The value.

  Raises:
    ValueError: on anything else.
  """
  value = raw.get(key, default)
  if not isinstance(value, bool):
    raise _unexpected(key, value, "true or false")
  return value


def group(raw: Raw, key: str) -> dict[str, Any]:
  """Reads a group of keys; empty where it is absent or null."""
  value = raw.get(key)
  if value is None:
    return {}
  if not isinstance(value, Mapping):
    raise _unexpected(key, value, "a group of keys, or null")
  return dict(value)


def texts(raw: Raw, key: str, count: int) -> list[str] | None:
  """Reads a list of texts, one a layer; None where it is absent or null."""
  value = raw.get(key)
  if value is None:
    return None
  if not isinstance(value, list) or not all(isinstance(x, str) for x in value):
    raise _unexpected(key, value, "a list of texts, one a layer")
  if len(value) != count:
    raise _unexpected(key, value, f"{count} layers, as num_hidden_layers says")
  return value


def token_ids(value: Any, key: str, vocab_size: int) -> tuple[int, ...]:
  """Reads ids of tokens: one, a list of them, or none.

  Args:
    value: of the key; None for none.
    key: for the error.
    vocab_size: V; ids lie below it.

  Returns:
    The ids.

  Raises:
    ValueError: on anything else.
  """
  ids = value if isinstance(value, list) else [] if value is None else [value]
  for index in ids:
    if not _is_number(index, numbers.Integral) or not 0 <= index < vocab_size:
      raise _unexpected(
        key,
        value,
        "the id of a token, a list of them, or null; ids are whole numbers "
        f"from 0 to {vocab_size - 1}, since vocab_size is {vocab_size}",
      )
  return tuple(int(index) for index in ids)


def token_id(value: Any, key: str, vocab_size: int) -> int | None:
  """Reads the id of one token, or None; as `token_ids`."""
  if isinstance(value, list):
    raise _unexpected(key, value, "the id of one token, or null")
  return next(iter(token_ids(value, key, vocab_size)), None)


def _is_number(value: Any, kind: type) -> bool:
  # To Python, true and false are numbers, too.
  return isinstance(value, kind) and not isinstance(value, bool)


def _unexpected(key: str, value: Any, expected: str) -> ValueError:
  return ValueError(f"{key} is {value!r}; expected {expected}.")
