r"""The boxes of a text: `\boxed{42}`, `\fbox{42}`, `\framebox{42}`.

What is boxed is a group in braces, or without braces the word, the number or
the command with its groups that follows: `\boxed 5`, `\boxed\text{A}`. A box
whose brace is not closed was cut off and does not count. Of nested boxes the
innermost ones count.
"""

import re
from collections.abc import Iterator

from inference_scaling.tasks.extraction import delimiters

_HEAD = re.compile(r"\\(?:boxed|fbox|framebox)(?![A-Za-z])\s*")
# Up to a space, a brace that groups, or the end of the mathematics.
_WITHOUT_BRACES = re.compile(r"(?:[^\s${}\\]|\\[^\s()\[\]])*")


def has_box(text: str) -> bool:
  """Says whether a box begins in a text, complete or not."""
  return _HEAD.search(text) is not None


def from_last(text: str) -> Iterator[str]:
  """Yields what is in each complete box that holds no other, the last first.

  The time is linear in the length of the text: braces are paired once, and no
  part of the text is in two of these boxes.

  Args:
    text: any text.

  Yields:
    The contents, which may be empty.
  """
  heads = list(_HEAD.finditer(text))
  braces = delimiters.matching_braces(text) if heads else {}
  following = inner = len(text)  # the next head; the next box that counts
  for head in reversed(heads):
    start = head.end()
    if text[start : start + 1] == "{":
      end = braces.get(start)
      start += 1
    else:
      end = _bare_end(text, start, following, braces)
    following = head.start()
    if end is not None and end <= inner:
      inner = head.start()
      yield text[start:end]


def _bare_end(
  text: str, start: int, stop: int, braces: dict[int, int]
) -> int | None:
  """Returns where an argument without braces ends; None if at the next box."""
  at = start
  while at <= stop:
    at = delimiters.match_end(_WITHOUT_BRACES, text, at, stop)
    if at not in braces:
      return at if at < stop or at == len(text) else None
    at = braces[at] + 1
  return None
