"""Moves what workers record into the folder of the sweep."""

import json
import pathlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from inference_scaling.spec import grid
from inference_scaling.sweep import (
  searches,
)
from inference_scaling.sweep.records import files, folder
from inference_scaling.sweep.workers import board as board_lib

_Key = tuple[grid.Run, int]


class Collector:
  """Appends records of all workers to the folder, each once.

  A record stays in its worker's log until the sweep is complete: a kill between
  two lines loses none, and makes none stand twice.
  """

  def __init__(
    self,
    board: board_lib.Board,
    records: files.JsonLines,
    timings: files.JsonLines,
    renew: Callable[[Mapping[str, Any]], Mapping[str, Any] | None],
    see: searches.See,
    say: Callable[[str], None],
  ):
    """Reads what the folder holds already.

    Args:
      board: what workers share.
      records: the folder's file of records.
      timings: that of times.
      renew: makes a record what it would be today, as workers of an earlier
        driver had another config; None for one of a problem that has changed.
      see: is told of each new record.
      say: takes lines that workers say; each once.
    """
    self._board, self._see, self._say = board, see, say
    self._renew = renew
    self._records, self._timings = records, timings
    self._positions: dict[str, int] = {}
    self._said: set[str] = set()
    self.read_again()

  @property
  def recorded(self) -> set[_Key]:
    """Runs and problems of all records."""
    return self._recorded

  def read_again(self) -> None:
    """Reads what the folder holds, as Ctrl-C may come while a line is taken."""
    self._recorded = {_key(line) for line in self._records.read()}
    self._timed = {
      _timing_key(line, f"{self._timings.path}, line {number},")
      for number, line in self._timings.read_numbered()
    }

  def collect(self, complete: Collection[str] = ()) -> int:
    """Takes what is new.

    Args:
      complete: names of tasks whose logs have nothing new: a large sweep has
        many, and each look at a log is a call.

    Returns:
      How many records were.

    Raises:
      OSError: if they cannot be written; they stay with the workers.
    """
    count = 0
    for log in self._board.logs():
      if log.partition(".")[0] in complete:
        continue
      lines, position = self._board.read_log(log, self._positions.get(log, 0))
      for line in lines:
        count += self._take(line)
      self._positions[log] = position
    return count

  def _take(self, line: Mapping[str, Any]) -> bool:
    """Takes a line; tells whether it is a record that is new."""
    if "say" in line:
      if line["say"] not in self._said:
        self._said.add(line["say"])
        self._say(line["say"])
      return False
    record, timing = self._renew(line["record"]), line["timing"]
    if record is None:
      return False
    key = _key(record)
    new = key not in self._recorded
    if new:
      self._records.append(record)
      self._recorded.add(key)
    if key not in self._timed:
      self._timings.append(timing)
      self._timed.add(key)
    if new:
      self._see(record, timing)
    return new


def collect_before(board: board_lib.Board, workdir: pathlib.Path) -> bool:
  """Takes what workers of an earlier driver recorded into its own folder.

  Before another sweep is compared with it: records are then those of the config
  that the folder has, and what may not be mixed is refused.

  Args:
    board: what workers share; uses the earlier plan, if there is one.
    workdir: folder of the sweep.

  Returns:
    Whether the earlier plan is of the sweep in config.json.

  Raises:
    OSError: if the folder cannot be written, or another process writes it.
    ValueError: if a file is damaged.
  """
  plan, config = board.plan(), workdir / folder.CONFIG
  if plan is None or not config.exists():
    return False
  if (
    json.loads(config.read_text(encoding="utf-8")).get("config") != plan.config
  ):
    return False
  board.use(plan.token)
  with (
    files.JsonLines(workdir / folder.RECORDS) as records,
    files.JsonLines(workdir / folder.TIMINGS) as timings,
  ):
    Collector(
      board, records, timings, lambda record: record, searches.see_nothing,
      lambda line: None,
    ).collect()  # fmt: skip
  return True


def _key(record: Mapping[str, Any]) -> _Key:
  return grid.Run(**record["run"]), record["problem"]["id"]


def _timing_key(timing: Mapping[str, Any], where: str = "a log") -> _Key:
  try:
    return grid.Run(**timing["run"]), timing["problem"]
  except (KeyError, TypeError) as error:
    raise ValueError(
      f"{where} has no run or no problem; expected the time of a record. "
      "Delete the line and run the same command again."
    ) from error
