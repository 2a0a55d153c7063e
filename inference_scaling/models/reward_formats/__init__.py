"""External reward formats: the texts that published reward models read."""

import datetime

import transformers

from inference_scaling.models.reward_formats.base import RewardFormat
from inference_scaling.models.reward_formats.qwen_prm import QwenFormat
from inference_scaling.models.reward_formats.rlhflow import RLHFlowFormat
from inference_scaling.models.reward_formats.skywork import SkyworkFormat
from inference_scaling.models.reward_formats.stepped import (
  LlemmaFormat,
  MathShepherdFormat,
)

__all__ = [
  "REWARD_FORMATS",
  "RewardFormat",
  "format_class",
  "make_reward_format",
]

REWARD_FORMATS: dict[str, type[RewardFormat]] = {
  reward_format.name: reward_format
  for reward_format in (
    LlemmaFormat, MathShepherdFormat, QwenFormat, RLHFlowFormat, SkyworkFormat
  )
}  # fmt: skip


def format_class(name: str) -> type[RewardFormat]:
  """Looks up a format.

  Args:
    name: one of `REWARD_FORMATS`.

  Returns:
    Its class.

  Raises:
    ValueError: for another name.
  """
  if name not in REWARD_FORMATS:
    raise ValueError(
      f"format is {name!r}; expected 'native' or one of "
      f"{', '.join(sorted(REWARD_FORMATS))}."
    )
  return REWARD_FORMATS[name]


def make_reward_format(
  name: str,
  tokenizer: transformers.PreTrainedTokenizerFast,
  date: datetime.date | None = None,
) -> RewardFormat:
  """Makes a format for a tokenizer.

  Args:
    name: one of `REWARD_FORMATS`.
    tokenizer: of the reward model.
    date: what a chat template that prints the date takes for today.

  Returns:
    The format.

  Raises:
    ValueError: for another name, or a tokenizer that lacks the format's tokens.
  """
  return format_class(name)(tokenizer, date)
