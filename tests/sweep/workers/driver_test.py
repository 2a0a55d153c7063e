"""A driver ends with all records, or says which tasks lack theirs, and why."""

import contextlib
import json
import os
import re
import threading

import pytest

from inference_scaling import storage
from inference_scaling.sweep.records import files
from inference_scaling.sweep.workers import board as board_lib
from inference_scaling.sweep.workers import crew, driver, planning, worker
from tests.sweep import tiny
from tests.sweep.workers import stand_in

TOTAL = 24


class World:
  """A folder of a sweep, and what its driver says."""

  def __init__(self, path, monkeypatch):
    self.path, self.workdir = path, path / "results"
    self.executor = stand_in.Inline(monkeypatch)
    self.said, self.seen = [], []

  def drive(self, executor=None, workers=1, redo_changed=False, **changes):
    """Runs the driver, on tasks as small as can be."""
    self.said = []
    driver.run_sweep(
      stand_in.config(self.path, **changes),
      self.workdir,
      lambda prepared: executor or self.executor,
      driver.Options(workers, planning.Cutting(1e-9, 1.0)),
      self.said.append,
      see=lambda record, timing: self.seen.append(stand_in.key(record)),
      redo_changed=redo_changed,
    )

  def records(self, name="records.jsonl"):
    lines = (self.workdir / name).read_text().splitlines()
    return [json.loads(line) for line in lines]

  def every(self, **changes):
    return stand_in.every(stand_in.prepare(self.path, **changes))

  def check_whole(self, **changes):
    """Checks that all records stand once, and nothing else is left."""
    records = self.records()
    every = self.every(**changes)
    assert {stand_in.key(record): record for record in records} == every
    timed = [
      (*line["run"].values(), line["problem"])
      for line in self.records("timings.jsonl")
    ]
    assert len(records) == len(timed) == len(set(timed)) == len(every)
    assert not [p for p in (self.workdir / "tasks").rglob("*") if p.is_file()]


@pytest.fixture
def world(tmp_path, monkeypatch):
  stand_in.patch(monkeypatch)
  monkeypatch.setattr(driver, "_POLL", 0.001)
  monkeypatch.setattr(crew, "_POLL", 0.001)
  monkeypatch.setattr(os, "fsync", lambda file: None)
  return World(tmp_path, monkeypatch)


def at(run, problem, error, times=1):
  """A search that goes wrong, the first times."""
  left = [times]

  def before(this, number):
    if str(this) == run and number == problem and left[0]:
      left[0] -= 1
      raise error

  return before


def test_all_records_are_in_the_folder(world):
  world.drive()
  world.check_whole()
  assert len(world.executor.names) == 1
  assert len(world.seen) == TOTAL and set(world.seen) == world.every().keys()
  assert world.said.count("Loaded.") == 1
  told = [line for line in world.said if " problems, weighted/last acc" in line]
  assert len(told) == len(world.every()) / stand_in.PROBLEMS == 4


def test_nothing_is_left_for_another_driver(world):
  world.drive()
  world.drive()
  world.check_whole()
  assert len(world.executor.names) == 1 and len(world.seen) == TOTAL
  assert f"Going on: {TOTAL} records are there already." in world.said


def test_a_task_that_fails_once_or_twice_is_tried_again(world):
  error = ValueError("logits are NaN")
  world.executor.before = at("small rebase n=4 seed=1", 3, error, times=2)
  world.drive()
  world.check_whole()
  failed = [line for line in world.said if " failed (" in line]
  assert [re.search(r"\((\d) of 3\): ", line)[1] for line in failed] == [
    "1", "2"
  ]  # fmt: skip
  for line in failed:
    assert "small-rebase-n4-seed1-" in line and "logits are NaN [/" in line


