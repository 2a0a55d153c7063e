"""Batch utilisation: how many of the computed rows drew a token."""

import collections
import dataclasses

import numpy as np

from inference_scaling.decoding import sizes as sizes_lib


@dataclasses.dataclass
class BatchStats:
  """Counts of the policy's work; `continuous_batching` adds to them as it goes.

  Attributes:
    row_steps: rows that were computed, token by token, whether a beam needed
      them or not: waiting rows, and those of empty slots, are counted; 0 for a
      policy that writes whole steps and does not count them.
    tokens: of these the ones that drew a token of a step or a look-ahead.
    calls: how often slots went on, by the sizes of their program; each pair,
      of the policy and of the reward, is a program of its own.
  """

  row_steps: int = 0
  tokens: int = 0
  calls: collections.Counter[tuple[sizes_lib.Sizes | None, ...]] = (
    dataclasses.field(default_factory=collections.Counter)
  )

  @property
  def utilisation(self) -> float:
    """The share of row-steps that drew a token; 1 where none are known."""
    return self.tokens / self.row_steps if self.row_steps else 1.0

  def add(
    self,
    sizes: tuple[sizes_lib.Sizes | None, ...],
    row_steps: np.ndarray,
    tokens: np.ndarray,
  ) -> None:
    """Adds one call.

    Args:
      sizes: of its program.
      row_steps: by slot.
      tokens: by slot.
    """
    self.calls[sizes] += 1
    self.row_steps += int(row_steps.sum())
    self.tokens += int(tokens.sum())
