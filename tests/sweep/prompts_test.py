import ml_collections
import pytest

from inference_scaling import tasks
from inference_scaling.sweep import prompts
from inference_scaling.tasks import examples
from tests.tasks import chat_templates

GOOD = {
  "plain": {"kind": "plain"},
  "few_shot": {"kind": "few_shot", "examples": list(examples.GRADE_SCHOOL)},
  "chat": {"kind": "chat", "system": ""},
}


@pytest.mark.parametrize("kind", prompts.PROMPT_TABLES)
def test_a_checked_prompt_can_be_made(kind):
  prompts.check(GOOD[kind])
  tokenizer = chat_templates.make_tokenizer(chat_templates.SMOLLM_2)
  assert tasks.make_prompt(GOOD[kind], "How many?", tokenizer)


def test_examples_fit_into_a_config():
  config = ml_collections.ConfigDict({"prompt": GOOD["few_shot"]})
  resolved = config.to_dict()["prompt"]
  prompts.check(resolved)
  assert resolved == GOOD["few_shot"]


@pytest.mark.parametrize(
  ("values", "message"),
  [
    ({}, "config.prompt is {}; expected a group"),
    ({"system": ""}, "config.prompt.kind is missing; expected one of 'chat'"),
    ({"kind": "chats"}, "'chats'; expected one of 'chat', 'few_shot', 'plain'"),
    ({"kind": "plain", "system": "x"}, "config.prompt.system.*no such key"),
    ({"kind": "chat"}, "config.prompt.system is missing; expected a text, emp"),
    ({"kind": "chat", "system": None}, "system is None"),
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
    prompts.check(values)
