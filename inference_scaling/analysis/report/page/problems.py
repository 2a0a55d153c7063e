"""Which problems a page has, each with all of its records.

A page is to stay small enough to be sent and opened at once: of a large sweep
it has the first problems of each level in turn, as many as fit.
"""

import codecs
import dataclasses
import itertools
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from inference_scaling.analysis.records import load
from inference_scaling.analysis.report.page import packing
from inference_scaling.spec import record as record_lib

_BATCH = 2**24  # bytes of records that are in memory at a time


@dataclasses.dataclass(frozen=True)
class Problems:
  """The problems of a page.

  Attributes:
    index: input of the script: runs, and what the list of problems shows.
    packed: the records of each problem by its id, see `packing`.
    left_out: ids of the problems that the page has no space for.
  """

  index: Mapping[str, Any]
  packed: Mapping[int, str]
  left_out: tuple[int, ...]


Run = tuple[str, str, int, int]  # policy, strategy, n, seed


def choose(
  records: Sequence[load.Record], runs: Sequence[Run], vote: str, most: int
) -> Problems:
  """Reads the texts of as many problems as fit.

  Args:
    records: of the report, which come from files.
    runs: of them all, in the order of the page.
    vote: the vote that tells whether a run has solved a problem.
    most: characters that they may take.

  Returns:
    The Problems.

  Raises:
    RecordError: if a file has other records than it had when they were read.
  """
  by_problem: dict[int, list[load.Record]] = {}
  for record in records:
    by_problem.setdefault(record.problem, []).append(record)
  numbers = {run: number for number, run in enumerate(runs)}
  order = _in_turn({p: own[0].level for p, own in by_problem.items()})
  rows, packed = {}, {}
  for parsed in _parsed(by_problem, order, numbers):
    problem, row = parsed[0][0].problem, _row(parsed, runs, vote)
    text = packing.pack(
      packing.compact((numbers[run_of(each)], one) for each, one in parsed)
    )
    most -= len(text) + len(json.dumps(row))
    if most < 0:
      break
    rows[problem], packed[problem] = row, text
  shown = sorted(rows)
  return Problems(
    {"runs": list(runs), "problems": [rows[problem] for problem in shown]},
    {problem: packed[problem] for problem in shown},
    tuple(sorted(by_problem.keys() - rows.keys())),
  )


def ranges(numbers: Sequence[int], most: int = 40) -> str:
  """Numbers in words: "0 to 4, 7, 9 to 12"; at most so many ranges."""
  texts = []
  pairs = itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])
  for _, group in pairs:
    own = [number for _, number in group]
    texts.append(str(own[0]) if len(own) == 1 else f"{own[0]} to {own[-1]}")
  more = ", and others" if len(texts) > most else ""
  return ", ".join(texts[:most]) + more


def run_of(record: load.Record) -> Run:
  """The run of a record."""
  return record.policy, record.strategy, record.n, record.seed


def _in_turn(levels: Mapping[int, int]) -> list[int]:
  """Problems in their order, one of each level in turn."""
  by_level: dict[int, list[int]] = {}
  for problem in sorted(levels):
    by_level.setdefault(levels[problem], []).append(problem)
  columns = [by_level[level] for level in sorted(by_level)]
  rounds = itertools.zip_longest(*columns)
  return [p for each in rounds for p in each if p is not None]


def _parsed(
  by_problem: Mapping[int, Sequence[load.Record]],
  order: Sequence[int],
  numbers: Mapping[Run, int],
) -> Iterator[list[tuple[load.Record, record_lib.Record]]]:
  """Yields each problem's records, as they are and parsed, by run.

  They are read a few problems at a time: of a large sweep most never are.
  """
  each_size = _mean_size([each for own in by_problem.values() for each in own])
  waiting = list(order)
  while waiting:
    batch: list[load.Record] = []
    while waiting and each_size * len(batch) < _BATCH:
      batch += sorted(
        by_problem[waiting.pop(0)], key=lambda each: numbers[run_of(each)]
      )
    lines = _read(batch)
    for _, own in itertools.groupby(batch, lambda each: each.problem):
      yield [(each, _parse(each, lines)) for each in own]


def _mean_size(records: Sequence[load.Record]) -> float:
  """Bytes of a record in its file."""
  files = {record.line[0] for record in records if record.line}
  return sum(path.stat().st_size for path in files) / len(records)


def _read(
  wanted: Sequence[load.Record],
) -> dict[tuple[pathlib.Path, int], bytes]:
  """The lines of records, as they are."""
  numbers: dict[pathlib.Path, set[int]] = {}
  for record in wanted:
    assert record.line is not None
    numbers.setdefault(record.line[0], set()).add(record.line[1])
  return {
    (path, number): line
    for path, own in numbers.items()
    for number, line in _lines(path, max(own))
    if number in own
  }


def _lines(path: pathlib.Path, last: int) -> Iterator[tuple[int, bytes]]:
  with path.open("rb") as file:
    for number, line in itertools.islice(enumerate(file, 1), last):
      yield number, line.removeprefix(codecs.BOM_UTF8)


def _parse(
  record: load.Record, lines: Mapping[tuple[pathlib.Path, int], bytes]
) -> record_lib.Record:
  """The whole of a record."""
  assert record.line is not None
  path, number = record.line
  where = f"{path}:{number}"
  try:
    whole = record_lib.parse(json.loads(lines[record.line]), where)
  except (KeyError, ValueError) as error:
    raise _changed(where) from error
  run = whole.run
  if (whole.problem.id, run.n, run.seed) != (
    record.problem, record.n, record.seed
  ):  # fmt: skip
    raise _changed(where)
  return whole


def _changed(where: str) -> load.RecordError:
  return load.RecordError(
    f"{where}: the line is another one than when the report began to be"
    " written; write the report again"
  )


def _row(
  parsed: Sequence[tuple[load.Record, record_lib.Record]],
  runs: Sequence[Run],
  vote: str,
) -> list[Any]:
  """A row of the list: id, title, level, answer, question, what runs made."""
  problem = parsed[0][1].problem
  solved = {run_of(each): "01"[each.votes[vote]] for each, _ in parsed}
  return [
    problem.id,
    problem.title,
    problem.level,
    problem.gold,
    problem.question.strip(),
    "".join(solved.get(run, "-") for run in runs),
  ]
