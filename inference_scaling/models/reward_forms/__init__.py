"""Text forms of the reward models that others have published."""

import datetime

import transformers

from inference_scaling.models.reward_forms.base import RewardForm
from inference_scaling.models.reward_forms.qwen_prm import QwenForm
from inference_scaling.models.reward_forms.rlhflow import RLHFlowForm
from inference_scaling.models.reward_forms.skywork import SkyworkForm
from inference_scaling.models.reward_forms.stepped import (
  LlemmaForm,
  MathShepherdForm,
)

__all__ = ["FORMS", "RewardForm", "form_class", "make_form"]

FORMS: dict[str, type[RewardForm]] = {
  form.name: form
  for form in (
    LlemmaForm, MathShepherdForm, QwenForm, RLHFlowForm, SkyworkForm
  )
}  # fmt: skip


def form_class(name: str) -> type[RewardForm]:
  """Looks up a form.

  Args:
    name: one of `FORMS`.

  Returns:
    Its class.

  Raises:
    ValueError: for another name.
  """
  if name not in FORMS:
    raise ValueError(
      f"form is {name!r}; expected 'own' or one of {', '.join(sorted(FORMS))}."
    )
  return FORMS[name]


def make_form(
  name: str,
  tokenizer: transformers.PreTrainedTokenizerFast,
  date: datetime.date | None = None,
) -> RewardForm:
  """Makes a form for a tokenizer.

  Args:
    name: one of `FORMS`.
    tokenizer: of the reward model.
    date: what a chat template that prints the date takes for today.

  Returns:
    The form.

  Raises:
    ValueError: for another name, or a tokenizer that lacks the form's tokens.
  """
  return form_class(name)(tokenizer, date)
