"""Settings that are allowed, but seldom meant: a sweep says so before it runs.

The rule: what contradicts itself is refused by `spec.read_sweep`. What computes
something sensible but less than it seems to say, or the same thing twice, is
told in a line that names the key, and runs.
"""

import os
from collections.abc import Iterator, Sequence

from inference_scaling import spec, tasks
from inference_scaling.spec import task as task_lib

Problems = Sequence[tasks.Problem]


def find(sweep: spec.Sweep, problems: Problems) -> list[str]:
  """Looks for settings that are seldom meant.

  Args:
    sweep: the sweep.
    problems: all of them.

  Returns:
    A sentence for each.
  """
  return [
    *_limit(sweep.task, problems),
    *_repeated(sweep.task, problems),
    *_policies(sweep),
    *_equal_candidates(sweep),
    *_single_step(sweep),
    *_unreachable_tokens(sweep),
    *_rows(sweep),
  ]


def _limit(task: spec.Task, problems: Problems) -> Iterator[str]:
  if isinstance(task, task_lib.Synthetic):
    return
  if task.limit > len(problems):
    yield (
      f"config.task.limit is {task.limit}, above the number of problems, "
      f"{len(problems)}: all of them are taken."
    )


def _repeated(task: spec.Task, problems: Problems) -> Iterator[str]:
  if not isinstance(task, task_lib.Jsonl):
    return  # the others are what was published, or drawn
  first: dict[str, tasks.Problem] = {}
  again = []
  for problem in problems:
    other = first.setdefault(problem.question.strip(), problem)
    if other is not problem:
      again.append(f"{_called(other)} and {_called(problem)}")
  if again:
    more = f", and {len(again) - 3} more pairs" if len(again) > 3 else ""
    yield (
      f"{task.path} asks the same question twice: problems "
      f"{', '.join(again[:3])}{more}."
    )


def _called(problem: tasks.Problem) -> str:
  return problem.name or str(problem.id)


def _policies(sweep: spec.Sweep) -> Iterator[str]:
  used = {
    name for block in sweep.runs.values() for name in block.policies or ()
  }
  for pair in [sweep.speculative[name] for name in used & {*sweep.speculative}]:
    used |= {pair.draft, pair.target}
  sources: dict[tuple[str, str], str] = {}
  for name, source in sweep.policies.items():
    if name not in used:
      yield f"config.policies.{name} is loaded, but no run is of it."
    path = os.path.realpath(source) if os.path.exists(source) else source
    other = sources.setdefault((path, sweep.dtype_of(name)), name)
    if other != name:
      yield (
        f"config.policies.{other} and config.policies.{name} are both "
        f"{source}: their runs are the same."
      )


def _equal_candidates(sweep: spec.Sweep) -> Iterator[str]:
  sampler = sweep.sampler
  if sampler.temperature == 0:
    cause = "config.sampler.temperature is 0"
  elif sampler.top_k == 1:
    cause = "config.sampler.top_k is 1"
  else:
    return
  several = [
    f"config.runs.{name} (n = {', '.join(map(str, block.sizes))})"
    for name, block in sweep.runs.items()
    if max(block.sizes) > 1
  ]
  if several:
    yield (
      f"{cause}, so that all candidates of a problem are the same: "
      f"{', '.join(several)}. Greedy decoding gives the same one, once."
    )
  blocks = sweep.runs.values()
  if any(len(block.draws) > 1 for block in blocks):
    yield f"{cause}, so that all seeds of a run give the same candidates."


def _single_step(sweep: spec.Sweep) -> Iterator[str]:
  """Tree search over steps of which a solution has one."""
  if not sweep.format.step_end:
    cause = "config.format.step_end is empty"
  elif sweep.limits.max_steps == 1:
    cause = "config.limits.max_steps is 1"
  else:
    return
  trees = [
    f"config.runs.{name}"
    for name, block in sweep.runs.items()
    if block.needs_reward and block.needs_steps
  ]
  if trees:
    yield (
      f"{cause}, so that a solution is one step and there is no tree to "
      f"search: {', '.join(trees)}."
    )


def _unreachable_tokens(sweep: spec.Sweep) -> Iterator[str]:
  limits = sweep.limits
  if not sweep.reward.has_steps:  # a solution is one step, as long as it may be
    return
  steps = limits.max_steps if sweep.format.step_end else 1
  most = steps * limits.step_tokens
  if most < limits.total_tokens:
    yield (
      f"config.limits.total_tokens is {limits.total_tokens}, but a solution "
      f"has at most {most}: config.limits allow it {steps} "
      f"{'steps' if steps > 1 else 'step'} of {limits.step_tokens}."
    )


def _rows(sweep: spec.Sweep) -> Iterator[str]:
  rows, alone = sweep.batch_size, sweep.rows_per_problem
  if alone > rows:
    yield (
      f"config.rows_per_problem is {alone}, more than config.batch_size, "
      f"{rows}: {alone} rows are in flight."
    )
  if alone:
    return
  for name, block in sweep.runs.items():
    if block.counts_steps:
      continue  # its n is no number of active beams
    most = max(block.sizes)
    if most > rows:
      yield (
        f"config.batch_size is {rows}, but config.runs.{name} has n = "
        f"{most}: that many rows are in flight, of one problem."
      )
