"""What a sweep was, in words, as far as its folder says it.

Everything comes from config.json. A folder of an older version lacks some of
it, and one that lost the file all of it: what is not there is said to be not
recorded, and the report is drawn all the same.
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from inference_scaling import names
from inference_scaling.analysis import strategies, wording
from inference_scaling.analysis.records import load

Run = tuple[str, str, int, int]  # policy, strategy, n, seed
UNKNOWN = "not recorded"
_LONGEST = 160  # characters of a text that is quoted
# Keys of a block of runs that are no hyperparameters.
_GRID = ("strategy", "policies", "n", "seeds")


@dataclasses.dataclass(frozen=True)
class Provenance:
  """What config.json says.

  Attributes:
    parameters: number of parameters by policy name.
    config: the sweep's config; empty where there is none.
    runs: that it asks for; empty where there is none.
    reward_parameters: of the reward model; None if there is none.
    num_problems: of the sweep; None where nothing says it.
    version: of the package that began the sweep; None where nothing says it.
    started: the day on which it began, likewise.
    recorded: whether there is a config.json.
  """

  parameters: Mapping[str, int]
  config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  runs: tuple[Run, ...] = ()
  reward_parameters: int | None = None
  num_problems: int | None = None
  version: str | None = None
  started: str | None = None
  recorded: bool = True


def read(path: pathlib.Path) -> Provenance | None:
  """Reads config.json of a sweep's folder.

  Args:
    path: the file.

  Returns:
    What it says; None if there is no such file.

  Raises:
    RecordError: if it is not what a sweep writes.
  """
  if not path.exists():
    return None
  try:
    content = json.loads(path.read_text(encoding="utf-8"))
    parameters = {
      name: int(policy["parameters"])
      for name, policy in content["policies"].items()
    }
    if min(parameters.values()) < 1:
      raise ValueError(f"parameters are {parameters}")
    config = _group(content, "config")
    return Provenance(
      parameters,
      config,
      tuple(_expand(_group(config, "runs"))),
      _group(content, "reward").get("parameters"),
      _num_problems(content, config),
      content.get("version"),
      content.get("started"),
    )
  except (AttributeError, KeyError, TypeError, ValueError) as error:
    raise load.RecordError(
      f'{path}: expected {{"policies": {{NAME: {{"parameters": COUNT}}}}}}'
      f" ({type(error).__name__}: {error}); the sweep writes this file"
    ) from error


def from_records(records: Iterable[load.Record]) -> Provenance:
  """What records alone say: numbers of parameters, from the ledger.

  In convention `paper` a token costs 2 FLOPs a parameter.

  Args:
    records: of the sweep.

  Returns:
    The Provenance.
  """
  found: dict[str, list[float]] = {}
  for record in records:
    tokens = max(record.tokens, 1)
    cost = record.flops[names.PAPER][:2].sum() / (2 * tokens)
    found.setdefault(record.policy, []).append(cost)
  return Provenance(
    {name: max(1, round(np.median(costs))) for name, costs in found.items()},
    recorded=False,
  )


def lines(provenance: Provenance) -> list[str]:
  """Says what the sweep was, an item of a markdown list each."""
  config = provenance.config
  if not provenance.recorded:
    return [
      "- There is no config.json: benchmark, sources of the models, reward"
      " format, prompt, sampler, dtype and limits are not known. Numbers of"
      " parameters follow from the ledger."
    ]
  reward = _group(config, "reward")
  mesh = _group(config, "mesh")
  return [
    f"- Benchmark: {_benchmark(_group(config, 'task'))}",
    f"- Policies: {_policies(provenance)}",
    f"- Reward: {_reward(reward, provenance.reward_parameters)}",
    f"- Prompt: {_prompt(_group(config, 'prompt'))}",
    f"- Steps and answers: {_pairs(_group(config, 'format'))}",
    f"- Sampler: {_pairs(_group(config, 'sampler'))}",
    f"- Limits: {_pairs(_group(config, 'limits'))}",
    f"- Dtype: {config.get('dtype', UNKNOWN)}; mesh: {_pairs(mesh)}",
    f"- Sweep: begun {provenance.started or f'on a day {UNKNOWN}'}; version"
    f" {provenance.version or UNKNOWN}",
    "- Runs:",
    *_runs(_group(config, "runs")),
  ]


def _group(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
  """A group of keys; an empty one where there is none."""
  value = content.get(key)
  return value if isinstance(value, dict) else {}


def _expand(blocks: Mapping[str, Any]) -> list[Run]:
  """Multiplies out the blocks of runs of a config."""
  return [
    (policy, block["strategy"], n, seed)
    for block in blocks.values()
    for policy in block["policies"]
    # Greedy decoding has neither.
    for n in block.get("n", [1])
    for seed in block.get("seeds", [0])
  ]


def _num_problems(content: Mapping[str, Any], config: Mapping[str, Any]):
  """How many problems a sweep has; None where nothing says it."""
  problems = content.get("problems")
  if isinstance(problems, (dict, list)):
    return len(problems)
  if problems is not None:
    return int(problems)
  task = _group(config, "task")
  # A limit is no number of problems: there may be fewer.
  return task.get("count") if task.get("kind") == "synthetic" else None


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


def _benchmark(task: Mapping[str, Any]) -> str:
  if "kind" not in task:
    return UNKNOWN
  rest = {key: value for key, value in task.items() if key != "kind"}
  if rest.get("limit") == 0:
    rest["limit"] = "none"
  return f"{task['kind']}, {_pairs(rest)}" if rest else task["kind"]


def _policies(provenance: Provenance) -> str:
  sources = _group(provenance.config, "policies")
  return ", ".join(
    f"{wording.policy(name, size)} from "
    f"{quoted(sources[name]) if name in sources else UNKNOWN}"
    for name, size in sorted(
      provenance.parameters.items(), key=lambda item: item[1]
    )
  )


def _reward(reward: Mapping[str, Any], parameters: int | None) -> str:
  if "form" not in reward:
    return UNKNOWN
  text = f"format `{reward['form']}`"
  if "source" in reward:
    size = f" ({wording.count(parameters)})" if parameters else ""
    text += f", model {quoted(reward['source'])}{size}"
  rest = {k: v for k, v in reward.items() if k not in ("form", "source")}
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
  """One item a block of runs, with its hyperparameters."""
  items = []
  for block in runs.values():
    parts = [f"policies {', '.join(block['policies'])}"]
    parts += [
      f"{key} {', '.join(map(str, block[key]))}"
      for key in ("n", "seeds")
      if key in block
    ]
    if len(block) > len(set(block) & set(_GRID)):
      parts.append(_pairs(block, _GRID))
    name = strategies.strategy_name(block["strategy"])
    items.append(f"  - {name}: {'; '.join(parts)}")
  return items or [f"  - {UNKNOWN}"]
