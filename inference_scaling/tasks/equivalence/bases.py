r"""Reads numbers of another base: `52_8`, `52_{\text{eight}}`, `52 base 8`."""

import re

from inference_scaling.tasks.equivalence.nodes import Node, UnreadableError

_BASE_WORDS = (
  "two three four five six seven eight nine ten eleven twelve thirteen fourteen"
  " fifteen sixteen"
).split()
_BASE = re.compile(
  r"(-?)\(?([0-9A-Z]+)\)?(?:_(?:\{\(?(\w+)\)?\}|\((\w+)\)|(\d+)"
  r"|\{?\\text\{(?:base\s*)?(\w+)\}\}?|\{\\text\{base\s*\}(\w+)\})"
  r"|\s*(?:\\text\{)?\s*\(?(?:in\s+)?base\s*\}?\s*(\w+)\)?\s*\}?)"
)


def read(text: str) -> Node | None:
  """Reads a number of another base.

  Args:
    text: a canonical text.

  Returns:
    The number with its base; None for another text.

  Raises:
    UnreadableError: if there is no such base, or the digits are not its own.
  """
  match = _BASE.fullmatch(text)
  return _number(match) if match else None


def _number(match: re.Match) -> Node:
  """Makes a number of another base; its digits must be those of the base."""
  sign, digits, *bases = match.groups()
  base = next(base for base in bases if base)
  if base.lower() in _BASE_WORDS:
    base = str(_BASE_WORDS.index(base.lower()) + 2)
  if not base.isdigit() or not 2 <= int(base) <= 36:
    raise UnreadableError(f"the base {base!r}")
  try:
    value = int(sign + digits, int(base))
  except ValueError as error:
    raise UnreadableError(f"{digits!r} in base {base}") from error
  return Node("base", (value, int(base)))
