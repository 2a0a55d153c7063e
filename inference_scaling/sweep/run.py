"""Runs a sweep: all runs over all problems, recorded one by one.

Several processes may run one sweep together. All of them search, in step; the
first one alone reads and writes the folder and says what is going on.
"""

import contextlib
import dataclasses
import datetime
import functools
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import ml_collections

from inference_scaling import compute, decoding, spec, tasks
from inference_scaling.spec import grid
from inference_scaling.sweep import (
  checkpoints,
  engine,
  loading,
  processes,
)
from inference_scaling.sweep import problems as problems_lib
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep.progress import banner, bar, unfinished
from inference_scaling.sweep.records import files as records
from inference_scaling.sweep.records import folder as workdir_lib
from inference_scaling.sweep.records import (
  record,
  recorded,
  start,
  votes,
)

# Flushed: into a log file lines would else appear in large lumps.
_say = functools.partial(print, flush=True)


class SweepInterruptedError(KeyboardInterrupt):
  """Ctrl-C during a sweep; the message says what is safe."""


def run_sweep(
  config: ml_collections.ConfigDict | Mapping[str, Any],
  workdir: str | pathlib.Path,
  say: Callable[[str], None] = _say,
  *,
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
  sweep = settings_lib.choose_dtype(spec.read_sweep(config))
  problems = problems_lib.load(sweep.task)
  policies = {
    name: checkpoints.policy(path) for name, path in sweep.policies.items()
  }
  reward = None
  if sweep.reward.has_model:
    reward = checkpoints.reward(
      sweep.reward.source, sweep.reward.format,
      getattr(sweep.reward, "body", ""),
    )  # fmt: skip
  parameters = {name: model.parameters for name, model in policies.items()}
  runs = grid.by_cost(grid.expand(sweep.runs), parameters)
  if not processes.is_lead():
    say = _say_nothing
  say(banner.describe(sweep, runs, problems, parameters, reward, workdir))
  content = workdir_lib.content(sweep, policies, reward, len(problems))
  processes.check_same(
    {
      "config or checkpoints": content,
      "problems": [dataclasses.asdict(problem) for problem in problems],
    }
  )
  with contextlib.ExitStack() as stack:
    files: list[records.JsonLines] = []

    def open_folder() -> tuple[str, list[recorded.Row]]:
      today = datetime.date.today()
      before = workdir_lib.claim(workdir, start.stamp(content, today))
      for name in (workdir_lib.RECORDS, workdir_lib.TIMINGS):
        files.append(stack.enter_context(records.JsonLines(workdir / name)))
      began = start.read(workdir / workdir_lib.CONFIG).isoformat()
      if before is not None:
        for line in spec.moves(before, sweep):
          say(f"Changed since the last start: {line}")
      rows = _read_records(sweep, problems, files, redo_changed, say)
      # A file that is written anew has another time: the day goes with it.
      workdir_lib.tell(workdir, **content, started=began)
      return began, rows

    began, rows = processes.from_lead(open_folder)
    if rows:
      say(f"Going on: {len(rows)} records are there already.")
    done = recorded.to_done(rows)
    _tell_foreign(done, runs, say)
    try:
      date = datetime.date.fromisoformat(began)
      running = _Sweep(sweep, problems, policies, reward, files, date)
      running.run(runs, done, say)
    except KeyboardInterrupt as error:
      if not files:
        raise
      raise SweepInterruptedError(
        f"Interrupted. {files[0].recount()} records in {files[0].path} are "
        "safe; run the same command again and it goes on from there."
      ) from error
  return workdir


def _read_records(
  sweep: spec.Sweep,
  problems: Sequence[tasks.Problem],
  files: Sequence[records.JsonLines],
  redo_changed: bool,
  say: Callable[[str], None],
) -> list[recorded.Row]:
  """Reads records, with the votes of today; drops those that are to be redone.

  Raises:
    ValueError: on records of problems that have changed, unless they are to be
      redone.
  """
  aggregations = settings_lib.aggregations(sweep)
  recorded.vote_again(files[0], aggregations)
  rows, changes = recorded.read(files[0], votes.shown(aggregations), problems)
  if not redo_changed:
    recorded.refuse(files[0], changes, problems)
  elif changes:
    count = files[0].count
    recorded.drop(files[0], files[1], rows, problems)
    say(
      f"Dropped {count - len(rows)} of {count} records, of problems that have "
      f"changed or are gone, {len(changes)} in all."
    )
  return rows


def _tell_foreign(
  done: recorded.Done, runs: Sequence[grid.Run], say: Callable[[str], None]
) -> None:
  """Says where records are of runs that the config does not have."""
  foreign = [run for run in done if run not in runs]
  if foreign:
    count = sum(len(done[run]) for run in foreign)
    say(
      f"Not asked for: {count} of these records are of runs that the config "
      f"does not have, such as {foreign[0]}. They stay, and reports have them; "
      "delete their lines if they are of another sweep."
    )


def _say_nothing(line: str) -> None:
  """What all processes but the first say."""


class _Sweep:
  """Loaded models, and the files that records go to, if this is the lead."""

  def __init__(self, sweep, problems, policies, reward, files, date):
    self._sweep = sweep
    self._problems = {problem.id: problem for problem in problems}
    self._checkpoints = policies
    self._reward = reward
    self._files = files
    self._date = date  # on which the sweep began

  def run(
    self, runs: list[grid.Run], done: recorded.Done, say: Callable[[str], None]
  ) -> None:
    """Completes the runs, in their order."""
    left = [run for run in runs if len(done.get(run, {})) < len(self._problems)]
    if not left:
      say("Nothing is left to compute.")
      return
    settings = settings_lib.make_settings(self._sweep, self._date)
    loaded = loading.load_engine(self._checkpoints, self._reward, settings, say)
    # All prompts before the first search: one too long should not end a sweep
    # after hours.
    prompts = {
      name: loaded.prompts(name, list(self._problems.values()))
      for name in {run.policy for run in left}
    }
    searches = {
      run: self._search(loaded, run, prompts[run.policy], done.get(run, {}))
      for run in left
    }
    if processes.is_lead():
      total = len(runs) * len(self._problems)
      before = sum(len(done.get(run, {})) for run in runs)
      self._record(loaded, searches, done, total, before, say)
      return
    for search in searches.values():
      for _ in search:
        pass

  def _search(
    self, loaded, run, prompts, recorded
  ) -> Iterator[decoding.Finished]:
    """Searches the problems of one run that are not yet recorded."""
    waiting = [prompt for prompt in prompts if prompt.id not in recorded]
    yield from loaded.search(run, waiting, self._num_slots(loaded, run))

  def _num_slots(self, loaded, run) -> int:
    """Problems of a run that are in flight."""
    rows = loaded.settings.rows_per_problem
    shape = engine.shape(run, loaded.settings.limits.max_steps, rows)
    return engine.slots(
      self._sweep.batch_size,
      shape.num_rows if rows else shape.num_beams,
      len(self._problems),
      self._sweep.mesh.data,
    )

  def _record(self, loaded, searches, done, total, before, say) -> None:
    """Records finished searches, run by run, and shows how far the sweep is."""
    vote = votes.shown(settings_lib.aggregations(self._sweep))
    watch = unfinished.Watch(loaded, len(self._problems), say)
    with (
      tasks.Grader(percent=self._sweep.percent) as grader,
      bar.Progress(total, before, vote, say) as shown,
    ):
      for run, search in searches.items():
        outcomes = list(done.get(run, {}).values())
        shown.start_run(run, outcomes, self._num_slots(loaded, run))
        maker = self._maker(loaded, run, grader)
        for finished in search:
          made = self._write(run, maker, finished)
          shown.advance(made["votes"])
          watch.see(run, made)
        shown.end_run()

  def _maker(self, loaded, run, grader) -> record.RecordMaker:
    return record.RecordMaker(
      texts=loaded.texts(run.policy),
      policy_cost=self._checkpoints[run.policy].cost,
      reward_cost=self._reward.cost if self._reward else compute.NO_COST,
      grader=grader,
      aggregations=settings_lib.aggregations(self._sweep),
      dtype=self._dtype(run.policy),
      # Where the policy is the head's body, in the dtype that it reads.
      head_cost=self._reward.head_cost if run.policy in loaded.heads else None,
    )

  def _dtype(self, policy) -> str:
    """The dtype of a policy; a port's is not known."""
    known = isinstance(self._checkpoints[policy], checkpoints.Checkpoint)
    return self._sweep.dtype_of(policy) if known else ""

  def _write(self, run, maker, finished) -> dict[str, Any]:
    """Makes the record of one problem and puts it on the disk."""
    records_file, timings = self._files
    problem = self._problems[finished.problem_id]
    try:
      made = maker.make(run, problem, finished)
    except ValueError as error:
      raise ValueError(f"run {run}, problem {problem.id}: {error}") from error
    records_file.append(made)
    timings.append(
      {"run": run.key, "problem": problem.id, "seconds": finished.seconds}
    )
    return made
