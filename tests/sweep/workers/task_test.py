"""A sweep is cut into tasks that have all of it, and have it once."""

import collections
import dataclasses
import json
import re
import types

import hypothesis
import pytest
from hypothesis import strategies as st

from inference_scaling import spec
from inference_scaling.spec import grid
from inference_scaling.sweep import engine
from inference_scaling.sweep import prepared as prepared_lib
from inference_scaling.sweep.workers import task as task_lib
from tests.sweep import tiny
from tests.sweep.workers import stand_in

RUNS = [
  grid.Run("small", "greedy", 1, 0),
  grid.Run("large", "sampling", 4, 0),
  grid.Run("small", "rebase/a.b", 4, 1),
]


def sweep_of(tmp_path_factory, count, batch_size, runs=RUNS):
  """A sweep of some problems, whose ids are no count."""
  config = tiny.config(tmp_path_factory, batch_size=batch_size)
  return prepared_lib.Prepared(
    spec.read_sweep(config),
    [types.SimpleNamespace(id=3 * i + 7) for i in reversed(range(count))],
    {name: stand_in.Model(name) for name in ("small", "large")},
    stand_in.Model("reward"),
    runs,
  )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  return tmp_path_factory.mktemp("family")


@hypothesis.settings(max_examples=100, deadline=None)
@hypothesis.given(data=st.data())
def test_what_is_left_is_in_one_task_each(folder, data):
  count = data.draw(st.integers(1, 60))
  prepared = sweep_of(folder, count, data.draw(st.integers(1, 24)))
  ids = [problem.id for problem in prepared.problems]
  left = {
    run: data.draw(st.sets(st.sampled_from(ids)))
    for run in data.draw(st.sets(st.sampled_from(RUNS)))
  }
  rate, seconds = data.draw(st.floats(0, 1e9)), data.draw(st.floats(1e-3, 1e3))
  tasks = task_lib.cut(prepared, left, rate, seconds)
  had = collections.Counter(
    (grid.Run(**task.run), i) for task in tasks for i in task.problems
  )
  assert had == collections.Counter(
    {(run, i): 1 for run, problems in left.items() for i in problems}
  )
  assert len({task.name for task in tasks}) == len(tasks)
  of_run = collections.defaultdict(list)
  for task in tasks:
    of_run[grid.Run(**task.run)].append(task)
    assert list(task.problems) == [i for i in ids if i in task.problems]
  assert list(of_run) == [run for run in RUNS if left.get(run)]
  for run, shards in of_run.items():
    slots = engine.num_slots(prepared.sweep, run, count)
    sizes = [len(shard.problems) for shard in shards]
    # Full batches, but for the last of the run; none is over its time by more
    # than rounding, unless it is the least that there can be.
    assert all(size % slots == 0 for size in sizes[:-1])
    assert len(set(sizes[:-1])) <= 1 and sizes[-1] <= sizes[0]
    wished = rate * seconds / task_lib.planned_flops(prepared, run)
    assert max(sizes) <= max(slots, wished + slots / 2)
  assert task_lib.cut(prepared, left, rate, seconds) == tasks


@pytest.mark.parametrize(
  ("problems", "sizes"),
  [
    (8, [8] * 12 + [4]),
    (25, [24, 24, 24, 24, 4]),
    (1e9, [100]),
    (0, [8] * 12 + [4]),
  ],
)
def test_tasks_last_as_long_as_asked(problems, sizes, folder):
  run = grid.Run("large", "sampling", 4, 0)
  prepared = sweep_of(folder, 100, 32, [run])
  flops = task_lib.planned_flops(prepared, run)
  left = {run: {problem.id for problem in prepared.problems}}
  tasks = task_lib.cut(prepared, left, problems * flops / 60, 60)
  assert [len(task.problems) for task in tasks] == sizes
  assert {task.flops for task in tasks} == {flops}


def test_a_time_without_end_is_a_task_a_run(folder):
  run = grid.Run("large", "sampling", 4, 0)
  prepared = sweep_of(folder, 100, 32, [run])
  left = {run: {problem.id for problem in prepared.problems}}
  (task,) = task_lib.cut(prepared, left, 1e300, 1e307)
  assert len(task.problems) == 100


