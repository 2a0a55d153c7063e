"""As many workers run as have something to do, and those that go are missed."""

import pytest

from inference_scaling import storage
from inference_scaling.sweep.workers import beats
from inference_scaling.sweep.workers import board as board_lib
from inference_scaling.sweep.workers import crew as crew_lib


class Executor:
  """Starts nothing; tests say what has become of whom."""

  name = "fake"
  detached = False

  def __init__(self):
    self.started, self.attached, self.stopped = [], {}, []
    self.over, self.queue = {}, set()

  def start(self, workers):
    self.started.extend(workers)
    return {worker.name: f"job of {worker.name}" for worker in workers}

  def attach(self, jobs):
    self.attached |= jobs

  def ended(self):
    return dict(self.over)

  def waiting(self):
    return set(self.queue)

  def stop(self, names):
    self.stopped.extend(names)


class World:
  """A crew of at most three, their clock, and what they do."""

  def __init__(self, path):
    self.board = board_lib.Board(storage.open_store(path))
    self.executor, self.said, self.now = Executor(), [], 0.0
    self.crew = self.new()
    self.beat_number = 0

  def new(self):
    crew = crew_lib.Crew(
      self.board, self.executor, "folder", 3, 60.0, self.said.append
    )
    crew._watch = beats.Watch(self.said.append, 60.0, lambda: self.now)
    return crew

  def start(self, left, claimed=()):
    """Starts workers; the names of those that are new."""
    before = len(self.executor.started)
    self.crew.start("token", set(left), set(claimed))
    return [worker.name for worker in self.executor.started[before:]]

  def beat(self, name, task="", **told):
    self.beat_number += 1
    value = {
      "beat": self.beat_number, "pid": 1, "host": "h", "time": 0.0,
      "task": task, "ended": False, "why": "", **told,
    }  # fmt: skip
    self.board.beat(name, value)

  def record(self, name, task, what="record"):
    self.board.append(f"{task}.{name}.0", {what: {"problem": {"id": 1}}})

  def end(self, name, why):
    """Whoever started it says that it has ended."""
    self.executor.over[name] = why
    gone = self.crew.miss()
    self.crew.report(gone)
    return gone


@pytest.fixture
def world(tmp_path, monkeypatch):
  monkeypatch.setattr(beats, "_MOST_SKEW", 1e12)
  monkeypatch.setattr(crew_lib, "_POLL", 0.001)
  return World(tmp_path)


def test_no_more_workers_start_than_may_or_than_tasks_wait(world):
  assert world.start([]) == []
  first = world.start("a")
  assert len(first) == 1 and world.start("a") == []
  assert world.start("a", "a") == []
  more = world.start("abcde", "a")
  assert len(more) == 2 and len(set(first + more)) == 3
  assert world.start("abcdefg", "abc") == []
  assert len(world.crew) == 3
  assert {(s.folder, s.token) for s in world.executor.started} == {
    ("folder", "token")
  }


def test_those_that_are_about_to_claim_are_counted(world):
  assert len(world.start("ab")) == 2
  assert world.start("ab", "a") == []
  assert len(world.start("abc", "a")) == 1


def test_workers_of_tasks_that_are_complete_are_free(world):
  world.start("a")
  assert world.start("b", "a") == []
  assert len(world.start("bc", "a")) == 1


def test_a_driver_takes_over_the_workers_of_the_one_before(world):
  names = world.start("abc")
  world.crew = world.new()
  assert len(world.crew) == 0
  world.crew.attach()
  assert len(world.crew) == 3
  assert world.executor.attached == {n: f"job of {n}" for n in names}
  assert world.start("abcde") == []


def test_workers_of_another_executor_are_named(world):
  world.start("ab")
  world.crew, world.executor.name = world.new(), "other"
  with pytest.raises(OSError, match=r"2 worker.*=fake.*delete folder/jobs"):
    world.crew.attach()


def test_workers_of_the_folder_that_this_is_a_copy_of_are_left_alone(world):
  world.start("a")
  jobs = world.board.jobs()
  world.board.write_jobs(jobs | {"folder": "the original"})
  world.crew = world.new()
  world.crew.attach()
  assert len(world.crew) == 0 and world.executor.attached == {}


def test_a_worker_that_ended_in_order_is_replaced_while_tasks_wait(world):
  (name,) = world.start("a")
  world.beat(name, ended=True)
  assert world.end(name, "") == {name: ""}
  assert world.said == [] and world.board.jobs()["jobs"] == {}
  assert world.crew.miss() == {}
  assert world.start([]) == []
  assert len(world.start("b")) == 1


def test_a_worker_that_says_why_it_ends_is_told_of_in_its_words(world):
  (name,) = world.start("a")
  world.board.claim("a", name)
  world.beat(name, ended=True, why="the disk is full")
  assert world.end(name, "exit code 1") == {name: "the disk is full"}
  assert world.said == [f"Worker {name} ended: the disk is full"]
  assert world.board.claimed() == set()


def test_tasks_of_a_worker_that_ended_are_free(world):
  one, two = world.start("ab")
  world.board.claim("a", one)
  world.board.claim("b", two)
  world.beat(two, "b")
  world.end(one, "killed")
  assert world.board.claimed() == {"b"}
  assert len(world.start("ab", "b")) == 1


