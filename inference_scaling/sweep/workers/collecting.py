"""Moves what workers record into the folder of the sweep."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from inference_scaling.spec import grid
from inference_scaling.sweep import (
  searches,
)
from inference_scaling.sweep.records import files
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
    self._timed = {_timing_key(line) for line in self._timings.read()}

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


def _key(record: Mapping[str, Any]) -> _Key:
  return grid.Run(**record["run"]), record["problem"]["id"]


def _timing_key(timing: Mapping[str, Any]) -> _Key:
  return grid.Run(**timing["run"]), timing["problem"]
