"""Problems of the user's own."""

import hashlib
import pathlib
from collections.abc import Mapping

from inference_scaling.tasks import problem
from inference_scaling.tasks.files import (
  field_names,
  golds,
  rows,
)

# Ids key random draws as 32-bit integers with a sign.
_IDS = 1 << 31


def load_problems(
  path: rows.Path, fields: Mapping[str, str] | None = None
) -> list[problem.Problem]:
  r"""Loads problems of the user's own from a JSON-lines or parquet file.

  Each row is an object with a question (a text) and a gold answer: a number, a
  text, a worked solution that states its answer by `####`, a box or `The answer
  is:`, or a list of alternatives (see `golds`). They stand under `question` and
  `gold` or other names that are known (see `field_names`), the same ones in all
  rows.

  `level` (an integer from 1, or a text such as "Level 3") may be left out and
  is then 1. `id` may be left out on every line and is then the problem's
  index in the file; it is an integer from 0, or a text. A text is the name of
  its problem, whose id is then a number made of the text alone, but for digits,
  which are that integer. Other fields are ignored.

  Args:
    path: the file.
    fields: names of the fields, for some of "question", "gold", "level", "id".

  Returns:
    The problems, in the order of the file; the source is the file's name
    without ending.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the file has no rows or a row is not as described.
  """
  fields = fields or {}
  field_names.check(fields)
  source = pathlib.Path(path).stem
  problems: list[problem.Problem] = []
  seen: dict[int, tuple[str, str]] = {}  # row and name of each id
  names: dict[str, str] = {}
  for row in rows.read_rows(path):
    for role in (field_names.QUESTION, field_names.GOLD):
      names[role] = _field(row, role, fields, names.get(role))
    question = row.text(names[field_names.QUESTION])
    gold, *others = golds.read(row, names[field_names.GOLD])
    number, name = _id(row, fields.get(field_names.ID), len(problems))
    _check_new(row, number, name, seen)
    seen[number] = (row.where, name)
    problems.append(
      problem.Problem(
        number, question, gold, _level(row, fields), source,
        name=name, alternatives=tuple(others),
      )
    )  # fmt: skip
  return problems


def field_used(
  path: rows.Path, role: str, fields: Mapping[str, str] | None = None
) -> str | None:
  """Finds out which field of a file holds the question or the gold answer.

  Args:
    path: the file.
    role: "question" or "gold".
    fields: as in `load_problems`.

  Returns:
    The name of the field in the first row; None if there is none.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the row is not as `load_problems` describes.
  """
  return field_names.find(next(rows.read_rows(path)), role, fields or {})


def number_of(name: str) -> int:
  """The id of a problem with a name: 31 bits of the SHA-256 of its text."""
  digest = hashlib.sha256(name.encode()).digest()
  return int.from_bytes(digest[:4], "big") % _IDS


def _field(
  row: rows.Row, role: str, fields: Mapping[str, str], before: str | None
) -> str:
  """The field of a role in a row; the same as in the rows before."""
  name = field_names.find(row, role, fields)
  if name is None:
    raise field_names.missing(row, role, fields)
  if before not in (None, name):
    raise row.error(
      f"the {role} is in `{name}`, in the rows before in `{before}`",
      f"one name in all rows, or config.task.fields.{role}",
    )
  return name


def _level(row: rows.Row, fields: Mapping[str, str]) -> int:
  name = fields.get(field_names.LEVEL)
  if name is None and row.fields.get(field_names.LEVEL) is None:
    return 1
  return row.level(name or field_names.LEVEL)


def _id(row: rows.Row, field: str | None, index: int) -> tuple[int, str]:
  """Id and name of a problem; the index of its row where it has neither."""
  name = field or field_names.ID
  if field is None and row.fields.get(name) is None:
    return index, ""
  value = row.value(name)
  text = row.text(name).strip() if isinstance(value, str) else None
  number = rows.as_integer(value if text is None else text)
  if text is not None and (number is None or text != str(abs(number))):
    return number_of(text), text
  if number is None:
    raise row.error(f"`{name}` is {value!r}", "an integer or a text")
  if number < 0:
    raise row.error(f"`{name}` is {value}", "0 or more")
  if number < _IDS:
    return number, ""
  return number_of(str(number)), str(number)


def _check_new(
  row: rows.Row, number: int, name: str, seen: dict[int, tuple[str, str]]
) -> None:
  """Raises a ValueError if a problem before has the same id."""
  if number not in seen:
    return
  where, other = seen[number]
  if name != other:
    raise row.error(
      f"the ids {name or number!r} and {other or number!r} ({where}) come to "
      f"the same number, {number}",
      "ids of which another number can be made: change one of them",
    )
  raise row.error(
    f"id {name or number} is that of {where} too",
    "an id that occurs once, on every line or on none",
  )
