"""Further inputs of a program: those of its tests, changed a little.

They tell programs apart by what they do. What a test expects is not read. A
change keeps types, signs and alphabets, since a program may be right and know
nothing else; a number that is always the length of another argument stays it.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inference_scaling.tasks.programs import jobs
from inference_scaling.tasks.programs.inside import values

CHANGED = 16  # calls that are made up
_TRIES = 4  # for each of them


def more_calls(calls: Sequence[jobs.Call], seed: str) -> list[jobs.Call]:
  """Makes up calls.

  Args:
    calls: of the tests.
    seed: of the draws.

  Returns:
    The calls of the tests, each once, and at most `CHANGED` others.
  """
  kept = {_key(call): call for call in calls}
  own = list(kept.values())
  lengths = {name: _lengths(own, name) for name in {call[0] for call in own}}
  draws = random.Random(seed)
  for number in range(CHANGED * _TRIES if own else 0):
    if len(kept) >= len(own) + CHANGED:
      break
    name, arguments, keywords = own[number % len(own)]
    changed = _change_call(draws, arguments, lengths[name])
    if changed is not None:
      call = (name, changed, keywords)
      kept.setdefault(_key(call), call)
  return list(kept.values())


def _key(call: jobs.Call) -> str:
  return json.dumps(call)


def _lengths(calls: Sequence[jobs.Call], name: str) -> dict[int, int]:
  """Positions of arguments that are the length of another, and of that one."""
  rows = [call[1] for call in calls if call[0] == name]
  width = min(map(len, rows))
  return {
    number: sized
    for number in range(width)
    for sized in range(width)
    if all(
      type(row[number]) is int and row[number] == _size(row[sized])
      for row in rows
    )
  }


def _size(data: Any) -> int | None:
  """The length of encoded data that have one."""
  if isinstance(data, dict):
    data = next(iter(data.values()))
  return len(data) if isinstance(data, list | str) else None


def _change_call(
  draws: random.Random, arguments: Sequence[Any], lengths: Mapping[int, int]
) -> list[Any] | None:
  """Arguments of which one is another; None where that cannot be."""
  free = [i for i in range(len(arguments)) if i not in lengths]
  if not free:
    return None
  changed = list(arguments)
  chosen = draws.choice(free)
  try:
    value = values.decode(changed[chosen], _refuse)
    changed[chosen] = values.encode(_change(draws, value), _refuse)
  except (TypeError, ValueError, RecursionError):
    return None
  for number, sized in lengths.items():
    changed[number] = _size(changed[sized])
  return changed


def _refuse(value: Any) -> Any:
  raise TypeError(f"{value!r} is not plain")


def _change(draws: random.Random, value: Any) -> Any:
  """Another value of the same type, where there is one."""
  for kind, change in _CHANGES.items():
    if type(value) is kind:
      return change(draws, value)
  return value


def _change_int(draws: random.Random, value: int) -> int:
  if value < 0:
    return -_change_int(draws, -value)
  least = min(value, 1)
  return draws.choice(
    (value + 1, value + 2, max(least, value - 1), max(least, value // 2))
  )


def _change_float(draws: random.Random, value: float) -> float:
  return draws.choice((value * 0.5, value * 2.0, value * 1.25))


def _change_text(draws: random.Random, value: str) -> str:
  if not value:
    return value
  letters = _change_items(draws, list(value), _same)
  return "".join(letters)


def _same(draws: random.Random, value: Any) -> Any:
  del draws
  return value


def _change_items(
  draws: random.Random,
  items: list,
  change: Callable[[random.Random, Any], Any] = _change,
) -> list:
  """A list with an item changed, dropped, doubled, or two exchanged."""
  if not items:
    return items
  items = list(items)
  first, second = draws.randrange(len(items)), draws.randrange(len(items))
  way = draws.randrange(4)
  if way == 0:
    items[first] = change(draws, items[second])
  elif way == 1 and len(items) > 1:
    del items[first]
  elif way == 2:
    items.insert(first, items[second])
  else:
    items[first], items[second] = items[second], items[first]
  return items


def _change_tuple(draws: random.Random, value: tuple) -> tuple:
  """A tuple with one item changed: it may be a record, of so many fields."""
  if not value:
    return value
  chosen = draws.randrange(len(value))
  changed = _change(draws, value[chosen])
  return (*value[:chosen], changed, *value[chosen + 1 :])


def _change_set(draws: random.Random, value: set) -> set:
  return set(_change_items(draws, sorted(value, key=repr)))


def _change_dict(draws: random.Random, value: dict) -> dict:
  if not value:
    return value
  key = draws.choice(list(value))
  return {**value, key: _change(draws, value[key])}


_CHANGES: Mapping[type, Callable[[random.Random, Any], Any]] = {
  bool: lambda draws, value: draws.random() < 0.5,
  int: _change_int,
  float: _change_float,
  str: _change_text,
  list: _change_items,
  tuple: _change_tuple,
  set: _change_set,
  frozenset: lambda draws, value: frozenset(_change_set(draws, set(value))),
  dict: _change_dict,
}
