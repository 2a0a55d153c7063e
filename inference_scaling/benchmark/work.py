"""The work that every engine does: the same prompts, as many new tokens."""

import dataclasses
from collections.abc import Callable

import numpy as np

# From prompts, samples per prompt and new tokens per sample: the new tokens,
# int[problems, samples, new tokens].
Generate = Callable[[list[list[int]], int, int], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Work:
  """How much is generated; no text ends early, so that all make the same.

  Attributes:
    problems: prompts, all of which are in flight at once.
    samples: texts of each prompt.
    prompt_tokens: tokens of each prompt.
    new_tokens: tokens of each text.
  """

  problems: int = 4
  samples: int = 16
  prompt_tokens: int = 128
  new_tokens: int = 64

  @property
  def rows(self) -> int:
    """Texts that are written at once."""
    return self.problems * self.samples

  @property
  def tokens(self) -> int:
    """New tokens of all texts."""
    return self.rows * self.new_tokens

  def __str__(self) -> str:
    return (
      f"{self.problems} problems x {self.samples} samples, "
      f"{self.prompt_tokens} prompt tokens, {self.new_tokens} new tokens each"
    )


def check(engine: str, tokens: np.ndarray, work: Work) -> None:
  """Checks that an engine made as many tokens as the work says.

  Args:
    engine: its name in the error.
    tokens: what it made.
    work: how many it should make.

  Raises:
    ValueError: where it made another number of tokens.
  """
  expected = (work.problems, work.samples, work.new_tokens)
  if tokens.shape != expected:
    raise ValueError(
      f"{engine} made tokens of shape {tokens.shape}; expected {expected}: "
      "problems, samples and new tokens. Its time cannot be compared."
    )
