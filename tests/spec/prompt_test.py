import pathlib

import ml_collections
import pytest

from inference_scaling import spec, tasks
from inference_scaling.tasks import examples
from tests.sweep import tiny
from tests.tasks import chat_templates

GOOD = {
  "plain": {"kind": "plain"},
  "few_shot": {"kind": "few_shot", "examples": list(examples.GRADE_SCHOOL)},
  "chat": {
    "kind": "chat",
    "system": "",
    "examples": list(examples.GRADE_SCHOOL[:2]),
  },
}


def read(prompt):
  return spec.read_sweep(tiny.config(pathlib.Path(), prompt=prompt)).prompt


@pytest.mark.parametrize("kind", spec.PROMPTS)
def test_a_checked_prompt_can_be_made(kind):
  prompt = read(GOOD[kind]).model_dump(mode="json")
  assert prompt == GOOD[kind]
  tokenizer = chat_templates.make_tokenizer(chat_templates.SMOLLM_2)
  assert tasks.make_prompt(prompt, "How many?", tokenizer)


def test_examples_fit_into_a_config():
  config = ml_collections.ConfigDict({"prompt": GOOD["few_shot"]})
  assert read(config.prompt).model_dump(mode="json") == GOOD["few_shot"]


def test_a_chat_needs_neither_system_nor_examples():
  chat = read({"kind": "chat"})
  assert (chat.system, chat.examples) == ("", ())


@pytest.mark.parametrize(
  ("values", "message"),
  [
    ({}, "config.prompt is {}; expected a group"),
    ({"system": ""}, "config.prompt.kind is missing; expected one of 'chat'"),
    ({"kind": "chats"}, "'chats'; expected one of 'chat', 'few_shot', 'plain'"),
    ({"kind": "plain", "system": "x"}, "config.prompt.system.*no such key"),
    ({"kind": "chat", "system": None}, "system is None; expected a text, emp"),
    (
      {"kind": "chat", "examples": [{"question": "q"}]},
      "config.prompt.examples.*expected a list of examples",
    ),
    (
      {"kind": "few_shot"},
      "config.prompt.examples is missing; expected a list",
    ),
    (
      {"kind": "few_shot", "examples": []},
      r"examples is \[\]; expected a list",
    ),
    ({"kind": "few_shot", "examples": [{"question": "q"}]}, "'solution'"),
    (
      {"kind": "few_shot", "examples": [{"question": " ", "solution": "s"}]},
      "expected a list of one or more examples",
    ),
  ],
)
def test_what_is_not_allowed_is_named(values, message):
  with pytest.raises(ValueError, match=message):
    read(values)
