r"""Reads what a statement such as `The answer is: 42` says.

A statement ends

* at a step tag, the closing tag of an answer or a thought, or the end of text
  that a tokenizer has left in it: `<|im_end|>`, `</s>`,
* where a bracket, a quote or bold ends that began before it on its line:
  `(The answer is: 42)`,
* where a further sentence begins, and
* at the end of its line, but not inside braces, displayed mathematics, an
  environment or a code fence that end further down.

Where nothing stands on its line, the next line that is not blank is read
instead. All that is read ends within `MAX_CHARACTERS` of where the statement
begins; what is longer is no answer, so that the time for it is bounded.
"""

import re
from typing import NamedTuple

from inference_scaling.tasks.extraction import delimiters
from inference_scaling.tasks.grading import canonical_text

STEP_TAG = "ки"
MAX_CHARACTERS = canonical_text.MAX_LENGTH
_MAX_BEFORE = 200  # characters of a statement's line that stand before it

# A tag counts only where no letter touches it: it may be part of a word.
TAG = re.compile(rf"(?<![^\W\d_]){STEP_TAG}(?![^\W\d_])")
_SINGLE = "".join(delimiters.QUOTES)
# Of R1 and Qwen, of Seed, of R1-Zero's likes, Magistral, Kimi, OpenThinker.
THOUGHT_END = (
  r"</(?:seed:)?(?:think(?:ing)?|thought|reasoning)>|\[/think\]|\u25c1/think\u25b7"
  r"|<\|end_of_thought\|>"
)
TEXT_END = r"</s>|<eos>|<end_of_turn>|<[|\uff5c][\w\u2581]+[|\uff5c]>"
_MARK = re.compile(
  rf"(?P<tag>{TAG.pattern}|(?i:{THOUGHT_END}|</answer>)|{TEXT_END})"
  r"|(?P<next>[.!?](?=\**[ \t]+[A-Z]))|(?P<stop>[.?](?=\**(?:\s|\Z)))"
  r"|(?P<line>\n)|(?P<opens>\\begin\s*\{[^{}]*\}|\\\[|\{)"
  r"|(?P<closes>\\end\s*\{[^{}]*\}|\\\]|\})|(?P<toggles>\$\$|`{3,})"
  r"|\\(?:left|right|[bB]igg?[lrm]?)\s*[()\[\]]|\\."
  rf"|\*\*|__|[()\[\]\"'`{_SINGLE}]",
  re.S,
)
# A call whose argument a statement is: print("The answer is:", x)
_CALL = re.compile(
  r"\w\([rbfu]{0,2}(?P<quote>[\"'])(?:(?!(?P=quote)).)*\Z", re.I
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
_LABELS = re.compile(r"(?:\s*\\(?:label|tag\*?)\s*\{[^{}]{0,60}\}){0,4}")
# What joins an interval to what stands before it.
_JOINED = re.compile(r"(?:\\(?:cup|cap|in)|[\u222a\u2229\u2208=])[ ~]{0,9}\Z")
_JOINED_WITHIN = 16  # characters
# An interval that a bracket closes which elsewhere opens: [0, 1[ or ]0, 1[.
_INSIDE = r"(?:[^\[\]()\n,;]|\([^\[\]()\n]{0,60}\)){1,60}"
_OUTWARD = re.compile(rf"[\[\]]{_INSIDE}[,;]{_INSIDE}(?<=[\w}})∞])\s*\[")
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
    What it says; None if that is nothing, a question, printed by a program,
    or too long.
  """
  limit = min(stop, start + MAX_CHARACTERS)
  line = text.rfind("\n", max(0, begin - _MAX_BEFORE), begin) + 1
  line = max(line, begin - _MAX_BEFORE)
  start = delimiters.match_end(_SPACES, text, start, limit)
  if not text[start:limit].strip() or _CALL.search(text, line, begin):
    return None
  closing = _closing(text, line, begin, start)
  for mark in sorted(closing - {")", "]"}):
    if text.startswith(mark, start):  # **The answer is:** 42
      start = delimiters.match_end(_SPACES, text, start + len(mark), limit)
      closing -= {mark}
  end = _end(text, start, limit, closing, ends)
  if text.startswith("?", end):
    return None  # a question states nothing
  below = not text[start:end].strip(_BLANK) and text[end : end + 1] == "\n"
  if below:
    start = delimiters.match_end(_LINES_BETWEEN, text, end, limit)
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
  toggled = set()
  inside = None  # the first end that is inside something
  labels = delimiters.match_end(_LABELS, text, start, limit)
  content = _CONTENT.search(text, labels, limit)
  first = content.start() if content else limit
  interval_end = start
  for match in _MARK.finditer(text, start, limit):
    mark, kind = match[0], match.lastgroup
    if match.start() < interval_end:
      continue
    # An interval may be put in brackets: [The answer is: ]0, 1[]
    opens = mark == "[" or (
      mark == "]"
      and (
        not (brackets or mark in closing)
        or _begins_interval(text, start, match.start(), first)
      )
    )
    if opens:
      interval = _OUTWARD.match(text, match.start(), limit)
      interval_end = interval.end() if interval else start
      brackets += 0 if interval else 1
      continue
    free = not depth and not (brackets and mark in (")", "]"))
    if kind == "tag" or (mark in closing and free):
      return match.start()
    if kind in ends:
      if not depth:
        return match.start()
      inside = match.start() if inside is None else inside
    elif kind == "toggles":
      toggled ^= {mark}
      depth += 1 if mark in toggled else -1
    elif kind in ("opens", "closes"):
      depth = max(0, depth + (1 if kind == "opens" else -1))
    elif mark == "(":
      brackets += 1
    elif mark in (")", "]"):
      brackets -= min(1, brackets)
  # What is not closed keeps nothing together.
  return limit if inside is None or not depth else inside


def _begins_interval(text: str, start: int, at: int, first: int) -> bool:
  """Says whether the bracket at a position may open an interval: ]0, 1[.

  Args:
    text: the text.
    start: where the statement begins to say something.
    at: where the bracket is.
    first: where its first letter or digit is.

  Returns:
    Whether nothing stands before the bracket, or something that joins it.
  """
  before = text[max(start, at - _JOINED_WITHIN) : at]
  return at <= first or _JOINED.search(before) is not None
