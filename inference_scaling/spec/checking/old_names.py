"""What keys of a config were called before: in old folders and old files."""

from collections.abc import Mapping
from typing import Any

# Group (None for the config itself), old key, new key, values that have
# another name, too.
_RENAMED: tuple[tuple[str | None, str, str, Mapping[Any, Any]], ...] = (
  (None, "rows_in_flight", "batch_size", {}),
  ("reward", "form", "format", {"own": "native"}),
)


def renew(config: Mapping[str, Any]) -> dict[str, Any]:
  """Calls the keys of a stored config what they are called today.

  Args:
    config: as config.json of a sweep's folder holds it, of whatever version.

  Returns:
    The config in today's words; the argument stays as it is.
  """
  renewed = dict(config)
  for group, old, new, values in _RENAMED:
    keys = renewed if group is None else renewed.get(group)
    if not isinstance(keys, dict) or old not in keys:
      continue
    keys = {
      new if key == old else key: (
        values.get(value, value) if key == old else value
      )
      for key, value in keys.items()
    }
    if group is None:
      renewed = keys
    else:
      renewed[group] = keys
  return renewed


def value_hint(where: str, value: Any) -> str:
  """Says that a value has another name today.

  Args:
    where: path of its key: "config.reward.format".
    value: as a user gave it.

  Returns:
    A sentence; "" where it has none.
  """
  for group, _, key, values in _RENAMED:
    path = ".".join(["config", *([group] if group else []), key])
    if where == path and isinstance(value, str) and value in values:
      return f"{value!r} is called {values[value]!r} now."
  return ""


def hint(keys: Mapping[str, Any], group: str) -> str:
  """Says which keys of a group have another name today.

  Args:
    keys: of the group, as a user gave them.
    group: its path: "config.reward".

  Returns:
    A sentence; "" where there are none.
  """
  names = {
    old: new
    for name, old, new, _ in _RENAMED
    if group == ".".join(["config", *([name] if name else [])]) and old in keys
  }
  return " ".join(
    f"{old!r} is called {new!r} now." for old, new in names.items()
  )
