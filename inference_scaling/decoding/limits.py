"""How long prompts, steps and generations may be; sizes of the buffers."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

# Buffers grow by this many tokens, so that a few sizes serve all limits.
_BUCKET = 32

# The smallest size; others are this times a power of two. Smaller ones save
# little attention, and each size is one more program to compile.
_STEP = 128


@dataclasses.dataclass(frozen=True)
class Limits:
  """Limits in tokens; all are shapes or bounds of the compiled program.

  Attributes:
    prompt_tokens: longest prompt; rounded up to a multiple of 32.
    step_tokens: most tokens of one step; a step that does not end within them
      ends its beam, which counts as truncated.
    total_tokens: most generated tokens of a beam, over all steps.
    max_steps: most steps of a beam.
    read_tokens: tokens that pass the model once more at the end of a step: 1
      where a value head reads the last one, see `for_value_head`.
  """

  prompt_tokens: int
  step_tokens: int = 256
  total_tokens: int = 1024
  max_steps: int = 25
  read_tokens: int = 0

  def __post_init__(self):
    for field in dataclasses.fields(self):
      value, least = getattr(self, field.name), int(field.default != 0)
      if value < least:
        raise ValueError(f"{field.name} is {value}; expected at least {least}.")

  @property
  def prompt_buffer(self) -> int:
    """Tokens that a prompt buffer holds."""
    return _round_up(self.prompt_tokens)

  @property
  def whole(self) -> "Limits":
    """The same limits where a solution is one step."""
    return dataclasses.replace(self, step_tokens=self.total_tokens, max_steps=1)

  @property
  def for_value_head(self) -> "Limits":
    """The same limits where a value head reads the last token of each step."""
    return dataclasses.replace(self, read_tokens=1)

  @property
  def text_buffer(self) -> int:
    """Tokens that the buffer of a beam's generated text holds."""
    return _round_up(self.total_tokens + self.read_tokens)


def _round_up(tokens: int) -> int:
  return -(-tokens // _BUCKET) * _BUCKET


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Prompts:
  """Prompts of the problems in flight.

  Attributes:
    tokens: int32[P, S], padded on the right with any token.
    lengths: int32[P], at least 1.
    reward: the prompts in the reward model's tokens; None if it takes the
      policy's tokens.
  """

  tokens: jax.Array
  lengths: jax.Array
  reward: "Prompts | None" = None


def bucket(tokens: int, most: int) -> int:
  """Rounds up to one of a few sizes.

  Args:
    tokens: how many must fit.
    most: the size of the buffer.

  Returns:
    128 times a power of two, or `most` where that is less.
  """
  size = _STEP
  while size < tokens:
    size *= 2
  return min(size, most)


def pad_prompt(
  problem_id: int,
  tokens: Sequence[int],
  limits: Limits,
  reward_tokens: Sequence[int] | None = None,
  reward_limits: Limits | None = None,
) -> Prompts:
  """Lays one problem's prompt into a buffer.

  Args:
    problem_id: names the problem in errors.
    tokens: the prompt's token ids.
    limits: gives the size of the buffer.
    reward_tokens: the reward model's own prompt, if it has one.
    reward_limits: of the reward model, in its own tokens; None for `limits`.

  Returns:
    Prompts with P = 1.

  Raises:
    ValueError: for an empty prompt, or one longer than the buffer.
  """
  row = _pad(f"problem {problem_id}: its prompt", tokens, limits)
  if reward_tokens is None:
    return Prompts(*row)
  what = f"problem {problem_id}: its prompt for the reward model"
  return Prompts(
    *row, Prompts(*_pad(what, reward_tokens, reward_limits or limits))
  )


def shorten(prompts: Prompts) -> Prompts:
  """Cuts prompts to the smallest size that holds them all.

  Args:
    prompts: P prompts, on the host.

  Returns:
    The same prompts, which take less to compute.
  """
  size = bucket(int(prompts.lengths.max()), prompts.tokens.shape[1])
  return dataclasses.replace(
    prompts,
    tokens=prompts.tokens[:, :size],
    reward=None if prompts.reward is None else shorten(prompts.reward),
  )


def _pad(what: str, tokens: Sequence[int], limits: Limits) -> tuple[Any, Any]:
  """Makes NumPy tokens int32[1, S] and lengths int32[1] of one prompt."""
  size = limits.prompt_buffer
  if not 0 < len(tokens) <= size:
    raise ValueError(
      f"{what} has {len(tokens)} tokens; expected 1 to {size}. Raise "
      f"Limits.prompt_tokens (now {limits.prompt_tokens}) or leave the problem "
      "out."
    )
  row = np.zeros((1, size), np.int32)
  row[0, : len(tokens)] = tokens
  return row, np.array([len(tokens)], np.int32)
