"""Cuts a sweep into tasks: a part of the problems of one run."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from inference_scaling import spec
from inference_scaling.spec import grid
from inference_scaling.sweep import (
  engine,
)
from inference_scaling.sweep import prepared as prepared_lib

_FLOPS_PER_PARAMETER = 2  # of a token, as in the paper


@dataclasses.dataclass(frozen=True)
class Task:
  """Problems of one run, which one worker searches.

  Attributes:
    name: tells it from all others, whoever cuts the sweep.
    run: key of the run.
    problems: their ids.
    flops: planned, of a problem.
  """

  name: str
  run: Mapping[str, Any]
  problems: tuple[int, ...]
  flops: float


def parse(value: Mapping[str, Any]) -> Task:
  """Makes a task of JSON data, as `dataclasses.asdict` writes it."""
  return Task(**{**value, "problems": tuple(value["problems"])})


def cut(
  prepared: prepared_lib.Prepared,
  left: Mapping[grid.Run, Collection[int]],
  rate: float,
  seconds: float,
) -> list[Task]:
  """Cuts a sweep into tasks that last about as long as each other.

  The same arguments give the same tasks. A task has at least as many
  problems as are in flight, and a multiple of them: programs are of that shape,
  whether all of it is used or not.

  Args:
    prepared: the sweep.
    left: ids of the problems of each run that tasks are made of.
    rate: planned FLOPs per second of a worker.
    seconds: that a task should last.

  Returns:
    The tasks, in the order of the runs.
  """
  every = [problem.id for problem in prepared.problems]
  tasks = []
  for run in prepared.runs:
    ids = [i for i in every if i in left.get(run, ())]
    if not ids:
      continue
    flops = planned_flops(prepared, run)
    batch = engine.num_slots(prepared.sweep, run, len(every))
    batches = max(1, round(min(rate * seconds / flops / batch, len(ids))))
    size = min(batch * batches, len(ids))
    # As equal as whole batches allow: no last task of a few problems.
    count = -(-len(ids) // size)
    size = -(-len(ids) // (count * batch)) * batch
    tasks.extend(
      _task(run, ids[first : first + size], flops)
      for first in range(0, len(ids), size)
    )
  return tasks


def planned_flops(prepared: prepared_lib.Prepared, run: grid.Run) -> float:
  """The most that a problem of a run is planned to cost.

  Args:
    prepared: the sweep.
    run: one of its runs.

  Returns:
    FLOPs of all beams at their longest, of policy and reward model.
  """
  limits = prepared.sweep.limits
  tokens = run.n * limits.total_tokens + limits.prompt_tokens
  parameters = prepared.policies[run.policy].parameters
  if prepared.reward is not None and not spec.is_greedy(run.strategy):
    parameters += prepared.reward.parameters
  return float(_FLOPS_PER_PARAMETER * parameters * tokens)


def _task(run: grid.Run, problems: Sequence[int], flops: float) -> Task:
  key = json.dumps([run.key, list(problems)], sort_keys=True)
  digest = hashlib.sha256(key.encode()).hexdigest()[:8]
  words = f"{run.policy}-{run.strategy}-n{run.n}-seed{run.seed}"
  # Names of files on every system and in every store.
  words = re.sub(r"[^A-Za-z0-9_-]", "-", words)[:80]
  return Task(f"{words}-{digest}", run.key, tuple(problems), flops)


def measured_rate(
  prepared: prepared_lib.Prepared, timings: Iterable[Mapping[str, Any]]
) -> tuple[float, float]:
  """Finds out how fast workers have been.

  Args:
    prepared: the sweep.
    timings: lines of what is told of each record's time.

  Returns:
    Planned FLOPs per second of a worker, and the seconds that this is of; both
    0 where nothing was measured.
  """
  planned = {run: planned_flops(prepared, run) for run in prepared.runs}
  flops = total = 0.0
  for line in timings:
    run, seconds = grid.Run(**line["run"]), line.get("machine_seconds")
    if run in planned and seconds is not None:
      flops, total = flops + planned[run], total + seconds
  return (flops / total if total else 0.0), total
