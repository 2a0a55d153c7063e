"""What a sweep has recorded already, held against the problems of today.

A record holds its problem: id, level, gold answers, question. That is the
fingerprint of the problem file, so that nothing else has to be kept. The rule:
records stay where their problem is the same in all of this, and a problem
without records is new work, whether it was added or had not been reached. A
problem that has changed, or that the file has no longer, is refused by name, or
its records are dropped on request.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from inference_scaling import tasks
from inference_scaling.spec import grid
from inference_scaling.sweep.records import files, votes, whole
from inference_scaling.sweep.records import record as maker

# run -> problem id -> whether the vote that progress shows is right
Done = dict[grid.Run, dict[int, bool]]
# A record's run, problem id and outcome, as JSON data.
Row = tuple[dict[str, Any], int, bool]

_SHOWN = 10  # problems that a message names
_BEFORE, _LENGTH = 20, 60  # characters shown before a difference, and in all


@dataclasses.dataclass
class Change:
  """A problem that is not what it was when it was recorded.

  Attributes:
    old: what records say of it.
    new: what they would say today; None if the problem is gone.
    count: records that say so.
  """

  old: Mapping[str, Any]
  new: Mapping[str, Any] | None
  count: int = 0

  def __str__(self) -> str:
    who = f"problem {self.old.get('name') or self.old['id']}"
    if self.new is None:
      return f"{who}: it is gone, {_excerpt(self.old.get('question'), 0)}"
    differences = [
      f"{key} {' -> '.join(_excerpts(self.old.get(key), self.new.get(key)))}"
      for key in dict.fromkeys([*self.old, *self.new])
      if self.old.get(key) != self.new.get(key)
    ]
    return f"{who}: {'; '.join(differences)}"


def read(
  file: files.JsonLines, vote: str, problems: Sequence[tasks.Problem]
) -> tuple[list[Row], dict[int, Change]]:
  """Finds out what is recorded, and of which problems of today it is not.

  Args:
    file: of the records.
    vote: name of the vote whose outcome is wanted.
    problems: those of today.

  Returns:
    A row for each record of a problem that is the same today, and the changes
    of the others by id.

  Raises:
    ValueError: if a line is no record, or stands twice.
  """
  today = _describe(problems)
  rows, changes = [], {}
  for record, value in whole.read(file):
    if vote not in record.votes:
      raise whole.no_record(
        f"{file.path}, line {file.count}: there is no vote {vote!r}"
      )
    problem, number = _spelled(value["problem"]), record.problem.id
    if problem == today.get(number):
      right = bool(record.votes[vote].correct)
      rows.append((dataclasses.asdict(record.run), number, right))
      continue
    change = Change(problem, today.get(number))
    changes.setdefault(number, change).count += 1
  return rows, changes


def refuse(
  file: files.JsonLines,
  changes: Mapping[int, Change],
  problems: Sequence[tasks.Problem],
) -> None:
  """Raises a ValueError that names the problems that have changed.

  Args:
    file: of the records.
    changes: of `read`.
    problems: those of today.

  Raises:
    ValueError: if there are any.
  """
  if not changes:
    return
  lines = [str(changes[number]) for number in sorted(changes)]
  more = len(lines) - _SHOWN
  if more > 0:
    lines = [*lines[:_SHOWN], f"and {more} more"]
  count = sum(change.count for change in changes.values())
  raise ValueError(
    f"{file.path} has records of problems that are no longer what they were, "
    f"{len(changes)} in all:\n  " + "\n  ".join(lines) + "\n"
    + _moved(changes, problems) +
    "Records of old and new problems in one folder could not be told apart. "
    "Undo the change, or give another --workdir, or give --redo_changed: the "
    f"{count} of {file.count} records that this is about are then dropped, and "
    "what is asked today is computed anew."
  )  # fmt: skip


def drop(
  file: files.JsonLines,
  timings: files.JsonLines,
  rows: Iterable[Row],
  problems: Sequence[tasks.Problem],
) -> None:
  """Drops the records of problems that have changed, and their timings.

  Whoever is killed in between has lost no record that stays.

  Args:
    file: of the records.
    timings: what is told of each record's time.
    rows: of the records that stay, of `read`.
    problems: those of today.

  Raises:
    OSError: if a file cannot be written; it is then as it was.
  """
  today = _describe(problems)
  file.drop(
    lambda value: (
      _spelled(value["problem"]) != today.get(value["problem"]["id"])
    )
  )
  kept = {(*run.values(), number) for run, number, _ in rows}
  timings.drop(
    lambda value: (*value["run"].values(), value["problem"]) not in kept
  )


def vote_again(file: files.JsonLines, aggregations: Sequence[str]) -> None:
  """Lets the candidates of all records vote where aggregations have changed.

  A record keeps the scores of each candidate's steps: no model is needed. All
  records change at once, so the first one tells how they voted: the config of
  the folder would not, where a kill came before it was written.

  Args:
    file: of the records.
    aggregations: of step scores, as `votes.make_votes` takes them.

  Raises:
    ValueError: if a line is no record, or stands twice.
    OSError: if the file cannot be written; it is then as it was.
  """
  first = next(file.read(), {})
  voted = first.get("votes")
  if not isinstance(voted, dict) or list(voted) == votes.vote_names(
    aggregations
  ):
    return  # no record, or a line that is none: `read` names it
  for _ in whole.read(file):
    pass  # raises before anything is written
  file.change(
    lambda value: {
      **value, "votes": votes.make_votes(value["candidates"], aggregations)
    }
  )  # fmt: skip


def renewer(
  problems: Sequence[tasks.Problem], aggregations: Sequence[str]
) -> Callable[[Mapping[str, Any]], Mapping[str, Any] | None]:
  """Makes a function that brings records of an earlier start up to date.

  Args:
    problems: those of today.
    aggregations: of step scores, as `votes.make_votes` takes them.

  Returns:
    A function that makes of a record what it would be today, with the votes of
    today; None where its problem has changed or is gone.
  """
  today, names = _describe(problems), votes.vote_names(aggregations)

  def renew(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    problem = record["problem"]
    if today.get(problem["id"]) not in (problem, _spelled(problem)):
      return None
    if list(record["votes"]) == names:
      return record
    voted = votes.make_votes(record["candidates"], aggregations)
    return {**record, "votes": voted}

  return renew


def to_done(rows: Iterable[Row]) -> Done:
  """Sorts the rows of records by run."""
  done: Done = {}
  for key, problem_id, right in rows:
    done.setdefault(grid.Run(**key), {})[problem_id] = right
  return done


def _describe(problems: Sequence[tasks.Problem]) -> dict[int, dict[str, Any]]:
  return {problem.id: maker.describe_problem(problem) for problem in problems}


def _spelled(problem: Mapping[str, Any]) -> dict[str, Any]:
  """A recorded problem with its gold answers as they are spelled today.

  Another version may have spelled the canonical text of the same answer in
  another way; the problem is then no other one.
  """
  spelled = {**problem, "gold": tasks.canonical(problem["gold"])}
  if "alternatives" in problem:
    others = map(tasks.canonical, problem["alternatives"])
    spelled["alternatives"] = list(others)
  return spelled


def _moved(
  changes: Mapping[int, Change], problems: Sequence[tasks.Problem]
) -> str:
  """A line on problems that only stand under another id now, if there are."""
  questions = {problem.question: problem.id for problem in problems}
  moved = [
    number
    for number, change in changes.items()
    if questions.get(str(change.old.get("question")), number) != number
  ]
  if not moved:
    return ""
  return (
    f"Of these, {len(moved)} have their questions under another id today: "
    "without ids in the file, a line that is taken out or put in shifts those "
    "behind it. Put an `id` on every line.\n"
  )


def _excerpts(old: Any, new: Any) -> tuple[str, str]:
  """Two values, cut to where they differ."""
  start = 0
  if isinstance(old, str) and isinstance(new, str):
    pairs = enumerate(zip(old, new, strict=False))
    same = min(len(old), len(new))
    start = next((i for i, (a, b) in pairs if a != b), same)
  return _excerpt(old, start), _excerpt(new, start)


def _excerpt(value: Any, start: int) -> str:
  """A part of a text around a position; other values whole."""
  if not isinstance(value, str):
    return "(none)" if value is None else repr(value)
  if len(value) <= _LENGTH:
    return repr(value)
  first = max(0, start - _BEFORE)
  part = value[first : first + _LENGTH]
  head = "..." if first else ""
  tail = "..." if first + _LENGTH < len(value) else ""
  return head + repr(part) + tail
