"""PURE: steps encoded one by one, each closed by a line break."""

from collections.abc import Sequence

from typing_extensions import override

from inference_scaling.models.layers import reward_heads
from inference_scaling.models.reward_formats import base, classifiers


class PureFormat(base.RewardFormat):
  """The question, then each step and a line break, encoded by themselves.

  Nothing stands between the question and the first step. A step is read at the
  line break after it, by a classifier of tokens; line breaks inside a step are
  text. The originals' reward is the difference of the two classes, in (-1, 1),
  which is twice this one's probability less 1.

  This is also what PRMTrainer of TRL makes of any body, with its default
  separator. It puts a beginning-of-text mark first where the tokenizer has one;
  that of Qwen2.5-Math has none.

  References:
    Cheng et al., Stop Summation: Min-Form Credit Assignment Is All Process
    Reward Model Needs for Reasoning, 2025 (arXiv:2504.15275), and its code,
    CJReinforce/PURE, bon.py and openrlhf/trainer/ppo_utils/
    experience_maker.py; huggingface/trl, `PRMTrainer.tokenize_row`.
  """

  name = "pure"
  architectures = classifiers.architectures("Token", without=("gpt_neox",))

  @override
  def prepare(self) -> reward_heads.Head:
    begin = self.tokenizer.bos_token_id
    self.start = [begin] if isinstance(begin, int) else []
    self._line_break = self.one_token("\n")
    return reward_heads.TokenClasses()

  @override
  def prompt_text(self, question: str) -> str:
    return question

  @override
  def step_text(self, index: int, text: str) -> str:
    del index
    return text

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
    # The original encodes text by text, too.
    tokens = [*self.start, *self.encode(self.shield(question.strip()))]
    for step in steps:
      tokens += [*self.encode(self.shield(step.strip())), self._line_break]
    return tokens
