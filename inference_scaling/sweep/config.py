"""The config of a sweep: checked whole before any model is loaded."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import ml_collections

from inference_scaling import decoding, models, names
from inference_scaling.sweep import (
  grid,
  problems,
  prompts,
  rewards,
  rules,
  strategies,
)
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.tasks import grading

Resolved = dict[str, Any]

_TABLE: rules.Table = {
  "dtype": rules.one_of(*models.DTYPES),  # of weights, activations and caches
  "mesh": {"data": rules.integer(1), "model": rules.integer(1)},
  "sampler": {
    "temperature": rules.number(0),
    "top_k": rules.integer(0),  # 0 for no limit
    "top_p": rules.number(0, 1, above=True),  # 1 for no limit
  },
  "format": {
    # With none a step is a whole solution.
    "step_end": rules.several(rules.text(), least=0),
    "answer_markers": rules.several(rules.text()),
  },
  "limits": {
    "prompt_tokens": rules.integer(1),
    "step_tokens": rules.integer(1),
    "total_tokens": rules.integer(1),
    "max_steps": rules.integer(1),
  },
  "aggregations": rules.several(rules.one_of(*names.AGGREGATIONS)),
  "rows_in_flight": rules.integer(1),
  # Beams of a problem that are written at once; 0 for all. The others take
  # turns, and more problems are in flight instead.
  "rows_per_problem": rules.integer(0),
  "cache": rules.one_of(*decoding.CACHES),  # how beams' keys, values are kept
  # Room for a problem's distinct tokens in a tree; 0 for all there can be.
  "tree_tokens": rules.integer(0),
  "percent": rules.one_of(*grading.PERCENT),  # what 28% agrees with, see Grader
}
# Keys that a config may leave out. They are younger than some sweeps: a default
# is what was done before there was the key, so that old folders go on.
_DEFAULTS = {"percent": grading.DEFAULT_PERCENT}
# Groups whose keys depend on their contents.
_FREE = ("task", "policies", "reward", "prompt", "runs")


def resolve(config: ml_collections.ConfigDict | Mapping[str, Any]) -> Resolved:
  """Turns a config into plain JSON data and checks all of it.

  Args:
    config: as configs/demo.py makes it.

  Returns:
    Nested dicts and lists of texts, numbers and truth values.

  Raises:
    ValueError: on an unknown or missing key or a value that is not allowed;
      the message names key, value, what was expected and what to do.
  """
  values = with_defaults(_plain(config))
  anything = rules.Rule(lambda value: True, "a group of keys")
  rules.check(values, dict.fromkeys(_FREE, anything) | _TABLE, "config")
  rules.check_choice(values["task"], "kind", problems.TABLES, "config.task")
  rules.check_choice(values["reward"], "form", rewards.TABLES, "config.reward")
  prompts.check(values["prompt"])
  rules.check_group(values["policies"], "config.policies")
  for name, path in values["policies"].items():
    rules.check_value(path, rules.text(), f"config.policies.{name}")
  _check_cache(values)
  _check_lengths(values)
  _check_format(values["format"])
  _check_runs(values)
  return values


def with_defaults(values: Resolved) -> Resolved:
  """Returns a config with the keys that it may leave out."""
  return {**_DEFAULTS, **values}


def digest(resolved: Resolved) -> str:
  """SHA-256 of a resolved config, as hexadecimal text.

  A key at its default counts as left out, as in sweeps that are older than it.
  """
  values = {
    key: value
    for key, value in resolved.items()
    if key not in _DEFAULTS or value != _DEFAULTS[key]
  }
  text = json.dumps(values, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()


def changes(old: Any, new: Any, path: str = "config") -> list[str]:
  """Lists the keys in which two resolved configs differ.

  Args:
    old: one of them, or a part of it.
    new: the other.
    path: of the part.

  Returns:
    Lines "config.limits.step_tokens: 32 -> 64", sorted by key.
  """
  if not (isinstance(old, dict) and isinstance(new, dict)):
    return [] if old == new else [f"{path}: {_shown(old)} -> {_shown(new)}"]
  return [
    line
    for key in sorted(set(old) | set(new))
    for line in changes(
      old.get(key, _ABSENT), new.get(key, _ABSENT), f"{path}.{key}"
    )
  ]


_ABSENT = object()


def _shown(value: Any) -> str:
  return "(absent)" if value is _ABSENT else json.dumps(value)


def _plain(value: Any) -> Any:
  """Turns ConfigDicts and tuples into dicts and lists, as JSON would."""
  if isinstance(value, (ml_collections.ConfigDict, Mapping)):
    return {str(key): _plain(item) for key, item in value.items()}
  if isinstance(value, (list, tuple)):
    return [_plain(item) for item in value]
  return value


def _check_cache(values: Resolved) -> None:
  """Checks that room in a tree is given to a tree."""
  if values["cache"] != "tree" and values["tree_tokens"]:
    raise ValueError(
      f"config.tree_tokens is {values['tree_tokens']}; expected 0 where "
      f"config.cache is {values['cache']!r}, which has room for all tokens. "
      "Give --config.tree_tokens=0 or --config.cache=tree."
    )


def _check_lengths(values: Resolved) -> None:
  """Checks that a step fits in a solution, to each model."""
  for key in ("limits", "reward"):
    group = values[key]
    if "step_tokens" in group:
      settings_lib.check_steps(
        group["step_tokens"], group["total_tokens"], f"config.{key}"
      )


def _check_format(values: Mapping[str, Any]) -> None:
  """Checks that what ends a step does not announce an answer, too."""
  both = [x for x in values["answer_markers"] if x in values["step_end"]]
  if both:
    raise ValueError(
      f"config.format.answer_markers has {both[0]!r}, which ends a step in "
      "config.format.step_end, so that each solution would end with its first "
      "step; expected another text, such as 'The answer is'. Take it out of "
      "either."
    )


def _check_runs(values: Resolved) -> None:
  """Checks the blocks of runs, each by its strategy."""
  rules.check_group(values["runs"], "config.runs")
  tables = strategies.tables()
  for name, block in values["runs"].items():
    path = f"config.runs.{name}"
    rules.check_choice(block, "strategy", tables, path, variants=True)
    strategies.check_reward(
      block["strategy"], values["reward"]["form"], f"{path}.strategy"
    )
    for policy in block["policies"]:
      if policy not in values["policies"]:
        raise ValueError(
          f"{path}.policies has {policy!r}, which config.policies lacks; "
          f"expected some of {', '.join(sorted(values['policies']))}."
        )
  grid.expand(values["runs"])
