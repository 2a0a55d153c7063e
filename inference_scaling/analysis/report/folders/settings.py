"""Settings of a sweep in words: the first items of its report."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inference_scaling.analysis import strategies, wording
from inference_scaling.analysis.report import provenance as provenance_lib

UNKNOWN = "not recorded"
_LONGEST = 160  # characters of a text that is quoted


def lines(provenance: provenance_lib.Provenance) -> list[str]:
  """Writes the settings of a sweep, one per item of a markdown list.

  Args:
    provenance: of the sweep; of several folders each is an item, with its own
      settings below.

  Returns:
    The items.
  """
  if provenance.folders:
    items = []
    for folder in provenance.folders:
      items.append(f"- Folder `{folder.name}`: {folder.searches:,} searches")
      items += [f"  {line}" for line in lines(folder.provenance)]
    return [*items, *(f"- {note}" for note in provenance.notes)]
  config = provenance.config
  if not provenance.recorded:
    return [
      "- There is no config.json: benchmark, sources of the models, reward"
      " format, prompt, sampler, dtype and limits are not known. Numbers of"
      " parameters follow from the ledger."
    ]
  reward = provenance_lib.group(config, "reward")
  mesh = provenance_lib.group(config, "mesh")
  return [
    f"- Benchmark: {_benchmark(provenance_lib.group(config, 'task'))}",
    f"- Policies: {_policies(provenance)}",
    f"- Reward: {_reward(reward, provenance.reward_parameters)}",
    f"- Prompt: {_prompt(provenance_lib.group(config, 'prompt'))}",
    f"- Steps and answers: {_steps(provenance_lib.group(config, 'format'))}",
    f"- Sampler: {_pairs(provenance_lib.group(config, 'sampler'))}",
    f"- Limits: {_pairs(provenance_lib.group(config, 'limits'))}",
    f"- Dtype: {_dtypes(config)}; mesh: {_pairs(mesh)}",
    f"- Sweep: begun {provenance.started or f'on a day {UNKNOWN}'}; version"
    f" {provenance.version or UNKNOWN}",
    "- Runs:",
    *_runs(provenance_lib.group(config, "runs")),
  ]


def quoted(value: Any) -> str:
  """A value of a config, a text as code on one line."""
  if isinstance(value, str):
    text = " ".join(json.dumps(value, ensure_ascii=False)[1:-1].split("`"))
    more = len(text) > _LONGEST
    return f"`{text[:_LONGEST]}`{'..' * more}" if text else "(empty)"
  if isinstance(value, Sequence):
    return ", ".join(map(quoted, value)) or "none"
  return str(value)


def _pairs(group: Mapping[str, Any], leave_out: Iterable[str] = ()) -> str:
  """Keys with their values, in words."""
  pairs = [
    f"{key.replace('_', ' ')} {quoted(value)}"
    for key, value in group.items()
    if key not in leave_out
  ]
  return ", ".join(pairs) if pairs else UNKNOWN


def _steps(group: Mapping[str, Any]) -> str:
  """What ends steps, and where a solution is split, if it is."""
  return _pairs(group, () if group.get("split_after") else ("split_after",))


def _dtypes(config: Mapping[str, Any]) -> str:
  """The dtype of all models, and those of single policies."""
  own = provenance_lib.group(config, "policy_dtypes")
  others = "".join(f", of {name} {dtype}" for name, dtype in own.items())
  return f"{config.get('dtype', UNKNOWN)}{others}"


def _benchmark(task: Mapping[str, Any]) -> str:
  if "kind" not in task:
    return UNKNOWN
  rest = {key: value for key, value in task.items() if key != "kind"}
  if rest.get("limit") == 0:
    rest["limit"] = "none"
  return f"{task['kind']}, {_pairs(rest)}" if rest else task["kind"]


def _policies(provenance: provenance_lib.Provenance) -> str:
  sources = provenance_lib.group(provenance.config, "policies")
  pairs = provenance_lib.group(provenance.config, "speculative")

  def source(name: str) -> str:
    if name in pairs:
      return f"two policies ({_pairs(pairs[name])})"
    return quoted(sources[name]) if name in sources else UNKNOWN

  return ", ".join(
    f"{wording.policy(name, size)} from {source(name)}"
    for name, size in sorted(
      provenance.parameters.items(), key=lambda item: item[1]
    )
  )


def _reward(reward: Mapping[str, Any], parameters: int | None) -> str:
  if "format" not in reward:
    return UNKNOWN
  text = f"format `{reward['format']}`"
  if "source" in reward:
    size = f" ({wording.count(parameters)})" if parameters else ""
    text += f", model {quoted(reward['source'])}{size}"
  rest = {k: v for k, v in reward.items() if k not in ("format", "source")}
  return f"{text}, {_pairs(rest)}" if rest else text


def _prompt(prompt: Mapping[str, Any]) -> str:
  if "kind" not in prompt:
    return UNKNOWN
  text, rest = prompt["kind"], {**prompt}
  del rest["kind"]
  examples = rest.pop("examples", None)
  if examples is not None:
    text += f" with {len(examples)} examples"
  return f"{text}, {_pairs(rest)}" if rest else text


def _runs(runs: Mapping[str, Any]) -> list[str]:
  """One item per block of runs, with its hyperparameters."""
  items = []
  for block in runs.values():
    parts = [f"policies {', '.join(block['policies'])}"]
    parts += [
      f"{key} {', '.join(map(str, block[key]))}"
      for key in ("n", "seeds")
      if key in block
    ]
    if len(block) > len(set(block) & set(provenance_lib.GRID)):
      parts.append(_pairs(block, provenance_lib.GRID))
    name = strategies.strategy_name(block["strategy"])
    items.append(f"  - {name}: {'; '.join(parts)}")
  return items or [f"  - {UNKNOWN}"]
