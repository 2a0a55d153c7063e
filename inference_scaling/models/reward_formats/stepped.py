"""Plain text of numbered steps, each closed by the tag ` ки` and read at it."""

import re

from typing_extensions import override

from inference_scaling.models.layers import reward_heads
from inference_scaling.models.reward_formats import base

_TAG = "ки"
_NUMBERED = re.compile(r"Step \d+\s*[:.]")


class SteppedFormat(base.RewardFormat):
  """`question Step 1: ... ки`, a line break, `Step 2: ... ки`.

  The number is written only where the policy has not written one.
  """

  @override
  def prompt_text(self, question: str) -> str:
    return question

  @override
  def step_text(self, index: int, text: str) -> str:
    if not _NUMBERED.match(text):
      text = f"Step {index + 1}: {text}"
    return f"{' ' if index == 0 else chr(10)}{text} {_TAG}"

  @override
  def before(self, index: int) -> str:
    return _TAG

  def tag(self) -> int:
    """Looks up the tag as it stands after a step."""
    return self.one_token(f" {_TAG}", before=_TAG)


class LlemmaFormat(SteppedFormat):
  """The reward model of Wu et al., Llemma-34B trained on Math-Shepherd.

  Its reward is the sigmoid of the mean of all logits: two trained rows were
  repeated to the size of the vocabulary, so the mean over the vocabulary is
  the mean of the two. It was trained without a beginning-of-text mark, so this
  format has none, though a tokenizer of the Llama family would add it.

  References:
    Wu et al., Inference Scaling Laws, 2024 (arXiv:2408.00724), and its code:
    `apply_reward_modeling_head`, `add_bos=False` in the training recipe.
  """

  name = "llemma"

  @override
  def prepare(self) -> reward_heads.Head:
    self.tag()
    return reward_heads.VocabularyMean()


class MathShepherdFormat(SteppedFormat):
  """Math-Shepherd's Mistral-7B: `+` against `-` after the tag.

  References:
    Wang et al., Math-Shepherd, 2024 (arXiv:2312.08935), and the model card of
    peiyi9979/math-shepherd-mistral-7b-prm, whose ids are 648, 387 and 12902.
  """

  name = "math_shepherd"

  @override
  def prepare(self) -> reward_heads.Head:
    self.tag()
    self.start = [self.begin_of_text()]
    labels = self.encode("+ -")
    if len(labels) != 2:
      raise ValueError(
        f"{self.where}: '+ -' is {len(labels)} tokens, "
        f"{self.tokenizer.convert_ids_to_tokens(labels)}; expected two, the "
        "good one and the bad one."
      )
    return reward_heads.RowDifference(*labels)
