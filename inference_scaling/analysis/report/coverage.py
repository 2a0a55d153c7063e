"""How much of a sweep its records are, and what of it says nothing.

A sweep may be read while it runs. Its report then says at its top how many of
its searches there are and which runs are incomplete. A policy none of whose
candidates has an answer is right in no problem, whatever was asked: it is
named, with what to do, and left out of all tables.
"""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from inference_scaling import voting
from inference_scaling.analysis import strategies
from inference_scaling.analysis.records import load
from inference_scaling.analysis.report import provenance as provenance_lib

_SHOWN = 20  # incomplete runs that are named
MARK = "†"


@dataclasses.dataclass(frozen=True)
class Coverage:
  """What there is of what a sweep asks for.

  Attributes:
    recorded: searches that there are.
    expected: searches of the whole sweep; as many as its runs and problems
      that have records make, where nothing else says it.
    known: whether config.json says what the sweep asks for.
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


NOTHING_LACKS = Coverage(0, 0, False, {})


def measure(
  records: Iterable[load.Record], provenance: provenance_lib.Provenance
) -> Coverage:
  """Holds records against what the sweep asks for.

  Args:
    records: of the sweep.
    provenance: what its folder says.

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


def progress(coverage: Coverage) -> str:
  """How many searches there are, as the first item of the report."""
  least = "" if coverage.known else "at least "
  whole = "sweeps" if coverage.several else "sweep"
  if coverage.incomplete and coverage.several:
    return (
      f"**{coverage.recorded:,} of {least}{coverage.expected:,} searches: not"
      " every run has all problems of these folders.** What is compared is"
      " compared over the problems that both sides have. Incomplete are"
      f" {len(coverage.incomplete)} runs, listed below; in the tables of"
      f" accuracies {MARK} marks them."
    )
  if coverage.incomplete:
    return (
      f"**{coverage.recorded:,} of {least}{coverage.expected:,} searches: these"
      " numbers are of an unfinished sweep.** The same command goes on with it."
      f" Incomplete are {len(coverage.incomplete)} runs, listed below; in the"
      f" tables of accuracies {MARK} marks them."
    )
  if coverage.known:
    return f"All {coverage.expected:,} searches of the {whole} are recorded."
  return (
    f"{coverage.recorded:,} searches are recorded; how many the"
    f" {whole} {'ask' if coverage.several else 'asks'} for is not."
  )


def gaps(coverage: Coverage) -> list[str]:
  """Sentences about incomplete runs."""
  found = [
    f"Incomplete: {policy} {strategy} n={n} seed={seed} has {count} of {each}"
    " problems."
    for (policy, strategy, n, seed), (count, each) in (
      coverage.incomplete.items()
    )
  ]
  more = len(found) - _SHOWN
  if more > 0:
    found[_SHOWN:] = [f"Incomplete, too: {more} more runs."]
  return found


def silent_policies(records: Iterable[load.Record]) -> dict[str, str]:
  """Policies none of whose candidates has an answer, and what to do.

  Args:
    records: of the sweep.

  Returns:
    A warning by policy.
  """
  counts: dict[str, list[int]] = {}
  for record in records:
    mine = counts.setdefault(record.policy, [0, 0, 0])
    mine[0] += len(record.answers)
    mine[1] += int(record.finished.sum())
    mine[2] += int((record.answers != voting.ABSTAIN).sum())
  return {
    policy: _advice(*mine[:2]) for policy, mine in counts.items() if not mine[2]
  }


def _advice(candidates: int, finished: int) -> str:
  """What is wrong with candidates without an answer, and what to do."""
  if finished:
    return (
      f"{finished:,} of {candidates:,} candidates finished, and none has an"
      " answer. Look at their texts in records.jsonl: format.answer_markers"
      " must name what they announce their answers by, or the prompt ask for"
      " it."
    )
  return (
    f"none of {candidates:,} candidates finished: all ran out of tokens or"
    " steps. Raise limits.total_tokens, limits.step_tokens or limits.max_steps;"
    " check that format.answer_markers name what the policy announces its"
    " answer by, and that the token by which it ends its texts is an"
    " eos_token_id of its config."
  )


def warning(silent: Mapping[str, str], policies: Sequence[str]) -> str:
  """One warning about all silent policies; empty without any.

  Args:
    silent: of `silent_policies`.
    policies: all that have records.

  Returns:
    A paragraph of markdown.
  """
  if not silent:
    return ""
  left_out = "its numbers are" if len(silent) == 1 else "their numbers are"
  if len(silent) == len(policies):
    left_out = "tables and figures are"
  reasons: dict[str, list[str]] = {}
  for policy, reason in silent.items():
    reasons.setdefault(reason, []).append(policy)
  sentences = " ".join(
    f"{', '.join(names)}: {reason}" for reason, names in reasons.items()
  )
  return (
    f"**No candidate of {', '.join(silent)} has an answer; {left_out} left"
    f" out.** {sentences}"
  )
