"""Several folders as one: the same benchmark, each search once."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inference_scaling.analysis.records import load
from inference_scaling.analysis.report import provenance as provenance_lib
from inference_scaling.analysis.report.folders import sources as sources_lib
from inference_scaling.analysis.report.folders import telling_apart

_EXCERPT = 60  # characters of a text in a message
# Of another machine, or another day; of another file.
_OWN = ("machine_seconds", "line")


def join(
  sources: Sequence[sources_lib.Source],
) -> tuple[list[load.Record], provenance_lib.Provenance]:
  """Joins the folders that a report is of.

  Problems that are in several folders are to be the same; a folder may have
  more of them. Names that do not mean the same everywhere are told apart, see
  `telling_apart`. A search that stands in several folders counts once, and
  votes are those that all folders have.

  Args:
    sources: the folders; a single one stays as it is.

  Returns:
    The records, and the provenance of all folders.

  Raises:
    ValueError: if the folders are not of one benchmark, if only some have a
      reward model, if they share no aggregation of its scores, or if a search
      has not come out alike in two of them.
  """
  if len(sources) == 1:
    return list(sources[0].records), sources[0].provenance
  _check_problems(sources)
  _check_rewards(sources)
  votes, note = _shared_votes(sources)
  names = telling_apart.tell_apart(sources)
  joined: dict[tuple, tuple[sources_lib.Source, load.Record]] = {}
  copies = 0
  for index, source in enumerate(sources):
    for record in source.records:
      record = dataclasses.replace(
        record,
        policy=names.policies[index].get(record.policy, record.policy),
        strategy=names.strategies[index][record.strategy],
        votes={name: record.votes[name] for name in votes},
      )
      key = (record.policy, record.strategy, record.n, record.seed)
      first = joined.setdefault((*key, record.problem), (source, record))
      if first[1] is not record:
        _check_equal(*first, source, record)
        copies += 1
  return [record for _, record in joined.values()], _provenance(
    sources, names, copies, note
  )


def _check_problems(sources: Sequence[sources_lib.Source]) -> None:
  """Refuses folders of different benchmarks."""
  known: dict[int, tuple[sources_lib.Source, load.Record]] = {}
  for source in sources:
    own = {record.problem: record for record in source.records}
    common = sorted(own.keys() & known.keys())
    if known and not common:
      raise ValueError(
        f"{source.folder} has no problem in common with"
        f" {sources[0].folder}; expected folders of the same benchmark. Report"
        " on each alone."
      )
    for problem in common:
      other, first = known[problem]
      for key in ("question", "gold", "level"):
        pair = [getattr(record, key) for record in (first, own[problem])]
        if pair[0] != pair[1]:
          before, after = (repr(value)[:_EXCERPT] for value in pair)
          raise ValueError(
            f"{other.folder} and {source.folder} are of different benchmarks:"
            f" the {key} of problem {problem} is {before} in the one and"
            f" {after} in the other; expected the same problems. Report on"
            " each alone."
          )
    known |= {
      problem: (source, record)
      for problem, record in own.items()
      if problem not in known
    }


def _check_rewards(sources: Sequence[sources_lib.Source]) -> None:
  """Refuses folders that do not vote by the same methods."""
  groups: dict[bool, list[str]] = {True: [], False: []}
  for source in sources:
    groups[source.records[0].rewarded].append(str(source.folder))
  if all(groups.values()):
    raise ValueError(
      f"{', '.join(groups[True])} have votes by rewards and"
      f" {', '.join(groups[False])} have none; expected a reward model in all"
      " folders or in none. Report on each kind alone."
    )


def _shared_votes(
  sources: Sequence[sources_lib.Source],
) -> tuple[list[str], str]:
  """Names of the votes that all folders have, and a note on the others."""
  by_folder = [list(source.records[0].votes) for source in sources]
  shared = [
    name for name in by_folder[0] if all(name in votes for votes in by_folder)
  ]
  if sources[0].records[0].rewarded and not any("/" in name for name in shared):
    have = "; ".join(
      f"{source.folder} has {_aggregations(votes)}"
      for source, votes in zip(sources, by_folder, strict=True)
    )
    raise ValueError(
      f"config.aggregations of the folders have nothing in common: {have};"
      " expected one that all have. Give it to the sweep of each folder and"
      " start it again, which only counts votes anew, or report on each alone."
    )
  more = {name: None for votes in by_folder for name in votes}
  left = [name for name in more if name not in shared]
  if not left:
    return shared, ""
  return shared, (
    f"Votes by {_aggregations(left)} are left out, which not all folders have"
  )


def _aggregations(votes: Sequence[str]) -> str:
  """The aggregations of some votes, in words."""
  names = {vote.partition("/")[2]: None for vote in votes if "/" in vote}
  return ", ".join(names)


def _check_equal(
  source: sources_lib.Source,
  record: load.Record,
  other: sources_lib.Source,
  copy: load.Record,
) -> None:
  """Refuses a search that has not come out alike in two folders."""
  different = [
    field.name
    for field in dataclasses.fields(load.Record)
    if field.name not in _OWN
    and not _equal(getattr(record, field.name), getattr(copy, field.name))
  ]
  if different:
    raise ValueError(
      f"problem {record.problem} of run {record.policy} {record.strategy}"
      f" n={record.n} seed={record.seed} is in {source.folder} and in"
      f" {other.folder}, with other {', '.join(different)}; expected the same,"
      " as their settings are. Take one of the two folders, or drop the run"
      " from one of them."
    )


def _equal(first: Any, second: Any) -> bool:
  if isinstance(first, Mapping):
    return first.keys() == second.keys() and all(
      _equal(first[key], second[key]) for key in first
    )
  if isinstance(first, np.ndarray):
    return np.array_equal(first, second, equal_nan=first.dtype.kind == "f")
  return first == second


def _provenance(
  sources: Sequence[sources_lib.Source],
  names: telling_apart.Names,
  copies: int,
  note: str,
) -> provenance_lib.Provenance:
  """The provenance of all folders together."""
  parameters, runs, sizes = {}, {}, []
  for source, policies, strategies in zip(
    sources, names.policies, names.strategies, strict=True
  ):
    own = source.provenance
    parameters |= {policies[name]: own.parameters[name] for name in policies}
    for policy, strategy, n, seed in own.runs:
      key = (policies.get(policy, policy), strategies[strategy], n, seed)
      runs[key] = None
    sizes.append(own.num_problems if own.runs else None)
  own_scores = [s for s in sources if telling_apart.brings_scores(s)]
  notes = [f"Told apart: {text}" for text in names.notes]
  notes += [
    f"Scores of `{source.label}` are its own, and so are its weighted votes and"
    " best-of-n, beside which others are by the reward of their folders"
    for source in own_scores
    if len(own_scores) < len(sources)
  ]
  notes += [note] if note else []
  if copies:
    notes.append(f"Searches that stand in several folders count once: {copies}")
  return provenance_lib.Provenance(
    parameters,
    runs=tuple(runs),
    num_problems=None if None in sizes else max(sizes),
    folders=tuple(
      provenance_lib.Folder(
        str(source.folder), len(source.records), source.provenance
      )
      for source in sources
    ),
    notes=tuple(notes),
  )
