"""A worker takes one task after another, and gives back what it cannot do."""

import contextlib
import dataclasses
import itertools
import signal

import pytest

from inference_scaling import storage
from inference_scaling.sweep.workers import beats, planning, worker
from inference_scaling.sweep.workers import board as board_lib
from tests.sweep.workers import stand_in


class World:
  """A plan, and the searches of its workers."""

  def __init__(self, path, monkeypatch):
    self.folder = str(path / "tasks")
    self.board = board_lib.Board(storage.open_store(self.folder))
    self.prepared = stand_in.prepare(path)
    self.executor = stand_in.Inline(monkeypatch)
    self.executor.before = lambda *search: self.searched.append(search)
    self.searched = []
    with contextlib.ExitStack() as stack:
      opened = stand_in.opened(path, stack)
      planner = planning.Planner(
        self.prepared, opened, planning.Cutting(1e-9, 1.0)
      )
      self.plan = planner.make(set())
    self.board.publish(self.plan)

  def work(self, name="w"):
    worker.work(self.folder, name, self.plan.token)

  def recorded(self):
    lines = [
      line for g in self.board.logs() for line in self.board.read_log(g)[0]
    ]
    keys = [stand_in.key(line["record"]) for line in lines if "record" in line]
    assert len(set(keys)) == len(keys)
    return set(keys)

  def keys(self, tasks):
    runs = {str(run.key): run for run in self.prepared.runs}
    return {(runs[str(t.run)], i) for t in tasks for i in t.problems}


@pytest.fixture
def world(tmp_path, monkeypatch):
  stand_in.patch(monkeypatch)
  return World(tmp_path, monkeypatch)


def test_a_worker_does_all_and_ends_in_order(world):
  world.work()
  assert world.recorded() == set(stand_in.every(world.prepared))
  assert world.board.done() == {task.name for task in world.plan.tasks}
  assert world.board.claimed() == set()
  beat = world.board.beats()["w"]
  assert (beat["ended"], beat["why"], beat["task"]) == (True, "", "")


def test_tasks_of_others_are_left_alone(world):
  mine, claimed, done, failed, *_ = world.plan.tasks
  world.board.claim(claimed.name, "another")
  world.board.finish(done.name)
  for count in range(worker.MOST_FAILURES):
    world.board.fail(f"{failed.name}.another.{count}", "wrong")
  world.work()
  assert world.recorded() == world.keys(
    task for task in world.plan.tasks if task not in (claimed, done, failed)
  )
  assert world.keys([mine]) <= world.recorded()
  assert world.board.claimed() == {claimed.name}


def test_a_worker_goes_on_where_another_one_stopped(world):
  task = world.plan.tasks[0]
  run = next(r for r in world.prepared.runs if r.key == task.run)
  for problem in world.prepared.problems[:2]:
    value, timing = stand_in.made(world.prepared, run, problem)
    line = {"record": value, "timing": timing}
    world.board.append(f"{task.name}.another.0", line)
  world.work()
  recorded = set(stand_in.every(world.prepared))
  assert world.recorded() == recorded
  assert len(world.searched) == len(recorded) - 2


def test_programs_that_another_worker_compiles_come_last(world):
  def program(run):
    return run["policy"], run["strategy"], run["n"]

  programs = [program(task.run) for task in world.plan.tasks]
  several = next(i for i, one in enumerate(programs) if one in programs[:i])
  world.board.claim(world.plan.tasks[several].name, "another")
  world.work()
  theirs = [program(run.key) == programs[several] for run, _ in world.searched]
  assert any(theirs) and theirs == sorted(theirs)


def test_programs_that_are_compiled_are_used_first(world):
  world.board.claim(world.plan.tasks[0].name, "another")
  world.work()
  searched = [run for run, _ in world.searched]
  assert len(list(itertools.groupby(searched))) == len(set(searched))
  # Of runs that differ in the seed alone, one follows the other.
  kinds = [(run.policy, run.strategy, run.n) for run in searched]
  assert len(list(itertools.groupby(kinds))) == len(set(kinds))


def test_a_worker_that_starts_again_takes_its_task_again(world):
  """A scheduler has stopped it, and starts it under the same name."""
  mine, other = world.plan.tasks[:2]
  world.board.claim(mine.name, "w")
  world.board.claim(other.name, "another")
  world.work()
  assert world.keys([mine]) <= world.recorded()
  assert world.board.claimed() == {other.name}


def test_tasks_that_are_cut_anew_are_taken(world):
  changed = dataclasses.replace(world.plan, tasks=world.plan.tasks[1:2])

  def before(run, problem):
    world.searched.append((run, problem))
    world.board.publish(changed)

  world.executor.before = before
  world.work()
  assert world.recorded() == world.keys(world.plan.tasks[:2])


@pytest.mark.parametrize("end", ["sweep", "token"])
def test_a_worker_ends_once_its_plan_is_gone(end, world):
  def before(run, problem):
    if end == "sweep":
      world.board.store.delete(board_lib.PLAN)
    else:
      world.board.publish(dataclasses.replace(world.plan, token="other"))

  world.executor.before = before
  world.work()
  world.board.use(world.plan.token)
  assert world.recorded() == world.keys(world.plan.tasks[:1])
  assert world.board.beats()["w"]["ended"]
  world.board.use("other")  # of whose records it has made none
  assert world.recorded() == set() and world.board.done() == set()


