"""Reads a group of keys; what is wrong is told key by key."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import pydantic

from inference_scaling.spec.checking import fields, old_names

# How alike a wrong key and the one that is meant are: more than words that
# share a few letters.
_CLOSE = 0.75
_Group = TypeVar("_Group", bound=fields.Group)
HYPERPARAMETERS = "hyperparameters"  # of `solve`, which has other flags


def read(
  kind: type[_Group], values: Any, path: str, chosen: str = ""
) -> _Group:
  """Makes a group out of plain values.

  Args:
    kind: of the group.
    values: dicts, lists, texts, numbers and truth values.
    path: of the group, for errors: "config".
    chosen: what the kind goes by, for errors: " with strategy 'rebase'".

  Returns:
    The group.

  Raises:
    ValueError: on missing and unknown keys and values that are not allowed;
      the message names all of them.
  """
  try:
    return kind.model_validate(values)
  except pydantic.ValidationError as error:
    lines = [
      _describe(details, values, path, chosen) for details in error.errors()
    ]
  if len(lines) == 1:
    raise ValueError(lines[0])
  raise ValueError(f"{path} has {len(lines)} faults:\n  " + "\n  ".join(lines))


def _describe(
  details: Mapping[str, Any], values: Any, path: str, chosen: str
) -> str:
  """One fault: the key, its value, what was expected and what to do."""
  location, words = details["loc"], details["ctx"]["expected"]
  where = ".".join([path, *map(str, location)])
  group = ".".join([path, *map(str, location[:-1])])
  renamed = old_names.hint(_group(values, location[:-1]), group)
  if details["type"] == fields.MISSING:
    remedy = renamed or "Add it to the config file."
    return f"{where} is missing; expected {words}. {remedy}"
  value = details["input"]
  if details["type"] == fields.NAME:
    return (
      f"{group} has the name {location[-1]!r}; expected {words}. Change it in "
      "the config file."
    )
  if details["type"] == fields.UNKNOWN:
    by = _choice(values, location[:-1]) or chosen
    close = difflib.get_close_matches(str(location[-1]), words.split(", "), 1,
                                      _CLOSE)  # fmt: skip
    hint = f"did you mean {close[0]!r}?" if close else _removal(group)
    hint = f". {renamed}" if renamed else f": {hint}"
    return (
      f"{where} is {value!r}, but there is no such key{by}; expected "
      f"{words or 'none'}{hint}"
    )
  remedy = old_names.value_hint(where, value) or _remedy(where, words)
  return f"{where} is {value!r}; expected {words}. {remedy}"


def _group(values: Any, location: Sequence[Any]) -> dict[str, Any]:
  """The keys at a location; none where there is no group."""
  for key in location:
    values = values[key] if isinstance(values, dict | list | tuple) else None
  return values if isinstance(values, dict) else {}


def _choice(values: Any, location: Sequence[Any]) -> str:
  """What the keys of a group go by: " with format 'none'"; "" for nothing."""
  keys = _group(values, location)
  for key in ("kind", "format", "strategy"):
    if isinstance(keys.get(key), str):
      return f" with {key} {keys[key]!r}"
  return ""


def _removal(group: str) -> str:
  """How a key is left out: one of a config, or a hyperparameter of `solve`."""
  if group == HYPERPARAMETERS:
    return "leave it out."
  return (
    "take it out of the config file, which a flag cannot do. Some config files "
    "do it for an argument behind a colon, and say so at their top."
  )


def _remedy(where: str, words: str) -> str:
  """Where a value is changed: in a config, or by a flag of `solve`."""
  group, _, key = where.rpartition(".")
  if group == HYPERPARAMETERS:
    return (
      f"Give another one; launch/solve.py takes --hyperparameter={key}=VALUE."
    )
  if words.startswith("a group of "):
    return "Change it in the config file."
  return f"Change it in the config file, or give --{where}=VALUE."
