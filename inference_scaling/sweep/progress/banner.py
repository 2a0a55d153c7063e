"""Says in words what a sweep is about to do."""

import pathlib
from collections.abc import Sequence

from inference_scaling import names as names_lib
from inference_scaling import spec
from inference_scaling.spec import grid
from inference_scaling.sweep import checkpoints
from inference_scaling.sweep import prepared as prepared_lib
from inference_scaling.sweep import problems as problems_lib
from inference_scaling.sweep.progress import notes


def describe(prepared: prepared_lib.Prepared, workdir: pathlib.Path) -> str:
  """Describes a sweep.

  Args:
    prepared: the sweep.
    workdir: folder of the results.

  Returns:
    A few lines.
  """
  sweep, runs, problems = prepared.sweep, prepared.runs, prepared.problems
  parameters = prepared.parameters
  sizes = ", ".join(
    f"{name} ({count(parameters[name])}{_dtype(sweep, name)})"
    for name in sorted(parameters, key=parameters.__getitem__)
  )
  lines = [
    f"Sweep of {len(runs)} runs over {len(problems)} problems: "
    f"{len(runs) * len(problems)} searches.",
    f"  problems  {_problems(sweep.task)}",
    f"  policies  {sizes} parameters",
    f"  reward    {_reward(sweep, prepared.reward)}",
    *_strategies(runs),
    f"  results   {workdir}",
    *(f"Note: {note}" for note in notes.find(sweep, problems)),
    "Ctrl-C is safe: the same command goes on where it stopped. Each model and "
    "n is compiled once, so the first problems take longest.",
  ]
  return "\n".join(lines)


def count(parameters: int) -> str:
  """A number of parameters in three figures: "127k", "1.62M", "6.9B"."""
  for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
    if parameters >= size:
      return f"{parameters / size:.3g}{letter}"
  return str(parameters)


def _dtype(sweep: spec.Sweep, policy: str) -> str:
  """The dtype of a policy that has one of its own, or quantised weights."""
  dtype = sweep.dtype_of(policy)
  shown = policy in sweep.policy_dtypes or dtype in (
    names_lib.INT8,
    names_lib.FP8,
  )
  return f" in {dtype}" if shown else ""


def _problems(task: spec.Task) -> str:
  fields = problems_lib.describe_fields(task)
  return problems_lib.describe(task) + (f"; {fields}" if fields else "")


def _reward(sweep: spec.Sweep, reward: checkpoints.Model | None) -> str:
  """What scores candidates."""
  form = sweep.reward.format
  if reward is None:
    return f"{form}: {spec.REWARDS[form].words}"
  dtype = (
    f" in {sweep.dtype}"
    if sweep.dtype in (names_lib.INT8, names_lib.FP8)
    else ""
  )
  return f"{reward.source} ({count(reward.parameters)}{dtype}), format {form}"


def _strategies(runs: Sequence[grid.Run]) -> list[str]:
  """One line a strategy."""
  lines = []
  names = list(dict.fromkeys(run.strategy for run in runs))
  wide = max(9, *map(len, names))
  for strategy in names:
    group = [run for run in runs if run.strategy == strategy]
    policies = ", ".join(dict.fromkeys(run.policy for run in group))
    sizes = ", ".join(map(str, sorted({run.n for run in group})))
    seeds = ", ".join(map(str, sorted({run.seed for run in group})))
    lines.append(f"  {strategy:<{wide}} n = {sizes}; seeds {seeds}; {policies}")
  return lines
