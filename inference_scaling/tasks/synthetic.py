"""A seeded benchmark of grade-school word problems with known steps.

A problem tells how a number of things changes: some are bought, given away,
multiplied or shared. Its level is the number of arithmetic steps (1 to 6). All
counts have two digits (only what multiplies or divides has one), so that the
difficulty lies in choosing the right facts and in calculating, not in the
length of the numbers. Facts about other people and other things stand in
between and must be ignored.

A problem belongs to the split that a hash of its arithmetic names, whatever
its wording: no chain of numbers and operations stands in two splits.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from inference_scaling import names
from inference_scaling.tasks import phrases
from inference_scaling.tasks import problem as problem_lib
from inference_scaling.tasks.extraction import statements

LEVELS = names.LEVELS
STEP_TAG = statements.STEP_TAG
# Shares of the hash range, in percent: [low, high).
SPLITS = dict(zip(names.SPLITS, ((0, 90), (90, 95), (95, 100)), strict=True))
SMALLEST_COUNT, LARGEST_COUNT = 10, 99
LARGEST_START = 60
LARGEST_TERM = 40
FACTORS = (2, 3, 4, 5)
OPERATION_WEIGHTS = {"+": 3.0, "-": 3.0, "*": 2.0, "/": 2.0}
LARGEST_DISTRACTOR_COUNT = 2


@dataclasses.dataclass(frozen=True)
class Operation:
  """One arithmetic step: `left symbol right = result`."""

  left: int
  symbol: str
  right: int
  result: int


@dataclasses.dataclass(frozen=True)
class SyntheticProblem(problem_lib.Problem):
  """A problem with the operations that solve it.

  Attributes:
    operations: one a step, in order.
    things: plural name of what is counted.
  """

  operations: tuple[Operation, ...]
  things: str

  @property
  def steps(self) -> tuple[str, ...]:
    """The solution's steps, each ending in the step tag."""
    return solution_steps(self.operations, self.things)

  @property
  def solution(self) -> str:
    """The steps as one text, in the format of Math-Shepherd."""
    return "\n".join(self.steps)


def solution_steps(
  operations: Sequence[Operation], things: str
) -> tuple[str, ...]:
  """Writes operations as steps: "Step 1: 12 + 7 = 19 apples. ки".

  Args:
    operations: the operations in order, at least one.
    things: plural name of what is counted.

  Returns:
    One text a step; the last one also says the answer.

  References:
    Wang et al., "Math-Shepherd", ACL 2024, arXiv:2312.08935.
  """
  steps = [
    f"Step {index}: {op.left} {op.symbol} {op.right} = {op.result} {things}."
    for index, op in enumerate(operations, start=1)
  ]
  steps[-1] += f" The answer is: {operations[-1].result}"
  return tuple(f"{step} {STEP_TAG}" for step in steps)


def generate(
  split: str,
  count: int,
  seed: int,
  levels: Sequence[int] = LEVELS,
) -> list[SyntheticProblem]:
  """Draws distinct problems of one split, the levels in turn.

  Args:
    split: "train", "validation" or "test".
    count: how many problems.
    seed: of the draw; problem `i` does not depend on `count`.
    levels: levels to cycle through.

  Returns:
    The problems, with ids 0 to count - 1 and different questions.

  Raises:
    ValueError: on an unknown split or level, or a negative count.
  """
  if count < 0:
    raise ValueError(f"count is {count}; it must be 0 or more.")
  problems, questions = [], set()
  for candidate in stream(split, seed, levels):
    if len(problems) == count:
      break
    if candidate.question not in questions:
      questions.add(candidate.question)
      problems.append(dataclasses.replace(candidate, id=len(problems)))
  return problems


def stream(
  split: str, seed: int, levels: Sequence[int] = LEVELS
) -> Iterator[SyntheticProblem]:
  """Yields problems of one split without end; some may repeat.

  Args:
    split: "train", "validation" or "test".
    seed: of the draw.
    levels: levels to cycle through.

  Yields:
    Problems whose id is their index in the stream.

  Raises:
    ValueError: on an unknown split or level.
  """
  index = 0
  while True:
    yield problem_at(split, seed, index, levels)
    index += 1


