"""Reads the records of a sweep into compact arrays, one object per record.

Solutions and trees are dropped while reading: what estimates need of a
candidate is its answer, its step scores and whether it is right and complete.
"""

import dataclasses
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from inference_scaling import json_lines, names, voting
from inference_scaling.analysis.records import flops_parts
from inference_scaling.spec import record as record_lib

RecordError = record_lib.RecordError


@dataclasses.dataclass(frozen=True)
class Record:
  """One problem solved once by one run; N candidates.

  A search may give fewer or more candidates than its n. It may finish none of
  them, and it may give none at all: N is then 0.

  Attributes:
    policy: name of the policy.
    strategy: name of the strategy.
    n: number of beams of the run; of expansions for MCTS.
    seed: seed of the run.
    problem: id of the problem.
    level: difficulty of the problem.
    question: text of the problem.
    gold: its right answer.
    answers: int64[N] class ids, ranks of the sorted distinct answers of this
      record; `voting.ABSTAIN` where a candidate has none.
    answer_texts: the sorted distinct answers; class id i is answer_texts[i].
    correct: bool[N].
    finished: bool[N], False where the candidate was truncated, or was still
      unfinished when its search ended.
    scores: aggregation -> float64[N] reward of each candidate; NaN for one
      without a step.
    votes: voting method as the record names it -> bool, vote is right; only
      majority voting where there was no reward model.
    flops: convention -> float64[4] FLOPs of policy prompts, policy rest,
      reward prompts, reward rest.
    charges: one of `flops_parts.CHARGES` -> flops charged in this way; empty
      unless the reward model is a value head on the policy's hidden states.
    confidence: statistic as "token_confidence.lowest" -> float64[N], how sure
      the policy was of the tokens of each candidate; empty where the sweep did
      not keep it, or without a candidate.
    reward_apart: whether the ledger has separate FLOPs of the reward model; if
      not, the policy's two fields hold all FLOPs.
    tokens: tokens that the policy generated, discarded ones included.
    candidate_tokens: int64[N], tokens of each candidate.
    prompt_tokens: tokens of the prompt that the policy read; None where it is
      not known.
    machine_seconds: wall time of the process since the record before; None
      where it is not known, see `timings`.
    thinking_tokens: int64[N], those of each candidate before its answer; None
      for a policy that does not think.
    line: the file that it was read from and the number of its line, from 1;
      None for one of no file.
  """

  policy: str
  strategy: str
  n: int
  seed: int
  problem: int
  level: int
  question: str
  gold: str
  answers: np.ndarray
  answer_texts: tuple[str, ...]
  correct: np.ndarray
  finished: np.ndarray
  scores: Mapping[str, np.ndarray]
  votes: Mapping[str, bool]
  flops: Mapping[str, np.ndarray]
  charges: Mapping[str, Mapping[str, np.ndarray]]
  reward_apart: bool
  tokens: int
  candidate_tokens: np.ndarray
  confidence: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
  prompt_tokens: int | None = None
  machine_seconds: float | None = None
  thinking_tokens: np.ndarray | None = None
  line: tuple[pathlib.Path, int] | None = None

  @property
  def rewarded(self) -> bool:
    """Whether there was a reward model; without one, scores are NaN."""
    return any("/" in name for name in self.votes)


def read_records(path: str | pathlib.Path) -> list[Record]:
  """Reads every record of a records.jsonl file.

  What a kill has cut at the end is left out with a warning; see `json_lines`.
  Everything else that is wrong raises.

  Args:
    path: the JSON-lines file of a sweep.

  Returns:
    The records in the order of the file.

  Raises:
    RecordError: on a bad line, a record that stands twice or an empty file.
    FileNotFoundError: if there is no such file.
  """
  path = pathlib.Path(path)
  records = []
  lines: dict[tuple, int] = {}
  try:
    for number, content in json_lines.read(path):
      where = f"{path}:{number}"
      try:
        record = parse_record(content, where)
      except RecordError as error:
        raise RecordError(f"{error}. {json_lines.REMEDY}") from error
      key = (record.policy, record.strategy, record.n, record.seed)
      key += (record.problem,)
      if key in lines:
        raise RecordError(
          f"{where}: run and problem {key} are already in line"
          f" {lines[key]}; keep one of the two"
        )
      lines[key] = number
      records.append(dataclasses.replace(record, line=(path, number)))
  except json_lines.LineError as error:
    raise RecordError(
      f"{path}:{error.number}: not a JSON object ({error.why})."
      f" {json_lines.REMEDY}"
    ) from error
  if not records:
    raise RecordError(
      f"{path}: no records; run the sweep that writes to this folder first"
    )
  return records


