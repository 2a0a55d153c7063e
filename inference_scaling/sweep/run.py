"""Runs a sweep: all runs over all problems, recorded one by one.

Several processes may run one sweep together. All of them search, in step; the
first one alone reads and writes the folder and says what is going on.
"""

import contextlib
import datetime
import functools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ml_collections

from inference_scaling.spec import grid
from inference_scaling.sweep import prepared as prepared_lib
from inference_scaling.sweep import (
  processes,
)
from inference_scaling.sweep import searches as searches_lib
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep.progress import banner, bar, unfinished
from inference_scaling.sweep.records import opening, recorded, votes
from inference_scaling.sweep.workers import board

# Flushed: into a log file lines would else appear in large lumps.
_say = functools.partial(print, flush=True)


class SweepInterruptedError(KeyboardInterrupt):
  """Ctrl-C during a sweep; the message says what is safe."""


def run_sweep(
  config: ml_collections.ConfigDict | Mapping[str, Any],
  workdir: str | pathlib.Path,
  say: Callable[[str], None] = _say,
  *,
  see: searches_lib.See = searches_lib.see_nothing,
  redo_changed: bool = False,
) -> pathlib.Path:
  """Runs what a config asks for and is not yet recorded.

  Each problem of each run becomes one line of records.jsonl as soon as it is
  done. Called again on the same folder it goes on where it was stopped, and
  the records are the same to the bit as without the stop, whatever the order of
  the problems. The config may have grown since: more problems, policies, runs,
  n, seeds or aggregations, and records are those of the larger sweep. Draws do
  not depend on `batch_size` either, but it sets a shape of the programs:
  with another value sums may be rounded in another order, so that scores differ
  in the last bits and, once in very many tokens, a draw on the edge between two
  tokens falls on the other.

  Args:
    config: as configs/demo.py makes it.
    workdir: folder of the results, made where missing.
    say: takes lines about what is going on.
    see: is told of each new record and of its time, in the process that writes.
    redo_changed: whether records of problems that are not the same today are
      dropped and computed anew.

  Returns:
    The folder.

  Raises:
    ValueError: on a config, a checkpoint or a problem file that is not as it
      should be or not the same in all processes, a folder that belongs to
      another sweep, or records of problems that are not the same today.
    FileNotFoundError: if a file is missing.
    FloatingPointError: on logits or rewards that are no numbers.
    OSError: if records cannot be written; what was written is safe. In a
      process that is not the first, if the first one could not begin.
    SweepInterruptedError: on Ctrl-C; likewise.
  """
  workdir = pathlib.Path(workdir).absolute()
  prepared = prepared_lib.prepare(config)
  if not processes.is_lead():
    say = _say_nothing
  if (workdir / board.FOLDER / board.PLAN).exists():
    say(
      "Note: workers of an earlier --executor may be at work on this folder. "
      "Only the same command with it collects what they record; this process "
      "computes it itself."
    )
  say(banner.describe(prepared, workdir))
  content = prepared.content()
  prepared.check_same(content)
  with contextlib.ExitStack() as stack:
    opened: list[opening.Opened] = []

    def open_folder() -> tuple[str, Sequence[recorded.Row]]:
      opened.append(
        opening.open_folder(
          workdir, prepared.sweep, content, prepared.problems, say, stack,
          redo_changed=redo_changed,
        )
      )  # fmt: skip
      return opened[0].began.isoformat(), opened[0].rows

    began, rows = processes.from_lead(open_folder)
    if rows:
      say(f"Going on: {len(rows)} records are there already.")
    done = recorded.to_done(rows)
    opening.tell_foreign(done, prepared.runs, say)
    try:
      date = datetime.date.fromisoformat(began)
      _complete(prepared, date, done, opened, say, see)
    except KeyboardInterrupt as error:
      if not opened:
        raise
      records = opened[0].records
      raise SweepInterruptedError(
        f"Interrupted. {records.recount()} records in {records.path} are "
        "safe; run the same command again and it goes on from there."
      ) from error
  return workdir


def _say_nothing(line: str) -> None:
  """What all processes but the first say."""


def _complete(
  prepared: prepared_lib.Prepared,
  began: datetime.date,
  done: recorded.Done,
  opened: Sequence[opening.Opened],
  say: Callable[[str], None],
  see: searches_lib.See,
) -> None:
  """Searches what is not recorded; the lead has the folder open and writes."""
  problems = {problem.id for problem in prepared.problems}
  left = {
    run: problems - done.get(run, {}).keys()
    for run in prepared.runs
    if len(done.get(run, {})) < len(problems)
  }
  if not left:
    say("Nothing is left to compute.")
    return
  searches = searches_lib.Searches(prepared, began, say)
  searches.check_prompts({run.policy for run in left})
  if opened:
    _record(prepared, searches, left, done, opened[0], say, see)
    return
  for run, waiting in left.items():
    for _ in searches.search(run, waiting):
      pass


def _record(
  prepared: prepared_lib.Prepared,
  searches: searches_lib.Searches,
  left: Mapping[grid.Run, set[int]],
  done: recorded.Done,
  opened: opening.Opened,
  say: Callable[[str], None],
  see: searches_lib.See,
) -> None:
  """Records searches, run by run, and shows how far the sweep is."""
  vote = votes.shown(settings_lib.aggregations(prepared.sweep))
  watch = unfinished.Watch(searches.engine.loaded, len(prepared.problems), say)
  total = len(prepared.runs) * len(prepared.problems)
  before = sum(len(done.get(run, {})) for run in prepared.runs)
  with searches, bar.Progress(total, before, vote, say) as shown:
    for run, waiting in left.items():
      outcomes = list(done.get(run, {}).values())
      shown.start_run(run, outcomes, searches.num_slots(run))
      for made, timing in searches.records(run, waiting):
        opened.records.append(made)
        opened.timings.append(timing)
        shown.advance(made["votes"])
        watch.see(run, made)
        see(made, timing)
      shown.end_run()
