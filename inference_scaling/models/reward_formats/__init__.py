"""External reward formats: the texts that published reward models read.

A format is a subclass of `RewardFormat` in a file of this folder, and its name
stands in `names.EXTERNAL_FORMATS`; nothing else lists it.
"""

import datetime
import importlib
import pkgutil

import transformers

from inference_scaling.models.reward_formats.base import RewardFormat

__all__ = [
  "REWARD_FORMATS",
  "RewardFormat",
  "format_class",
  "make_reward_format",
]


def _read_folder() -> dict[str, type[RewardFormat]]:
  """Returns every named format of the files in this folder."""
  formats: dict[str, type[RewardFormat]] = {}
  for file in pkgutil.iter_modules(__path__, f"{__name__}."):
    for value in vars(importlib.import_module(file.name)).values():
      if isinstance(value, type) and issubclass(value, RewardFormat):
        formats |= {value.name: value} if hasattr(value, "name") else {}
  return formats


REWARD_FORMATS = _read_folder()


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
  pad_token: int | None = None,
) -> RewardFormat:
  """Makes a format for a tokenizer.

  Args:
    name: one of `REWARD_FORMATS`.
    tokenizer: of the reward model.
    date: what a chat template that prints the date takes for today.
    pad_token: as `pad_token_id` of the checkpoint's config.json.

  Returns:
    The format.

  Raises:
    ValueError: for another name, or a tokenizer that lacks the format's tokens.
  """
  return format_class(name)(tokenizer, date, pad_token)
