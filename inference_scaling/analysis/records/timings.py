"""The machine time of records: what timings.jsonl tells beside records.jsonl.

A line has the time of one record: `seconds` of its search in a batch slot,
beside others, and `machine_seconds`, the wall time of its process since the
record before. Only the second adds up. Older versions did not write it.
"""

import dataclasses
import math
import pathlib
from collections.abc import Sequence
from typing import Any

from inference_scaling import json_lines
from inference_scaling.analysis.records import load
from inference_scaling.spec import record as record_lib
from inference_scaling.spec import typed_json

_FIELD = "machine_seconds"
_REMEDY = "Delete the line: its run is then left out of tables of wall time"


def add_times(
  records: Sequence[load.Record], path: str | pathlib.Path
) -> list[load.Record]:
  """Gives records their machine seconds.

  Args:
    records: of a sweep.
    path: the timings.jsonl of the same folder, which may be missing.

  Returns:
    The records; `machine_seconds` is None where the file does not tell it.

  Raises:
    RecordError: on a bad line, or two of one record.
  """
  times = _read(pathlib.Path(path))
  return [
    dataclasses.replace(record, machine_seconds=times.get(_key(record)))
    for record in records
  ]


def _key(record: load.Record) -> tuple:
  run = record.policy, record.strategy, record.n, record.seed
  return *run, record.problem


def _read(path: pathlib.Path) -> dict[tuple, float]:
  """Machine seconds by run and problem."""
  times: dict[tuple, float] = {}
  if not path.is_file():
    return times
  try:
    for number, content in json_lines.read(path):
      if _FIELD not in content:
        continue
      where = f"{path}:{number}"
      try:
        key, seconds = _parse(content, where)
      except load.RecordError as error:
        raise load.RecordError(f"{error}. {_REMEDY}") from error
      if key in times:
        raise load.RecordError(
          f"{where}: run and problem {key} have a time already; expected one"
          " line each. Keep one of the two"
        )
      times[key] = seconds
  except json_lines.LineError as error:
    raise load.RecordError(
      f"{path}:{error.number}: not a JSON object ({error.why}). {_REMEDY}"
    ) from error
  return times


def _parse(content: Any, where: str) -> tuple[tuple, float]:
  """Run and problem of a line, and its machine seconds."""
  run = record_lib.parse_part(record_lib.Run, content, "run", where)
  problem = typed_json.read_field(content, "problem", int, where)
  seconds = typed_json.read_field(content, _FIELD, int | float, where)
  if not math.isfinite(seconds) or seconds < 0:
    raise load.RecordError(
      f"{where}: field {_FIELD!r} is {seconds}; expected a finite number >= 0"
    )
  return (run.policy, run.strategy, run.n, run.seed, problem), float(seconds)
