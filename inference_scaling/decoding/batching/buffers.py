"""Which problems are in the batch slots, and how much buffer they need."""

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

from inference_scaling.decoding import limits as limits_lib
from inference_scaling.decoding import sizes as sizes_lib
from inference_scaling.models.layers import hardware as hardware_lib
from inference_scaling.search import base, batching

# With so many beams, what all of them read of a prompt's buffer is little
# beside what each has written, and one program serves prompts of all lengths.
# An accelerator's takes minutes to compile.
_SHARED = 8


@dataclasses.dataclass
class Slot:
  """The problem in a batch slot.

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
    longest = max(int(prompt.lengths[0]) for prompt in both)
  return Slot(problem_id, time.monotonic(), longest, tokens)


class Fit:
  """Finds sizes that serve until the next stop; they never shrink.

  A smaller program would have to be compiled, for the few texts at the end.
  """

  def __init__(
    self,
    policy: batching.BatchedPolicy,
    reward: batching.BatchedReward,
    static_part: base.Strategy,
    group: int | None,
    hardware: hardware_lib.Hardware,
  ):
    """Computes by how many tokens texts may grow until the next stop.

    Args:
      policy: of the search.
      reward: likewise.
      static_part: of the strategy.
      group: as `Sizes.slots`.
      hardware: that programs are for.
    """
    self._whole_prompts = not hardware.is_cpu and policy.num_beams >= _SHARED
    self._policy, self._reward = _buffered(policy), _buffered(reward)
    self._group = group
    self._grown = 0
    if self._policy is not None:
      limits = self._policy.limits
      ahead = static_part.lookahead * limits.step_tokens
      self._grown = sizes_lib.most_written(limits) + ahead
    if self._reward is not None:
      steps = 1 + static_part.lookahead
      most = steps * self._reward.limits.step_tokens
      self._grown = max(self._grown, most)
    self._text = self._prompt = 0

  def __call__(
    self, slots: Sequence[Slot | None]
  ) -> tuple[sizes_lib.Sizes | None, sizes_lib.Sizes | None]:
    """Finds the sizes for some slots.

    Args:
      slots: their problems; at least one.

    Returns:
      Sizes of the policy and of the reward; None for one without buffers.
    """
    running = [slot for slot in slots if slot is not None]
    # All beams must fit, those that wait for their turn, too.
    text = max(slot.text for slot in running) + self._grown
    self._text = max(self._text, text)
    self._prompt = max(self._prompt, *(slot.prompt for slot in running))
    return self._sizes(self._policy), self._sizes(self._reward)

  def _sizes(self, owner: sizes_lib.Buffered | None) -> sizes_lib.Sizes | None:
    if owner is None:
      return None
    limits = owner.limits
    if owner.in_place:
      return dataclasses.replace(sizes_lib.whole(limits), slots=self._group)
    prompt = limits.prompt_buffer if self._whole_prompts else self._prompt
    return sizes_lib.fitting(limits, self._text, prompt, self._group)


def _buffered(owner: batching.Batched) -> sizes_lib.Buffered | None:
  """None for an owner without buffers, whose program has one size."""
  return owner if isinstance(owner, sizes_lib.Buffered) else None
