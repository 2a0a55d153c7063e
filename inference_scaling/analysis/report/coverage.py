"""How much of a sweep is recorded, and which policies have no answers.

A sweep may be read while it runs. Its report then says at its top how many of
its searches there are and which runs are incomplete. A policy none of whose
candidates has an answer has accuracy 0 on any problems: it is named, with what
to do, and left out of all tables.
"""

import collections
import dataclasses
from collections.abc import Iterable, Mapping

from inference_scaling import voting
from inference_scaling.analysis import strategies
from inference_scaling.analysis.records import load
from inference_scaling.analysis.report import provenance as provenance_lib

Counts = tuple[int, int]  # candidates of a policy, and those that finished


@dataclasses.dataclass(frozen=True)
class Coverage:
  """The recorded part of a sweep.

  Attributes:
    recorded: number of recorded searches.
    expected: searches of the whole sweep; where config.json does not say it,
      the product of the runs and the problems that have records.
    known: whether config.json lists the runs and problems of the sweep.
    incomplete: the runs that lack problems, with how many each has and how
      many it should have.
    several: whether this is of several folders.
  """

  recorded: int
  expected: int
  known: bool
  incomplete: Mapping[provenance_lib.Run, tuple[int, int]]
  several: bool = False

  @property
  def marked(self) -> frozenset[tuple[str, str, int | None]]:
    """Policy, strategy and n of the incomplete runs.

    n is None for independent samples, whose every smaller n is read from the
    largest.
    """
    return frozenset(
      (policy, strategy, None if strategies.is_independent(strategy) else n)
      for policy, strategy, n, _ in self.incomplete
    )

  def is_marked(self, policy: str, strategy: str, n: int) -> bool:
    """Whether a number of a table is of an incomplete run."""
    wanted = {(policy, strategy, n), (policy, strategy, None)}
    return bool(wanted & self.marked)


def measure(
  records: Iterable[load.Record], provenance: provenance_lib.Provenance
) -> Coverage:
  """Compares records with the runs and problems of the sweep.

  Args:
    records: of the sweep.
    provenance: of the sweep.

  Returns:
    The Coverage.
  """
  counts: dict[provenance_lib.Run, int] = collections.Counter()
  problems = set()
  for record in records:
    run = (record.policy, record.strategy, record.n, record.seed)
    counts[run] += 1
    problems.add(record.problem)
  runs = dict.fromkeys([*provenance.runs, *counts])
  each = max(provenance.num_problems or 0, len(problems))
  return Coverage(
    recorded=sum(counts.values()),
    expected=each * len(runs),
    known=bool(provenance.runs) and provenance.num_problems is not None,
    incomplete={
      run: (counts.get(run, 0), each)
      for run in sorted(runs)
      if counts.get(run, 0) < each
    },
    several=bool(provenance.folders),
  )


def silent_policies(records: Iterable[load.Record]) -> dict[str, Counts]:
  """Policies none of whose candidates has an answer.

  Args:
    records: of the sweep.

  Returns:
    By policy, how many candidates there are and how many of them finished.
  """
  counts: dict[str, list[int]] = {}
  for record in records:
    sums = counts.setdefault(record.policy, [0, 0, 0])
    sums[0] += len(record.answers)
    sums[1] += int(record.finished.sum())
    sums[2] += int((record.answers != voting.ABSTAIN).sum())
  return {
    policy: (candidates, finished)
    for policy, (candidates, finished, answers) in counts.items()
    if not answers
  }
