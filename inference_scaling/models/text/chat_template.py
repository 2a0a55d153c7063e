"""Writes chats by the template of a tokenizer, in one way for every caller.

A template is a program from a checkpoint. Whatever it fails with becomes one
error, and the date that it may print is passed to it, not read from the clock:
a sweep that is resumed on another day writes the same prompts.
"""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, cast

import transformers

Tokenizer = transformers.PreTrainedTokenizerBase

_CLOCK = "strftime_now"  # what transformers calls it
_DIRECTIVES = "%aAbBcCdDeFgGhHIjklmMnpPrRSTtuUVwWxXyYzZ"
# Put before a template, it hides the clock: words of the day by directive. A
# function of Python would not do, since newer transformers pass data alone.
_CALENDAR = """\
{%- macro strftime_now(format) -%}
{%- set open = namespace(code="") -%}
{%- for letter in format -%}
{%- set open.code = open.code ~ letter -%}
{%- if open.code[0] != "%" or open.code in words_of_the_day -%}
{{- words_of_the_day.get(open.code, open.code) -}}
{%- set open.code = "" -%}
{%- endif -%}
{%- endfor -%}
{{- open.code -}}
{%- endmacro %}
"""
_NO_CALENDAR = """\
{%- macro strftime_now(format) -%}
{{- raise_exception("it prints the date, and no date was passed to it") -}}
{%- endmacro %}
"""


def render(
  tokenizer: Tokenizer,
  turns: Sequence[Mapping[str, str]],
  date: datetime.date | None = None,
  *,
  reply: bool = False,
) -> str:
  """Writes a chat.

  Args:
    tokenizer: with a chat template.
    turns: each a `role` and a `content`.
    date: what the template takes for today, at midnight; None where it prints
      no date.
    reply: whether the head of the assistant's turn comes last.

  Returns:
    The text, special tokens as the template writes them.

  Raises:
    ValueError: if the template fails or writes nothing, or prints the date and
      none is given.
  """
  where = (
    "the chat template of the tokenizer "
    f"{getattr(tokenizer, 'name_or_path', '') or type(tokenizer).__name__}"
  )
  try:
    template = tokenizer.get_chat_template()
    more = _calendar(template, date) if _CLOCK in template else {}
    conversation = [dict(turn) for turn in turns]
    text = cast(
      str,
      tokenizer.apply_chat_template(
        conversation, tokenize=False, add_generation_prompt=reply, **more
      ),
    )
  except Exception as error:  # a template may fail as any program may
    raise ValueError(
      f"{where} refuses the turns of "
      f"{' and '.join(turn['role'] for turn in turns)}: {_shown(error)}. If it "
      "is the system, leave `system` empty; else mend the template, or take "
      "prompts of kind 'plain' or 'few_shot'."
    ) from error
  if not text.strip():
    raise ValueError(
      f"{where} writes nothing for the turns of "
      f"{' and '.join(turn['role'] for turn in turns)}; expected them as a "
      "text. Mend the template, or take prompts of kind 'plain'."
    )
  return text


def _calendar(template: str, date: datetime.date | None) -> dict[str, Any]:
  """Makes the arguments that replace the clock of a template."""
  if date is None:
    return {"chat_template": _NO_CALENDAR + template}
  words = {
    f"%{flag}{letter}": date.strftime(f"%{flag}{letter}")
    for letter in _DIRECTIVES
    for flag in ("", *"-_0^#")  # padding and case; "-" drops a leading zero
  }
  return {"chat_template": _CALENDAR + template, "words_of_the_day": words}


def _shown(error: Exception) -> str:
  """An error in one line."""
  text = " ".join(str(error).split()) or "no reason given"
  return f"{type(error).__name__}: {text}"
