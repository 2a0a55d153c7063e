"""Sweeps without models: what a search records is known at once."""

import dataclasses
import datetime
import pathlib
import types

from inference_scaling import compute, runtime
from inference_scaling.spec import grid, record
from inference_scaling.sweep import checkpoints
from inference_scaling.sweep import prepared as prepared_lib
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep.records import (
  files,
  votes,
)
from inference_scaling.sweep.records import record as maker
from inference_scaling.sweep.workers import board as board_lib
from inference_scaling.sweep.workers import worker as worker_lib
from tests.sweep import tiny

PARAMETERS = {"small": 1000, "large": 4000, "reward": 2000}
PROBLEMS = len(tiny.GOLDS)


@dataclasses.dataclass(frozen=True)
class Model:
  """What a sweep looks up of a checkpoint."""

  source: str
  max_position_embeddings: int = 4096

  @property
  def parameters(self):
    return PARAMETERS[pathlib.Path(self.source).name]

  @property
  def cost(self):
    return compute.NO_COST

  def sha256(self):
    return f"digest of {self.source}"


def patch(monkeypatch):
  """Lets checkpoints be those that are named here."""
  monkeypatch.setattr(checkpoints, "policy", Model)
  monkeypatch.setattr(
    checkpoints, "reward", lambda source, *rest: Model(source)
  )


def config(folder, **changes):
  """The sweep of `tiny`, of the problems in a folder."""
  path = folder / "problems.jsonl"
  if not path.exists():
    tiny.write_problems(path, range(PROBLEMS))
  return tiny.config(folder, **changes)


def prepare(folder, **changes):
  return prepared_lib.prepare(config(folder, **changes))


def made(prepared, run, problem, seconds=1.0):
  """The record of a search, and the line of its time."""
  aggregations = settings_lib.aggregations(prepared.sweep)
  right = (problem.id + run.seed) % 2 == 0
  candidates = [
    record.to_json(
      record.Candidate(
        answer=problem.gold if right else "1000", correct=right,
        status="finished", step_scores=[0.25, 0.5],
      )
    )
  ]  # fmt: skip
  value = {
    "run": run.key,
    "problem": maker.describe_problem(problem),
    "candidates": candidates,
    "tree": {},
    "votes": votes.make_votes(candidates, aggregations),
    "ledger": record.to_json(record.Ledger(policy_decode=1)),
    "dtype": "float32",
  }
  timing = {
    "run": run.key, "problem": problem.id, "seconds": seconds,
    "machine_seconds": seconds,
  }  # fmt: skip
  return value, timing


def every(prepared):
  """All records of a sweep, by run and problem."""
  return {
    (run, problem.id): made(prepared, run, problem)[0]
    for run in prepared.runs
    for problem in prepared.problems
  }


def key(line):
  """Run and problem of a record."""
  return grid.Run(**line["run"]), line["problem"]["id"]


class Searches:
  """Stands in for those of a worker; `before` may raise, or wait."""

  def __init__(self, prepared, began, say, before=lambda run, problem: None):
    self._prepared, self._before = prepared, before
    say("Loaded.")

  def __enter__(self):
    return self

  def __exit__(self, *exception):
    pass

  def check_prompts(self, policies):
    assert policies <= self._prepared.policies.keys()

  def records(self, run, problems):
    for problem in self._prepared.problems:
      if problem.id in problems:
        self._before(run, problem.id)
        yield made(self._prepared, run, problem)


def opened(folder, stack):
  """An open folder of a sweep, without its config."""
  return types.SimpleNamespace(
    records=stack.enter_context(files.JsonLines(folder / "records.jsonl")),
    timings=stack.enter_context(files.JsonLines(folder / "timings.jsonl")),
    began=datetime.date(2026, 1, 31), rows=[],
  )  # fmt: skip


class KilledError(BaseException):
  """What a search raises in place of kill -9 of its process."""


class Inline:
  """Runs a worker to its end when it is started, in this thread.

  Attributes:
    before: is called before each search, and may raise.
    names: of all workers that were started.
    most: of workers that may be started.
  """

  name = "inline"
  detached = False

  def __init__(self, monkeypatch, most=30):
    self.before = lambda run, problem: None
    self.names, self.most = [], most
    self._ended, self._dead = {}, False
    beat = board_lib.Board.beat

    def beat_if_alive(board, worker, value):
      if not self._dead:
        beat(board, worker, value)

    monkeypatch.setattr(board_lib.Board, "beat", beat_if_alive)
    monkeypatch.setattr(runtime, "set_up", lambda cache: None)
    monkeypatch.setattr(
      worker_lib.searches_lib,
      "Searches",
      lambda *arguments: Searches(*arguments, self._search),
    )

  def check(self):
    pass

  def start(self, workers):
    for worker in workers:
      self.names.append(worker.name)
      assert len(self.names) <= self.most, "workers are started for ever"
      self._ended[worker.name] = self._run(worker)
    return {worker.name: "job" for worker in workers}

  def attach(self, jobs):
    self._ended |= dict.fromkeys(jobs, "")

  def ended(self):
    return self._ended

  def waiting(self):
    return set()

  def stop(self, names):
    pass

  def _run(self, worker):
    """Why a worker ended."""
    self._dead = False
    try:
      worker_lib.work(worker.folder, worker.name, worker.token)
    except KilledError:
      return "killed by SIGKILL"
    except OSError as error:
      return f"exit code 1; {error}"
    return ""

  def _search(self, run, problem):
    try:
      self.before(run, problem)
    except KilledError:
      self._dead = True
      raise
