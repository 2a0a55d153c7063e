"""Where a sweep's problems come from: `config.task`, by its kind."""

from collections.abc import Mapping
from typing import Annotated, Any

import pydantic

from inference_scaling import names
from inference_scaling.spec.checking import choices, fields

_Level = Annotated[
  int,
  pydantic.Field(strict=True, ge=names.LEVELS[0], le=names.LEVELS[-1]),
  fields.Expect(f"a level from {names.LEVELS[0]} to {names.LEVELS[-1]}"),
]


class Synthetic(fields.Group):
  """Problems that are made up, of the embedded models' benchmark."""

  kind: Annotated[str, fields.one_of("synthetic")]
  split: Annotated[str, fields.one_of(*sorted(names.SPLITS))] = fields.key(
    "test", "Split of the problems: each belongs to one."
  )
  count: fields.PositiveInt = fields.key(
    100, "Number of problems; more of them begin with the same."
  )
  seed: fields.NonNegativeInt = fields.key(
    0, "Seed of the draws that make the problems."
  )
  levels: Annotated[tuple[int, ...], fields.several(_Level)] = fields.key(
    names.LEVELS, "Levels of difficulty, taken in turns."
  )


class _File(fields.Group):
  limit: fields.NonNegativeInt = fields.key(
    0, "Number of problems, the first of the file; 0 for all."
  )


class Benchmark(_File):
  """A published benchmark."""

  kind: Annotated[
    str,
    fields.one_of(
      *(x for x in names.BENCHMARKS if x not in (names.GPQA, names.MMLU_PRO))
    ),
  ]
  path: fields.Text = fields.key(
    names.HUB, "Its file, JSON lines or a table; 'hub' to download it."
  )


class Letters(Benchmark):
  """Multiple choice: answers are letters of options, which are shuffled."""

  kind: Annotated[str, fields.one_of(names.GPQA)]
  option_seed: fields.NonNegativeInt = fields.key(
    0, "Seed of the order of each problem's options."
  )


class MmluPro(Letters):
  """Multiple choice with up to ten options."""

  kind: Annotated[str, fields.one_of(names.MMLU_PRO)]
  option_order: Annotated[str, fields.one_of(*names.OPTION_ORDERS)] = (
    fields.key(
      names.SHUFFLED, "Order of the options: by option_seed, or as published."
    )
  )


class Code(Benchmark):
  """A published benchmark whose solutions are programs, run in a sandbox."""

  kind: Annotated[str, fields.one_of(*names.CODE_BENCHMARKS)]
  form: Annotated[str, fields.one_of(*names.CODE_FORMS)] = fields.key(
    names.CODE_FORMS[0],
    "How problems are put: to models that chat, or as code that a base model "
    "goes on from.",
  )


def _check_fields(value: Any) -> dict[str, str] | None:
  if value is None:
    return None
  texts = dict[str, str](value)
  values = list(texts.values())
  if not set(texts) <= set(names.ROLES) or len(set(values)) < len(values):
    raise ValueError("no names of fields")
  if not all(isinstance(text, str) and text for text in values):
    raise ValueError("no names of fields")
  return texts


_FieldNames = Annotated[
  dict[str, str] | None,
  pydantic.PlainValidator(_check_fields),
  fields.Expect(
    f"a group with a text for some of {', '.join(names.ROLES)}: the names of "
    "these fields in the file, each another one"
  ),
]


class Jsonl(_File):
  """Problems of a file of the user's own, one JSON object a line."""

  kind: Annotated[str, fields.one_of("jsonl")]
  path: fields.Text = fields.required("The file of JSON lines.")
  fields: _FieldNames = fields.key(
    None,
    "Names of the fields for question, gold, level and id; the common ones are "
    "recognised without it.",
  )


TASKS: Mapping[str, type[fields.Group]] = {
  "synthetic": Synthetic,
  **dict.fromkeys(names.BENCHMARKS, Benchmark),
  names.GPQA: Letters,
  names.MMLU_PRO: MmluPro,
  **dict.fromkeys(names.CODE_BENCHMARKS, Code),
  "jsonl": Jsonl,
}
Task = Synthetic | Benchmark | Letters | MmluPro | Code | Jsonl
AnyTask = Annotated[Any, choices.Choice("kind", TASKS)]
