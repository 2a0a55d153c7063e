"""What a record says: the keys of a line of records.jsonl, each with its type.

A record is all that is kept of one problem in one run. Sweeps make these
dataclasses and write them as JSON, in the order of their fields; readers take
them from here, so that each key is defined once. What older versions did
not write yet has a default. This module needs no JAX.

Axis letters: N candidates, M nodes of the tree, which are steps.
"""

import dataclasses
import math
from typing import Any, TypeVar

from inference_scaling import names
from inference_scaling.spec import typed_json

RecordError = typed_json.RecordError


# Keys that most records lack; others are written where they are None.
_SELDOM = (
  "flops_head", "confidence", "policy_thinking", "thinking_tokens",
  "draft_decode", "draft_rejected", "draft_read", "target_decode",
  "target_read", "flops_draft", "flops_target",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
  """What a record is of, beside its problem.

  Attributes:
    policy: its name in the config.
    strategy: its name in the config, KIND or KIND/VARIANT.
    n: beams asked for; expansions for MCTS.
    seed: of the run.
  """

  policy: str
  strategy: str
  n: int
  seed: int

  def __str__(self) -> str:
    return f"{self.policy} {self.strategy} n={self.n} seed={self.seed}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
  """The problem.

  Attributes:
    id: its number.
    level: its difficulty.
    gold: the right answer; "" where none is known.
    question: its text.
    name: what its file calls it; "" for nothing.
    alternatives: other right answers.
    tolerances: largest differences of numbers that are right, too.
  """

  id: int
  level: int
  gold: str = ""
  question: str = ""
  name: str = ""
  alternatives: list = dataclasses.field(default_factory=list)
  tolerances: list = dataclasses.field(default_factory=list)

  @property
  def title(self) -> str:
    """What the problem is called: its name, or else its number."""
    return self.name or str(self.id)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Candidate:
  """One solution, whole or in part.

  Attributes:
    text: all of it.
    answer: in canonical spelling; None for one that abstains.
    correct: whether it is right; None where no answer is known to be.
    status: how it ended, one of `names.STATUSES`.
    step_scores: rewards of its steps; empty without a reward model.
    tokens: how many it has.
    path: its nodes in the tree, from the first on.
    confidence: how sure the policy was of its tokens, by names of
      `names.MEASURES` and then of `names.STATISTICS`; None where the config
      did not ask for it.
    thinking_tokens: those of its tokens, from the first on, that are thinking
      and no answer; None for a policy that does not think.
  """

  text: str = ""
  answer: str | None
  correct: bool | None
  status: str
  step_scores: list
  tokens: int = 0
  path: list = dataclasses.field(default_factory=list)
  confidence: dict | None = None
  thinking_tokens: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tree:
  """The steps of a search, a column of M values each; None for one it lacks.

  Attributes:
    parents: the node that each goes on from; None for a first step.
    depths: number of steps before it.
    rounds: of the search, from 0 on.
    widths: how many beams went on from it.
    scores: rewards; None without a reward model.
    status: indices into `names.STEP_STATUSES`.
    tokens: how many each has.
    texts: of the steps.
  """

  parents: list | None = None
  depths: list | None = None
  rounds: list | None = None
  widths: list | None = None
  scores: list | None = None
  status: list | None = None
  tokens: list | None = None
  texts: list | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vote:
  """What a voting method comes to.

  Attributes:
    answer: that won; None where all candidates abstain.
    correct: whether it is right; None where no answer is known to be.
  """

  answer: str | None = None
  correct: bool | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ledger:
  """What the search has cost; None for what is not counted.

  Attributes:
    policy_prefill: tokens of the prompt that the policy read.
    policy_decode: tokens that it generated.
    policy_discarded: those of them that are in no candidate.
    policy_attended: pairs of tokens, one of which attends to the other.
    reward_prefill: tokens of the prompt that the reward model read.
    reward_scored: tokens that it scored.
    reward_attended: pairs of tokens in the reward model.
    cache_bytes: of keys and values.
    policy_thinking: those of `policy_decode` that are thinking and no answer;
      None for a policy that does not think.
    flops: all, by convention.
    flops_prefill: of the prompts.
    flops_reward: of the reward model.
    flops_reward_prefill: of the prompt in the reward model.
    draft_decode: of a policy made of two, tokens that the draft generated; all
      keys of the policy are of both together, and where the reward decides
      between the two its FLOPs are the policy's.
    draft_rejected: those of them that were not taken.
    draft_read: tokens of the target's steps that the draft read.
    target_decode: tokens that the target generated.
    target_read: tokens of the draft's steps that the target read.
    flops_draft: all of the draft, by convention.
    flops_target: all of the target.
    flops_head: what of the reward model is left where its body is the policy
      and hidden states that decoding has computed are charged once.
  """

  policy_prefill: int | None = None
  policy_decode: int
  policy_discarded: int | None = None
  policy_attended: int | None = None
  reward_prefill: int | None = None
  reward_scored: int | None = None
  reward_attended: int | None = None
  cache_bytes: int | None = None
  policy_thinking: int | None = None
  flops: dict | None = None
  flops_prefill: dict | None = None
  flops_reward: dict | None = None
  flops_reward_prefill: dict | None = None
  flops_head: dict | None = None
  draft_decode: int | None = None
  draft_rejected: int | None = None
  draft_read: int | None = None
  target_decode: int | None = None
  target_read: int | None = None
  flops_draft: dict | None = None
  flops_target: dict | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
  """One problem solved once by one run.

  Attributes:
    run: the run.
    problem: the problem.
    candidates: N of them, by final batch slot; there may be none.
    tree: the search.
    votes: by `names.vote_name`.
    ledger: the cost.
    dtype: of the policy, as a config says it; "" where nothing says it.
  """

  run: Run
  problem: Problem
  candidates: list[Candidate]
  tree: Tree
  votes: dict[str, Vote]
  ledger: Ledger
  dtype: str = ""


Part = TypeVar("Part", Run, Problem, Candidate, Tree, Vote, Ledger)


def parse(content: Any, where: str = "record") -> Record:
  """Reads a record.

  Args:
    content: a decoded line; its lists are not copied.
    where: "file:line", the start of every error message.

  Returns:
    The record.

  Raises:
    RecordError: if a field is missing or of a wrong type.
  """
  candidates = typed_json.read_field(content, "candidates", list, where)
  votes = typed_json.read_field(content, "votes", dict, where)
  return Record(
    run=parse_part(Run, content, "run", where),
    problem=parse_part(Problem, content, "problem", where),
    candidates=[
      typed_json.read(Candidate, candidate, f"{where}: candidate {index}")
      for index, candidate in enumerate(candidates)
    ],
    # A report reads no tree, so that a record without one will do for it.
    tree=typed_json.read(Tree, content.get("tree", {}), f"{where}: tree"),
    votes={
      name: typed_json.read(Vote, vote, f"{where}: votes[{name!r}]")
      for name, vote in votes.items()
    },
    ledger=parse_part(Ledger, content, "ledger", where),
    dtype=typed_json.read_field({"dtype": "", **content}, "dtype", str, where),
  )


def to_json(part: Run | Problem | Candidate | Tree | Vote | Ledger) -> dict:
  """Makes JSON data of a part of a record; its lists are not copied."""
  return {
    key: value
    for key, value in vars(part).items()
    if value is not None or key not in _SELDOM
  }


def check_candidates(record: Record, where: str) -> None:
  """Checks what types do not say of candidates: their ends and their scores.

  Args:
    record: of a sweep.
    where: as `parse`.

  Raises:
    RecordError: naming the first candidate with a wrong value.
  """
  for index, candidate in enumerate(record.candidates):
    if candidate.status not in names.STATUSES:
      raise RecordError(
        f"{where}: status of candidate {index} is "
        f"{typed_json.short(candidate.status)}; expected one of "
        f"{names.STATUSES}"
      )
    scores = candidate.step_scores
    if not all(type(x) in (int, float) and math.isfinite(x) for x in scores):
      raise RecordError(
        f"{where}: step_scores of candidate {index} are "
        f"{typed_json.short(scores)}; expected one finite number a step"
      )


def parse_part(kind: type[Part], content: Any, key: str, where: str) -> Part:
  """Reads one part of a record.

  Args:
    kind: of the part.
    content: a decoded line.
    key: of the part.
    where: "file:line", the start of every error message.

  Returns:
    The part.

  Raises:
    RecordError: if a field is missing or of a wrong type.
  """
  part = typed_json.read_field(content, key, dict, where)
  return typed_json.read(kind, part, f"{where}: {key}")
