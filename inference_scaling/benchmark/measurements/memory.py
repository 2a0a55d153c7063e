"""The peak memory of a search, beside the plan."""

import dataclasses

import jax

from inference_scaling.benchmark import (
  child,
  own_engine,
  subjects,
  table,
)
from inference_scaling.benchmark import work as work_lib
from inference_scaling.benchmark.measurements import search
from inference_scaling.decoding.memory import abstract
from inference_scaling.decoding.memory import plan as memory_lib


def measure(subject: subjects.Subject, task: child.Task) -> list[table.Row]:
  """Measures sampling and REBASE, each in a separate process.

  Args:
    subject: the models.
    task: what the processes do; with a full compilation cache, or the
      compiler's memory would be measured, too.

  Returns:
    Rows of the table.
  """
  results = {}
  for kind in ("sampling", "search"):
    first = dataclasses.replace(task, kind=kind)
    child.run(first)  # fills the cache
    second = dataclasses.replace(first, measure_memory=True)
    results[kind] = child.run(second)
  rows = []
  # Only then, since to plan takes this process to the accelerator.
  for kind, result in results.items():
    peak = result["peak"]
    planned = plan(subject, work_lib.Work(**task.work), task.dtype, kind)
    weights = _weights(planned)
    rows += [
      _row(task, f"peak memory of {kind}", peak and peak / 2**20, "MiB", (
        "" if peak else "neither the device nor the system counts it"
      )),
      _row(task, f"planned for {kind}", planned.peak / 2**20, "MiB", (
        f"weights {weights / 2**20:,.0f}, other "
        f"{(planned.peak - weights) / 2**20:,.0f}"
      )),
      _row(
        task, f"peak memory of {kind}, % of plan",
        peak and 100 * peak / planned.peak, "%",
      ),
    ]  # fmt: skip
  return rows


def plan(
  subject: subjects.Subject, work: work_lib.Work, dtype: str, kind: str
) -> memory_lib.Footprint:
  """Plans the memory of a process.

  Args:
    subject: the models.
    work: how much is drawn.
    dtype: of the weights.
    kind: "sampling" or "search".

  Returns:
    The footprint.
  """
  step_tokens, reward = work.new_tokens, None
  if kind == "search":
    step_tokens = min(search.STEP_TOKENS, work.new_tokens)
    reward = subject.reward_config
  limits = own_engine.limits(work.prompt_tokens, step_tokens, work.new_tokens)
  planned = memory_lib.Plan(
    abstract.Search(
      policy=subject.config, reward=reward,
      reward_format=subject.reward_format, dtype=dtype, limits=limits,
      reward_limits=limits,
    )
  )  # fmt: skip
  return planned.footprint(
    work.problems, work.samples, cpu=jax.default_backend() == "cpu"
  )


def _weights(planned: memory_lib.Footprint) -> int:
  return planned.policy_weights + planned.reward_weights


def _row(
  task: child.Task, name: str, value: float | None, unit: str, note: str = ""
) -> table.Row:
  return table.Row("memory", f"{task.dtype}: {name}", value, unit, note)
