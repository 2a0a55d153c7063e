"""Batches of synthetic solutions, each a pure function of its step.

That is what makes a resumed training run exact: nothing but the number of the
step has to be restored. Each batch holds problems of neighbouring levels, so
that short ones are not padded to the length of long ones.
"""

from collections.abc import Sequence
from typing import NamedTuple

import grain
import numpy as np
import transformers

from inference_scaling.tasks import prompts, synthetic

Batch = dict[str, np.ndarray]


class Bucket(NamedTuple):
  """Levels that share batches.

  Attributes:
    levels: of the problems.
    length: T, tokens that the longest of them needs.
  """

  levels: tuple[int, ...]
  length: int


class SolutionBatches(grain.sources.RandomAccessDataSource):
  """Right solutions for supervised training; element `i` is batch `i`.

  Each is a dict of `tokens` int32[B, T] and `weights` float32[B, T], which is
  1 at the tokens to be learned: the solution and the end of the text.
  """

  def __init__(
    self,
    tokenizer: transformers.PreTrainedTokenizerFast,
    split: str,
    seed: int,
    batch_size: int,
    num_batches: int,
    buckets: Sequence[Bucket],
  ):
    self._tokenizer = tokenizer
    self._split = split
    self._seed = seed
    self._batch_size = batch_size
    self._num_batches = num_batches
    self._buckets = buckets

  def __len__(self) -> int:
    return self._num_batches

  def __getitem__(self, step: int) -> Batch:
    bucket = self._buckets[step % len(self._buckets)]
    first = step * self._batch_size
    problems = [
      synthetic.problem_at(self._split, self._seed, index, bucket.levels)
      for index in range(first, first + self._batch_size)
    ]
    tokens, lengths = encode(
      self._tokenizer, [(p.question, p.solution) for p in problems]
    )
    return pad(tokens, lengths, bucket.length)


def encode(
  tokenizer: transformers.PreTrainedTokenizerFast,
  texts: Sequence[tuple[str, str]],
) -> tuple[list[list[int]], list[int]]:
  """Encodes questions with their solutions.

  Args:
    tokenizer: the policies' tokenizer.
    texts: pairs of question and solution.

  Returns:
    For each pair all tokens, the end of text included, and how many of them
    are the prompt.
  """
  questions = [prompts.step_prompt(question) for question, _ in texts]
  starts = tokenizer(questions)["input_ids"]
  solved = tokenizer([s for _, s in texts], add_special_tokens=False)
  tokens = [
    [*start, *solution, tokenizer.eos_token_id]
    for start, solution in zip(starts, solved["input_ids"], strict=True)
  ]
  return tokens, [len(start) for start in starts]


def pad(
  tokens: Sequence[Sequence[int]], prompt_lengths: Sequence[int], length: int
) -> Batch:
  """Pads encoded texts to one length.

  Args:
    tokens: of each text.
    prompt_lengths: how many of them are the prompt.
    length: T.

  Returns:
    `tokens` int32[B, T], and `weights` float32[B, T], 1 at the solution.

  Raises:
    ValueError: where a text is longer.
  """
  longest = max(map(len, tokens))
  if longest > length:
    raise ValueError(
      f"a text has {longest} tokens, its bucket holds {length}; raise the "
      "bucket's length in the training config."
    )
  batch = {
    "tokens": np.zeros((len(tokens), length), np.int32),
    "weights": np.zeros((len(tokens), length), np.float32),
  }
  for row, (text, start) in enumerate(zip(tokens, prompt_lengths, strict=True)):
    batch["tokens"][row, : len(text)] = text
    batch["weights"][row, start : len(text)] = 1.0
  return batch
