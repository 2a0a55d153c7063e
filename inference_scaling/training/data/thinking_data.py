"""Texts in which a policy thinks before it answers.

It thinks in attempts: the lines of calculation of a whole solution, and after
one that is wrong "Wait" and a further attempt, until one is right. Attempts are
drawn from a policy, so that errors are those that policies make, and what is
wrong in them is read but not learned. So a policy learns to tell whether an
attempt is right, and to mend it where it is not.
"""

import json
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import grain
import numpy as np
import transformers

from inference_scaling import json_lines
from inference_scaling.tasks import prompts, synthetic
from inference_scaling.training.data import batches as batches_lib
from inference_scaling.training.data import sampling as sampling_lib

_LINE = re.compile(r"Step \d+: (\d+ [-+*/] \d+ = \d+) \w+\.")
# Where an attempt is right, thinking ends or goes on all the same, as if it had
# been told to; where it is wrong, the next one may be right, drawn or the same.
_GO_ON, _SPOILED = 0.4, 0.15
_AFTER_WRONG = {"right": 0.6, "drawn": 0.25, "same": 0.15}


class Texts(NamedTuple):
  """What a thinking policy writes around its thinking; a config says it.

  Attributes:
    open: ends the prompt.
    close: ends the thinking.
    end: ends it where it is cut; closes it, too.
    wait: stands before a further attempt.
  """

  open: str
  close: str
  end: str
  wait: str


def attempt(lines: Sequence[str]) -> str:
  """Writes an attempt: its lines, such as "12 + 7 = 19"."""
  return "".join(f"{line}\n" for line in lines)


def right_attempt(problem: synthetic.SyntheticProblem) -> str:
  """Writes the attempt that is right."""
  return attempt(
    [
      f"{op.left} {op.symbol} {op.right} = {op.result}"
      for op in problem.operations
    ]
  )


def draw_attempts(
  sampler: sampling_lib.Sampler,
  problems: Sequence[synthetic.SyntheticProblem],
  seed: int,
  path: pathlib.Path,
) -> dict[int, list[str]]:
  """Draws attempts of a policy that writes steps, or reads them from a file.

  Args:
    sampler: draws solutions in steps.
    problems: with different ids.
    seed: of the draws.
    path: of JSON lines; read where it exists, else written.

  Returns:
    Attempts by the problem's id; a solution without a calculation is none.
  """
  if not path.is_file():
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = (
      {
        "problem": number,
        "attempts": [attempt(_LINE.findall(s.text)) for s in solutions],
      }
      for number, solutions in sampler.solve(problems, seed)
    )
    json_lines.rewrite(path, (f"{json.dumps(row)}\n".encode() for row in rows))
  return {
    row["problem"]: [text for text in row["attempts"] if text]
    for _, row in json_lines.read(path)
  }


def compose(
  rng: np.random.Generator, right: str, drawn: list[str], most: int
) -> list[str]:
  """Chooses the attempts of one text; the last one is right.

  Args:
    rng: of the choices.
    right: the right attempt.
    drawn: attempts of a policy.
    most: attempts of a text.

  Returns:
    One attempt or more.
  """
  rest = [drawn[int(i)] for i in rng.permutation(len(drawn))]
  attempts = [rest.pop() if rest else right]
  while len(attempts) < most:
    if attempts[-1] == right:
      if rng.random() >= _GO_ON:
        return attempts
      kind = "drawn" if rng.random() < _SPOILED else "right"
    else:
      kind = str(rng.choice(list(_AFTER_WRONG), p=list(_AFTER_WRONG.values())))
    if kind == "same":
      attempts.append(attempts[-1])
    else:
      attempts.append(rest.pop() if kind == "drawn" and rest else right)
  return [*attempts[:-1], right]


