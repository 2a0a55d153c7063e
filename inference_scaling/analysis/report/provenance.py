"""Settings of a sweep, from the config.json of its folder.

A folder of an older version lacks a part of them, and one that lost the file
lacks all: the report is drawn all the same, and marks them as not recorded.
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from inference_scaling import names, spec
from inference_scaling.analysis.records import load

Run = tuple[str, str, int, int]  # policy, strategy, n, seed
# Keys of a block of runs that are not hyperparameters.
GRID = ("strategy", "policies", "n", "seeds")


@dataclasses.dataclass(frozen=True)
class Folder:
  """One of the folders of a report on several.

  Attributes:
    name: of the folder, as it was given.
    searches: that it holds.
    provenance: of its config.json.
  """

  name: str
  searches: int
  provenance: "Provenance"


@dataclasses.dataclass(frozen=True)
class Provenance:
  """The contents of config.json; of several folders, those of all.

  Attributes:
    parameters: number of parameters by policy name.
    config: the sweep's config; empty where there is none.
    runs: of the config; empty where there is none.
    reward_parameters: of the reward model; None if there is none.
    num_problems: of the sweep; None where nothing says it.
    version: of the package that began the sweep; None where nothing says it.
    started: the day on which it began, likewise.
    recorded: whether there is a config.json.
    sha256: of the model files, by policy, where it says them.
    reward_sha256: likewise of the reward model.
    flops_per_token: of policies of the user's own, likewise.
    folders: where there are several, what each says; config is then empty.
    notes: what is to be known of several folders, a sentence each.
  """

  parameters: Mapping[str, int]
  config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  runs: tuple[Run, ...] = ()
  reward_parameters: int | None = None
  num_problems: int | None = None
  version: str | None = None
  started: str | None = None
  recorded: bool = True
  sha256: Mapping[str, str] = dataclasses.field(default_factory=dict)
  reward_sha256: str | None = None
  flops_per_token: Mapping[str, float] = dataclasses.field(default_factory=dict)
  folders: tuple[Folder, ...] = ()
  notes: tuple[str, ...] = ()


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
    config = spec.renew(group(content, "config"))
    reward = group(content, "reward")
    return Provenance(
      parameters,
      config,
      tuple(_expand(group(config, "runs"))),
      reward.get("parameters"),
      _num_problems(content, config),
      content.get("version"),
      content.get("started"),
      sha256=_values(content["policies"], "sha256"),
      flops_per_token=_values(content["policies"], "flops_per_token"),
      reward_sha256=reward.get("sha256"),
    )
  except (AttributeError, KeyError, TypeError, ValueError) as error:
    raise load.RecordError(
      f'{path}: expected {{"policies": {{NAME: {{"parameters": COUNT}}}}}}'
      f" ({type(error).__name__}: {error}); the sweep writes this file"
    ) from error


def from_records(records: Iterable[load.Record]) -> Provenance:
  """Numbers of parameters from the ledgers, where there is no config.json.

  In convention `paper` a token costs 2 FLOPs per parameter.

  Args:
    records: of the sweep.

  Returns:
    The Provenance.
  """
  sizes: dict[str, list[float]] = {}
  for record in records:
    tokens = max(record.tokens, 1)
    size = record.flops[names.PAPER][:2].sum() / (2 * tokens)
    sizes.setdefault(record.policy, []).append(size)
  return Provenance(
    {name: max(1, round(np.median(each))) for name, each in sizes.items()},
    recorded=False,
  )


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


def _values(policies: Mapping[str, Any], key: str) -> dict[str, Any]:
  """The value of a key by policy, of those that have it."""
  return {name: keys[key] for name, keys in policies.items() if key in keys}


def _num_problems(
  content: Mapping[str, Any], config: Mapping[str, Any]
) -> int | None:
  """How many problems a sweep has; None where nothing says it."""
  problems = content.get("problems")
  if isinstance(problems, (dict, list)):
    return len(problems)
  if problems is not None:
    return int(problems)
  task = group(config, "task")
  # A limit is no number of problems: there may be fewer.
  return task.get("count") if task.get("kind") == "synthetic" else None


def group(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
  """A group of keys of decoded JSON; an empty one where there is none."""
  value = content.get(key)
  return value if isinstance(value, dict) else {}
