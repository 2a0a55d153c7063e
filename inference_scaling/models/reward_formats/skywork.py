"""Skywork-o1-Open-PRM: one step a line, read at the line break."""

import re
from collections.abc import Sequence

from typing_extensions import override

from inference_scaling.models.layers import reward_heads
from inference_scaling.models.reward_formats import base

_LINE_BREAKS = re.compile(r"\s*[\r\n]+\s*")


class SkyworkFormat(base.RewardFormat):
  """The question's line, then the steps' lines, each encoded by itself.

  There a line break always ends a step, so those inside a step become spaces.

  References:
    SkyworkAI/skywork-o1-prm-inference, `prepare_input`.
  """

  name = "skywork"
  architectures = ("Qwen2ForPrmModel",)

  @override
  def prepare(self) -> reward_heads.Head:
    self.start = [self.begin_of_text()]
    self._line_break = self.one_token("\n")
    return reward_heads.ValueHead()

  @override
  def prompt_text(self, question: str) -> str:
    return f"{question}\n"

  @override
  def step_text(self, index: int, text: str) -> str:
    del index
    return _LINE_BREAKS.sub(" ", text)

  @override
  def before(self, index: int) -> str:
    del index
    return ""

  @override
  def encode_step(self, index: int, text: str) -> list[int]:
    tokens = super().encode_step(index, text)
    return [*tokens, self._line_break] if tokens else []

  @override
  def encode_whole(self, question: str, steps: Sequence[str]) -> list[int]:
    question, *steps = (
      self.shield(text.strip()) for text in (question, *steps)
    )
    lines = [self.step_text(i, step) for i, step in enumerate(steps)]
    # The original encodes line by line, too.
    tokens = [*self.start, *self.encode(self.prompt_text(question))]
    for line in "\n".join(lines).split("\n"):
      tokens += [*self.encode(line), self._line_break]
    return tokens
