"""Who is in the slots, and how much of the buffers they need."""

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding import sizes as sizes_lib
from inference_scaling.search import base


@dataclasses.dataclass
class Slot:
  """Who is in a batch slot.

  Attributes:
    problem_id: of its `PromptProblem`.
    started: when, in seconds of the monotonic clock.
    prompt: tokens of its longest prompt that must fit a buffer.
    tokens: of the policy's prompt.
    text: tokens of the longest text in its caches.
  """

  problem_id: int
  started: float
  prompt: int
  tokens: int
  text: int = 0


def start(problem_id: int, prompts: Any, tokens: int) -> Slot:
  """Puts a problem in a batch slot.

  Args:
    problem_id: of its `PromptProblem`.
    prompts: its own, alone; `limits.Prompts` where there are buffers.
    tokens: of the policy's prompt.

  Returns:
    The slot, from now on.
  """
  longest = 0
  if isinstance(prompts, limits_lib.Prompts):
    both = (prompts, prompts.reward or prompts)
    longest = max(int(one.lengths[0]) for one in both)
  return Slot(problem_id, time.monotonic(), longest, tokens)


class Fit:
  """Finds sizes that serve until the next stop; they never shrink.

  A smaller program would have to be compiled, for the few texts at the end.
  """

  def __init__(
    self, policy, reward, static_part: base.Strategy, group: int | None
  ):
    """Looks at what a search may need.

    Args:
      policy: of the search.
      reward: likewise.
      static_part: of the strategy.
      group: as `Sizes.slots`.
    """
    # None for an owner without buffers, whose program has one size.
    self._limits = tuple(
      owner.limits if isinstance(owner, sizes_lib.Buffered) else None
      for owner in (policy, reward)
    )
    self._group = group
    self._grown = 0
    ours, theirs = self._limits
    if ours is not None:
      ahead = static_part.lookahead * ours.step_tokens
      self._grown = sizes_lib.most_written(ours) + ahead
    if theirs is not None:
      read = (1 + static_part.lookahead) * theirs.step_tokens
      self._grown = max(self._grown, read)
    self._text = self._prompt = 0

  def __call__(
    self, slots: Sequence[Slot | None]
  ) -> tuple[sizes_lib.Sizes | None, sizes_lib.Sizes | None]:
    """Looks at the slots.

    Args:
      slots: who is in them; at least one problem.

    Returns:
      Sizes of the policy and of the reward; None for one without buffers.
    """
    there = [slot for slot in slots if slot is not None]
    # All beams must fit, those that wait for their turn, too.
    text = max(slot.text for slot in there) + self._grown
    self._text = max(self._text, text)
    self._prompt = max(self._prompt, *(slot.prompt for slot in there))
    return tuple(
      limits
      and sizes_lib.fitting(limits, self._text, self._prompt, self._group)
      for limits in self._limits
    )
