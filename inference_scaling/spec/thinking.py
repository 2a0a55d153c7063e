"""How policies think before they answer: `config.thinking`, by policy."""

from typing import Annotated

import pydantic

from inference_scaling.spec.checking import fields


class Thinking(fields.Group):
  """The texts around the thinking of a policy."""

  open: Annotated[
    str,
    pydantic.Field(strict=True),
    fields.Expect("a text, empty where the policy writes it"),
  ] = fields.key(
    "<think>\n",
    "Text that ends the prompt, added where a chat template has not written "
    "it; '' where the policy opens its thinking itself.",
  )
  close: fields.Text = fields.key(
    "</think>", "Text that ends the thinking: answers are read behind it."
  )
  end: fields.Text = fields.key(
    "\n</think>\n\n",
    "Text that is put where the budget ends; it holds that of 'close'.",
  )
  wait: fields.Text = fields.key(
    "Wait", "Text that takes the place of 'close' where thinking goes on."
  )


_THINKING = fields.Named(
  "a group of names from config.policies, each with the texts around its "
  "thinking, as {'r1': {'close': '</think>'}}",
  least=0,
)
AnyThinking = Annotated[dict[str, Thinking], _THINKING]