def parse_record(content: Any, where: str) -> Record:
  """Turns one decoded JSON object into a Record.

  Args:
    content: the decoded line.
    where: "file:line", the start of every error message.

  Returns:
    The record.

  Raises:
    RecordError: if a field is missing, has a wrong type or is inconsistent.
  """
  record = record_lib.parse(content, where)
  record_lib.check_candidates(record, where)
  run, problem = record.run, record.problem
  answers, answer_texts, correct = _answer_classes(record.candidates, where)
  flops, reward_apart = flops_parts.split_flops(record.ledger, where)
  once = flops_parts.charge_once(record.ledger, flops, where)
  return Record(
    policy=run.policy,
    strategy=run.strategy,
    n=run.n,
    seed=run.seed,
    problem=problem.id,
    level=problem.level,
    # Every run has the same ones.
    question=sys.intern(problem.question),
    gold=sys.intern(problem.gold),
    answers=answers,
    answer_texts=answer_texts,
    correct=correct,
    finished=np.array(
      [one.status == names.FINISHED for one in record.candidates], bool
    ),
    scores=_scores(record.candidates),
    confidence=_confidence(record.candidates, where),
    votes={
      name: _graded(vote.correct, f"{where}: votes[{name!r}]")
      for name, vote in record.votes.items()
    },
    flops=flops,
    charges={flops_parts.TWICE: flops, flops_parts.ONCE: once} if once else {},
    reward_apart=reward_apart,
    tokens=record.ledger.policy_decode,
    candidate_tokens=np.array([one.tokens for one in record.candidates], int),
    prompt_tokens=record.ledger.policy_prefill,
    thinking_tokens=(
      None
      if record.ledger.policy_thinking is None
      else np.array([one.thinking_tokens for one in record.candidates], int)
    ),
  )


def _graded(correct: bool | None, where: str) -> bool:
  """Whether something is right, which is to be known."""
  if correct is None:
    raise RecordError(
      f"{where}: field 'correct' is None; expected true or false: accuracies"
      " are of problems whose answers are known"
    )
  return correct


def _answer_classes(
  candidates: Sequence[record_lib.Candidate], where: str
) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
  """Returns class ids int64[N], their texts and correct bool[N], checked."""
  texts = [candidate.answer for candidate in candidates]
  correct = [
    _graded(candidate.correct, f"{where}: candidate {index}")
    for index, candidate in enumerate(candidates)
  ]
  distinct = tuple(sorted({text for text in texts if text is not None}))
  graded: dict[str | None, bool] = {None: False}
  for text, right in zip(texts, correct, strict=True):
    if graded.setdefault(text, right) != right:
      raise RecordError(
        f"{where}: answer {text!r} is graded both right and wrong; grade the"
        " candidates of this record again"
      )
  ids = voting.class_ids(texts).astype(np.int64)
  return ids, distinct, np.array(correct, bool)


def _confidence(
  candidates: Sequence[record_lib.Candidate], where: str
) -> dict[str, np.ndarray]:
  """Returns statistic -> float64[N]; nothing where no candidate has any."""
  said = [candidate.confidence for candidate in candidates]
  if not any(said):
    return {}
  columns: dict[str, list[float]] = {}
  for index, one in enumerate(said):
    for measure in names.MEASURES:
      for statistic in names.STATISTICS:
        value = ((one or {}).get(measure) or {}).get(statistic)
        if not isinstance(value, (int, float)) or not np.isfinite(value):
          raise RecordError(
            f"{where}: confidence of candidate {index} has no finite number for"
            f" {measure!r}, {statistic!r}; expected all or none for all"
            " candidates"
          )
        columns.setdefault(f"{measure}.{statistic}", []).append(value)
  return {name: np.array(column, float) for name, column in columns.items()}


def _scores(
  candidates: Sequence[record_lib.Candidate],
) -> dict[str, np.ndarray]:
  """Returns aggregation -> float64[N] from the candidates' step scores."""
  # As in the votes of a run, so that equal scores tie here too; kept as
  # float64, in which their sums are almost always exact.
  table = voting.pad_steps([candidate.step_scores for candidate in candidates])
  return {
    how: voting.aggregate(*table, how).astype(np.float64)
    for how in names.AGGREGATIONS
  }