def test_a_task_that_fails_three_times_is_given_up_and_no_other(world):
  error = FloatingPointError("logits are NaN\nin two lines")
  world.executor.before = at("small rebase n=4 seed=1", 3, error, times=99)
  with pytest.raises(driver.TasksFailedError) as caught:
    world.drive()
  text = str(caught.value)
  assert text.startswith("1 task(s) failed 3 times and were given up; every")
  assert "2 problems of small rebase n=4 seed=1; /" in text
  assert "  FloatingPointError: logits are NaN\n  in two lines" in text
  path = re.search(r"seed=1; (\S+) ends in", text)[1]
  with open(path) as file:
    why = json.load(file)["why"]
  assert why.splitlines()[0].startswith("Traceback") or "File" in why
  # The task has problems 2 and 3: the first one is recorded.
  missing = world.every().keys() - {stand_in.key(r) for r in world.records()}
  assert [(str(run), i) for run, i in missing] == [
    ("small rebase n=4 seed=1", 3)
  ]
  # The next command tries it again.
  world.executor.before = lambda run, problem: None
  world.drive()
  world.check_whole()
  assert len(world.seen) == TOTAL


def test_several_tasks_that_are_given_up_are_all_named(world):
  def before(run, problem):
    if problem == 0:
      raise ValueError(f"no problem for {run}")

  world.executor.before = before
  with pytest.raises(driver.TasksFailedError) as caught:
    world.drive()
  runs = {str(run) for run, _ in world.every()}
  assert str(caught.value).startswith(f"{len(runs)} task(s) failed")
  for run in runs:
    assert f"ValueError: no problem for {run}" in str(caught.value)


def test_a_worker_that_is_killed_is_replaced(world):
  killed = stand_in.KilledError()
  world.executor.before = at("small rebase n=4 seed=0", 1, killed)
  world.drive()
  world.check_whole()
  first, second = world.executor.names
  assert f"Worker {first} ended: killed by SIGKILL" in world.said
  assert not [line for line in world.said if f"Worker {second}" in line]


def test_a_task_that_kills_its_workers_is_given_up_and_no_other(world):
  killed = stand_in.KilledError()
  world.executor.before = at("small greedy n=1 seed=0", 0, killed, times=99)
  with pytest.raises(driver.TasksFailedError) as caught:
    world.drive()
  assert "6 problems of small greedy n=1 seed=0; /" in str(caught.value)
  assert "The worker that searched this ended: killed by SIGKILL" in str(
    caught.value
  )
  missing = world.every().keys() - {stand_in.key(r) for r in world.records()}
  assert {str(run) for run, _ in missing} == {"small greedy n=1 seed=0"}
  world.executor.before = lambda run, problem: None
  world.drive()
  world.check_whole()


def test_a_disk_that_is_full_is_no_fault_of_a_task(world):
  full = worker.WorkerError("No space left on device (on h)")
  world.executor.before = at("large sampling n=4 seed=0", 2, full)
  world.drive()
  world.check_whole()
  assert [line for line in world.said if "ended: No space left" in line]
  assert not [line for line in world.said if " failed (" in line]


def interrupt(world, **changes):
  """Ctrl-C at a search; the message."""
  interrupted = KeyboardInterrupt()
  world.executor.before = at("large sampling n=4 seed=0", 3, interrupted)
  with pytest.raises(KeyboardInterrupt) as caught:
    world.drive(**changes)
  return str(caught.value)


def test_ctrl_c_is_safe(world):
  text = interrupt(world)
  count = len(world.records())
  assert 0 < count < TOTAL
  assert text.startswith(f"Interrupted. {count} records in {world.workdir}/rec")
  assert "workers go on" not in text
  assert not (world.workdir / "tasks" / "driver.json").exists()
  world.drive()
  world.check_whole()
  assert len(world.seen) == len(set(world.seen)) == TOTAL
  assert not [line for line in world.said if line.startswith("Worker ")]