def problem_at(
  split: str, seed: int, index: int, levels: Sequence[int] = LEVELS
) -> SyntheticProblem:
  """Draws problem `index` of a split: a pure function of its arguments.

  Args:
    split: "train", "validation" or "test".
    seed: of the draw.
    index: in the stream, 0 or more.
    levels: levels to cycle through.

  Returns:
    The problem.

  Raises:
    ValueError: on an unknown split or level.
  """
  if split not in SPLITS:
    raise ValueError(
      f"split is {split!r}; expected one of {', '.join(sorted(SPLITS))}."
    )
  unknown = sorted(set(levels) - set(LEVELS))
  if unknown or not levels:
    raise ValueError(
      f"levels are {list(levels)}; each must be one of {list(LEVELS)}."
    )
  salt = sorted(SPLITS).index(split)
  rng = np.random.default_rng([seed, salt, index])
  level = levels[index % len(levels)]
  while True:
    operations = _draw_operations(rng, level)
    if split_of(operations) == split:
      return _tell(rng, operations, index)


def split_of(operations: Sequence[Operation]) -> str:
  """Names the split of a chain of operations, by its arithmetic alone.

  Args:
    operations: the operations in order.

  Returns:
    "train", "validation" or "test".
  """
  text = str(operations[0].left) + "".join(
    f" {op.symbol} {op.right}" for op in operations
  )
  digest = hashlib.sha256(text.encode()).digest()
  bucket = int.from_bytes(digest[:8], "big") % 100
  return next(
    name for name, (low, high) in SPLITS.items() if low <= bucket < high
  )


def _draw_operations(
  rng: np.random.Generator, level: int
) -> tuple[Operation, ...]:
  """Draws a chain of `level` operations on two-digit counts."""
  value = int(rng.integers(SMALLEST_COUNT, LARGEST_START + 1))
  terms = range(SMALLEST_COUNT, LARGEST_TERM + 1)
  operations = []
  for _ in range(level):
    choices = {
      "+": [t for t in terms if value + t <= LARGEST_COUNT],
      "-": [t for t in terms if value - t >= SMALLEST_COUNT],
      "*": [f for f in FACTORS if value * f <= LARGEST_COUNT],
      "/": [
        f for f in FACTORS if value % f == 0 and value // f >= SMALLEST_COUNT
      ],
    }
    symbols = [symbol for symbol, terms in choices.items() if terms]
    weights = np.array([OPERATION_WEIGHTS[symbol] for symbol in symbols])
    symbol = str(rng.choice(symbols, p=weights / weights.sum()))
    term = int(rng.choice(choices[symbol]))
    result = {
      "+": value + term,
      "-": value - term,
      "*": value * term,
      "/": value // term,
    }[symbol]
    operations.append(Operation(value, symbol, term, result))
    value = result
  return tuple(operations)


def _tell(
  rng: np.random.Generator, operations: tuple[Operation, ...], index: int
) -> SyntheticProblem:
  """Puts a chain of operations into words, with facts to be ignored."""

  def pick(choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]

  name, friend, other = rng.choice(phrases.NAMES, size=3, replace=False)
  things, others = rng.choice(phrases.THINGS, size=2, replace=False)
  words = {"name": name, "friend": friend, "other": other, "things": things}
  words["others"] = others
  sentences = [pick(phrases.STARTS).format(n=operations[0].left, **words)]
  for op in operations:
    template = pick(phrases.CHANGES[op.symbol])
    sentences.append(template.format(n=op.right, **words))
  for _ in range(rng.integers(LARGEST_DISTRACTOR_COUNT + 1)):
    fact = pick(phrases.DISTRACTORS).format(
      n=rng.integers(SMALLEST_COUNT, LARGEST_TERM + 1), **words
    )
    # Never first: the opening sentence introduces who and what.
    sentences.insert(int(rng.integers(1, len(sentences) + 1)), fact)
  sentences.append(pick(phrases.QUESTIONS).format(**words))
  return SyntheticProblem(
    id=index,
    question=" ".join(sentences),
    gold=str(operations[-1].result),
    level=len(operations),
    source="synthetic",
    operations=operations,
    things=str(things),
  )
