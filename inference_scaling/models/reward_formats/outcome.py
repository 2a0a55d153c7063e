"""Outcome reward models: one logit for a whole solution, at its very end."""

from collections.abc import Sequence

from typing_extensions import override

from inference_scaling.models.layers import reward_heads
from inference_scaling.models.reward_formats import base, chat, classifiers


class OutcomeFormat(base.RewardFormat):
  """A prompt, a solution and what closes it, after which the score is read.

  The solution is one step, in the policy's own words, and a text that goes on
  has no score: what closes it never stays in a cache.
  """

  module = reward_heads.PreferenceScore
  outcome = True
  closing = ""

  @override
  def step_text(self, index: int, text: str) -> str:
    if index:
      raise ValueError(
        f"{self.where}: there is a step {index + 1}, but this reward model "
        "scores whole solutions; expected one step. Let the policy write a "
        "solution as one: decoding.StepFormat(..., whole=True)."
      )
    return text + self.closing

  @override
  def encode_step(self, index: int, text: str) -> list[int]:
    return self._without_padding(super().encode_step(index, text))

  @override
  def encode_whole(self, question: str, steps: Sequence[str]) -> list[int]:
    return self._without_padding(super().encode_whole(question, steps))

  def _without_padding(self, tokens: list[int]) -> list[int]:
    """Drops padding from the end.

    transformers reads at the last token that is no padding, and where the end
    of a turn is also what pads, that is the token before.
    """
    while tokens and tokens[-1] == self.pad_token:
      tokens = tokens[:-1]
    return tokens


class OutcomeChatFormat(OutcomeFormat):
  """A chat of the question and the solution, as the chat template writes it.

  The score is read at the last token of the template, after the end of the
  assistant's turn.

  References:
    Liu et al., Skywork-Reward, 2024 (arXiv:2410.18451) and Skywork-Reward-V2,
    2025 (arXiv:2507.01352), and the model cards of Skywork/; transformers,
    `GenericForSequenceClassification`.
  """

  name = "outcome_chat"
  architectures = classifiers.architectures("Sequence")

  @override
  def prepare(self) -> reward_heads.Head:
    turns = ("user", "assistant")
    head, between, closing = chat.cut(
      self.tokenizer, turns, {}, self.where, self.date
    )
    self._head, self.closing = head, closing
    # A space before a word is a part of the word's token.
    self._to_answer = between.rstrip(" ")
    self._spaces = between[len(self._to_answer) :]
    return reward_heads.OneLogit("score.weight")

  @override
  def prompt_text(self, question: str) -> str:
    return self._head + question + self._to_answer

  @override
  def step_text(self, index: int, text: str) -> str:
    return self._spaces + super().step_text(index, text)

  @override
  def before(self, index: int) -> str:
    del index
    return self._to_answer


class EurusFormat(OutcomeFormat):
  """`[INST] question [/INST] solution`, read at the solution's last token.

  References:
    Yuan et al., Advancing LLM Reasoning Generalists with Preference Trees, 2024
    (arXiv:2404.02078), the model card of openbmb/Eurus-RM-7b and its code,
    `EurusRewardModel`.
  """

  name = "eurus_rm"
  architectures = ("EurusRewardModel",)

  @override
  def prepare(self) -> reward_heads.Head:
    self.start = [self.begin_of_text()]
    return reward_heads.OneLogit("regression_head.weight")

  @override
  def prompt_text(self, question: str) -> str:
    return f"[INST] {question} [/INST]"

  @override
  def step_text(self, index: int, text: str) -> str:
    return f" {super().step_text(index, text)}"

  @override
  def before(self, index: int) -> str:
    del index
    return "[/INST]"
