"""The page of all keys of a config, made from the types.

  python -m inference_scaling.spec.keys > configs/KEYS.md

Each group of keys is a table: the key as flags name it, the values that it
takes, its default and its meaning. A group whose keys depend on the value of
one of them (`choices.Choice`) has a table for each.
"""

import dataclasses
import json
import textwrap
import typing
from collections.abc import Iterator
from typing import Any

import pydantic
from pydantic.fields import FieldInfo

from inference_scaling.spec import sweep
from inference_scaling.spec.checking import choices, fields

_OPENING = """\
# Keys of a config

All keys of a sweep's config. A config file states what differs from the
defaults, and a flag changes the value of a key:
`--config.limits.step_tokens=64`. NAME is a name of your own.

This page is made from the types by `python -m inference_scaling.spec.keys >
configs/KEYS.md`; what the keys do together is said in
[the README of the configs](README.md).
"""
_CHOOSER = "Which of the groups below it is; this chooses the other keys."
_WIDTH = 120  # characters of a heading
_HEAD = "| key | value | default | meaning |\n| :-- | :-- | :-- | :-- |"


@dataclasses.dataclass(frozen=True)
class _Key:
  """A key of a group.

  Attributes:
    path: of the key, as flags name it: "config.limits.step_tokens".
    field: its type, default and meaning.
  """

  path: str
  field: FieldInfo

  @property
  def inner(self) -> tuple[str, Any]:
    """Path and type of the group that it holds; the type is None for none."""
    values = typing.get_args(self.field.annotation)
    if typing.get_origin(self.field.annotation) is dict:
      return f"{self.path}.NAME", _group(values[1])
    return self.path, _group(self.field)


def page() -> str:
  """Makes the page.

  Returns:
    Markdown.
  """
  top = describe(sweep.Sweep, "config", "## `config`")
  return "\n".join([_OPENING, *top])


def describe(
  kind: type[fields.Group], path: str, heading: str, without: str = ""
) -> Iterator[str]:
  """Describes a group, and the groups in it after it.

  Args:
    kind: the group.
    path: of the group.
    heading: of its section.
    without: a key that is described already.

  Yields:
    Sections.
  """
  keys = [
    _Key(f"{path}.{name}", field)
    for name, field in kind.model_fields.items()
    if name != without
  ]
  rows = "\n".join([_HEAD, *map(_row, keys)]) if keys else "No other keys."
  yield f"{heading}\n\n{_summary(kind)}\n\n{rows}\n"
  for key in keys:
    where, group = key.inner
    if isinstance(group, choices.Choice):
      yield from _describe_choice(group, where, key.field.description or "")
    elif group is not None:
      yield from describe(group, where, f"## `{where}`")


def _describe_choice(
  choice: choices.Choice, path: str, meaning: str
) -> Iterator[str]:
  """Describes each group that a key chooses."""
  key = f"{path}.{choice.key}"
  kinds = list(dict.fromkeys(choice.table.values()))
  chooser = kinds[0].model_fields[choice.key].description or _CHOOSER
  yield (
    f"## `{path}`\n\n{meaning}\n\n{_HEAD}\n"
    f"| `{key}` | {_cell(choice.words)} | required | {chooser} |\n"
  )
  for kind in kinds:
    names = [f"`{name}`" for name in choice.table if choice.table[name] is kind]
    yield from describe(kind, path, _heading(key, names), choice.key)


def _heading(key: str, names: list[str]) -> str:
  """The heading of the group of some values; many stand below it."""
  heading = f"### `{key}` = {', '.join(names)}"
  if len(heading) <= _WIDTH:
    return heading
  others = textwrap.fill(f"And: {', '.join(names[1:])}.", 80)
  return f"### `{key}` = {names[0]} and others\n\n{others}"


def _row(key: _Key) -> str:
  """The row of a key in its table."""
  cells = (
    f"`{key.path}`",
    _cell(_value(key)),
    _default(key.field),
    _cell(key.field.description or ""),
  )
  return f"| {' | '.join(cells)} |"


def _value(key: _Key) -> str:
  """What a key may hold, in words."""
  where, group = key.inner
  return _words(key.field) if group is None else f"the keys of `{where}`"


def _words(kind: Any) -> str:
  """What values of a type are, in words; "" where nobody says so."""
  for item in _metadata(kind):
    if isinstance(item, fields.Expect):
      return item.words
  kind = kind.annotation if isinstance(kind, FieldInfo) else kind
  parts = [_words(part) for part in typing.get_args(kind)]
  if typing.get_origin(kind) is dict:
    return f"names, each with {parts[1]}"
  return " or ".join(filter(None, parts))


def _default(field: FieldInfo) -> str:
  """The default of a key, as Python writes it."""
  if field.is_required():
    return "required"
  value = field.get_default(call_default_factory=True)
  if isinstance(value, pydantic.BaseModel):
    given = value.model_dump(mode="json", exclude_unset=True)
    return f"`{json.dumps(given)}`" if given else "those of its keys"
  return f"`{_cell(repr(value))}`"


def _group(kind: Any) -> Any:
  """The group, or the choice of groups, that a type stands for; or None."""
  for item in _metadata(kind):
    if isinstance(item, choices.Choice):
      return item
  kind = kind.annotation if isinstance(kind, FieldInfo) else kind
  is_group = isinstance(kind, type) and issubclass(kind, fields.Group)
  return kind if is_group else None


def _metadata(kind: Any) -> tuple[Any, ...]:
  """What stands beside a type in its `Annotated`."""
  if isinstance(kind, FieldInfo):
    return tuple(kind.metadata)
  return getattr(kind, "__metadata__", ())


def _summary(kind: type[fields.Group]) -> str:
  """The first paragraph of a group's docstring."""
  return (kind.__doc__ or "").partition("\n\n")[0]


def _cell(text: str) -> str:
  """Text that does not end a cell of a table."""
  return text.replace("|", "\\|")


if __name__ == "__main__":
  print(page(), end="")
