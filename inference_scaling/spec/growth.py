"""What may change between the starts of one sweep.

A folder goes on under a config that only adds: problems, policies, strategies,
n, seeds, aggregations. How work is distributed over devices and batches may
change, too. Everything else would make records of another kind, and is refused
with its old and new value.
Problems are compared one by one where records are read, and models by the
digests of their files, so that both may move to another path. A model that a
function of the user's makes is also known by the name of this function, of
which a file may have several.
"""

import json
from collections.abc import Mapping
from typing import Any

from inference_scaling import names
from inference_scaling.spec import grid
from inference_scaling.spec import strategy as strategy_lib
from inference_scaling.spec import sweep as sweep_lib

# Keys that say how work is distributed over devices and batches.
PLACING = (
  "mesh", "threads", "batch_size", "rows_per_problem", "cache", "tree_tokens",
  "attention",
)  # fmt: skip
_SHOWN = 10  # changed runs that a message names
_ABSENT = object()


def changes(old: sweep_lib.Sweep, new: sweep_lib.Sweep) -> list[str]:
  """Lists what a sweep would have to record in another way.

  Args:
    old: the sweep that records were made for.
    new: the one that is asked for.

  Returns:
    Lines "config.limits.step_tokens: 32 -> 64"; none where it only grows.
  """
  values = [sweep_lib.to_json(sweep) for sweep in (old, new)]
  apart = {
    "task",
    "policies",
    "speculative",
    "policy_dtypes",
    "runs",
    "aggregations",
  }
  apart |= {"thinking"}
  apart |= {*PLACING}
  before, after = (
    {key: value[key] for key in value if key not in apart} for value in values
  )
  source, changed_source = (
    value["reward"].pop("source", _ABSENT) for value in (before, after)
  )
  lines = differences(before, after)
  lines += _changed_maker(source, changed_source, "config.reward.source")
  for name, source in old.policies.items():
    path = f"config.policies.{name}"
    if name in new.policies:
      lines += _changed_maker(source, new.policies[name], path)
      if old.dtype == new.dtype or old.policy_dtypes or new.policy_dtypes:
        lines += differences(
          old.dtype_of(name), new.dtype_of(name), f"config.policy_dtypes.{name}"
        )
      was, now = (value["thinking"].get(name, _ABSENT) for value in values)
      lines += differences(was, now, f"config.thinking.{name}")
    else:
      lines += differences(source, _ABSENT, path)
  pairs = [sweep_lib.to_json(sweep)["speculative"] for sweep in (old, new)]
  for name, pair in pairs[0].items():
    path = f"config.speculative.{name}"
    lines += differences(pair, pairs[1].get(name, _ABSENT), path)
  if not set(old.aggregations) <= set(new.aggregations):
    before, after = (value["aggregations"] for value in values)
    lines += differences(before, after, "config.aggregations")
  return lines + _changed_runs(old, new)


def moves(old: sweep_lib.Sweep, new: sweep_lib.Sweep) -> list[str]:
  """Lists changes of how work is distributed over devices and batches."""
  before, after = (
    {key: sweep_lib.to_json(sweep)[key] for key in PLACING}
    for sweep in (old, new)
  )
  return differences(before, after)


def differences(old: Any, new: Any, path: str = "config") -> list[str]:
  """Lists the keys in which two groups of JSON data differ.

  Args:
    old: one of them, or a part of it.
    new: the other.
    path: of the part.

  Returns:
    Lines "config.limits.step_tokens: 32 -> 64", sorted by key.
  """
  if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
    return [] if old == new else [f"{path}: {_shown(old)} -> {_shown(new)}"]
  return [
    line
    for key in sorted(set(old) | set(new))
    for line in differences(
      old.get(key, _ABSENT), new.get(key, _ABSENT), f"{path}.{key}"
    )
  ]


def maker_of(source: str) -> str | None:
  """The function that makes a model; None for one that is read from files.

  Args:
    source: of a policy or a reward: "python:package.module:maker".

  Returns:
    "maker": the module may move to another path, and is known by its content.
  """
  if not source.startswith(names.PYTHON_PREFIX):
    return None
  return source.rpartition(":")[2]


def _changed_maker(old: Any, new: Any, path: str) -> list[str]:
  """A line for a model that another function makes now."""
  if _ABSENT in (old, new) or maker_of(old) == maker_of(new):
    return []
  return differences(old, new, path)


def _changed_runs(old: sweep_lib.Sweep, new: sweep_lib.Sweep) -> list[str]:
  """Strategies with other hyperparameters, and runs that are gone."""
  before, after = (
    {block.strategy: (name, block) for name, block in sweep.runs.items()}
    for sweep in (old, new)
  )
  lines = []
  for strategy in before:
    if strategy not in after:
      continue
    (was, block), (now, changed) = before[strategy], after[strategy]
    lines += [
      f"{line} in config.runs.{now}; a word tells both apart: its strategy may "
      f"be '{strategy_lib.kind_of(strategy)}/WORD'"
      for line in differences(
        {**block.hyperparameters, **block.thinking},
        {**changed.hyperparameters, **changed.thinking},
        f"config.runs.{was}",
      )
    ]
  runs = set(grid.expand(new.runs))
  gone = [
    f"config.runs: {run} -> (absent)"
    for run in grid.expand(old.runs)
    if run not in runs
  ]
  if len(gone) > _SHOWN:
    more = f"config.runs: {len(gone) - _SHOWN} more runs -> (absent)"
    gone = [*gone[:_SHOWN], more]
  return lines + gone


def _shown(value: Any) -> str:
  if value is _ABSENT:
    return "(absent)"
  return json.dumps(value, ensure_ascii=False)