def test_a_folder_that_is_not_shared_is_named(world, tmp_path):
  with pytest.raises(worker.WorkerError, match="is the folder shared by all"):
    worker.work(str(tmp_path / "other"), "w", world.plan.token)
  with pytest.raises(worker.WorkerError, match="does not hold the plan"):
    worker.work(world.folder, "w", "token of another sweep")
  assert world.board.beats() == {}


def test_a_host_without_the_drivers_folder_is_told(world):
  gone = dataclasses.replace(world.plan, directory="/nowhere/at/all")
  world.board.publish(gone)
  with pytest.raises(worker.WorkerError, match="the driver runs in /nowhere"):
    world.work()


def test_a_host_that_reads_other_files_is_told(world, tmp_path):
  path = tmp_path / "problems.jsonl"
  path.write_text(path.read_text().replace("Anna", "Berta", 1))
  with pytest.raises(worker.WorkerError, match="other checkpoints, other prob"):
    world.work()
  beat = world.board.beats()["w"]
  assert beat["ended"] and "other checkpoints" in beat["why"]
  assert world.searched == [] and world.board.claimed() == set()


def test_files_that_a_host_lacks_end_the_worker_not_the_tasks(world, tmp_path):
  (tmp_path / "problems.jsonl").unlink()
  with pytest.raises(worker.WorkerError, match=r"problems\.jsonl"):
    world.work()
  assert list(world.board.failures()) == []
  assert world.board.beats()["w"]["ended"]


def test_a_disk_that_is_full_ends_the_worker_and_frees_its_task(
  world, monkeypatch
):
  def refuse(self, name, data):
    raise OSError(28, "No space left on device")

  def full():
    monkeypatch.setattr(storage.LocalStore, "append", refuse)
    monkeypatch.setattr(storage.LocalStore, "write", refuse)

  world.executor.before = lambda run, problem: problem != 1 or full()
  with pytest.raises(worker.WorkerError, match=r"No space left.* \(on "):
    world.work()
  assert len(world.recorded()) == 1
  assert world.board.claimed() == set() and list(world.board.failures()) == []


def test_a_failure_is_written_down_and_the_next_task_taken(world, capsys):
  bad = world.plan.tasks[1]

  def before(run, problem):
    if run.key == bad.run and problem == bad.problems[-1]:
      raise RuntimeError("out of memory")

  world.executor.before = before
  world.work()
  every = set(stand_in.every(world.prepared))
  assert every - world.recorded() == {
    key for key in world.keys([bad]) if key[1] == bad.problems[-1]
  }
  failures = list(world.board.failures())
  assert [task for task, _ in failures] == 3 * [bad.name]
  why = world.board.failure(failures[0][1])
  assert why.endswith("RuntimeError: out of memory")
  assert "RuntimeError: out of memory" in capsys.readouterr().err
  assert bad.name not in world.board.done() | world.board.claimed()


def test_ctrl_c_gives_the_task_back(world):
  def before(run, problem):
    if problem == 1:
      raise KeyboardInterrupt

  world.executor.before = before
  with pytest.raises(KeyboardInterrupt):
    world.work()
  assert world.board.claimed() == set() and list(world.board.failures()) == []
  beat = world.board.beats()["w"]
  assert (beat["ended"], beat["why"]) == (True, "stopped")


def test_a_worker_that_was_taken_for_lost_leaves_the_claim_of_the_next(world):
  task = world.plan.tasks[0]

  def before(run, problem):
    if run.key == task.run and problem == 0:
      world.board.release(task.name, "w")
      world.board.claim(task.name, "another")

  world.executor.before = before
  world.work()
  assert world.board.claimant(task.name) == "another"


def test_what_a_worker_searches_is_in_its_beats(world):
  told = []
  world.executor.before = lambda run, problem: told.append(
    world.board.beats()["w"]["task"]
  )
  world.work()
  names = [task.name for task in world.plan.tasks for _ in task.problems]
  assert sorted(told) == sorted(names)


@pytest.fixture
def _signals():
  before = signal.getsignal(signal.SIGTERM)
  yield
  signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_signals")
@pytest.mark.parametrize(
  ("error", "code", "words"),
  [
    (None, 0, ""),
    (KeyboardInterrupt(), 130, "Stopped.\n"),
    (worker.WorkerError("no plan"), 1, "Error: no plan\n"),
    (OSError("cannot write x"), 1, "Error: cannot write x\n"),
  ],
)
def test_a_worker_is_a_program(error, code, words, capsys):
  given = []

  def run(*arguments):
    given.append(arguments)
    if error:
      raise error

  assert worker.main(["folder", "w", "token"], run) == code
  assert capsys.readouterr().err == words
  assert given == [("folder", "w", "token")]


@pytest.mark.usefixtures("_signals")
def test_a_schedulers_signal_is_ctrl_c():
  def run(*arguments):
    signal.raise_signal(signal.SIGTERM)

  assert worker.main(["folder", "w", "token"], run) == 130


def test_a_heart_ends_with_its_worker(world, monkeypatch):
  hearts = []
  begin = beats.Heart.__enter__
  monkeypatch.setattr(
    beats.Heart, "__enter__", lambda self: hearts.append(self) or begin(self)
  )
  world.executor.before = lambda run, problem: 1 / 0
  world.work()
  (heart,) = hearts
  assert not heart._thread.is_alive()