def encode(
  tokenizer: transformers.PreTrainedTokenizerFast,
  texts: Texts,
  problem: synthetic.SyntheticProblem,
  attempts: Sequence[str],
  cut: float | None = None,
) -> tuple[list[int], list[bool]]:
  """Encodes one text.

  Args:
    tokenizer: of the policy.
    texts: around the thinking.
    problem: the problem.
    attempts: of `compose`.
    cut: share of the thinking after which it is cut; None for all of it.

  Returns:
    The tokens of prompt, thinking and answer, and which of them are learned.
  """
  right = right_attempt(problem)
  stated = f" The answer is: {problem.gold} {synthetic.STEP_TAG}"
  question = prompts.step_prompt(problem.question) + texts.open
  close = texts.close if cut is None else texts.end
  wanted, wait, closing, answer, *written = tokenizer(
    [right, texts.wait, close, stated, *attempts], add_special_tokens=False
  )["input_ids"]
  tokens, learned = [], []
  for index, (text, row) in enumerate(zip(attempts, written, strict=True)):
    good = _agree(row, wanted)
    tokens += row
    learned += [position < good for position in range(len(row))]
    if index < len(attempts) - 1:
      tokens += wait
      # After a right one it goes on only when it is told to.
      learned += [text != right] * len(wait)
  if cut is not None:
    size = int(cut * len(tokens))
    tokens, learned = tokens[:size], learned[:size]
  prompt = tokenizer(question)["input_ids"]
  end = [*answer, cast(int, tokenizer.eos_token_id)]
  return (
    [*prompt, *tokens, *closing, *end],
    [False] * len(prompt)
    + learned
    + [cut is None] * len(closing)
    + [True] * len(end),
  )


class ThinkingBatches(grain.sources.RandomAccessDataSource):
  """Batches of texts in which a policy thinks; element `i` is batch `i`.

  Each has `tokens` int32[B, T], and `weights` float32[B, T], 1 at the tokens to
  be learned.
  """

  def __init__(
    self,
    tokenizer: transformers.PreTrainedTokenizerFast,
    texts: Texts,
    problems: Sequence[synthetic.SyntheticProblem],
    drawn: Mapping[int, list[str]],
    buckets: Sequence[batches_lib.Bucket],
    batch_size: int,
    num_batches: int,
    seed: int,
    most_attempts: int,
    cut: float,
  ):
    self._tokenizer = tokenizer
    self._texts = texts
    self._drawn = drawn
    self._buckets = buckets
    self._batch_size = batch_size
    self._num_batches = num_batches
    self._seed = seed
    self._most_attempts = most_attempts
    self._cut = cut
    self._members = [
      [problem for problem in problems if problem.level in bucket.levels]
      for bucket in buckets
    ]

  def __len__(self) -> int:
    return self._num_batches

  def __getitem__(self, step: int) -> batches_lib.Batch:
    bucket = step % len(self._buckets)
    rng = np.random.default_rng([self._seed, step])
    members, length = self._members[bucket], self._buckets[bucket].length
    batch = {
      "tokens": np.zeros((self._batch_size, length), np.int32),
      "weights": np.zeros((self._batch_size, length), np.float32),
    }
    for row in range(self._batch_size):
      problem = members[int(rng.integers(len(members)))]
      attempts = compose(
        rng, right_attempt(problem), self._drawn[problem.id],
        self._most_attempts,
      )  # fmt: skip
      cut = rng.random() if rng.random() < self._cut else None
      texts = encode(self._tokenizer, self._texts, problem, attempts, cut)
      # Those that ramble, which are few, are cut.
      for values, to in zip(texts, batch.values(), strict=True):
        to[row, : len(values)] = values[:length]
    return batch


def _agree(tokens: Sequence[int], wanted: Sequence[int]) -> int:
  """Counts the first tokens in which two sequences agree."""
  for position, pair in enumerate(zip(tokens, wanted, strict=False)):
    if pair[0] != pair[1]:
      return position
  return min(len(tokens), len(wanted))
