"""Names of policies and strategies that mean different things in two folders.

A name stays where all folders that have it mean the same: a policy of the same
files or maker, by the same reward and under the same settings; a strategy of
the same hyperparameters. Otherwise each meaning gets the label of its first
folder: policy small becomes small@a and small@b, strategy rebase becomes
rebase/@a and rebase/@b, two variants of one kind. What only one of two folders
records is not compared. Nor is the reward of a folder whose searches know but
one (DeepConf): their names say it.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inference_scaling import spec
from inference_scaling.analysis.report import provenance as provenance_lib
from inference_scaling.analysis.report.folders import sources as sources_lib

# Keys of a config that change no number of a record, or are told of elsewhere.
_FREE = (
  "task", "policies", "speculative", "policy_dtypes", "runs", "aggregations",
  *spec.PLACING,
)  # fmt: skip
Meaning = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Names:
  """Names of a report on several folders.

  Attributes:
    policies: for each folder, the name of a policy there -> in the report.
    strategies: for each folder, likewise of strategies.
    notes: which names are new and why, one each.
  """

  policies: Sequence[Mapping[str, str]]
  strategies: Sequence[Mapping[str, str]]
  notes: tuple[str, ...]


def tell_apart(sources: Sequence[sources_lib.Source]) -> Names:
  """Finds the names of a report on several folders.

  Args:
    sources: the folders.

  Returns:
    The Names.
  """
  policies, notes = _rename(
    sources,
    [_policies(source) for source in sources],
    lambda name, label: f"{name}@{label}",
  )
  strategies, more = _rename(
    sources,
    [_strategies(source) for source in sources],
    lambda name, label: f"{name}{'' if '/' in name else '/'}@{label}",
  )
  return Names(policies, strategies, (*notes, *more))


def brings_scores(source: sources_lib.Source) -> bool:
  """Whether all searches of a folder know but one kind of reward (DeepConf).

  Args:
    source: the folder.

  Returns:
    True where its reward says nothing that the strategies do not.
  """
  kinds = {spec.kind_of(record.strategy) for record in source.records}
  blocks = [spec.STRATEGIES.get(kind) for kind in kinds]
  return all(block and block.only_format for block in blocks)


def _rename(
  sources: Sequence[sources_lib.Source],
  meanings: Sequence[Mapping[str, Meaning]],
  make: Callable[[str, str], str],
) -> tuple[list[dict[str, str]], list[str]]:
  """New names by folder, and sentences about those that have changed."""
  renamed = [{name: name for name in own} for own in meanings]
  notes = []
  for name in dict.fromkeys(name for own in meanings for name in own):
    groups: list[list[int]] = []  # indices of folders, by meaning
    for index, own in enumerate(meanings):
      if name not in own:
        continue
      for group in groups:
        if not _differences(meanings[group[0]][name], own[name]):
          group.append(index)
          break
      else:
        groups.append([index])
    if len(groups) < 2:
      continue
    for group in groups:
      new = make(name, sources[group[0]].label)
      for index in group:
        renamed[index][name] = new
      folders = ", ".join(f"`{sources[index].label}`" for index in group)
      notes.append(f"`{new}` is `{name}` of {folders}")
    first, *others = (meanings[group[0]][name] for group in groups)
    keys = dict.fromkeys(k for o in others for k in _differences(first, o))
    notes[-1] += f"; they differ in {', '.join(keys)}"
  return renamed, notes


def _differences(first: Meaning, second: Meaning) -> list[str]:
  """The keys of both whose values differ."""
  return [key for key in first if key in second and first[key] != second[key]]


def _policies(source: sources_lib.Source) -> dict[str, Meaning]:
  """What the name of each policy that a folder runs means there."""
  provenance, config = source.provenance, source.provenance.config
  run = {record.policy for record in source.records}
  run |= {policy for policy, *_ in provenance.runs}
  settings = {key: config[key] for key in config if key not in _FREE}
  if brings_scores(source):
    settings.pop("reward", None)
  elif provenance.reward_sha256 is not None:
    settings["files of the reward model"] = provenance.reward_sha256
    # The same files may be in two folders.
    reward = provenance_lib.group(config, "reward")
    settings["reward"] = {k: v for k, v in reward.items() if k != "source"}
    settings["maker of the reward"] = spec.maker_of(reward.get("source", ""))
  sources = provenance_lib.group(config, "policies")
  pairs = provenance_lib.group(config, "speculative")
  dtypes = provenance_lib.group(config, "policy_dtypes")
  meanings = {}
  for name, parameters in provenance.parameters.items():
    if name not in run:
      continue
    meanings[name] = {"number of parameters": parameters} | settings
    if dtypes.get(name, config.get("dtype")) != config.get("dtype"):
      rewarded = provenance.reward_sha256 is not None
      other = f", reward model {config.get('dtype')}" if rewarded else ""
      meanings[name]["dtype"] = f"{dtypes[name]}{other}"
    if name in provenance.sha256:
      meanings[name]["files of the model"] = provenance.sha256[name]
    if name in provenance.flops_per_token:
      meanings[name]["FLOPs per token"] = provenance.flops_per_token[name]
    if name in pairs:
      meanings[name]["threshold"] = pairs[name]["threshold"]
    if name in sources:
      meanings[name]["maker of the policy"] = spec.maker_of(sources[name])
  return meanings


def _strategies(source: sources_lib.Source) -> dict[str, Meaning]:
  """The hyperparameters of each strategy of a folder."""
  meanings: dict[str, dict[str, list[str]]] = {
    record.strategy: {} for record in source.records
  }
  blocks = provenance_lib.group(source.provenance.config, "runs")
  for block in blocks.values():
    own = meanings.setdefault(block["strategy"], {})
    for key in block.keys() - set(provenance_lib.GRID):
      # As texts, which compare whatever the values are.
      value = json.dumps(block[key], sort_keys=True)
      own[key] = sorted({*own.get(key, []), value})
  return {name: dict(sorted(own.items())) for name, own in meanings.items()}
