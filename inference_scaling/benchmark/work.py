"""The work that every engine does: the same prompts, as many new tokens."""

import dataclasses
from collections.abc import Callable

import numpy as np

# Of some prompts, samples a prompt and new tokens a sample: the new tokens,
# int[problems, samples, new tokens].
Generate = Callable[[list[list[int]], int, int], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Work:
  """How much is generated; no text ends early, so that all make as much.

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


def check(who: str, made: np.ndarray, work: Work) -> None:
  """Holds what an engine made against what it was to make.

  Args:
    who: names the engine in the error.
    made: its tokens.
    work: what was asked.

  Raises:
    ValueError: where it made another number of tokens.
  """
  wanted = (work.problems, work.samples, work.new_tokens)
  if made.shape != wanted:
    raise ValueError(
      f"{who} made tokens of shape {made.shape}; expected {wanted}: problems, "
      "samples and new tokens. Its time cannot be compared."
    )
