"""Qwen2.5-Math-PRM: the answer in a chat, each step closed by `<extra_0>`."""

from typing import ClassVar

from typing_extensions import override

from inference_scaling.models.layers import reward_heads
from inference_scaling.models.reward_formats import base, chat

_TAG = "<extra_0>"


class QwenFormat(base.RewardFormat):
  """System text, the question, and one assistant turn of tagged steps.

  References:
    Zhang et al., The Lessons of Developing Process Reward Models, 2025
    (arXiv:2501.07301), and the model card of Qwen/Qwen2.5-Math-PRM-7B.
  """

  system: ClassVar[str | None] = (
    "Please reason step by step, and put your final answer within \\boxed{}."
  )
  name = "qwen_prm"
  architectures = ("Qwen2ForProcessRewardModel",)
  module = reward_heads.TwoLayerScore

  @override
  def prepare(self) -> reward_heads.Head:
    self.one_token(_TAG)
    turns, fixed = ("user", "assistant"), {}
    if self.system is not None:
      turns, fixed = ("system", *turns), {0: self.system}
    parts = chat.cut(self.tokenizer, turns, fixed, self.where, self.date)
    self._head, self._to_answer = parts[:2]
    return reward_heads.TwoClasses()

  @override
  def prompt_text(self, question: str) -> str:
    return self._head + question + self._to_answer

  @override
  def step_text(self, index: int, text: str) -> str:
    del index
    return text + _TAG

  @override
  def before(self, index: int) -> str:
    return self._to_answer if index == 0 else _TAG
