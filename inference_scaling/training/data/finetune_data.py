"""Batches for fine-tuning: token rows of many lengths, in microbatches.

A batch is cut into microbatches, each padded to the length of its own longest
row, so that short rows do not pay for long ones; gradients are summed over
them. Which rows make up batch i depends on the seed and i alone, so that a run
that is resumed sees what it would have seen.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import grain
import numpy as np
import transformers
from absl import logging

from inference_scaling import models
from inference_scaling.models.text import control_tokens
from inference_scaling.training.data import finetune_rows

# Lengths are rounded up to a multiple of this: a few programs serve all.
_BUCKET = 128
Microbatch = dict[str, np.ndarray]


class Encoded(NamedTuple):
  """A text as the loss reads it.

  Attributes:
    tokens: int32[T].
    weights: bool[T], which tokens count.
    targets: bool[T], the labels of these tokens; False elsewhere.
  """

  tokens: np.ndarray
  weights: np.ndarray
  targets: np.ndarray


def encode_solved(
  tokenizer: transformers.PreTrainedTokenizerFast,
  rows: Sequence[tuple[str, str]],
  end: int,
) -> list[Encoded]:
  """Encodes questions and solutions; only solution and end are to be learned.

  The tokens are those of the whole text where the prompt's are their
  beginning, and else those of the two parts: what is learned goes on from
  exactly the tokens that a prompt will have. As in a search, a prompt holds no
  control token and has no end, even where the tokenizer adds one.

  Args:
    tokenizer: of the policy.
    rows: pairs of prompt and solution.
    end: the token that ends a text.

  Returns:
    One text a row.
  """
  rows = [(control_tokens.shield(tokenizer, row[0]), row[1]) for row in rows]
  encode = functools.partial(control_tokens.encode_all, tokenizer)
  prompts = encode([prompt for prompt, _ in rows], begin=True)
  whole = encode([prompt + text for prompt, text in rows], begin=True)
  solutions = encode([text for _, text in rows])
  encoded = []
  for prompt, both, solution in zip(prompts, whole, solutions, strict=True):
    agree = both[: len(prompt)] == prompt and len(both) > len(prompt)
    tokens = [*(both if agree else prompt + solution), end]
    weights = np.arange(len(tokens)) >= len(prompt)
    encoded.append(
      Encoded(np.array(tokens, np.int32), weights, np.zeros_like(weights))
    )
  return encoded


def encode_labelled(
  reward_format: models.RewardFormat,
  rows: Sequence[finetune_rows.LabelledSolution],
) -> list[Encoded]:
  """Encodes questions and steps as a reward model reads them in a search.

  Args:
    reward_format: which tokens a question and a step become.
    rows: solutions with labels.

  Returns:
    One text a row; weight and target stand at the last token of each step.
  """
  encoded = []
  for row in rows:
    tokens, ends = reward_format.encode_prompt(row.question), []
    for index, step in enumerate(row.steps):
      tokens = tokens + reward_format.encode_step(index, step)
      ends.append(len(tokens) - 1)
    weights, targets = np.zeros((2, len(tokens)), bool)
    weights[ends] = True
    targets[ends] = row.good
    encoded.append(Encoded(np.array(tokens, np.int32), weights, targets))
  return encoded


def keep_short(rows: Sequence[Encoded], length: int) -> list[Encoded]:
  """Drops rows that are too long, and logs how many.

  Args:
    rows: encoded texts.
    length: maximum tokens of a row. Longer ones are never cut: half a solution
      would teach to stop in the middle.

  Returns:
    The others.

  Raises:
    ValueError: where none is left.
  """
  kept = [row for row in rows if len(row.tokens) <= length]
  logging.info(
    "%d of %d rows have more than %d tokens; left out.",
    len(rows) - len(kept), len(rows), length,
  )  # fmt: skip
  if not kept:
    raise ValueError(
      f"all {len(rows)} rows have more than max_length = {length} tokens; the "
      f"shortest has {min(len(row.tokens) for row in rows)}. Raise it."
    )
  return kept


def hold_out(
  rows: Sequence[Encoded], count: int, seed: int
) -> tuple[list[Encoded], list[Encoded]]:
  """Splits rows into those to learn and `count` to evaluate on.

  Args:
    rows: all rows.
    count: at least 1.
    seed: of the choice.

  Returns:
    Both parts.

  Raises:
    ValueError: where nothing would be left to learn.
  """
  if not 0 < count < len(rows):
    raise ValueError(
      f"held_out is {count}; expected 1 to {len(rows) - 1}, since there are "
      f"{len(rows)} rows."
    )
  order = np.random.default_rng([seed, len(rows)]).permutation(len(rows))
  return (
    [rows[index] for index in order[count:]],
    [rows[index] for index in order[:count]],
  )


class RowBatches(grain.sources.RandomAccessDataSource):
  """Element i is batch i: microbatches of tokens, weights and targets.

  Each is int32[B, T] and twice float32[B, T]; T is the longest of its rows,
  rounded up. Every epoch has an order of its own.
  """

  def __init__(
    self,
    rows: Sequence[Encoded],
    batch_size: int,
    microbatch_size: int,
    num_batches: int,
    seed: int,
  ):
    if batch_size % microbatch_size:
      raise ValueError(
        f"batch_size is {batch_size}, which is no multiple of "
        f"microbatch_size, {microbatch_size}."
      )
    self._rows = rows
    self._batch_size = batch_size
    self._microbatch_size = microbatch_size
    self._num_batches = num_batches
    self._seed = seed

  def __len__(self) -> int:
    return self._num_batches

  def __getitem__(self, step: int) -> list[Microbatch]:
    first = step * self._batch_size
    count = len(self._rows)
    epochs: dict[int, np.ndarray] = {}
    rows = []
    for index in range(first, first + self._batch_size):
      epoch, position = divmod(index, count)
      if epoch not in epochs:
        draw = np.random.default_rng([self._seed, epoch])
        epochs[epoch] = draw.permutation(count)
      rows.append(self._rows[epochs[epoch][position]])
    return microbatches(rows, self._microbatch_size)


def microbatches(rows: Sequence[Encoded], size: int) -> list[Microbatch]:
  """Cuts rows into microbatches of similar lengths, the shortest first.

  Args:
    rows: encoded texts.
    size: B; the last is filled up with rows of weight 0.

  Returns:
    The microbatches.
  """
  rows = sorted(rows, key=lambda row: len(row.tokens))
  return [
    _pad(rows[start : start + size], size)
    for start in range(0, len(rows), size)
  ]


def _pad(rows: Sequence[Encoded], size: int) -> Microbatch:
  longest = max(len(row.tokens) for row in rows)
  shape = (size, -(-longest // _BUCKET) * _BUCKET)
  batch = {
    "tokens": np.zeros(shape, np.int32),
    "weights": np.zeros(shape, np.float32),
    "targets": np.zeros(shape, np.float32),
  }
  for index, row in enumerate(rows):
    for name, array in batch.items():
      values = getattr(row, name)
      array[index, : len(values)] = values
  return batch