def test_tasks_of_a_run_are_about_equal(folder):
  run = grid.Run("large", "sampling", 4, 0)
  prepared = sweep_of(folder, 100, 4, [run])  # one problem in flight
  left = {run: {problem.id for problem in prepared.problems}}
  flops = task_lib.planned_flops(prepared, run)
  tasks = task_lib.cut(prepared, left, 99 * flops, 1)
  assert [len(task.problems) for task in tasks] == [50, 50]


def test_the_plan_counts_all_beams_and_the_reward_model(folder):
  prepared = sweep_of(folder, 1, 8)
  limits = prepared.sweep.limits
  greedy, sampling, _ = RUNS
  one = 2 * 1000 * (limits.total_tokens + limits.prompt_tokens)
  assert task_lib.planned_flops(prepared, greedy) == one
  four = 2 * (4000 + 2000) * (4 * limits.total_tokens + limits.prompt_tokens)
  assert task_lib.planned_flops(prepared, sampling) == four
  without = dataclasses.replace(prepared, reward=None)
  assert task_lib.planned_flops(without, sampling) == four * 4000 / 6000


@hypothesis.settings(max_examples=50, deadline=None)
@hypothesis.given(
  policy=st.text(min_size=1),
  word=st.text("aZ9._-", min_size=1, max_size=100),
  n=st.integers(1, 999),
)
def test_names_are_names_of_files(folder, policy, word, n):
  run = grid.Run(policy, f"rebase/{word}", n, 0)
  prepared = dataclasses.replace(
    sweep_of(folder, 5, n, [run]), policies={policy: stand_in.Model("small")}
  )
  left = {run: {problem.id for problem in prepared.problems}}
  names = [task.name for task in task_lib.cut(prepared, left, 1, 1)]
  assert len(set(names)) == len(names)
  for name in names:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,100}", name)


def test_names_of_runs_that_look_alike_differ(folder):
  runs = [
    grid.Run("small", "rebase/a", 4, 0),
    grid.Run("small", "rebase/-a", 4, 0),
    grid.Run("small", "rebase/a_b", 4, 0),
    *(grid.Run("small", f"rebase/{'a' * 90}{i}", 4, 0) for i in range(2)),
  ]
  prepared = sweep_of(folder, 1, 8, runs)
  tasks = task_lib.cut(prepared, {run: {7} for run in runs}, 1, 1)
  assert len({task.name for task in tasks}) == len(runs)


def test_a_name_stays_what_it_is(folder):
  """Another version goes on with the plan of this one."""
  prepared = sweep_of(folder, 2, 8)
  tasks = task_lib.cut(prepared, {RUNS[0]: {7, 10}}, 1, 1)
  assert [task.name for task in tasks] == ["small-greedy-n1-seed0-4bcec071"]


def test_a_task_comes_back_out_of_json(folder):
  prepared = sweep_of(folder, 5, 8)
  for task in task_lib.cut(prepared, {run: {7, 10} for run in RUNS}, 1, 1):
    text = json.dumps(dataclasses.asdict(task))
    assert task_lib.parse(json.loads(text)) == task


def test_the_rate_is_of_runs_that_the_sweep_has(folder):
  prepared = sweep_of(folder, 5, 8)
  greedy, sampling, _ = RUNS
  other = grid.Run("gone", "sampling", 4, 0)

  def line(run, **told):
    return {"run": run.key, "problem": 7, "seconds": 100.0, **told}

  timings = [
    line(greedy, machine_seconds=1.0),
    line(sampling, machine_seconds=3.0),
    line(sampling),  # of an older version
    line(other, machine_seconds=50.0),
  ]
  flops = sum(task_lib.planned_flops(prepared, run) for run in RUNS[:2])
  assert task_lib.measured_rate(prepared, timings) == (flops / 4, 4.0)
  assert task_lib.measured_rate(prepared, []) == (0.0, 0.0)
