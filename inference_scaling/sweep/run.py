"""Runs a sweep: all runs over all problems, recorded one by one."""

import functools
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import ml_collections

from inference_scaling import compute, tasks
from inference_scaling.sweep import (
  checkpoints,
  engine,
  grid,
  loading,
  plan,
  problems,
  progress,
  record,
  records,
  votes,
)
from inference_scaling.sweep import config as config_lib
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep import workdir as workdir_lib

# run -> problem id -> whether the vote that progress shows is right
Done = dict[grid.Run, dict[int, bool]]


# Flushed: into a log file lines would else appear in large lumps.
_say = functools.partial(print, flush=True)


class SweepInterruptedError(KeyboardInterrupt):
  """Ctrl-C during a sweep; the message says what is safe."""


def run_sweep(
  config: ml_collections.ConfigDict | Mapping[str, Any],
  workdir: str | pathlib.Path,
  say: Callable[[str], None] = _say,
) -> pathlib.Path:
  """Runs what a config asks for and is not yet recorded.

  Each problem of each run becomes one line of records.jsonl as soon as it is
  done. Called again on the same folder it goes on where it was stopped, and
  the records are the same to the bit as without the stop, whatever the order of
  the problems. Draws do not depend on `rows_in_flight` either, but it sets a
  shape of the programs: with another value sums may be rounded in another
  order, so that scores differ in the last bits and, once in very many tokens, a
  draw on the edge between two tokens falls on the other.

  Args:
    config: as configs/demo.py makes it.
    workdir: folder of the results, made where missing.
    say: takes lines about what is going on.

  Returns:
    The folder.

  Raises:
    ValueError: on a config, a checkpoint or a problem file that is not as it
      should be, or a folder that belongs to another sweep.
    FileNotFoundError: if a file is missing.
    FloatingPointError: on logits or rewards that are no numbers.
    OSError: if records cannot be written; what was written is safe.
    SweepInterruptedError: on Ctrl-C; likewise.
  """
  workdir = pathlib.Path(workdir).absolute()
  resolved = config_lib.resolve(config)
  asked = problems.load(resolved["task"])
  policies = {
    name: checkpoints.policy(path)
    for name, path in resolved["policies"].items()
  }
  reward = None
  if settings_lib.needs_reward(resolved):
    reward = checkpoints.reward(
      resolved["reward"]["source"], resolved["reward"]["form"]
    )
  parameters = {name: found.parameters for name, found in policies.items()}
  runs = grid.by_cost(grid.expand(resolved["runs"]), parameters)
  say(plan.describe(resolved, runs, asked, parameters, reward, workdir))
  workdir_lib.claim(workdir, resolved, policies, reward)
  with (
    records.JsonLines(workdir / workdir_lib.RECORDS) as file,
    records.JsonLines(workdir / workdir_lib.TIMINGS) as timings,
  ):
    done = _read_done(file, votes.shown(resolved["aggregations"]))
    if file.count:
      say(f"Going on: {file.count} records are there already.")
    try:
      sweep = _Sweep(resolved, asked, policies, reward, file, timings)
      sweep.run(runs, done, say)
    except KeyboardInterrupt as error:
      raise SweepInterruptedError(
        f"Interrupted. {file.recount()} records in {file.path} are safe; run "
        "the same command again and it goes on from there."
      ) from error
  return workdir


class _Sweep:
  """Loaded models, and the files that records go to."""

  def __init__(self, resolved, asked, policies, reward, file, timings):
    self._resolved = resolved
    self._problems = {problem.id: problem for problem in asked}
    self._checkpoints = policies
    self._reward = reward
    self._file = file
    self._timings = timings

  def run(
    self, runs: list[grid.Run], done: Done, say: Callable[[str], None]
  ) -> None:
    """Completes the runs, in their order."""
    left = [run for run in runs if len(done.get(run, {})) < len(self._problems)]
    if not left:
      say("Nothing is left to compute.")
      return
    settings = settings_lib.make_settings(self._resolved)
    found = loading.load_engine(self._checkpoints, self._reward, settings, say)
    # All prompts before the first search: one too long should not end a sweep
    # after hours.
    prompts = {
      name: found.prompts(name, list(self._problems.values()))
      for name in {run.policy for run in left}
    }
    vote = votes.shown(self._resolved["aggregations"])
    total = len(runs) * len(self._problems)
    before = sum(len(done.get(run, {})) for run in runs)
    with (
      tasks.Grader() as grader,
      progress.Progress(total, before, vote, say) as shown,
    ):
      for run in left:
        recorded = done.get(run, {})
        shown.start_run(run, list(recorded.values()))
        waiting = [p for p in prompts[run.policy] if p.id not in recorded]
        maker = self._maker(found, run, grader)
        self._complete(found, run, waiting, maker, shown)
        shown.end_run()

  def _maker(self, found, run, grader) -> record.RecordMaker:
    return record.RecordMaker(
      tokenizer=found.policies[run.policy].tokenizer,
      policy_cost=self._checkpoints[run.policy].cost,
      reward_cost=self._reward.cost if self._reward else compute.NO_COST,
      grader=grader,
      aggregations=self._resolved["aggregations"],
      max_steps=found.settings.limits.max_steps,
    )

  def _complete(self, found, run, waiting, maker, shown) -> None:
    """Searches and records the waiting problems of one run."""
    num_lanes = engine.lanes(
      self._resolved["rows_in_flight"],
      run.n,
      len(self._problems),
      self._resolved["mesh"]["data"],
    )
    for finished in found.search(run, waiting, num_lanes):
      problem = self._problems[finished.problem_id]
      made = maker.make(run, problem, finished)
      self._file.append(made)
      self._timings.append(
        {"run": run.key, "problem": problem.id, "seconds": finished.seconds}
      )
      shown.advance(made["votes"])


def _read_done(file: records.JsonLines, vote: str) -> Done:
  """Finds out what is recorded already."""
  done: Done = {}
  for number, value in enumerate(file.read(), start=1):
    try:
      run = grid.Run(**value["run"])
      right = bool(value["votes"][vote]["correct"])
      done.setdefault(run, {})[value["problem"]["id"]] = right
    except (KeyError, TypeError) as error:
      raise ValueError(
        f"{file.path}, line {number}, is no record ({error!r}). Delete the "
        "line and run again: what it held is computed anew."
      ) from error
  return done
