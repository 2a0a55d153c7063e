"""Settings that are allowed, but seldom meant: a sweep says so before it runs.

The rule: what contradicts itself is refused by `config.resolve`. What computes
something sensible but less than it seems to say, or the same thing twice, is
told in a line that names the key, and runs.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from inference_scaling import tasks
from inference_scaling.sweep import strategies

Values = Mapping[str, Any]
Problems = Sequence[tasks.Problem]


def find(resolved: Values, asked: Problems) -> list[str]:
  """Looks for settings that are seldom meant.

  Args:
    resolved: the config.
    asked: all problems.

  Returns:
    A sentence for each.
  """
  return [
    *_limit(resolved["task"], asked),
    *_repeated(resolved["task"], asked),
    *_policies(resolved),
    *_equal_candidates(resolved),
    *_single_step(resolved),
    *_unreachable_tokens(resolved),
    *_rows(resolved),
  ]


def _limit(task: Values, asked: Problems) -> Iterator[str]:
  if "limit" in task and task["limit"] > len(asked):
    yield (
      f"config.task.limit is {task['limit']}, above the number of problems, "
      f"{len(asked)}: all of them are taken."
    )


def _repeated(task: Values, asked: Problems) -> Iterator[str]:
  if task["kind"] != "jsonl":
    return  # the others are what was published, or drawn
  first: dict[str, tasks.Problem] = {}
  again = []
  for problem in asked:
    other = first.setdefault(problem.question.strip(), problem)
    if other is not problem:
      again.append(f"{_called(other)} and {_called(problem)}")
  if again:
    more = f", and {len(again) - 3} more pairs" if len(again) > 3 else ""
    yield (
      f"{task['path']} asks the same question twice: problems "
      f"{', '.join(again[:3])}{more}."
    )


def _called(problem: tasks.Problem) -> str:
  return problem.name or str(problem.id)


def _policies(resolved: Values) -> Iterator[str]:
  used = {
    name for block in resolved["runs"].values() for name in block["policies"]
  }
  sources: dict[str, str] = {}
  for name, source in resolved["policies"].items():
    if name not in used:
      yield f"config.policies.{name} is loaded, but no run is of it."
    path = os.path.realpath(source) if os.path.exists(source) else source
    other = sources.setdefault(path, name)
    if other != name:
      yield (
        f"config.policies.{other} and config.policies.{name} are both "
        f"{source}: their runs are the same."
      )


def _equal_candidates(resolved: Values) -> Iterator[str]:
  sampler = resolved["sampler"]
  if sampler["temperature"] == 0:
    cause = "config.sampler.temperature is 0"
  elif sampler["top_k"] == 1:
    cause = "config.sampler.top_k is 1"
  else:
    return
  several = [
    f"config.runs.{name} (n = {', '.join(map(str, block['n']))})"
    for name, block in resolved["runs"].items()
    if "n" in block and max(block["n"]) > 1
  ]
  if several:
    yield (
      f"{cause}, so that all candidates of a problem are the same: "
      f"{', '.join(several)}. Greedy decoding gives the same one, once."
    )
  blocks = resolved["runs"].values()
  if any("seeds" in block and len(block["seeds"]) > 1 for block in blocks):
    yield f"{cause}, so that all seeds of a run give the same candidates."


def _single_step(resolved: Values) -> Iterator[str]:
  """Tree search over steps of which a solution has one."""
  if not resolved["format"]["step_end"]:
    cause = "config.format.step_end is empty"
  elif resolved["limits"]["max_steps"] == 1:
    cause = "config.limits.max_steps is 1"
  else:
    return
  trees = [
    f"config.runs.{name}"
    for name, block in resolved["runs"].items()
    if strategies.kind(block["strategy"]).needs_reward
  ]
  if trees:
    yield (
      f"{cause}, so that a solution is one step and there is no tree to "
      f"search: {', '.join(trees)}."
    )


def _unreachable_tokens(resolved: Values) -> Iterator[str]:
  limits = resolved["limits"]
  steps = limits["max_steps"] if resolved["format"]["step_end"] else 1
  most = steps * limits["step_tokens"]
  if most < limits["total_tokens"]:
    yield (
      f"config.limits.total_tokens is {limits['total_tokens']}, but a solution "
      f"has at most {most}: config.limits allow it {steps} "
      f"{'steps' if steps > 1 else 'step'} of {limits['step_tokens']}."
    )


def _rows(resolved: Values) -> Iterator[str]:
  rows, alone = resolved["rows_in_flight"], resolved["rows_per_problem"]
  if alone > rows:
    yield (
      f"config.rows_per_problem is {alone}, more than config.rows_in_flight, "
      f"{rows}: {alone} rows are in flight."
    )
  if alone:
    return
  for name, block in resolved["runs"].items():
    # Greedy decoding has no n, and that of MCTS is no number of beams.
    mcts = strategies.kind(block["strategy"]) is strategies.KINDS["mcts"]
    if "n" not in block or mcts:
      continue
    most = max(block["n"])
    if most > rows:
      yield (
        f"config.rows_in_flight is {rows}, but config.runs.{name} has n = "
        f"{most}: that many rows are in flight, of one problem."
      )
