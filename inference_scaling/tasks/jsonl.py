"""Reads problems from JSON lines, with errors that name file and line."""

import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

from inference_scaling.tasks import canonical_text, problem

Path = str | os.PathLike[str]


def load_problems(path: Path) -> list[problem.Problem]:
  """Loads problems of the user's own from a JSON-lines file.

  Each line is an object with `question` and `gold` (texts; a number will do
  for `gold`). `level` (an integer from 1) may be left out and is then 1; `id`
  (an integer from 0) may be left out on every line and is then the line's
  place among the problems. Other fields are ignored.

  Args:
    path: the file.

  Returns:
    The problems, in the order of the file; the source is the file's name
    without ending.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if the file has no rows or a row is not as described.
  """
  source = pathlib.Path(path).stem
  problems = []
  numbers: dict[int, int] = {}
  for row in read_rows(path):
    gold = row.fields.get("gold")
    if isinstance(gold, (int, float)) and not isinstance(gold, bool):
      row.fields["gold"] = str(gold)
    gold = canonical_text.canonical(row.text("gold"))
    if not gold:
      raise row.error(f"`gold` is {row.fields['gold']!r}", "an answer")
    number = row.integer("id", len(problems), minimum=0)
    if number in numbers:
      raise row.error(
        f"id {number} is that of line {numbers[number]} too",
        "an id that occurs once, on every line or on none",
      )
    numbers[number] = row.line
    level = row.integer("level", 1, minimum=1)
    problems.append(
      problem.Problem(number, row.text("question"), gold, level, source)
    )
  return problems


class Row:
  """One line of a JSON-lines file.

  Attributes:
    path: the file.
    line: number of the line, from 1.
    fields: the object on the line.
  """

  def __init__(self, path: Path, line: int, fields: dict[str, Any]):
    self.path = path
    self.line = line
    self.fields = fields

  def text(self, name: str) -> str:
    """Returns a field that must be there and hold some text."""
    if name not in self.fields:
      found = ", ".join(sorted(self.fields)) or "none"
      raise self.error(f"no field `{name}` (fields: {found})", f"`{name}`")
    value = self.fields[name]
    if not isinstance(value, str) or not value.strip():
      raise self.error(f"`{name}` is {value!r}", "a text that is not empty")
    return value

  def integer(self, name: str, absent: int, *, minimum: int) -> int:
    """Returns a field that holds an integer, `absent` if it is left out."""
    value = self.fields.get(name, absent)
    # JSON's true is an int in Python.
    if isinstance(value, bool) or not isinstance(value, int):
      raise self.error(f"`{name}` is {value!r}", "an integer")
    if value < minimum:
      raise self.error(f"`{name}` is {value}", f"{minimum} or more")
    return value

  def error(self, found: str, expected: str) -> ValueError:
    """Returns an error that names the place, what is there and what is due."""
    return _error(self.path, self.line, found, expected)


def read_rows(path: Path) -> Iterator[Row]:
  """Yields the rows of a JSON-lines file; blank lines are skipped.

  Args:
    path: the file, in UTF-8.

  Yields:
    Each row.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if a row is not a JSON object or there is none at all.
  """
  if not os.path.isfile(path):
    raise FileNotFoundError(
      f"no problem file at {os.fspath(path)}: expected a JSON-lines file with "
      "one problem a line"
    )
  found = False
  with open(path, "rb") as file:
    for line, content in enumerate(file, start=1):
      if not content.strip():
        continue
      found = True
      yield Row(path, line, _parse(path, line, content))
  if not found:
    raise ValueError(
      f"{os.fspath(path)} has no rows: expected JSON lines, one object "
      "for each problem"
    )


def _parse(path: Path, line: int, content: bytes) -> dict[str, Any]:
  """Parses one line."""
  try:
    fields = json.loads(content.decode("utf-8-sig"))
  except ValueError as error:  # both of JSON and of UTF-8
    start = content[:60].decode("utf-8", "replace").strip()
    raise _error(path, line, f"{start!r} ({error})", "a JSON object") from error
  if not isinstance(fields, dict):
    raise _error(path, line, f"a {type(fields).__name__}", "a JSON object")
  return fields


def _error(path: Path, line: int, found: str, expected: str) -> ValueError:
  return ValueError(
    f"{os.fspath(path)}, line {line}: {found}; expected {expected}"
  )
