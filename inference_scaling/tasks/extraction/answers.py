r"""Finds the final answer in the text of a solution.

Six ways of stating an answer are known. The first one of this list that occurs
in a text decides, and of several statements of one kind the last:

1. `<answer>42</answer>`, the tags of R1-Zero and what was trained like it. They
   hold an answer, or a text that states it in one of the other ways. Tags that
   are not closed do not count.
2. `The answer is: 42`, the step format of Math-Shepherd. What follows on the
   line is the answer; where nothing does, what stands on the next one, if it
   is a value and no further step.
3. `\boxed{42}`, with nested braces. A box that is cut off does not count.
4. `#### 42`, the format of GSM8K.
5. `**Answer: 42**`, on a line of its own or below such a heading.
6. `the answer is 42.` without the colon, up to the end of the sentence.

The last three also occur in prose ("#### Step 3: add 5", "the answer is not
clear, but 7"), so that they count only where a value follows; see `values`.

A model that thinks first, `<think>...</think>`, may state answers there that
it drops later: what follows the last `</think>` decides alone if it states one.
So it is with the other marks that end a thought, `statements.THOUGHT_END`.

A question, `the answer is 5?`, states nothing, and neither does a program that
prints a statement: `print("The answer is:", x)`.

A text with no statement has no answer and abstains from voting. The last
number of a text is never taken for an answer, because a cut solution would
then vote for whatever number it had reached.

No time limit ends an extraction, so that its time is bounded by construction:
it is linear in the text. An answer has at most `statements.MAX_CHARACTERS`
characters. Statements are read from the last one backwards until one holds an
answer, at most `MAX_STATEMENTS` of a kind, and no two of a kind share text.

References:
  Wang et al., Math-Shepherd, 2024 (arXiv:2312.08935), Section 3: step format.
  DeepSeek-AI, DeepSeek-R1, 2025 (arXiv:2501.12948), Table 1: thinking and
    answer tags.
"""

import itertools
import re
from collections.abc import Callable, Iterator

from inference_scaling.tasks.extraction import (
  boxes,
  statements,
  surroundings,
)
from inference_scaling.tasks.grading import values

MAX_STATEMENTS = 100  # of one kind in a text

# Whatever its case, and also where a line was broken or a space is wide. It may
# be emphasised: __The answer is: 42__.
_SUBJECT = re.compile(
  r"(?<!if )(?<!whether )(?<![^\W_])the\s+"
  r"(?:(?:final|correct|right|required)\s+)?"
  r"answer(?:\s+to\s+(?:the|this)\s+(?:question|problem))?\s+is\b",
  re.I,
)
_COLON = re.compile("[ *_\xa0]*[:\uff1a]")
_HASH = re.compile(r"(?<!#)####(?!#)")
# Marks, pictures and the number of an item may stand before it.
_HEADING = re.compile(
  r"^(?:[^\w\n]|_)*(?:\d{1,3}[.)][^\w\n]+)?(?:(?:the )?(?:(?:final|correct) )?"
  "answer|(?:(?:my|our) )?(?:(?:final|correct) )?answer is(?=[ *_]*[:\uff1a]))"
  "[ *_\\r]*(?:[:\uff1a]|$)",
  re.M | re.I,
)
_TAG = re.compile(r"<(/?)answer\b[^<>]*>", re.I)
THOUGHT = re.compile(statements.THOUGHT_END, re.I)

# Yields what each statement of one kind says, the last first.
Find = Callable[[str], Iterator[str | None]]


def extract_answer(text: str) -> str | None:
  """Returns the final answer that a solution states.

  Args:
    text: the solution, as generated or as published.

  Returns:
    The answer without what stands around it, see `surroundings`; None when
    the text states no answer. Commas stay, but for thousands separators where
    the whole answer is one number.
  """
  thoughts = list(THOUGHT.finditer(text))
  if thoughts:
    answer = _first(text[thoughts[-1].end() :], (_tagged, *_UNTAGGED))
    if answer is not None:
      return answer
  return _first(text, (_tagged, *_UNTAGGED))


def tag_contents(text: str) -> list[str]:
  """Returns what is between answer tags, from the first on."""
  start, contents = None, []
  for tag in _TAG.finditer(text):
    if not tag[1]:
      start = tag.end()
    elif start is not None:
      contents.append(text[start : tag.start()].strip())
      start = None
  return contents


def from_last(pattern: re.Pattern, text: str) -> Iterator[tuple[re.Match, int]]:
  """Yields the matches from the last one on, and where the next one begins."""
  stop = len(text)
  for match in reversed(list(pattern.finditer(text))):
    yield match, stop
    stop = match.start()


def _first(text: str, kinds: tuple[Find, ...]) -> str | None:
  """Returns the last answer of the first kind that has any."""
  for find in kinds:
    for said in itertools.islice(find(text), MAX_STATEMENTS):
      said = said.strip() if said else ""
      if 0 < len(said) <= statements.MAX_CHARACTERS:
        answer = surroundings.strip_surroundings(said)
        if answer:
          return answer
  return None


def _tagged(text: str) -> Iterator[str | None]:
  """Yields what is between answer tags."""
  for content in reversed(tag_contents(text)):
    stated = _first(content, _UNTAGGED)
    if stated is None and len(content) <= statements.MAX_CHARACTERS:
      lines = "\n" in content
      stated = values.value(content, below=True) if lines else content
    yield stated


def _steps(text: str) -> Iterator[str | None]:
  """Yields what follows `The answer is:`."""
  for match, stop in from_last(_SUBJECT, text):
    colon = _COLON.match(text, match.end(), stop)
    if colon:
      said = statements.read(
        text, match.start(), colon.end(), stop, statements.TO_NEXT_SENTENCE
      )
      if said and (not said.below or (said.last and values.is_word(said.text))):
        yield said.text
      else:
        yield _value(said)


def _hashes(text: str) -> Iterator[str | None]:
  """Yields what follows `####`."""
  for match, stop in from_last(_HASH, text):
    yield _value(statements.read(text, match.start(), match.end(), stop))


def _headings(text: str) -> Iterator[str | None]:
  """Yields what follows `Answer:`."""
  for match, stop in from_last(_HEADING, text):
    yield _value(statements.read(text, match.start(), match.end(), stop))


def _prose(text: str) -> Iterator[str | None]:
  """Yields what follows `the answer is` in a sentence."""
  for match, stop in from_last(_SUBJECT, text):
    start = match.end()
    if not _COLON.match(text, start, stop):
      said = statements.read(
        text, match.start(), start, stop, statements.TO_END_OF_SENTENCE
      )
      yield _value(said)


def _value(said: statements.Statement | None) -> str | None:
  return values.value(said.text, below=said.below) if said else None


_UNTAGGED: tuple[Find, ...] = (
  _steps,
  boxes.from_last,
  _hashes,
  _headings,
  _prose,
)