def test_a_worker_that_is_put_back_into_the_queue_stays(world):
  (one,) = world.start("a")
  world.board.claim("a", one)
  world.beat(one, "a", ended=True, why="stopped")
  world.executor.queue = [one]
  assert world.crew.miss() == {} and len(world.crew) == 1
  assert world.board.claimed() == set()
  assert world.start("a") == []  # it will take it again
  world.executor.queue = []
  world.beat(one, "a")
  assert world.crew.miss() == {}
  world.executor.queue, world.now = [one], 100.0  # its node is lost
  world.crew.miss()
  assert world.executor.stopped == [] and len(world.crew) == 1


def test_a_worker_that_is_lost_is_ended_replaced_and_may_come_back(world):
  one, two = world.start("ab")
  for name, task in ((one, "a"), (two, "b")):
    world.board.claim(task, name)
    world.beat(name, task)
  assert world.crew.miss() == {}
  world.now = 59.0
  world.beat(two, "b")
  assert world.crew.miss() == {}
  world.now = 61.0
  gone = world.crew.miss()
  assert list(gone) == [one] and "h, or its network, is taken" in gone[one]
  assert world.executor.stopped == [one]
  assert world.board.claimed() == {"b"}
  assert world.crew.miss() == {}  # once
  (new,) = world.start("ab", "b")
  world.board.claim("a", new)
  world.beat(one, "a")  # it was asleep
  assert world.crew.miss() == {}
  assert world.board.claimant("a") == new
  # What is lost is no failure of its task.
  assert list(world.board.failures()) == []


def test_a_task_that_a_lost_worker_claims_late_is_free_again(world):
  (name,) = world.start("a")
  world.beat(name)
  world.crew.miss()
  world.now = 61.0
  assert world.crew.miss().keys() == {name}
  world.board.claim("a", name)
  world.crew.miss()
  assert world.board.claimed() == set()


def test_workers_that_this_driver_does_not_know_are_missed_too(world):
  """An earlier one was killed before it wrote whom it had started."""
  world.beat("worker-x", "a")
  world.board.claim("a", "worker-x")
  assert world.crew.miss() == {} and world.board.claimed() == {"a"}
  world.now = 61.0
  assert world.crew.miss() == {}
  assert world.board.claimed() == set() and world.executor.stopped == []


def test_three_workers_in_a_row_that_do_nothing_are_enough(world):
  for _ in range(2):
    (name,) = world.start("a")
    world.end(name, "no such module")
  (name,) = world.start("a")
  world.record(name, "a", "say")  # that it has loaded the models
  with pytest.raises(OSError) as error:
    world.end(name, "exit code 1;\n  last line")
  assert "3 workers in a row" in str(error.value)
  assert f"{name}: exit code 1;\n  last line\nMend" in str(error.value)
  assert world.start("a") == []


def test_a_worker_that_recorded_something_begins_the_row_anew(world):
  for _ in range(4):
    (name,) = world.start("a")
    world.end(name, "no such module")
    (name,) = world.start("a")
    world.record(name, "a")
    world.end(name, "killed")


def test_where_others_work_no_more_are_started(world):
  worker, *_ = world.start("abc")
  for _ in range(3):
    name = next(name for name in world.board.jobs()["jobs"] if name != worker)
    world.end(name, "no such module")
    new = world.start("abc")
  assert "no more are started; 2 go on" in world.said[-1] and new == []
  world.record(worker, "a")
  world.end(worker, "")
  assert len(world.start("abc")) == 2


def killed(world, task):
  """A worker is killed while it searches a task."""
  (name,) = world.start([task])
  world.board.claim(task, name)
  world.beat(name, task)
  return name


def test_a_task_that_ends_its_workers_has_failed(world):
  for count in range(1, 6):
    name = killed(world, "a")
    world.record(name, "a", "say")
    world.end(name, "killed by SIGKILL; the log ends in\n  Loaded.")
    logs = [log for task, log in world.board.failures() if task == "a"]
    assert len(logs) == count
  why = world.board.failure(logs[0])
  assert "  Loaded.\n" in why
  assert why.endswith("searched this ended: killed by SIGKILL; the log ends in")


@pytest.mark.parametrize("case", ["recorded", "loading", "in order"])
def test_a_task_that_did_not_end_its_worker_has_not_failed(case, world):
  name = killed(world, "a")
  if case == "recorded":
    world.record(name, "a")
  if case == "loading":
    world.beat(name, "")
  world.end(name, "" if case == "in order" else "killed by SIGKILL")
  assert list(world.board.failures()) == []
  assert world.board.claimed() == set()


def test_at_the_end_those_that_wait_go_at_once(world, monkeypatch):
  one, two, three = world.start("abc")
  monkeypatch.setattr(crew_lib, "_PATIENCE", 0.05)
  world.executor.queue = {one}
  world.executor.over = {two: ""}
  world.beat(three, ended=True)
  world.crew.end()
  assert world.executor.stopped[0] == one
  assert world.executor.stopped.count(two) == 1  # with all, at the very end


def test_at_the_end_those_that_do_not_end_are_ended(world, monkeypatch):
  monkeypatch.setattr(crew_lib, "_PATIENCE", 0.05)
  (name,) = world.start("a")
  world.beat(name, "a")
  world.crew.end()
  assert name in world.executor.stopped


def test_a_crew_that_is_dismissed_is_forgotten(world):
  names = world.start("abc")
  world.crew.dismiss()
  assert sorted(world.executor.stopped) == sorted(names)
  assert len(world.crew) == 0
  world.executor.over = dict.fromkeys(names, "cancelled")
  assert world.crew.miss() == {} and world.said == []
  assert len(world.start("abc")) == 3
