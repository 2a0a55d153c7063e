"""Under which names files of problems keep a question and its gold answer.

The names of this package, `question` and `gold`, come before all others. Then
come those that published files use, and for the gold answer, last, `solution`.
Of the first of these groups that a row has, one field must be meant: two with
different contents are refused by name. Upper and lower case are the same. A
mapping from the user comes before everything.
"""

import re
from collections.abc import Mapping
from typing import Any

from inference_scaling import names
from inference_scaling.tasks.files import (
  golds,
  rows,
)

# A field `solution` with more words than that is prose; LaTeX has none.
_MAX_WORDS = 4
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")

QUESTION, GOLD, LEVEL, ID = ROLES = names.ROLES
KNOWN: Mapping[str, tuple[tuple[str, ...], ...]] = {
  QUESTION: (("question",), ("problem", "input", "prompt", "query")),
  GOLD: (
    ("gold",),
    (
      "answer",
      "target",
      "final_answer",
      "expected_answer",
      "correct_answer",
      "reference_answer",
      "ground_truth",
      "extracted_groundtruth",
    ),
    ("solution",),
  ),
}


def check(fields: Mapping[str, str]) -> None:
  """Checks a mapping of the user's own.

  Args:
    fields: for some of `ROLES`, the name of the field.

  Raises:
    ValueError: on another role, a name that is no text, or one name twice.
  """
  for role, name in fields.items():
    if role not in ROLES or not isinstance(name, str) or not name:
      raise ValueError(
        f"fields has {role!r}: {name!r}; expected names of fields for some of "
        f"{', '.join(ROLES)}."
      )
  if len(set(fields.values())) < len(fields):
    raise ValueError(
      f"fields is {dict(fields)}; expected another field for each of "
      f"{', '.join(fields)}."
    )


def find(row: rows.Row, role: str, fields: Mapping[str, str]) -> str | None:
  """Finds the field of a question or of a gold answer.

  Args:
    row: the row.
    role: `QUESTION` or `GOLD`.
    fields: the user's mapping; may be empty.

  Returns:
    The name of the field; None if there is none.

  Raises:
    ValueError: if several fields may be meant, or a solution is not one.
  """
  if role in fields:
    return fields[role] if fields[role] in row.fields else None
  groups = [
    [name for name in row.fields if name.lower() in group]
    for group in KNOWN[role]
  ]
  # Some tables have all columns in each row, most of them empty.
  full = [
    [name for name in x if _has_content(row.fields[name])] for x in groups
  ]
  names = next(filter(None, [*full, *groups]), None)
  if names is None:
    return None
  _check_alike(row, role, names)
  _check_solution(row, names[0])
  return names[0]


def missing(row: rows.Row, role: str, fields: Mapping[str, str]) -> ValueError:
  """The error that a row has no such field.

  Args:
    row: the row.
    role: `QUESTION` or `GOLD`.
    fields: the user's mapping.

  Returns:
    The error.
  """
  present = ", ".join(sorted(row.fields)) or "none"
  name = fields.get(role, role)
  others = [name for group in KNOWN[role][1:] for name in group]
  known = "" if role in fields else f", {', '.join(others)}"
  return row.error(
    f"no field `{name}` (fields: {present})",
    f"`{name}`{known}, or its name in config.task.fields.{role}",
  )


def _has_content(value: Any) -> bool:
  return value not in (None, [], "") and str(value).strip() != ""


def _check_alike(row: rows.Row, role: str, names: list[str]) -> None:
  """Raises a ValueError unless all fields of some names say the same."""
  if len(names) == 1 or len({_meaning(row, role, x) for x in names}) == 1:
    return
  values = " or ".join(f"`{x}` ({str(row.fields[x])[:40]!r})" for x in names)
  raise row.error(
    f"the {role} may be {values}",
    f"one of them, or a choice by config.task.fields.{role}",
  )


def _meaning(row: rows.Row, role: str, name: str) -> Any:
  try:
    if role == GOLD:
      return frozenset(golds.read(row, name))
    return row.text(name).strip()
  except ValueError:
    return name  # like no other


def _check_solution(row: rows.Row, name: str) -> None:
  """Raises a ValueError if a field `solution` holds prose without an answer."""
  value = row.fields[name]
  if name.lower() not in KNOWN[GOLD][-1] or not isinstance(value, str):
    return
  if len(_WORD.findall(value)) > _MAX_WORDS and not golds.is_solution(value):
    raise row.error(
      f"`{name}` ends in {value[-40:]!r} and states no answer",
      r"`#### 42`, `\boxed{42}` or `The answer is: 42` in it, or the answer in "
      "a field `gold`",
    )
