"""Training data of the reward model: drawn solutions with token labels.

Solutions are drawn from the policies whose steps the reward model will score,
so that it trains on the errors that occur.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import grain
import numpy as np
from absl import logging

from inference_scaling.tasks import synthetic
from inference_scaling.training.data import batches as batches_lib
from inference_scaling.training.data import labels as labels_lib
from inference_scaling.training.data import sampling as sampling_lib

Solutions = dict[str, np.ndarray]


def draw_solutions(
  samplers: Mapping[str, sampling_lib.Sampler],
  problems: Sequence[synthetic.SyntheticProblem],
  seed: int,
  path: str | pathlib.Path,
) -> Solutions:
  """Draws and labels solutions of every policy, or reads them from a file.

  Args:
    samplers: by the name of their policy.
    problems: with different ids.
    seed: of the draws.
    path: an .npz file; read where it exists, else written.

  Returns:
    Arrays with one row a solution, M in all: `tokens` int32[M, T], padded
    with 0; `prompts` and `lengths` int32[M], tokens of the prompt and of the
    whole; `good` bool[M, T]; `ends` bool[M, T], the last tokens of steps;
    `levels` int32[M]; `policies` int32[M], the rank of the policy's name.
  """
  path = pathlib.Path(path)
  if path.is_file():
    with np.load(path) as file:
      return dict(file)
  by_id = {problem.id: problem for problem in problems}
  rows = []
  for rank, name in enumerate(sorted(samplers)):
    sampler = samplers[name]
    for number, solutions in sampler.solve(problems, seed):
      problem = by_id[number]
      prompt = sampler.prompt(problem)
      for solution in solutions:
        labels = labels_lib.token_labels(
          problem, solution.step_tokens, solution.step_texts,
          sampler.model.tokenizer,
        )  # fmt: skip
        rows.append((prompt, solution, labels, problem.level, rank))
    logging.info("Drew solutions of %s: %d in all.", name, len(rows))
  drawn = _arrange(rows)
  path.parent.mkdir(parents=True, exist_ok=True)
  np.savez_compressed(path, **dict[str, Any](drawn))
  return drawn


class RewardBatches(grain.sources.RandomAccessDataSource):
  """Batches of drawn and of right solutions; element `i` is batch `i`.

  Beside `tokens` int32[B, T], each has, float32[B, T]: `good`, the label of
  each token; `reward_weights`, those of the reward loss; `imitation_weights`,
  those of the language-model loss, 1 at right tokens.
  """

  def __init__(
    self,
    drawn: Solutions,
    right: batches_lib.SolutionBatches,
    buckets: Sequence[batches_lib.Bucket],
    batch_size: int,
    seed: int,
    end_weight: float,
  ):
    self._drawn = drawn
    self._right = right
    self._buckets = buckets
    self._batch_size = batch_size
    self._seed = seed
    self._end_weight = end_weight
    self._members = [
      np.flatnonzero(np.isin(drawn["levels"], bucket.levels))
      for bucket in buckets
    ]

  def __len__(self) -> int:
    return len(self._right)

  def __getitem__(self, step: int) -> batches_lib.Batch:
    bucket = step % len(self._buckets)
    rng = np.random.default_rng([self._seed, step])
    rows = rng.choice(self._members[bucket], self._batch_size, replace=False)
    length = self._buckets[bucket].length
    labelled = labelled_batch(self._drawn, rows, length, self._end_weight)
    right = self._right[step]
    blank = np.zeros_like(right["weights"])
    right_batch = {
      "tokens": right["tokens"],
      "good": blank,
      "reward_weights": blank,
      "imitation_weights": right["weights"],
    }
    return {
      name: np.concatenate([labelled[name], values])
      for name, values in right_batch.items()
    }


def labelled_batch(
  drawn: Solutions, rows: np.ndarray, length: int, end_weight: float
) -> batches_lib.Batch:
  """Takes drawn solutions as a batch.

  Args:
    drawn: all solutions.
    rows: int[B], which.
    length: T; longer ones, which are few and ramble, are cut.
    end_weight: weight in the reward loss of the last token of a step, where
      the reward will be read; other tokens weigh 1.

  Returns:
    An element of `RewardBatches`.
  """
  tokens = _cut(drawn["tokens"][rows], length)
  index = np.arange(length)[None]
  solution = (index >= drawn["prompts"][rows, None]) & (
    index < drawn["lengths"][rows, None]
  )
  good = _cut(drawn["good"][rows], length) & solution
  ends = _cut(drawn["ends"][rows], length)
  weights = np.where(ends, end_weight, 1.0) * solution
  return {
    "tokens": tokens,
    "good": good.astype(np.float32),
    "reward_weights": weights.astype(np.float32),
    "imitation_weights": good.astype(np.float32),
  }


def _cut(values: np.ndarray, length: int) -> np.ndarray:
  """Cuts or pads [B, ...] to [B, length]."""
  values = values[:, :length]
  return np.pad(values, ((0, 0), (0, length - values.shape[1])))


def _arrange(rows: list) -> Solutions:
  """Lays labelled solutions into arrays."""
  count = len(rows)
  texts = [
    [*prompt, *(token for step in solution.step_tokens for token in step)]
    for prompt, solution, *_ in rows
  ]
  width = max(map(len, texts))
  drawn = {
    "tokens": np.zeros((count, width), np.int32),
    "good": np.zeros((count, width), bool),
    "ends": np.zeros((count, width), bool),
    "prompts": np.array([len(row[0]) for row in rows], np.int32),
    "lengths": np.array([len(text) for text in texts], np.int32),
    "levels": np.array([row[3] for row in rows], np.int32),
    "policies": np.array([row[4] for row in rows], np.int32),
  }
  for row, (text, (prompt, _, labels, *_)) in enumerate(
    zip(texts, rows, strict=True)
  ):
    start = len(prompt)
    drawn["tokens"][row, : len(text)] = text
    drawn["good"][row, start : len(text)] = labels.good
    drawn["ends"][row, start + labels.step_ends] = True
  return drawn
