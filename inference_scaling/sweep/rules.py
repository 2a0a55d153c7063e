"""Rules that a config's values must keep, and errors that say what to do."""

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple


class Rule(NamedTuple):
  """What one value may be.

  Attributes:
    accepts: tells whether a value is allowed.
    expected: the allowed values, in words.
    optional: whether the key may be left out, which then means what it meant
      before there was such a key: configs and folders of older sweeps hold.
  """

  accepts: Callable[[Any], bool]
  expected: str
  optional: bool = False


# How alike a wrong key and the one that is meant are: more than words that
# share a few letters.
_CLOSE = 0.75
# What a group of keys must hold: a rule or another group for each key.
Table = Mapping[str, Any]


def text() -> Rule:
  """A text that is not empty."""
  return Rule(lambda v: isinstance(v, str) and v != "", "a text")


def integer(minimum: int, maximum: int | None = None) -> Rule:
  """A whole number of at least `minimum`, and at most `maximum` if given."""
  upper = "" if maximum is None else f" and at most {maximum}"
  return Rule(
    # True is an int in Python.
    lambda v: type(v) is int and v >= minimum and (not upper or v <= maximum),
    f"a whole number of at least {minimum}{upper}",
  )


def number(low: float, high: float = math.inf, *, above: bool = False) -> Rule:
  """A finite number from `low` (or above it) to `high`."""

  def accepts(value):
    if type(value) not in (int, float) or not math.isfinite(value):
      return False
    return (value > low if above else value >= low) and value <= high

  bounds = f"above {low:g}" if above else f"of at least {low:g}"
  upper = "" if high == math.inf else f" and at most {high:g}"
  return Rule(accepts, f"a number {bounds}{upper}")


def one_of(*choices: str) -> Rule:
  """One of some texts."""
  return Rule(
    lambda v: isinstance(v, str) and v in choices,
    "one of " + ", ".join(repr(choice) for choice in choices),
  )


def several(rule: Rule, *, least: int = 1) -> Rule:
  """A list of at least `least` different values that keep a rule."""

  def accepts(value):
    if not isinstance(value, list) or len(value) < least:
      return False
    return all(map(rule.accepts, value)) and len(set(value)) == len(value)

  some = "one or more" if least else "none, one or more"
  return Rule(
    accepts, f"a list of {some} different values, each {rule.expected}"
  )


def check(values: Any, table: Table, path: str, chosen: str = "") -> None:
  """Holds a group of keys against its table.

  Args:
    values: what the config has there.
    table: a rule, or the table of a group, for each key.
    path: of the group, for errors: "config.limits".
    chosen: what the table goes by, for errors: " with form 'none'".

  Raises:
    ValueError: on a missing or unknown key, or a value that is not allowed.
  """
  check_group(values, path)
  for key in sorted(set(values) - set(table)):
    close = difflib.get_close_matches(key, table, 1, _CLOSE)
    hint = f"did you mean {close[0]!r}?" if close else _removal(path)
    raise ValueError(
      f"{path}.{key} is {values[key]!r}, but there is no such key{chosen}; "
      f"expected {', '.join(table) or 'none'}: {hint}"
    )
  for key, rule in table.items():
    where = f"{path}.{key}"
    if key not in values:
      if isinstance(rule, Rule) and rule.optional:
        continue
      expected = rule.expected if isinstance(rule, Rule) else "a group of keys"
      raise ValueError(
        f"{where} is missing; expected {expected}. Add it to the config file."
      )
    if isinstance(rule, Rule):
      check_value(values[key], rule, where)
    else:
      check(values[key], rule, where)


def check_value(value: Any, rule: Rule, path: str) -> None:
  """Holds one value against its rule; raises a ValueError."""
  if not rule.accepts(value):
    raise ValueError(
      f"{path} is {value!r}; expected {rule.expected}. {_remedy(path)}"
    )


def _removal(path: str) -> str:
  """How a key is left out: one of a config, or a number of `solve`."""
  if path == "numbers":
    return "leave it out."
  return (
    "take it out of the config file, which a flag cannot do. Some config files "
    "do it for an argument behind a colon, and say so at their top."
  )


def _remedy(path: str) -> str:
  """Where a value is changed: a key of a config, or a number of `solve`."""
  group, _, key = path.rpartition(".")
  if group == "numbers":
    return f"Give another one; launch/solve.py takes --number={key}=VALUE."
  return f"Change it in the config file, or give --{path}=VALUE."


def check_group(values: Any, path: str) -> None:
  """Raises a ValueError unless there is a group with at least one key."""
  if not isinstance(values, dict) or not values:
    raise ValueError(
      f"{path} is {values!r}; expected a group of keys with their values. "
      "Change it in the config file."
    )


def check_choice(
  values: Any,
  key: str,
  tables: Mapping[str, Table],
  path: str,
  variants: bool = False,
) -> None:
  """Holds a group against the table that one of its own keys chooses.

  Args:
    values: what the config has there.
    key: the key that chooses.
    tables: for each of its values, the table of the other keys.
    path: of the group, for errors.
    variants: whether the value may be followed by a slash and a word.

  Raises:
    ValueError: as `check`.
  """
  check_group(values, path)
  rule = one_of(*sorted(tables))
  if variants:
    rule = _variant_of(tables)
  if key not in values:
    raise ValueError(
      f"{path}.{key} is missing; expected {rule.expected}. Add it to the "
      "config file."
    )
  check_value(values[key], rule, f"{path}.{key}")
  name = values[key].partition("/")[0] if variants else values[key]
  check(
    values, {key: rule, **tables[name]}, path, f" with {key} {values[key]!r}"
  )


def _variant_of(names: Iterable[str]) -> Rule:
  """One of some texts, which a slash and a word may follow."""

  def accepts(value):
    if not isinstance(value, str):
      return False
    name, slash, word = value.partition("/")
    return name in names and bool(word) == bool(slash)

  some = one_of(*sorted(names)).expected
  return Rule(accepts, f"{some}, or one of them, a slash and a word")
