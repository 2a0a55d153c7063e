"""Tokens that pass through a model, and the positions they attend to.

Axis letters: P problems that are searched at once, N beams.
"""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

# A count of positions attended to outgrows int32: 256 beams of 4096 tokens make
# 2 * 10^9. It is kept as digits to this base, without 64-bit types.
_DIGIT_BITS = 30
_HALF_BITS = 16


class Counts(flax.struct.PyTreeNode):
  """Tokens that passed through one model, counted where they were computed.

  Each is int32[P], or a whole number where one problem is counted on the host.

  Attributes:
    prefill: prompt tokens, and those of steps that another policy wrote.
    decode: generated (or scored) tokens.
    attended: sum over all of these of the positions attended to, their own
      included, see `attended`; less 2**30 times `carried`.
    carried: how often 2**30 was taken from it.
    thinking: those of `decode` that belong to thinking before an answer; None
      for a model that does not think.
  """

  prefill: jax.Array | int
  decode: jax.Array | int
  attended: jax.Array | int
  carried: jax.Array | int = 0
  thinking: jax.Array | int | None = None

  @property
  def total_attended(self) -> int:
    """All positions attended to, of one problem on the host."""
    return (int(self.carried) << _DIGIT_BITS) + int(self.attended)

  def add(
    self,
    tokens: jax.Array,
    attended: jax.Array,
    thinking: jax.Array | None = None,
  ) -> "Counts":
    """Counts decoded tokens.

    Args:
      tokens: int32[P, N], of each beam; or bool, for one each.
      attended: int32[P, N], positions that they attended to; not negative.
      thinking: those of `tokens` that belong to thinking; None for a model
        that does not think.

    Returns:
      The new counts.
    """
    # Sums of halves fit for 2**14 beams; the upper half of their sum carries.
    high = (attended >> _HALF_BITS).sum(axis=1)
    low = (attended & (1 << _HALF_BITS) - 1).sum(axis=1)
    whole = _DIGIT_BITS - _HALF_BITS
    carried, total = self.carried + (high >> whole), self.attended
    for part in ((high & (1 << whole) - 1) << _HALF_BITS, low):
      total += part
      carried += total >> _DIGIT_BITS
      total &= (1 << _DIGIT_BITS) - 1
    counts = self.replace(
      decode=self.decode + tokens.sum(axis=1), attended=total, carried=carried
    )
    if thinking is None or self.thinking is None:
      return counts
    return counts.replace(thinking=self.thinking + thinking.sum(axis=1))


def prompt_counts(
  prefill: jax.Array, attended: jax.Array, *, thinks: bool = False
) -> Counts:
  """Counts the tokens of prompts.

  Args:
    prefill: int32[P].
    attended: int32[P], positions that they attended to; not negative.
    thinks: whether the model thinks before it answers.

  Returns:
    The counts, with nothing decoded.
  """
  nothing = jnp.zeros_like(prefill)
  counts = Counts(
    prefill, nothing, nothing, nothing, nothing if thinks else None
  )
  return counts.add(nothing[:, None], attended[:, None])


def add_counts(one: Counts, other: Counts) -> Counts:
  """Adds the tokens of two models that do not think.

  Args:
    one: of some problems.
    other: of the same problems.

  Returns:
    The sums.
  """
  attended = one.attended + other.attended
  return Counts(
    prefill=one.prefill + other.prefill,
    decode=one.decode + other.decode,
    attended=attended & (1 << _DIGIT_BITS) - 1,
    carried=one.carried + other.carried + (attended >> _DIGIT_BITS),
  )


def attended(model: Any, first: jax.Array | int, count: jax.Array | int) -> Any:
  """Counts the positions that consecutive tokens of one text attend to.

  A token at position p attends to p + 1 positions, or to a sliding window of
  them if that is less. Where layers differ, it is the mean over the layers,
  rounded down.

  Args:
    model: its architecture, a `models.DecoderConfig`, or its `ModelCost`.
    first: position of the first token; an integer or int32[...].
    count: how many tokens; an integer or int32[...].

  Returns:
    The sum over the tokens; as the arguments.
  """
  everything = _rising(first, count)
  window = model.sliding_window
  if window is None:
    return everything
  # Tokens before position `window` attend to all positions before them.
  rising = jnp.clip(window - first, 0, count)
  limited = _rising(first, rising) + (count - rising) * window
  # (more * whole layers) // layers, without the large product.
  more = everything - limited
  L, whole = model.num_layers, model.num_unlimited_layers
  return limited + more // L * whole + more % L * whole // L


def _rising(first: jax.Array | int, count: jax.Array | int) -> Any:
  """Sums first + 1, first + 2, ... of `count` numbers."""
  return count * (first + 1) + count * (count - 1) // 2
