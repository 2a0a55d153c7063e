"""Names of policies and strategies that mean different things in two folders.

A name stays where all folders that have it mean the same: a policy of the same
files or maker, by the same reward and under the same settings; a strategy of
the same hyperparameters. Otherwise each meaning gets the label of its first folder:
policy small becomes small@a and small@b, strategy rebase becomes rebase/@a and
rebase/@b, two variants of one kind. What only one of two folders records is not
compared.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inference_scaling import spec
from inference_scaling.analysis.report import provenance as provenance_lib
from inference_scaling.analysis.report.folders import sources as sources_lib

# Keys of a config that change no number of a record, or are told of elsewhere.
_FREE = ("task", "policies", "runs", "aggregations", *spec.PLACING)
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


def _rename(
  sources: Sequence[sources_lib.Source],
  meanings: Sequence[Mapping[str, Meaning]],
  make: Callable[[str, str], str],
) -> tuple[list[dict[str, str]], list[str]]:
  """New names by folder, and sentences about those that have changed."""
  renamed = [{name: name for name in mine} for mine in meanings]
  notes = []
  for name in dict.fromkeys(name for mine in meanings for name in mine):
    groups: list[list[int]] = []
    for place, mine in enumerate(meanings):
      if name not in mine:
        continue
      for group in groups:
        if not _differences(meanings[group[0]][name], mine[name]):
          group.append(place)
          break
      else:
        groups.append([place])
    if len(groups) < 2:
      continue
    for group in groups:
      new = make(name, sources[group[0]].label)
      for place in group:
        renamed[place][name] = new
      folders = ", ".join(f"`{sources[place].label}`" for place in group)
      notes.append(f"`{new}` is `{name}` of {folders}")
    first, *others = (meanings[group[0]][name] for group in groups)
    keys = dict.fromkeys(k for o in others for k in _differences(first, o))
    notes[-1] += f"; they differ in {', '.join(keys)}"
  return renamed, notes


def _differences(ours: Meaning, theirs: Meaning) -> list[str]:
  """The keys of both whose values differ."""
  return [key for key in ours if key in theirs and ours[key] != theirs[key]]


def _policies(source: sources_lib.Source) -> dict[str, Meaning]:
  """What the name of each policy that a folder runs means there."""
  provenance, config = source.provenance, source.provenance.config
  run = {record.policy for record in source.records}
  run |= {policy for policy, *_ in provenance.runs}
  settings = {key: config[key] for key in config if key not in _FREE}
  if provenance.reward_sha256 is not None:
    settings["files of the reward model"] = provenance.reward_sha256
    # The same files may lie in two places.
    reward = provenance_lib.group(config, "reward")
    settings["reward"] = {k: v for k, v in reward.items() if k != "source"}
    settings["maker of the reward"] = spec.maker_of(reward.get("source", ""))
  sources = provenance_lib.group(config, "policies")
  found = {}
  for name, parameters in provenance.parameters.items():
    if name not in run:
      continue
    found[name] = {"number of parameters": parameters} | settings
    if name in provenance.sha256:
      found[name]["files of the model"] = provenance.sha256[name]
    if name in provenance.flops_per_token:
      found[name]["FLOPs per token"] = provenance.flops_per_token[name]
    if name in sources:
      found[name]["maker of the policy"] = spec.maker_of(sources[name])
  return found


def _strategies(source: sources_lib.Source) -> dict[str, Meaning]:
  """The hyperparameters of each strategy of a folder."""
  found: dict[str, dict[str, list]] = {
    record.strategy: {} for record in source.records
  }
  blocks = provenance_lib.group(source.provenance.config, "runs")
  for block in blocks.values():
    mine = found.setdefault(block["strategy"], {})
    for key in block.keys() - set(provenance_lib.GRID):
      # As texts, which compare whatever the values are.
      value = json.dumps(block[key], sort_keys=True)
      mine[key] = sorted({*mine.get(key, []), value})
  return {name: dict(sorted(mine.items())) for name, mine in found.items()}
