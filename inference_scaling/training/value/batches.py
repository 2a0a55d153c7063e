"""Batches of tokens of drawn solutions, with their hidden states, scaled."""

import pathlib
from collections.abc import Sequence
from typing import Any

import grain
import numpy as np

from inference_scaling.training import loop
from inference_scaling.training.value import hidden_states
from inference_scaling.training.value import solutions as solutions_lib

# Tokens that are summed at once.
_BLOCK = 8192


class TokenBatches(grain.sources.RandomAccessDataSource):
  """Batches of tokens of solutions; element `i` is batch `i`.

  Each has `hidden` float32[B, F], scaled to mean 0 and deviation 1 in each
  feature, and `label` float32[B]. A solution is chosen first and a token of it
  next, so that long solutions weigh no more than short ones. Every other token
  ends a step: searches read the head there, and what follows a whole solution
  looks like no token before it.

  Attributes:
    mean: float32[F], of each feature.
    deviation: float32[F].
  """

  def __init__(
    self,
    config: loop.Config,
    problems: Sequence[solutions_lib.Problem],
    folder: pathlib.Path,
  ):
    loaded = [hidden_states.load(folder, problem) for problem in problems]
    self._hidden = np.concatenate([states.hidden for states in loaded])
    self._lengths = np.concatenate([states.lengths for states in loaded])
    self._firsts = np.cumsum(self._lengths) - self._lengths
    ends = [solution.ends for p in problems for solution in p.solutions]
    self._num_ends = np.array([len(indices) for indices in ends])
    self._first_ends = np.cumsum(self._num_ends) - self._num_ends
    self._ends = np.concatenate([np.array(indices, int) for indices in ends])
    self._labels = np.array(
      [solution.correct for p in problems for solution in p.solutions],
      np.float32,
    )
    self._config = config
    self.mean, self.deviation = _moments(self._hidden)

  def __len__(self) -> int:
    return self._config.steps

  def __getitem__(self, step: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng([self._config.seed, step])
    size = self._config.batch_size
    chosen = rng.integers(len(self._lengths), size=size)
    tokens = rng.integers(self._lengths[chosen])
    # A solution has one at least: its last token.
    ends = self._first_ends[chosen] + rng.integers(self._num_ends[chosen])
    tokens[::2] = self._ends[ends[::2]]
    hidden = self._hidden[self._firsts[chosen] + tokens].astype(np.float32)
    return {
      "hidden": (hidden - self.mean) / self.deviation,
      "label": self._labels[chosen],
    }

  def unscaled(self, params: Any) -> dict[str, np.ndarray]:
    """Makes weights for hidden states as they are of those for scaled ones."""
    weights = {name: np.asarray(value) for name, value in params.items()}
    kernel, bias = (
      ("inner_kernel", "inner_bias")
      if "inner_kernel" in weights
      else ("kernel", "bias")
    )
    scaled = (weights[kernel].T / self.deviation).T
    weights[bias] = weights[bias] - self.mean @ scaled
    weights[kernel] = scaled
    return weights


def _moments(hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Mean and deviation of each feature; a constant one has deviation 1."""
  total = np.zeros(hidden.shape[1])
  squares = np.zeros(hidden.shape[1])
  for first in range(0, len(hidden), _BLOCK):
    block = hidden[first : first + _BLOCK].astype(np.float64)
    total += block.sum(axis=0)
    squares += np.square(block).sum(axis=0)
  mean = total / len(hidden)
  deviation = np.sqrt(np.maximum(squares / len(hidden) - mean**2, 0.0))
  deviation = np.where(deviation > 0, deviation, 1.0)
  return mean.astype(np.float32), deviation.astype(np.float32)
