"""Where a sweep's problems come from: `config.task`, by its kind."""

from collections.abc import Mapping
from typing import Annotated, Any

import pydantic

from inference_scaling import names
from inference_scaling.spec.checking import choices, fields

_LEVELS = fields.several(
  Annotated[
    int,
    pydantic.Field(strict=True, ge=names.LEVELS[0], le=names.LEVELS[-1]),
    fields.Expect(f"a level from {names.LEVELS[0]} to {names.LEVELS[-1]}"),
  ]
)


class Synthetic(fields.Group):
  """Problems that are made up, of the embedded models' benchmark."""

  kind: fields.one_of("synthetic")
  split: fields.one_of(*sorted(names.SPLITS)) = pydantic.Field(
    "test", description="Split of the problems: each belongs to one."
  )
  count: fields.integer(1) = pydantic.Field(
    100, description="Number of problems; more of them begin with the same."
  )
  seed: fields.integer(0) = pydantic.Field(
    0, description="Seed of the draws that make the problems."
  )
  levels: _LEVELS = pydantic.Field(
    names.LEVELS, description="Levels of difficulty, taken in turns."
  )


class _File(fields.Group):
  limit: fields.integer(0) = pydantic.Field(
    0, description="Number of problems, the first of the file; 0 for all."
  )


class Benchmark(_File):
  """A published benchmark."""

  kind: fields.one_of(*names.BENCHMARKS)
  path: fields.Text = pydantic.Field(
    names.HUB, description="Its file of JSON lines; 'hub' to download it."
  )


def _check_fields(value: Any) -> dict[str, str] | None:
  if value is None:
    return None
  roles, texts = set(names.ROLES), dict[str, str](value)
  given = list(texts.values())
  if not set(texts) <= roles or len(set(given)) < len(given):
    raise ValueError("no names of fields")
  if not all(isinstance(text, str) and text for text in given):
    raise ValueError("no names of fields")
  return texts


_FIELDS = Annotated[
  dict[str, str] | None,
  pydantic.PlainValidator(_check_fields),
  fields.Expect(
    f"a group with a text for some of {', '.join(names.ROLES)}: the names of "
    "these fields in the file, each another one"
  ),
]


class Jsonl(_File):
  """Problems of a file of the user's own, one JSON object a line."""

  kind: fields.one_of("jsonl")
  path: fields.Text = pydantic.Field(description="The file of JSON lines.")
  fields: _FIELDS = pydantic.Field(
    None,
    description="Names of the fields for question, gold, level and id; the "
    "usual ones are found without it.",
  )


TASKS: Mapping[str, type[fields.Group]] = {
  "synthetic": Synthetic,
  **dict.fromkeys(names.BENCHMARKS, Benchmark),
  "jsonl": Jsonl,
}
Task = Synthetic | Benchmark | Jsonl
AnyTask = choices.group_of("kind", TASKS)
