"""A plan has all that is not recorded, and is cut anew where it was far off."""

import contextlib
import dataclasses
import json
import os
import sys

import pytest

from inference_scaling.spec import grid
from inference_scaling.sweep import prepared as prepared_lib
from inference_scaling.sweep.workers import board as board_lib
from inference_scaling.sweep.workers import planning
from inference_scaling.sweep.workers import task as task_lib
from tests.sweep.workers import stand_in

CUTTING = planning.Cutting(60.0, 1e3, "/a/cache")


class World:
  """A sweep and its open folder."""

  def __init__(self, path, stack):
    self.path = path
    self.prepared = stand_in.prepare(path)
    self.opened = stand_in.opened(path, stack)
    self.every = set(stand_in.every(self.prepared))

  def planner(self, cutting=CUTTING, prepared=None):
    return planning.Planner(prepared or self.prepared, self.opened, cutting)

  def time(self, count, seconds):
    """Tells of as many records of the last run, each of so many seconds."""
    run = self.prepared.runs[-1]
    for problem in self.prepared.problems[:count]:
      line = {"run": run.key, "problem": problem.id, "machine_seconds": seconds}
      self.opened.timings.append(line)
    return task_lib.planned_flops(self.prepared, run) / seconds


@pytest.fixture
def world(tmp_path, monkeypatch):
  stand_in.patch(monkeypatch)
  with contextlib.ExitStack() as stack:
    yield World(tmp_path, stack)


def keys(tasks):
  """Runs and problems of tasks; none stands twice."""
  listed = [(grid.Run(**t.run), i) for t in tasks for i in t.problems]
  assert len(set(listed)) == len(listed)
  return set(listed)


def test_a_plan_has_what_is_not_recorded(world):
  plan = world.planner().make(set())
  assert keys(plan.tasks) == world.every
  some = set(list(world.every)[::3])
  assert keys(world.planner().make(some).tasks) == world.every - some
  assert world.planner().make(world.every).tasks == ()


def test_a_plan_tells_workers_where_they_are(world):
  plan = world.planner().make(set())
  assert plan.directory == os.getcwd() and plan.cache == "/a/cache"
  assert all(map(os.path.isabs, plan.path))
  assert set(plan.path) >= {e for e in sys.path if os.path.isabs(e)}
  assert (plan.rate, plan.seconds) == (1e3, 60.0)
  assert plan.began == "2026-01-31"
  assert plan.token != world.planner().make(set()).token


def test_a_worker_prepares_the_same_sweep_out_of_a_plan(world):
  plan = world.planner().make(set())
  config = json.loads(json.dumps(dataclasses.asdict(plan)))["config"]
  prepared = prepared_lib.prepare(config)
  content = json.loads(json.dumps(prepared.content()))
  assert board_lib.digest(content, prepared.problems) == plan.sha256
  assert [run.key for run in prepared.runs] == [
    run.key for run in world.prepared.runs
  ]


def test_a_driver_goes_on_with_a_plan_of_the_same_sweep(world):
  planner = world.planner()
  plan = planner.make(set())
  assert not planner.goes_on(None)
  assert planner.goes_on(plan)
  for same in (
    world.planner(dataclasses.replace(CUTTING, rate=5.0, cache="")),
    world.planner(prepared=stand_in.prepare(world.path)),
  ):
    assert same.goes_on(plan)
  for other in (
    world.planner(dataclasses.replace(CUTTING, task_seconds=61.0)),
    world.planner(prepared=stand_in.prepare(world.path, batch_size=3)),
  ):
    assert not other.goes_on(plan)
  path = world.path / "problems.jsonl"
  path.write_text(path.read_text().replace("Anna", "Berta", 1))
  assert not world.planner(prepared=stand_in.prepare(world.path)).goes_on(plan)


def test_workers_of_a_plan_that_goes_on_are_where_this_driver_is(
  world, monkeypatch, tmp_path
):
  plan = world.planner().make(set())
  (tmp_path / "other").mkdir()
  monkeypatch.chdir(tmp_path / "other")
  monkeypatch.setattr(sys, "path", ["", "/modules"])
  adopted = world.planner(planning.Cutting(60.0, 1.0)).adopt(plan)
  assert adopted == dataclasses.replace(
    plan, directory=str(tmp_path / "other"), path=("/modules",), cache=""
  )


@pytest.mark.parametrize(
  ("count", "measured"), [(0, False), (2, False), (3, True)]
)
def test_a_plan_is_cut_by_the_rate_of_earlier_workers(count, measured, world):
  rate = world.time(count, 20.0)
  plan = world.planner().make(set())
  assert plan.rate == (pytest.approx(rate) if measured else CUTTING.rate)


def fresh(world):
  """A planner, and a plan of the smallest tasks that there can be."""
  planner = world.planner()
  plan = planner.make(set())
  assert [len(task.problems) for task in plan.tasks] == [6, *9 * [2]]
  return planner, plan


@pytest.mark.parametrize(
  ("factor", "seconds"), [(1.9, 1e3), (0.6, 1e3), (100.0, 59.0), (1.0, 1e6)]
)
def test_a_plan_that_is_not_far_off_stays(factor, seconds, world):
  planner, plan = fresh(world)
  assert planner.anew(plan, factor * plan.rate, seconds, set(), set()) is plan


def test_what_no_worker_has_is_cut_by_what_was_measured(world):
  planner, plan = fresh(world)
  kept = {plan.tasks[1].name, plan.tasks[4].name, "of another plan"}
  had = keys(task for task in plan.tasks if task.name in kept)
  recorded = set(sorted(world.every - had, key=str)[:3])
  changed = planner.anew(plan, 1e9, 60.0, recorded, kept)
  assert changed.rate == 1e9 and changed.token == plan.token
  assert dataclasses.replace(changed, rate=plan.rate, tasks=()) == (
    dataclasses.replace(plan, tasks=())
  )
  assert changed.tasks[:2] == (plan.tasks[1], plan.tasks[4])
  # Those that are new are whole runs.
  assert len(changed.tasks) == 2 + len(world.prepared.runs)
  assert keys(changed.tasks) == world.every - recorded
  assert planner.anew(changed, 1e9, 120.0, recorded, kept) is changed
  slower = planner.anew(changed, 1e3, 120.0, recorded, kept)
  assert len(slower.tasks) > len(changed.tasks)


def test_a_rate_of_nothing_is_no_rate(world):
  """Records were of runs alone that the config does not have."""
  planner, plan = fresh(world)
  changed = planner.anew(plan, 0.0, 1e3, set(), set())
  assert keys(changed.tasks) == world.every
