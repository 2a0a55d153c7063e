"""Reads rows of a file of problems, with errors that name file and row."""

import csv
import decimal
import json
import math
import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any

from inference_scaling.tasks.grading import canonical_text

Path = str | os.PathLike[str]
# JSON can write half of a pair of them, which no file in UTF-8 can hold.
_SURROGATE = re.compile("[\ud800-\udfff]")
_LEVEL = re.compile(r"(?:level|lvl|l)?[ \t_.:#-]*(\d+)(?:\.0+)?", re.I)


class Row:
  """One row of a file: a line of JSON lines, or a row of a table.

  Attributes:
    path: the file.
    where: position of the row in errors: "line 3" or "row 3", from 1.
    fields: its object.
  """

  def __init__(self, path: Path, where: str, fields: dict[str, Any]):
    self.path = path
    self.where = where
    self.fields = fields

  def value(self, name: str) -> Any:
    """Returns a field that must be there."""
    if name not in self.fields:
      present = ", ".join(sorted(self.fields)) or "none"
      raise self.error(f"no field `{name}` (fields: {present})", f"`{name}`")
    return self.fields[name]

  def text(self, name: str) -> str:
    """Returns a field that must be there and hold some text."""
    value = self.value(name)
    if not isinstance(value, str) or not value.strip():
      raise self.error(f"`{name}` is {value!r}", "a text that is not empty")
    if _SURROGATE.search(value):
      raise self.error(
        f"`{name}` is {value[:60]!r}, with half of a character",
        "whole ones: the text was cut in the middle of a pair",
      )
    return value

  def level(self, name: str) -> int:
    """Returns a field that holds a level from 1: 3, "3" or "Level 3"."""
    value = self.value(name)
    level = as_level(value)
    if level is None:
      raise self.error(
        f"`{name}` is {value!r}", 'an integer or a text such as "Level 3"'
      )
    if level < 1:
      raise self.error(f"`{name}` is {value}", "1 or more")
    return level

  def gold(self, name: str) -> str:
    """Returns a field that holds a gold answer, in canonical text.

    A number will do for a text; 27.0 is "27".
    """
    value = self.fields.get(name)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
      if not math.isfinite(value):
        raise self.error(f"`{name}` is {value!r}", "a number that is finite")
      self.fields[name] = _digits(value)
    gold = canonical_text.canonical(self.text(name))
    if not gold:
      raise self.error(f"`{name}` is {self.fields[name]!r}", "an answer")
    return gold

  def error(self, contents: str, expected: str) -> ValueError:
    """Returns an error that names the row, its contents and what is due."""
    return _error(self.path, self.where, contents, expected)


def as_integer(value: Any) -> int | None:
  """Reads a whole number: 3, 3.0 or "3"; None for anything else.

  Tables write integers as floats where a value is missing elsewhere.
  """
  if isinstance(value, bool):  # an int in Python
    return None
  if isinstance(value, float):
    return int(value) if value.is_integer() else None
  if isinstance(value, str):
    digits = value.removeprefix("-")
    # `int` takes digits of other scripts, underscores and spaces, too.
    plain = digits.isascii() and digits.isdigit() and len(digits) < 20
    return int(value) if plain else None
  return value if isinstance(value, int) else None


def as_level(value: Any) -> int | None:
  """Reads a level: 3, 3.0, "3", "Level 3"; None for anything else."""
  if not isinstance(value, str):
    return as_integer(value)
  match = _LEVEL.fullmatch(value.strip())
  return as_integer(match[1]) if match else None


def read_rows(path: Path) -> Iterator[Row]:
  """Yields the rows of a file of problems.

  Args:
    path: a parquet file where it ends in `.parquet`, a table in UTF-8 with
      names in its first line where it ends in `.csv`, else JSON lines in
      UTF-8, of which blank lines are skipped.

  Yields:
    Each row.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if a row is not an object, there is none at all, or a table
      cannot be read.
  """
  if not os.path.isfile(path):
    raise FileNotFoundError(
      f"no problem file at {os.fspath(path)}: expected a JSON-lines file with "
      "one problem a line, or a .parquet or .csv file"
    )
  readers = {".parquet": _parquet_rows, ".csv": _csv_rows}
  row = None
  for row in readers.get(pathlib.Path(path).suffix, _json_rows)(path):
    yield row
  if row is None:
    raise ValueError(
      f"{os.fspath(path)} has no rows: expected one object for each problem"
    )


def _json_rows(path: Path) -> Iterator[Row]:
  """Yields the lines of a JSON-lines file that are not blank."""
  with open(path, "rb") as file:
    for line, content in enumerate(file, start=1):
      if content.strip():
        where = f"line {line}"
        yield Row(path, where, _parse(path, where, content))


def _csv_rows(path: Path) -> Iterator[Row]:
  """Yields the rows of a table of texts; a field may go over lines."""
  number = 0
  try:
    with open(path, encoding="utf-8-sig", newline="") as file:
      for number, fields in enumerate(csv.DictReader(file, strict=True), 1):
        if None in fields or None in fields.values():
          raise _error(
            path, f"row {number}", "it has more or fewer fields than names",
            "one for each name of the first line",
          )  # fmt: skip
        yield Row(path, f"row {number}", fields)
  except (csv.Error, UnicodeDecodeError) as error:
    raise _error(
      path, f"row {number + 1}", f"it cannot be read ({error})",
      "a table of comma-separated values in UTF-8",
    ) from error  # fmt: skip


def _parquet_rows(path: Path) -> Iterator[Row]:
  """Yields the rows of a parquet file."""
  # Here, so that sweeps over JSON lines do not wait for pyarrow.
  import pyarrow.parquet

  try:
    rows = pyarrow.parquet.read_table(path).to_pylist()
  except (OSError, pyarrow.ArrowInvalid) as error:
    raise ValueError(
      f"{os.fspath(path)} cannot be read as a parquet file ({error}); expected "
      "a table with one problem a row. Download it again."
    ) from error
  for number, fields in enumerate(rows, start=1):
    yield Row(path, f"row {number}", fields)


def _parse(path: Path, where: str, content: bytes) -> dict[str, Any]:
  """Parses one line."""
  try:
    fields = json.loads(content.decode("utf-8-sig"))
  except (ValueError, RecursionError) as error:  # of JSON and of UTF-8
    start = content[:60].decode("utf-8", "replace").strip()
    raise _error(
      path, where, f"{start!r} ({error})", "a JSON object"
    ) from error
  if not isinstance(fields, dict):
    raise _error(path, where, f"a {type(fields).__name__}", "a JSON object")
  return fields


def _digits(value: int | float) -> str:
  """A number in digits, without an exponent: 6.72e-05 is 0.0000672."""
  if isinstance(value, int):
    return str(value)
  return format(decimal.Decimal(repr(value)), "f")


def _error(path: Path, where: str, contents: str, expected: str) -> ValueError:
  return ValueError(
    f"{os.fspath(path)}, {where}: {contents}; expected {expected}"
  )