@pytest.mark.parametrize("name", ["records.jsonl", "timings.jsonl"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_ctrl_c_at_a_line_writes_it_once(name, when, world, monkeypatch):
  append, left = files.JsonLines.append, [1]

  def interrupted(self, value):
    pressed = self.path.name == name and self.count == 3 and left
    if pressed and when == "before":
      raise KeyboardInterrupt(left.pop())
    append(self, value)
    if pressed:
      raise KeyboardInterrupt(left.pop())

  monkeypatch.setattr(files.JsonLines, "append", interrupted)
  with pytest.raises(KeyboardInterrupt, match=f"Interrupted. {TOTAL} records"):
    world.drive()
  world.drive()
  world.check_whole()


def test_workers_that_are_detached_go_on_after_ctrl_c(world):
  executor = world.executor
  executor.detached, stopped = True, []
  executor.stop = stopped.extend
  executor.start = lambda workers: {w.name: "job" for w in workers}

  def press(line):
    raise KeyboardInterrupt

  executor.ended = lambda: press("") if executor.names else {}
  executor.waiting = lambda: set()
  start = executor.start
  executor.start = lambda workers: (
    executor.names.extend(w.name for w in workers), start(workers)
  )[1]  # fmt: skip
  with pytest.raises(KeyboardInterrupt, match="2 workers go on without this"):
    world.drive(workers=2)
  assert stopped == []


def left_with_the_workers(world, **changes):
  """A driver is killed before it collects all that its worker recorded."""
  interrupt(world, **changes)
  lines = (world.workdir / "records.jsonl").read_text().splitlines(True)
  for name in ("records.jsonl", "timings.jsonl"):
    path = world.workdir / name
    path.write_text("".join(path.read_text().splitlines(True)[:1]))
  assert len(lines) > 2
  return len(lines)


def test_what_workers_recorded_since_is_not_searched_again(world):
  count = left_with_the_workers(world)
  searched = []
  world.executor.before = lambda *search: searched.append(search)
  world.drive()
  world.check_whole()
  assert len(searched) == TOTAL - count


def test_a_config_that_has_grown_takes_what_workers_recorded_since(world):
  count = left_with_the_workers(world, aggregations=("min",))
  searched = []
  world.executor.before = lambda *search: searched.append(search)
  runs = tiny.config(world.path)["runs"]
  runs["sampling"]["seeds"] = (0, 1)
  changes = {"runs": runs, "aggregations": ("min", "last")}
  world.drive(**changes)
  world.check_whole(**changes)
  assert len(searched) == TOTAL + stand_in.PROBLEMS - count


def test_workers_of_a_plan_that_is_of_no_use_end_and_lose_nothing(world):
  count = left_with_the_workers(world)
  log = max((world.workdir / "tasks").glob("*/records/*"), key=os.path.getmtime)
  text = log.read_text()
  log.unlink()  # and is written when its worker is stopped
  searched = []
  world.executor.before = lambda *search: searched.append(search)
  world.executor.stop = lambda names: log.exists() or log.write_text(text)
  world.drive(batch_size=3)
  assert len(searched) == TOTAL - count
  assert {stand_in.key(record) for record in world.records()} == (
    world.every().keys()
  )


def test_problems_that_have_changed_are_searched_again(world):
  left_with_the_workers(world)
  path = world.path / "problems.jsonl"
  path.write_text(path.read_text().replace("Anna", "Berta"))
  with pytest.raises(ValueError, match="--redo_changed"):
    world.drive()
  searched = []
  world.executor.before = lambda *search: searched.append(search)
  world.drive(redo_changed=True)
  world.check_whole()
  assert len(searched) == TOTAL


def test_the_folder_of_another_sweep_is_refused(world):
  interrupt(world)
  before = {p: p.read_bytes() for p in world.workdir.rglob("*") if p.is_file()}
  names = list(world.executor.names)
  with pytest.raises(ValueError, match="holds the records of another sweep"):
    world.drive(sampler={"temperature": 0.5, "top_k": 0, "top_p": 1.0})
  assert before == {
    p: p.read_bytes() for p in world.workdir.rglob("*") if p.is_file()
  }
  assert world.executor.names == names


def test_what_workers_recorded_of_another_sweep_is_refused(world):
  """Though the driver was killed before the folder had a record."""
  left_with_the_workers(world)
  for name in ("records.jsonl", "timings.jsonl"):
    (world.workdir / name).write_text("")
  other = {"sampler": {"temperature": 0.5, "top_k": 0, "top_p": 1.0}}
  with pytest.raises(ValueError, match="holds the records of another sweep"):
    world.drive(**other)
  assert world.records()  # they are those of its config.json
  world.drive()
  world.check_whole()


def test_workers_of_another_sweep_record_into_no_other_ones_folder(world):
  """One that no record is of; its worker goes on for a while."""
  left_with_the_workers(world)
  (records,) = {log.parent for log in world.workdir.glob("tasks/*/records/*")}
  kept = {log: log.read_text() for log in records.iterdir()}
  for log in kept:
    log.unlink()
  for name in ("records.jsonl", "timings.jsonl"):
    (world.workdir / name).write_text("")

  def write(*unused):
    for log, text in kept.items():
      log.write_text(text)

  other = {"sampler": {"temperature": 0.5, "top_k": 0, "top_p": 1.0}}
  world.executor.before = world.executor.stop = write
  searched = []
  world.executor.before = lambda *search: (write(), searched.append(search))
  world.drive(**other)
  assert len(searched) == TOTAL
  assert len(world.records()) == TOTAL


def test_ctrl_c_takes_nothing_of_another_sweep(world):
  left_with_the_workers(world)
  for name in ("records.jsonl", "timings.jsonl"):
    (world.workdir / name).write_text("")
  (records,) = {log.parent for log in world.workdir.glob("tasks/*/records/*")}
  kept = {log: log.read_text() for log in records.iterdir()}
  for log in kept:
    log.unlink()

  def press(names):
    for log, text in kept.items():
      log.write_text(text)
    world.executor.stop = lambda names: None
    raise KeyboardInterrupt

  world.executor.stop = press
  with pytest.raises(KeyboardInterrupt, match=r"^Interrupted\. 0 records"):
    world.drive(sampler={"temperature": 0.5, "top_k": 0, "top_p": 1.0})
  assert world.records() == []


def test_a_task_that_is_marked_without_its_records_is_searched(world):
  interrupt(world)
  prepared = stand_in.prepare(world.path)
  board = board_lib.Board(storage.open_store(world.workdir / "tasks"))
  plan = board.plan()
  board.use(plan.token)
  assert prepared.runs
  for task in plan.tasks:
    board.finish(task.name)
  world.drive()
  world.check_whole()


def test_a_damaged_file_is_named(world):
  interrupt(world)
  for name in ("jobs.json", "driver.json"):
    path = world.workdir / "tasks" / name
    before = path.read_bytes() if path.exists() else None
    path.write_text("[]")
    with pytest.raises(ValueError, match=rf"{name} is no JSON object"):
      world.drive()
    path.unlink() if before is None else path.write_bytes(before)
  with (world.workdir / "timings.jsonl").open("a") as file:
    file.write("{}\n")
  with pytest.raises(ValueError, match=r"timings\.jsonl, line \d+, has no run"):
    world.drive()


def test_what_cannot_start_workers_touches_no_folder(world):
  def check():
    raise ValueError("no such partition")

  world.executor.check = check
  with pytest.raises(ValueError, match="no such partition"):
    world.drive()
  assert not world.workdir.exists()


class Threads(stand_in.Inline):
  """Workers that run at once."""

  def __init__(self, monkeypatch):
    super().__init__(monkeypatch)
    self.threads = {}

  def start(self, workers):
    for one in workers:
      self.names.append(one.name)
      self.threads[one.name] = threading.Thread(target=self._run, args=[one])
      self.threads[one.name].start()
    return {one.name: "job" for one in workers}

  def ended(self):
    return {name: "" for name, t in self.threads.items() if not t.is_alive()}

  def stop(self, names):
    for name in names:
      self.threads[name].join()


def test_workers_that_run_at_once_share_the_tasks(world, monkeypatch):
  together = threading.Barrier(3)
  searching = threading.local()

  def before(run, problem):
    if not hasattr(searching, "begun"):
      searching.begun = True
      with contextlib.suppress(threading.BrokenBarrierError):
        together.wait(10)

  executor = Threads(monkeypatch)
  executor.before = before
  world.drive(executor, workers=3)
  world.check_whole()
  assert len(executor.names) >= 3 and not together.broken
