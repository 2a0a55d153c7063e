"""Reads the records of a sweep and refuses lines that are none.

A report refuses the same lines, but only after hours of computing.
"""

from collections.abc import Iterator
from typing import Any

from inference_scaling import json_lines
from inference_scaling.spec import record as record_lib
from inference_scaling.sweep.records import files


def read(
  file: files.JsonLines,
) -> Iterator[tuple[record_lib.Record, dict[str, Any]]]:
  """Yields the records of a file.

  Args:
    file: of the records.

  Yields:
    Each record, and the same as JSON data.

  Raises:
    ValueError: on a line that is no record, or is of the run and the problem
      of an earlier one.
  """
  lines: dict[tuple[record_lib.Run, int], int] = {}
  for number, value in file.read_numbered():
    where = f"{file.path}, line {number}"
    try:
      record = record_lib.parse(value, where)
      record_lib.check_candidates(record, where)
    except record_lib.RecordError as error:
      raise no_record(f"{error}") from error
    key = (record.run, record.problem.id)
    if key in lines:
      raise ValueError(
        f"{where}, is of run {record.run} and problem {record.problem.id}, as "
        f"line {lines[key]} is; expected each once. Delete one of the two "
        "lines and run again."
      )
    lines[key] = number
    yield record, value


def no_record(what: str) -> ValueError:
  """The error for a line that is no record.

  Args:
    what: is wrong in which line.

  Returns:
    An error that says what to do.
  """
  return ValueError(f"{what}. {json_lines.REMEDY}")
