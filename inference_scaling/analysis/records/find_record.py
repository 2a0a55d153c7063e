"""Finds one record of a sweep, with its texts and its tree."""

import dataclasses
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from inference_scaling import json_lines
from inference_scaling.spec import record as record_lib

_COLUMNS = ("depths", "rounds")  # of a tree; older ones have none
_SHOWN = 20  # runs or problems named in a message


@dataclasses.dataclass(frozen=True)
class FoundRecord:
  """A record and the runs of those like it.

  Attributes:
    record: JSON data, the first in the file that fits.
    others: the runs of those that fit as well.
  """

  record: dict[str, Any]
  others: list[str]


def find_record(
  path: str | pathlib.Path, problem: int | str, **wanted: str | int | None
) -> FoundRecord:
  """Looks for a record of a problem.

  What a kill has cut at the end is left out with a warning; see `json_lines`.

  Args:
    path: a records.jsonl.
    problem: id of the problem, or its name where it has one.
    **wanted: what the run must be: policy, strategy, n, seed; None for any.

  Returns:
    The first record that fits, and the runs of the others.

  Raises:
    ValueError: if no record fits, and the message says what there is, or if
      the tree of the one that does is of an older form.
    FileNotFoundError: if there is no such file.
  """
  wanted = {name: value for name, value in wanted.items() if value is not None}
  first, others = None, []
  runs: dict[str, None] = {}  # of the problem; a dict keeps the order
  problems: dict[int, str] = {}  # what each is called, by id
  for number, record in _read(pathlib.Path(path)):
    where = f"{path}, line {number}"
    try:
      run = record_lib.parse_part(record_lib.Run, record, "run", where)
      details = record_lib.parse_part(
        record_lib.Problem, record, "problem", where
      )
    except record_lib.RecordError as error:
      raise ValueError(
        f"{path}, line {number}, is no record ({error}); expected one record "
        "a line. Give the folder that a sweep has written."
      ) from error
    problems[details.id] = details.title
    if str(problem) not in (str(details.id), details.title):
      continue
    runs[str(run)] = None
    if any(getattr(run, name) != value for name, value in wanted.items()):
      continue
    if first is None:
      first = record
      _check_tree(record_lib.parse(record, where).tree, path)
    else:
      others.append(str(run))
  if first is not None:
    return FoundRecord(first, others)
  if not problems:
    raise ValueError(
      f"{path}: no records; run the sweep that writes to this folder first"
    )
  if not runs:
    raise ValueError(
      f"{path} has no record of problem {problem}; there are those of "
      f"{_few(problems[number] for number in sorted(problems))}."
    )
  conditions = ", ".join(f"{name} {value}" for name, value in wanted.items())
  raise ValueError(
    f"{path} has no record of problem {problem} with {conditions}; there are "
    f"{_few(runs)}."
  )


def _check_tree(tree: record_lib.Tree, path: str | pathlib.Path) -> None:
  """Refuses a tree that lists its steps by search round, not by node."""
  missing = [name for name in _COLUMNS if getattr(tree, name) is None]
  if missing:
    raise ValueError(
      f"{path}: the search trees are of an older version of this program and "
      f"lack {' and '.join(missing)}; run the sweep again, into a new folder, "
      "to see them. launch/report.py still reads these records."
    )


def _few(names: Iterable[str]) -> str:
  """The first of the names, and how many more there are."""
  names = list(names)
  more = len(names) - _SHOWN
  shown = ", ".join(names[:_SHOWN]) or "none"
  return f"{shown} and {more} more" if more > 0 else shown


def _read(path: pathlib.Path) -> Iterator[tuple[int, dict[str, Any]]]:
  """Yields the records and their lines, one in memory at a time."""
  if not path.is_file():
    raise FileNotFoundError(
      f"there is no {path}; give the folder that a sweep has written"
    )
  yield from json_lines.read(path)
