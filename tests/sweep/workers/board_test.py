"""What driver and workers share is read as it was written."""

import dataclasses
import json
import secrets

import pytest

from inference_scaling import storage
from inference_scaling.sweep.workers import board as board_lib
from inference_scaling.sweep.workers import task as task_lib
from tests.sweep.workers import stand_in

RUN = {"policy": "klein", "strategy": "sampling", "n": 4, "seed": 0}
TASK = task_lib.Task("a-1", RUN, (3, 1, 2), 2.5)
PLAN = board_lib.Plan(
  token="t", config={"policies": {"klein": "größe"}}, sha256="s",
  began="2026-01-31", rate=1e10, seconds=60.0, directory="/x", path=("/y",),
  cache="", tasks=(TASK,),
)  # fmt: skip


@pytest.fixture(params=["local", "objects"])
def board(request, tmp_path):
  url = f"memory://{secrets.token_hex(4)}"
  return board_lib.Board(
    storage.open_store(tmp_path / "b" if request.param == "local" else url)
  )


def record(problem):
  return {"record": {"problem": {"id": problem}}, "timing": {}}


def test_a_plan_of_another_version_is_none(tmp_path):
  board = board_lib.Board(storage.open_store(tmp_path))
  for plan in ({}, {"tasks": []}, {"tasks": [{"name": "a"}], "path": []}):
    board.store.write(board_lib.PLAN, json.dumps(plan).encode())
    assert board.plan() is None


def test_a_plan_comes_back(board):
  assert board.plan() is None
  board.publish(PLAN)
  assert board.plan() == PLAN
  changed = dataclasses.replace(PLAN, tasks=(), rate=1.5)
  board.publish(changed)
  assert board.plan() == changed


def test_a_task_has_one_worker(board):
  assert board.claimed() == set() and board.claimant("a-1") is None
  assert board.claim("a-1", "w1")
  assert not board.claim("a-1", "w2") and not board.claim("a-1", "w1")
  assert board.claimed() == {"a-1"} and board.claimant("a-1") == "w1"
  board.release("a-1", "w2")  # who has it no longer
  assert board.claimant("a-1") == "w1"
  board.release("a-1", "w1")
  board.release("a-1", "w1")
  assert board.claim("a-1", "w2")


def test_a_complete_task_is_done(board):
  assert board.done() == set()
  board.finish("a-1")
  board.finish("a-1")
  assert board.done() == {"a-1"}


def test_a_log_is_read_on_from_a_position(board):
  assert board.logs() == [] and board.read_log("a-1.w.0") == ([], 0)
  board.append("a-1.w.0", {"say": "é\u2028\r\n"})
  lines, position = board.read_log("a-1.w.0")
  assert lines == [{"say": "é\u2028\r\n"}]
  assert board.read_log("a-1.w.0", position) == ([], position)
  board.append("a-1.w.0", record(3))
  assert board.read_log("a-1.w.0", position)[0] == [record(3)]
  assert board.read_log("a-1.w.0")[0] == [*lines, record(3)]
  with pytest.raises(ValueError):
    board.append("a-1.w.0", {"score": float("nan")})
  assert board.logs() == ["a-1.w.0"]


def test_what_is_recorded_of_a_task_is_in_logs_of_all_workers(board):
  board.append("a-1.w1.0", {"say": "Loaded."})
  board.append("a-1.w1.0", record(3))
  board.append("a-1.w2.1", record(1))
  board.append("a-1.w2.1", record(3))
  board.append("a-11.w2.1", record(2))  # another task
  assert board.recorded("a-1") == {1, 3}
  assert board.recorded("a") == set()


def test_failures_are_kept_one_by_one(board):
  assert list(board.failures()) == []
  board.fail("a-1.w1.0.x", "one\nlast")
  board.fail("a-1.w1.0.y", "two")
  board.fail("b-1.w1.0.z", "")
  assert list(board.failures()) == [
    ("a-1", "a-1.w1.0.x"), ("a-1", "a-1.w1.0.y"), ("b-1", "b-1.w1.0.z"),
  ]  # fmt: skip
  assert board.failure("a-1.w1.0.x") == "one\nlast"
  board.forgive("a-1.w1.0.x")
  assert board.failure("a-1.w1.0.x") == ""
  assert [log for _, log in board.failures()] == ["a-1.w1.0.y", "b-1.w1.0.z"]


def test_beats_and_jobs_are_the_last_ones(board):
  assert board.beats() == {} and board.jobs() == {}
  for beat in (1, 2):
    board.beat("w1", {"beat": beat})
    board.write_jobs({"w1": str(beat)})
  board.beat("w2", {"beat": 7})
  assert board.beats() == {"w1": {"beat": 2}, "w2": {"beat": 7}}
  assert board.jobs() == {"w1": "2"}


def test_one_driver_leads(board):
  assert board.driver() is None
  board.lead({"pid": 1})
  assert board.driver() == {"pid": 1}
  board.lead(None)
  assert board.driver() is None


def test_nothing_is_left_of_a_board_but_who_leads(board):
  board.lead({"pid": 1})
  board.publish(PLAN)
  board.write_jobs({"w1": "1"})
  board.claim("a-1", "w1")
  board.append("a-1.w1.0", record(3))
  board.fail("a-1.w1.0.x", "one")
  board.finish("a-1")
  board.beat("w1", {"beat": 1})
  board.clear()
  assert board.plan() is None and board.jobs() == {}
  assert board.claimed() == board.done() == set()
  assert board.logs() == board.workers() == list(board.failures()) == []
  assert board.driver() == {"pid": 1}
  board.append("a-1.w1.0", record(1))  # a worker that comes too late
  assert board.read_log("a-1.w1.0")[0] == [record(1)]


@pytest.mark.parametrize(
  "change",
  [
    {"batch_size": 9},
    {"aggregations": ("last",)},
    {"task": {"count": 3}},
    {"policies": {"small": "other/small", "large": "large"}},
  ],
)
def test_a_sweep_is_another_where_anything_of_it_is(
  change, tmp_path, monkeypatch
):
  stand_in.patch(monkeypatch)

  def digest(**changes):
    prepared = stand_in.prepare(tmp_path, **changes)
    content = json.loads(json.dumps(prepared.content()))
    assert content["config"] is not None
    return board_lib.digest(content, prepared.problems)

  same = digest()
  assert digest() == same
  if "task" in change:  # the file says something else of the same problem
    path = tmp_path / "problems.jsonl"
    path.write_text(path.read_text().replace("Anna", "Berta", 1))
    change = {}
  assert digest(**change) != same
