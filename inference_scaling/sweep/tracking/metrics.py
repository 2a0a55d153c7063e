"""Turns records, as they come, into metrics of their runs."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from inference_scaling import json_lines, names
from inference_scaling.spec import grid
from inference_scaling.sweep import (
  searches,
)
from inference_scaling.sweep.records import folder, votes
from inference_scaling.sweep.tracking import tracker as tracker_lib

_GIB = 2**30


@dataclasses.dataclass
class _Run:
  """Sums over the records of a run; the last two over new records alone."""

  problems: int = 0
  right: int = 0
  flops: float = 0.0
  tokens: int = 0
  new_tokens: int = 0
  seconds: float = 0.0

  def add(self, record: Mapping[str, Any]) -> None:
    ledger = record["ledger"]
    self.problems += 1
    self.right += bool(record["votes"][_shown(record["votes"])]["correct"])
    self.flops += ledger["flops"][names.PAPER]
    self.tokens += ledger["policy_decode"]


class Metrics:
  """Logs the metrics of a run with each of its records.

  They are, under names such as "small rebase n=16 seed=0/accuracy" and at the
  number of problems that the run has by then:

    accuracy: of the vote that progress shows.
    flops_paper: FLOPs per problem in the paper's convention.
    tokens: that the policy generated, per problem.
    tokens_per_second: those of new records by their machine seconds, which
      hold compilation: the rate of one worker.
    memory_gib: of the device, or of the process.

  The first three are means over all records of the run, those of earlier starts
  too, whose metrics are not logged again. A tracker that fails is left after
  one warning.
  """

  def __init__(
    self,
    tracker: tracker_lib.Tracker,
    records: str | pathlib.Path,
    say: Callable[[str], None],
  ):
    """Makes it; records of earlier starts are read with the first new one.

    Args:
      tracker: takes the metrics, and is closed with this.
      records: records.jsonl of the sweep, which new records are written to
        before they are seen.
      say: takes the warning.
    """
    self._tracker: tracker_lib.Tracker | None = tracker
    self._records, self._say = records, say
    self._runs: dict[grid.Run, _Run] | None = None

  def __enter__(self) -> "Metrics":
    return self

  def __exit__(self, *exception) -> None:
    self.close()

  def see(self, record: Mapping[str, Any], timing: Mapping[str, Any]) -> None:
    """Logs the metrics of a new record's run; see `searches.See`."""
    if self._tracker is None:
      return
    try:
      if self._runs is None:
        self._runs = _earlier(self._records, record)
      key = grid.Run(**record["run"])
      run = self._runs.setdefault(key, _Run())
      run.add(record)
      run.new_tokens += record["ledger"]["policy_decode"]
      run.seconds += timing["machine_seconds"]
      values = _values(run, timing.get("memory_bytes"))
      self._tracker.log(
        run.problems, {f"{key}/{name}": value for name, value in values.items()}
      )
    except Exception as error:  # trackers raise what they like
      self._leave(error)

  def close(self) -> None:
    """Closes the tracker."""
    tracker, self._tracker = self._tracker, None
    if tracker is None:
      return
    try:
      tracker.close()
    except Exception as error:
      self._warn(error)

  def _leave(self, error: Exception) -> None:
    self._warn(error)
    tracker, self._tracker = self._tracker, None
    if tracker is not None:
      with contextlib.suppress(Exception):
        tracker.close()

  def _warn(self, error: Exception) -> None:
    self._say(
      f"Warning: tracking has failed ({type(error).__name__}: {error}) and is "
      "off from here on. The sweep goes on, and its records are complete."
    )


@contextlib.contextmanager
def tracked(
  kind: str | None, workdir: pathlib.Path, say: Callable[[str], None]
) -> Iterator[searches.See]:
  """Tracks a sweep, where that is wanted.

  Args:
    kind: as `tracker.open_tracker` takes it; None for no tracker.
    workdir: folder of the sweep.
    say: takes a warning.

  Yields:
    What is to be told of each new record; it does nothing without a tracker.

  Raises:
    ValueError: as `tracker.open_tracker`.
  """
  if kind is None:
    yield searches.see_nothing
    return
  tracker = tracker_lib.open_tracker(kind, workdir, workdir.name)
  with Metrics(tracker, workdir / folder.RECORDS, say) as metrics:
    yield metrics.see


def _values(run: _Run, memory: int | None) -> dict[str, float]:
  """The metrics of a run by name."""
  values = {
    "accuracy": run.right / run.problems,
    "flops_paper": run.flops / run.problems,
    "tokens": run.tokens / run.problems,
  }
  if run.seconds > 0:
    values["tokens_per_second"] = run.new_tokens / run.seconds
  if memory is not None:
    values["memory_gib"] = memory / _GIB
  return values


def _earlier(
  path: str | pathlib.Path, new: Mapping[str, Any]
) -> dict[grid.Run, _Run]:
  """The records that were there before a new one, by run."""
  runs: dict[grid.Run, _Run] = {}
  for _, record in json_lines.read(path):
    if _key(record) != _key(new):
      runs.setdefault(grid.Run(**record["run"]), _Run()).add(record)
  return runs


def _key(record: Mapping[str, Any]) -> tuple:
  return grid.Run(**record["run"]), record["problem"]["id"]


def _shown(recorded: Mapping[str, Any]) -> str:
  """Name of the vote that progress shows, of the votes of a record."""
  ways = [name.partition("/") for name in recorded]
  return votes.shown([how for vote, _, how in ways if vote == names.WEIGHTED])
