"""Skywork-o1-Open-PRM: one step a line, read at the line break."""

import re
from collections.abc import Sequence

from inference_scaling.models.layers import reward_heads
from inference_scaling.models.reward_formats import base

_LINE_BREAKS = re.compile(r"\s*[\r\n]+\s*")


class SkyworkFormat(base.RewardFormat):
  """The question's line, then the steps' lines, each encoded by itself.

  A line break always ends a step there, so those inside a step become spaces.

  References:
    SkyworkAI/skywork-o1-prm-inference, `prepare_input`.
  """

  name = "skywork"
  architectures = ("Qwen2ForPrmModel",)

  def prepare(self) -> reward_heads.Head:
    """As `RewardFormat.prepare`."""
    if self.tokenizer.bos_token_id is None:
      raise ValueError(
        f"{self.where}: there is no bos_token, with which the model's texts "
        "begin. Copy tokenizer_config.json from the checkpoint."
      )
    self.start = [self.tokenizer.bos_token_id]
    self._line_break = self.one_token("\n")
    return reward_heads.ValueHead()

  def prompt_text(self, question: str) -> str:
    """As `RewardFormat.prompt_text`."""
    return f"{question}\n"

  def step_text(self, index: int, text: str) -> str:
    """As `RewardFormat.step_text`, without the line break."""
    del index
    return _LINE_BREAKS.sub(" ", text)

  def before(self, index: int) -> str:
    """As `RewardFormat.before`: each step is encoded by itself."""
    del index
    return ""

  def encode_step(self, index: int, text: str) -> list[int]:
    """As `RewardFormat.encode_step`."""
    tokens = super().encode_step(index, text)
    return [*tokens, self._line_break] if tokens else []

  def encode_whole(self, question: str, steps: Sequence[str]) -> list[int]:
    """As `RewardFormat.encode_whole`; the original too encodes line by line."""
    question, *steps = (
      self.shield(text.strip()) for text in (question, *steps)
    )
    lines = [self.step_text(i, step) for i, step in enumerate(steps)]
    tokens = [*self.start, *self.encode(self.prompt_text(question))]
    for line in "\n".join(lines).split("\n"):
      tokens += [*self.encode(line), self._line_break]
    return tokens
