r"""Reads the gold answers of a row: an answer, a solution, or a list of them.

A number, or a text, is the answer itself. A text is a worked solution where it
has one of the marks by which solutions state their answers: `####`, a box
(`\boxed{...}`) or `The answer is:`, or where it states its answer in another
way that `extract_answer` knows, such as `So the answer is 42.`: no model could
give the whole text for an answer. Its answer is what `extract_answer` finds
there. A list holds alternatives: an answer is right if it equals any of them.
"""

import re

from inference_scaling.tasks.extraction import answers
from inference_scaling.tasks.files import rows

_MARKS = re.compile(
  r"####|\\(?:boxed|fbox|framebox)(?![A-Za-z])"
  r"|\bthe (?:final )?answer is\s*:",
  re.I,
)


def read(row: rows.Row, name: str) -> tuple[str, ...]:
  """Reads a field that holds one gold answer or several.

  Args:
    row: the row.
    name: of the field.

  Returns:
    The different answers in canonical text, at least one.

  Raises:
    ValueError: if there is none, or a solution states none that can be read.
  """
  value = row.fields.get(name)
  if not isinstance(value, list):
    return (_gold(row, name),)
  if not value:
    raise row.error(f"`{name}` is []", "an answer, or a list of alternatives")
  fields = {f"{name}[{i}]": item for i, item in enumerate(value)}
  items = rows.Row(row.path, row.where, fields)
  return tuple(dict.fromkeys(_gold(items, field) for field in fields))


def is_solution(text: str) -> bool:
  """Says whether a text is a worked solution, by the rule above."""
  if _MARKS.search(text):
    return True
  return answers.extract_answer(text) is not None


def _gold(row: rows.Row, name: str) -> str:
  """Reads a field that holds one gold answer."""
  value = row.fields.get(name)
  if not isinstance(value, str) or not is_solution(value):
    return row.gold(name)
  answer = answers.extract_answer(value)
  if answer is None:
    raise row.error(
      f"`{name}` ends in {value[-40:]!r}, a solution of which no answer can be "
      "read",
      r"one that states it as `#### 42`, `\boxed{42}` or `The answer is: 42`",
    )
  return rows.Row(row.path, row.where, {name: answer}).gold(name)
