"""ReasonFlux-PRM: the 7B model reads steps, the 1.5B model whole solutions."""

from typing_extensions import override

from inference_scaling.models.layers import reward_heads
from inference_scaling.models.reward_formats import outcome, qwen_prm


class ReasonFluxFormat(qwen_prm.QwenFormat):
  """The question, and one assistant turn of steps that end in `<extra_0>`.

  Head and tags are those of Qwen2.5-Math-PRM, but no system text is given, and
  what the chat template then writes by itself stays. The score of a step is
  that of the second of two classes at its tag. A language model in place of the
  two classes gives V numbers for each tag: such a checkpoint, of another
  architecture, is refused.

  References:
    Zou et al., ReasonFlux-PRM, 2025 (arXiv:2506.18896), and its code,
    Gen-Verse/ReasonFlux, ReasonFlux_PRM/README.md and utils/rm_utils.py,
    `make_step_rewards`.
  """

  name = "reasonflux"
  system = None


class ReasonFluxSmallFormat(outcome.OutcomeFormat):
  """The question and the solution with nothing between, read at the last token.

  A head of its own, in reward_head.pt beside a language model, gives the
  log-odds of a reward that was made for the whole solution.

  References:
    As above, utils/rm_utils.py, `RewardModel` and `RewardDataset`.
  """

  name = "reasonflux_1_5b"
  architectures = ("Qwen2ForCausalLM",)
  module = reward_heads.LinearScore

  @override
  def prepare(self) -> reward_heads.Head:
    return reward_heads.OwnFile()

  @override
  def prompt_text(self, question: str) -> str:
    return question

  @override
  def before(self, index: int) -> str:
    del index
    return "?"
