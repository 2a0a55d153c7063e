"""Step labels: which steps of a solution are right.

Two ways to make them. `exact_labels` compares each step with the known
operations of a synthetic problem. `rollout_labels` is Math-Shepherd's: a step
is good if some completion from it reaches the answer.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import transformers

from inference_scaling.decoding import PromptProblem
from inference_scaling.tasks import extract_answer, synthetic
from inference_scaling.training.data import sampling as sampling_lib

_STEP = re.compile(
  r"\s*Step (?P<index>\d+): (?P<left>\d+) (?P<symbol>[-+*/]) (?P<right>\d+)"
  r" = (?P<result>\d+) \w+\.(?: The answer is: (?P<answer>\d+))?"
  rf" {synthetic.STEP_TAG}"
)


class TokenLabels(NamedTuple):
  """Labels of the tokens of one solution.

  Attributes:
    good: bool[T], whether all is right up to and including the token.
    step_ends: int32[J], the last token of each step.
  """

  good: np.ndarray
  step_ends: np.ndarray


def exact_labels(
  problem: synthetic.SyntheticProblem, steps: Sequence[str]
) -> list[bool]:
  """Labels steps by the known solution.

  A step is good if it and all steps before it state the right operation with
  the right result, and the last one, and no other, states the answer.

  Args:
    problem: the problem.
    steps: the texts of the steps, in order.

  Returns:
    One label a step.
  """
  labels, good = [], True
  for index, text in enumerate(steps):
    good = good and _is_right(problem, index, text)
    labels.append(good)
  return labels


def token_labels(
  problem: synthetic.SyntheticProblem,
  step_tokens: Sequence[Sequence[int]],
  step_texts: Sequence[str],
  tokenizer: transformers.PreTrainedTokenizerFast,
) -> TokenLabels:
  """Labels every token of a solution: good before the first error.

  A dense signal is what makes a small reward model learn: the first wrong
  digit is labelled as such.

  Args:
    problem: the problem.
    step_tokens: token ids of each step.
    step_texts: their texts.
    tokenizer: the policies' tokenizer.

  Returns:
    The labels.
  """
  expected = [
    tokenizer(text, add_special_tokens=False)["input_ids"]
    for text in ("\n" + "\n".join(problem.steps)).split(synthetic.STEP_TAG)
  ][: len(problem.steps)]
  expected[0] = expected[0][1:]  # no line break before the first step
  good: list[bool] = []
  for index, label in enumerate(exact_labels(problem, step_texts)):
    tokens = step_tokens[index]
    right = len(tokens) if label else 0
    if not label and (not good or good[-1]) and index < len(expected):
      right = _common_prefix(tokens, expected[index])
    good += [position < right for position in range(len(tokens))]
  ends = np.cumsum([len(tokens) for tokens in step_tokens]) - 1
  return TokenLabels(np.array(good, bool), ends.astype(np.int32))


def rollout_labels(
  sampler: sampling_lib.Sampler,
  solutions: Sequence[sampling_lib.Solution],
  problems: Sequence[synthetic.SyntheticProblem],
  seed: int,
) -> list[list[bool]]:
  """Labels steps by completing them, k = `sampler.num_samples` times each.

  Args:
    sampler: draws the completions.
    solutions: whose steps to label.
    problems: the problem of each solution.
    seed: of the draws.

  Returns:
    For each solution one label a step: whether some completion from the end
    of the step reaches the answer. The last step stands for itself.

  References:
    Wang et al., "Math-Shepherd", ACL 2024, arXiv:2312.08935, section 3.3
    (hard estimation).
  """
  starts, owners = [], []
  for row, solution in enumerate(solutions):
    written = list(sampler.prompt(problems[row]))
    for index, tokens in enumerate(solution.step_tokens[:-1]):
      written += tokens
      starts.append(PromptProblem(len(starts), tuple(written)))
      owners.append((row, index))
  labels = [
    [False] * (len(solution.step_tokens) - 1)
    + [extract_answer(solution.text) == problem.gold]
    for solution, problem in zip(solutions, problems, strict=True)
  ]
  for start, completions in sampler.complete(starts, seed):
    row, index = owners[start]
    gold = problems[row].gold
    labels[row][index] = any(
      extract_answer(completion.text) == gold for completion in completions
    )
  return labels


def _is_right(
  problem: synthetic.SyntheticProblem, index: int, text: str
) -> bool:
  """Whether one step states operation `index` of the problem."""
  match = _STEP.fullmatch(text)
  if match is None or index >= len(problem.operations):
    return False
  wanted = problem.operations[index]
  is_last = index == len(problem.operations) - 1
  return match.groupdict() == {
    "index": str(index + 1),
    "left": str(wanted.left),
    "symbol": wanted.symbol,
    "right": str(wanted.right),
    "result": str(wanted.result),
    "answer": str(wanted.result) if is_last else None,
  }


def _common_prefix(tokens: Sequence[int], expected: Sequence[int]) -> int:
  """Counts the first tokens in which two sequences agree."""
  for position, pair in enumerate(zip(tokens, expected, strict=False)):
    if pair[0] != pair[1]:
      return position
  # A wrong step that agrees as far as both go is wrong at its end.
  return min(len(tokens) - 1, len(expected))
