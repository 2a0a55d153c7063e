"""Opens the folder of a sweep: claims it, and reads what it holds already."""

import contextlib
import dataclasses
import datetime
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inference_scaling import spec, tasks
from inference_scaling.spec import grid
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep.records import (
  files,
  folder,
  recorded,
  start,
  votes,
)


@dataclasses.dataclass(frozen=True)
class Opened:
  """A folder that this process alone writes.

  Attributes:
    records: file of the records.
    timings: file of what is told of each record's time.
    began: day on which the sweep began.
    rows: what is recorded, of problems that are the same today.
  """

  records: files.JsonLines
  timings: files.JsonLines
  began: datetime.date
  rows: Sequence[recorded.Row]


def open_folder(
  workdir: pathlib.Path,
  sweep: spec.Sweep,
  content: Mapping[str, Any],
  problems: Sequence[tasks.Problem],
  say: Callable[[str], None],
  stack: contextlib.ExitStack,
  *,
  redo_changed: bool = False,
) -> Opened:
  """Claims a folder for a sweep and reads its records.

  Args:
    workdir: the folder, made where missing.
    sweep: what is asked.
    content: what its config.json is to hold.
    problems: those of today.
    say: takes lines about what is going on.
    stack: closes the files.
    redo_changed: whether records of problems that are not the same today are
      dropped.

  Returns:
    The open folder.

  Raises:
    ValueError: if it belongs to another sweep, or has records of problems that
      have changed, unless they are to be redone.
    OSError: if it cannot be written, or another process writes it.
  """
  today = datetime.date.today()
  before = folder.claim(workdir, start.stamp(dict(content), today))
  records, timings = (
    stack.enter_context(files.JsonLines(workdir / name))
    for name in (folder.RECORDS, folder.TIMINGS)
  )
  began = start.read(workdir / folder.CONFIG)
  if before is not None:
    for line in spec.moves(before, sweep):
      say(f"Changed since the last start: {line}")
  rows = _read(sweep, problems, records, timings, redo_changed, say)
  # A file that is written anew has another time: the day goes with it.
  folder.tell(workdir, **content, started=began.isoformat())
  return Opened(records, timings, began, rows)


def tell_foreign(
  done: recorded.Done, runs: Sequence[grid.Run], say: Callable[[str], None]
) -> None:
  """Says where records are of runs that the config does not have.

  Args:
    done: what is recorded.
    runs: of the config.
    say: takes the line.
  """
  foreign = [run for run in done if run not in runs]
  if foreign:
    count = sum(len(done[run]) for run in foreign)
    say(
      f"Not asked for: {count} of these records are of runs that the config "
      f"does not have, such as {foreign[0]}. They stay, and reports have them; "
      "delete their lines if they are of another sweep."
    )


def _read(
  sweep: spec.Sweep,
  problems: Sequence[tasks.Problem],
  records: files.JsonLines,
  timings: files.JsonLines,
  redo_changed: bool,
  say: Callable[[str], None],
) -> list[recorded.Row]:
  """Reads records, with the votes of today; drops those that are to be redone.

  Raises:
    ValueError: on records of problems that have changed, unless they are to be
      redone.
  """
  aggregations = settings_lib.aggregations(sweep)
  recorded.vote_again(records, aggregations)
  rows, changes = recorded.read(records, votes.shown(aggregations), problems)
  if not redo_changed:
    recorded.refuse(records, changes, problems)
  elif changes:
    count = records.count
    recorded.drop(records, timings, rows, problems)
    say(
      f"Dropped {count - len(rows)} of {count} records, of problems that have "
      f"changed or are gone, {len(changes)} in all."
    )
  return rows
