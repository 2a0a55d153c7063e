"""How much of their buffers models use: shapes of programs, chosen by the host.

Buffers are as long as the longest text that is allowed; texts are
mostly far shorter, and attention costs what it reads. So programs exist for a
few sizes, and each call runs the smallest that fits.
"""

import dataclasses
from typing import Any, Protocol, Self, runtime_checkable

import jax

from inference_scaling.decoding import limits as limits_lib

# Most tokens of one call: rows are copied once for so many.
WRITTEN = 64


@dataclasses.dataclass(frozen=True)
class Sizes:
  """How much of the buffers of a policy or a reward is in use.

  Attributes:
    text: tokens of the longest text once the call is done.
    prompt: tokens of the longest prompt.
    written: most tokens that one call of a policy writes.
    slots: Q, problems that are scored or forked at once, a divisor of P; None
      for all.
  """

  text: int
  prompt: int
  written: int
  slots: int | None


@runtime_checkable
class Buffered(Protocol):
  """A policy or a reward whose programs come in a few sizes.

  Attributes:
    limits: lengths of its buffers.
    in_place: whether texts are read where they lie, as far as they go: then one
      program serves them all.
  """

  limits: limits_lib.Limits
  in_place: bool

  def sized(self, sizes: Sizes) -> Self:
    """Returns the same object where less of its buffers is in use."""
    ...

  def longest(self, state: Any) -> jax.Array:
    """Returns the tokens of each problem's longest text, int32[P]."""
    ...


def whole(limits: limits_lib.Limits) -> Sizes:
  """Sizes that serve whatever the limits allow.

  Args:
    limits: of the policy or the reward.

  Returns:
    The sizes.
  """
  return Sizes(
    text=limits.text_buffer,
    prompt=limits.prompt_buffer,
    written=most_written(limits),
    slots=None,
  )


def fitting(
  limits: limits_lib.Limits, text: int, prompt: int, slots: int | None
) -> Sizes:
  """The smallest sizes that serve the current texts.

  Args:
    limits: of the policy or the reward.
    text: tokens of the longest text once the call is done: what it has now and
      `most_written` of a policy, or the longest step of a reward.
    prompt: tokens of the longest prompt.
    slots: as `Sizes.slots`.

  Returns:
    The sizes.
  """
  return Sizes(
    text=limits_lib.bucket(text, limits.text_buffer),
    prompt=limits_lib.bucket(prompt, limits.prompt_buffer),
    written=most_written(limits),
    slots=slots,
  )


def most_written(limits: limits_lib.Limits) -> int:
  """Most tokens of a row that one call of `ModelPolicy.write` computes."""
  longest = min(limits.step_tokens, limits.total_tokens)
  return min(WRITTEN, longest + limits.read_tokens)
