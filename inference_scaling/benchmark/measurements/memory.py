"""The memory that a search takes, beside what is planned for it."""

import dataclasses

import jax

from inference_scaling import models
from inference_scaling.benchmark import (
  child,
  ours,
  subjects,
  table,
)
from inference_scaling.benchmark import work as work_lib
from inference_scaling.benchmark.measurements import search
from inference_scaling.decoding.memory import abstract
from inference_scaling.decoding.memory import plan as memory_lib


def measure(subject: subjects.Subject, task: child.Task) -> list[table.Row]:
  """Measures sampling and REBASE, each in a process of its own.

  Args:
    subject: the models.
    task: what the processes do; with a full compilation cache, or the
      compiler's memory would be measured, too.

  Returns:
    Rows of the table.
  """
  results = {}
  for kind in ("sampling", "search"):
    one = dataclasses.replace(task, kind=kind)
    child.run(one)  # fills the cache
    results[kind] = child.run(dataclasses.replace(one, weigh=True))
  found = []
  # Only then, since to plan takes this process to the accelerator.
  for kind, result in results.items():
    took = result["peak"]
    planned = plan(subject, work_lib.Work(**task.work), task.dtype, kind)
    weights = _weights(planned)
    found += [
      _row(task, f"{kind}: peak", took and took / 2**20, "MiB", (
        "" if took else "neither the device nor the system tells"
      )),
      _row(task, f"{kind}: planned", planned.peak / 2**20, "MiB", (
        f"weights {weights / 2**20:,.0f}, other "
        f"{(planned.peak - weights) / 2**20:,.0f}"
      )),
      _row(
        task, f"{kind}: peak of planned", took and 100 * took / planned.peak,
        "%",
      ),
    ]  # fmt: skip
  return found


def plan(
  subject: subjects.Subject, work: work_lib.Work, dtype: str, kind: str
) -> memory_lib.Footprint:
  """Plans the memory of what a process does.

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
  limits = ours.limits(work.prompt_tokens, step_tokens, work.new_tokens)
  planned = memory_lib.Plan(
    abstract.Search(
      policy=subject.config, reward=reward, reward_format=models.NATIVE_FORMAT,
      dtype=dtype, limits=limits, reward_limits=limits,
    )
  )  # fmt: skip
  return planned.footprint(
    work.problems, work.samples, cpu=jax.default_backend() == "cpu"
  )


def _weights(planned: memory_lib.Footprint) -> int:
  return planned.policy_weights + planned.reward_weights


def _row(task, name, value, unit, note="") -> table.Row:
  return table.Row("memory", f"{task.dtype}: {name}", value, unit, note)
