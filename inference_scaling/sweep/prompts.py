"""What `config.prompt` may say: how questions are put to the policies."""

from collections.abc import Mapping
from typing import Any

from inference_scaling.sweep import rules


def _is_example(value: Any) -> bool:
  texts = ("question", "solution")
  return (
    isinstance(value, dict)
    and sorted(value) == sorted(texts)
    and all(isinstance(value[key], str) and value[key].strip() for key in texts)
  )


_EXAMPLES = rules.Rule(
  lambda v: isinstance(v, list) and bool(v) and all(map(_is_example, v)),
  "a list of one or more examples, each a group of the texts 'question' and "
  "'solution'",
)
_SYSTEM = rules.Rule(
  lambda v: isinstance(v, str), "a text, empty for no system's turn"
)

# The keys of `config.prompt` by its kind.
PROMPT_TABLES: Mapping[str, rules.Table] = {
  "plain": {},
  "few_shot": {"examples": _EXAMPLES},
  "chat": {"system": _SYSTEM},
}


def check(values: Any, path: str = "config.prompt") -> None:
  """Holds `config.prompt` against its rules.

  Args:
    values: what the config has there.
    path: of the group, for errors.

  Raises:
    ValueError: on an unknown kind, a missing or unknown key, or a value that
      is not allowed.
  """
  rules.check_choice(values, "kind", PROMPT_TABLES, path)
