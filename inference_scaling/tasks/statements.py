r"""Reads what a statement such as `The answer is: 42` says.

A statement ends

* at a step tag, or the closing tag of an answer or a thought,
* where a bracket, a quote or bold ends that began before it on its line:
  `(The answer is: 42)`,
* where a further sentence begins, and
* at the end of its line, but not inside braces, displayed mathematics, an
  environment or a code fence that end further down.

Where nothing stands on its line, the next line that is not blank is read
instead. All that is read ends within `MOST_CHARACTERS` of where the statement
begins; what is longer is no answer, so that the time for it is bounded.
"""

import re
from typing import NamedTuple

from inference_scaling.tasks import canonical_text, delimiters

STEP_TAG = "ки"
MOST_CHARACTERS = canonical_text.MAX_LENGTH
_MOST_BEFORE = 200  # characters of a statement's line that stand before it

# A tag counts only where no letter touches it: it may be part of a word.
TAG = re.compile(rf"(?<![^\W\d_]){STEP_TAG}(?![^\W\d_])")
_SINGLE = "".join(delimiters.QUOTES)
_MARK = re.compile(
  rf"(?P<tag>{TAG.pattern}|</(?:think(?:ing)?|answer)>)"
  r"|(?P<next>[.!](?=\**[ \t]+[A-Z]))|(?P<stop>\.(?=\s|\Z))"
  r"|(?P<line>\n)|(?P<opens>\\begin\s*\{[^{}]*\}|\\\[|\{)"
  r"|(?P<closes>\\end\s*\{[^{}]*\}|\\\]|\})|(?P<turns>\$\$|`{3,})|\\."
  rf"|\*\*|__|[()\[\]\"'`{_SINGLE}]",
  re.S,
)
_PAIRS = ("()", "[]", "{}", *delimiters.QUOTES)
_SYMMETRICAL = ("**", "__", '"', "`")
_OPENING = re.compile(rf"\*\*|__|[(\[{{\"'`{_SINGLE}]")
# What ends a statement, besides a tag: groups of `_MARK`.
TO_END_OF_LINE = frozenset({"line"})
TO_NEXT_SENTENCE = frozenset({"next", "line"})
TO_END_OF_SENTENCE = frozenset({"next", "stop", "line"})
_BLANK = " \t\r*_"
_SPACES = re.compile(r"[ \t]*")
# Quoted lines, headings and one item of a list.
_LINES_BETWEEN = re.compile(r"[\s>#]*(?:[-*•]\s+)?")
_CONTENT = re.compile(r"\w")
_NOTHING = re.compile(rf"[\s*_]*(?:{STEP_TAG})?\s*\Z")


class Statement(NamedTuple):
  """What a statement says.

  Attributes:
    text: what it says.
    below: whether that stands below its line.
    last: whether the text ends with it.
  """

  text: str
  below: bool
  last: bool


def read(
  text: str,
  begin: int,
  start: int,
  stop: int,
  ends: frozenset[str] = TO_END_OF_LINE,
) -> Statement | None:
  """Reads one statement.

  Args:
    text: the text that it is in.
    begin: where its words begin.
    start: where they end, and what it says begins.
    stop: where the next statement begins, or the text ends.
    ends: what ends it besides a tag, one of the constants of this module.

  Returns:
    What it says; None if that is nothing, or too long.
  """
  limit = min(stop, start + MOST_CHARACTERS)
  line = text.rfind("\n", max(0, begin - _MOST_BEFORE), begin) + 1
  line = max(line, begin - _MOST_BEFORE)
  start = _SPACES.match(text, start, limit).end()
  if not text[start:limit].strip():
    return None
  closing = _closing(text, line, begin, start)
  for mark in sorted(closing - {")", "]"}):
    if text.startswith(mark, start):  # **The answer is:** 42
      start = _SPACES.match(text, start + len(mark), limit).end()
      closing -= {mark}
  end = _end(text, start, limit, closing, ends)
  below = not text[start:end].strip(_BLANK) and text[end : end + 1] == "\n"
  if below:
    start = _LINES_BETWEEN.match(text, end, limit).end()
    end = _end(text, start, limit, closing, TO_END_OF_LINE)
  if end == limit < stop or not text[start:end].strip(_BLANK):
    return None
  last = below and _NOTHING.match(text, end) is not None
  return Statement(text[start:end], below, last)


def _closing(text: str, line: int, begin: int, start: int) -> frozenset[str]:
  """Returns the marks that end what began before the statement on its line."""
  before = text[line:start]
  if not _OPENING.search(before):
    return frozenset()
  marks = {
    right for left, right in _PAIRS if before.rfind(left) > before.rfind(right)
  }
  marks |= {mark for mark in _SYMMETRICAL if before.count(mark) % 2}
  if text[begin - 1 : begin] == "'":  # elsewhere it may be an apostrophe
    marks.add("'")
  return frozenset(marks)


def _end(
  text: str,
  start: int,
  limit: int,
  closing: frozenset[str],
  ends: frozenset[str],
) -> int:
  """Returns where a statement ends, `limit` if nothing ends it before."""
  depth = brackets = 0
  outward = False  # whether an interval is open whose brackets are: ]0, 1[
  turned = set()
  inside = None  # the first end that is inside something
  for match in _MARK.finditer(text, start, limit):
    mark, kind = match[0], match.lastgroup
    # Of an interval that was put in brackets: [The answer is: ]0, 1[]
    opens_interval = mark == "]" and not _CONTENT.search(
      text, start, match.start()
    )
    free = not depth and not (brackets and mark in (")", "]"))
    if kind == "tag" or (mark in closing and free and not opens_interval):
      return match.start()
    if kind in ends:
      if not depth:
        return match.start()
      inside = match.start() if inside is None else inside
    elif kind == "turns":
      turned ^= {mark}
      depth += 1 if mark in turned else -1
    elif kind in ("opens", "closes"):
      depth = max(0, depth + (1 if kind == "opens" else -1))
    elif mark in ("(", "["):
      closes = mark == "[" and outward
      brackets, outward = brackets + (-1 if closes else 1), False
    elif mark in (")", "]"):
      outward = mark == "]" and not brackets
      brackets += 1 if outward else -min(1, brackets)
  # What is not closed keeps nothing together.
  return limit if inside is None or not depth else inside
