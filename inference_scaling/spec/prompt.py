"""How questions are put to the policies: `config.prompt`, by its kind."""

from collections.abc import Mapping
from typing import Annotated, Any

import pydantic

from inference_scaling.spec.checking import choices, fields


class Plain(fields.Group):
  """The question alone, as the embedded and the paper's policies read it."""

  kind: Annotated[str, fields.one_of("plain")]


def _check_example(value: Any) -> dict[str, str]:
  texts = ("question", "solution")
  if not isinstance(value, dict) or sorted(value) != sorted(texts):
    raise ValueError("no example")
  if not all(isinstance(x, str) and x.strip() for x in value.values()):
    raise ValueError("no example")
  return value


Example = Annotated[dict[str, str], pydantic.PlainValidator(_check_example)]


class FewShot(fields.Group):
  """Solved examples, and the question."""

  kind: Annotated[str, fields.one_of("few_shot")]
  examples: Annotated[
    tuple[Example, ...],
    pydantic.Field(min_length=1),
    fields.Expect(
      "a list of one or more examples, each a group of the texts 'question' "
      "and 'solution'"
    ),
  ] = fields.required("Solved problems, in their order.")


class Chat(fields.Group):
  """The tokenizer's chat template."""

  kind: Annotated[str, fields.one_of("chat")]
  system: Annotated[
    str,
    pydantic.Field(strict=True),
    fields.Expect("a text, empty for no system's turn"),
  ] = fields.key("", "The system's turn; '' for none.")
  examples: Annotated[
    tuple[Example, ...],
    fields.Expect(
      "a list of examples, each a group of the texts 'question' and 'solution'"
    ),
  ] = fields.key((), "Solved problems, as earlier turns of the chat.")


PROMPTS: Mapping[str, type[fields.Group]] = {
  "plain": Plain,
  "few_shot": FewShot,
  "chat": Chat,
}
AnyPrompt = Annotated[Any, choices.Choice("kind", PROMPTS)]
