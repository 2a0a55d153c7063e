"""RLHFlow's reward models: steps as user turns, verdicts by an assistant."""

from typing_extensions import override

from inference_scaling.models.layers import reward_heads
from inference_scaling.models.reward_formats import base, chat


class RLHFlowFormat(base.RewardFormat):
  """A user says the question and step 1, the assistant `+`; step 2, `+`, ...

  There is no system text but what the chat template writes by itself. All
  verdicts before the step that is scored are `+`, as in the original's
  evaluation, so a piece ends just before the verdict on its step, and the next
  begins with it.

  References:
    Xiong et al., An Implementation of Generative PRM, 2024, and its code,
    RLHFlow/RLHF-Reward-Modeling, math-rm/prm_evaluate.py.
  """

  name = "rlhflow"

  @override
  def prepare(self) -> reward_heads.Head:
    roles = ("user", "assistant", "user", "assistant")
    head, to_verdict, to_user, again, _ = chat.cut(
      self.tokenizer, roles, {}, self.where, self.date
    )
    if again != to_verdict:
      raise ValueError(
        f"{self.where}: the chat template leads to the first verdict by "
        f"{to_verdict!r} and to the second by {again!r}; expected the same."
      )
    self._head, self._to_verdict, self._to_user = head, to_verdict, to_user
    return reward_heads.RowDifference(
      self.one_token("+", to_verdict), self.one_token("-", to_verdict)
    )

  @override
  def prompt_text(self, question: str) -> str:
    return self._head + question

  @override
  def step_text(self, index: int, text: str) -> str:
    before = " " if index == 0 else f"+{self._to_user}"
    return before + text + self._to_verdict

  @override
  def before(self, index: int) -> str:
    return "?" if index == 0 else self._to_verdict
