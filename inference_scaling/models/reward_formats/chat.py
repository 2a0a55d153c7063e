"""Cuts a chat template where a question and its steps stand."""

import datetime
from collections.abc import Sequence

import transformers

from inference_scaling.models.text import chat_template

# Stands for a text while the template is written out; no template holds it.
_MARK = "placeholder{}text"


def cut(
  tokenizer: transformers.PreTrainedTokenizerFast,
  roles: Sequence[str],
  fixed: dict[int, str],
  where: str,
  date: datetime.date | None = None,
) -> list[str]:
  """Writes a conversation out, and cuts it at each text that is not fixed.

  Args:
    tokenizer: with a chat template.
    roles: of the messages, in order.
    fixed: contents by the index of the message; the others are left open.
    where: names the format in errors.
    date: what a template that prints the date takes for today.

  Returns:
    What stands before, between and after the open texts: one more string than
    there are open texts.

  Raises:
    ValueError: without a chat template, or with one that fails or cannot be
      cut.
  """
  if not tokenizer.chat_template:
    raise ValueError(
      f"{where}: there is no chat template. Copy tokenizer_config.json (or "
      "chat_template.jinja) from the checkpoint."
    )
  open_texts = [_MARK.format(i) for i in range(len(roles)) if i not in fixed]
  messages = [
    {"role": role, "content": fixed.get(i, _MARK.format(i))}
    for i, role in enumerate(roles)
  ]
  try:
    text = chat_template.render(tokenizer, messages, date)
  except ValueError as error:
    raise ValueError(f"{where}: {error}") from error
  parts = []
  for mark in open_texts:
    before, matched, text = text.partition(mark)
    if not matched:
      raise ValueError(
        f"{where}: the chat template does not write the text of each message "
        f"once and in order; it cannot take the messages {list(roles)}."
      )
    parts.append(before)
  return [*parts, text]
