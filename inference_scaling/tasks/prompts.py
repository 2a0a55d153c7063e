"""Turns the question of a problem into the text that a model goes on from.

A question is text: what looks like a control token in it does not become one.
A prompt has no end: what a tokenizer puts after a text is left out.
"""

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import transformers

from inference_scaling.models.text import (
  chat_template,
  control_tokens,
)

Tokenizer = transformers.PreTrainedTokenizerFast
Example = Mapping[str, str]


def step_prompt(question: str) -> str:
  """Returns the prompt of the plain step format.

  The model goes on with `Step 1: ... ки`, one step a line, and closes with
  `The answer is: ... ки`. There is no template, no system text and no
  beginning-of-text mark: policies and reward models are trained on exactly
  this text.

  Args:
    question: the question of a problem; spaces around it are dropped.

  Returns:
    The prompt.

  Raises:
    ValueError: if the question is empty or holds what is no character.

  References:
    Wang et al., Math-Shepherd, 2024 (arXiv:2312.08935), Section 3.
  """
  question = question.strip()
  if not question:
    raise ValueError("the question is empty: a prompt needs some text")
  halves = [letter for letter in question if "\ud800" <= letter <= "\udfff"]
  if halves:  # JSON can write them
    raise ValueError(
      f"the question holds {halves[0]!r}, half of a surrogate pair and no "
      "character: no tokenizer reads it. Mend the question."
    )
  return f"{question}\n"


def few_shot(question: str, examples: Sequence[Example]) -> str:
  """Returns a prompt that shows the step format by solved examples.

  Each example is its question and solution as a plain prompt and its answer
  would be, with an empty line after it; then comes the question, so that the
  model goes on with the first step.

  Args:
    question: the question of a problem.
    examples: each a `question` and a `solution` in the step format, as in
      `tasks.examples`.

  Returns:
    The prompt.

  Raises:
    ValueError: if the question, or something of an example, is empty, or
      there is no example.
  """
  if not examples:
    raise ValueError("there are no examples: a few-shot prompt needs some")
  shown = []
  for number, example in enumerate(examples, start=1):
    solution = example["solution"].strip()
    if not solution:
      raise ValueError(f"the solution of example {number} is empty")
    shown.append(f"{step_prompt(example['question'])}{solution}\n\n")
  return "".join(shown) + step_prompt(question)


def chat(
  question: str,
  tokenizer: Tokenizer,
  system: str,
  date: datetime.date | None = None,
  examples: Sequence[Example] = (),
) -> str:
  """Returns the question as a user's turn, and the head of the model's own.

  Args:
    question: the question of a problem.
    tokenizer: its chat template is applied. Special tokens stand in the text
      as the template writes them, that of the beginning included.
    system: what the system says first; empty for nothing. Some templates then
      say something of their own.
    date: what a template that prints the date takes for today.
    examples: turns before it, each a `question` of the user and a `solution`
      of the model.

  Returns:
    The prompt, to be tokenized without further special tokens.

  Raises:
    ValueError: if the question is empty, the tokenizer has no chat template,
      or the template fails on the turns (some know no system), leaves the
      question out, or prints the date and there is none.
  """
  where = getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__
  if not tokenizer.chat_template:
    raise ValueError(
      f"the tokenizer {where} has no chat template; expected one for prompts "
      "of kind 'chat'. Take a checkpoint that is tuned for chats, or prompts "
      "of kind 'plain' or 'few_shot'."
    )
  content = step_prompt(question).strip()
  turns = [{"role": "system", "content": system}] if system else []
  for example in examples:
    question_text = step_prompt(example["question"]).strip()
    turns.append({"role": "user", "content": question_text})
    solution = example["solution"].strip()
    turns.append({"role": "assistant", "content": solution})
  turns.append({"role": "user", "content": content})
  text = chat_template.render(tokenizer, turns, date, reply=True)
  # Templates may change spaces.
  if "".join(content.split()) not in "".join(text.split()):
    raise ValueError(
      f"the chat template of the tokenizer {where} does not write the "
      f"question: it makes {text[:200]!r} of the turns of "
      f"{' and '.join(turn['role'] for turn in turns)}. Mend the template, or "
      "take prompts of kind 'plain' or 'few_shot'."
    )
  return text


# By kind: prompt, question, tokenizer, date -> text.
_KINDS: Mapping[str, Callable[..., str]] = {
  "plain": lambda prompt, question, tokenizer, date: step_prompt(question),
  "few_shot": lambda prompt, question, tokenizer, date: few_shot(
    question, prompt["examples"]
  ),
  "chat": lambda prompt, question, tokenizer, date: chat(
    question, tokenizer, prompt["system"], date, prompt.get("examples", ())
  ),
}


def make_prompt(
  prompt: Mapping[str, Any],
  question: str,
  tokenizer: Tokenizer,
  date: datetime.date | None = None,
  *,
  opening: str = "",
  allow_control_tokens: bool = False,
) -> list[int]:
  """Turns a question into the tokens of a prompt.

  Plain and few-shot prompts begin with what the tokenizer puts before a text,
  chats with what their template does. Control tokens of examples, system and
  template are what they say; in the question they are text.

  Args:
    prompt: `kind` is "plain", "few_shot" (with `examples`) or "chat" (with
      `system` and perhaps `examples`), as `config.prompt` says.
    question: the question of a problem.
    tokenizer: of the policy.
    date: as `chat`.
    opening: ends the prompt of a policy that thinks, as "<think>" and a line
      break; not written again where a chat template has written it.
    allow_control_tokens: whether those of the question are what they say, too.

  Returns:
    Token ids.

  Raises:
    ValueError: on an unknown kind, a question without a token, or as the
      function of the kind does.
  """
  kind = prompt["kind"]
  if kind not in _KINDS:
    raise ValueError(
      f"the kind of prompts is {kind!r}; expected one of "
      f"{', '.join(sorted(_KINDS))}."
    )
  if not allow_control_tokens:
    question = control_tokens.shield(tokenizer, question)
  text = _KINDS[kind](prompt, question, tokenizer, date)
  # A question may end like that, too.
  if kind != "chat" or not _ends_with(text, opening):
    text += opening
  # What a template wrote is all: a tokenizer would add a second beginning.
  tokens = control_tokens.encode(tokenizer, text, begin=kind != "chat")
  if not tokens:
    raise ValueError(
      f"the tokenizer makes no token of the prompt {text!r}; a model needs one "
      "at least. Mend the question, or leave the problem out."
    )
  return tokens


def _ends_with(text: str, opening: str) -> bool:
  """Whether a text ends with another, but for white space behind its words."""
  words = opening.rstrip()
  return text.endswith(opening) or (
    bool(words) and text.rstrip().endswith(words)
  )
