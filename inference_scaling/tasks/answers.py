r"""Finds the final answer in the text of a solution.

Five ways of stating an answer are known. The first one of this list that
occurs in a text decides, and of several statements of one kind the last:

1. `The answer is: 42`, the step format of Math-Shepherd. The answer ends at a
   step tag, at the end of its line, or where a further sentence begins; one
   in display math or bold may stand on the next line.
2. `\boxed{42}`, with nested braces. A box that is cut off does not count.
3. `#### 42`, the format of GSM8K.
4. `**Answer: 42**`, on a line of its own or below such a heading.
5. `the answer is 42.` without the colon, up to the end of the sentence.

The last three also occur in prose ("#### Step 3: add 5", "the answer is not
clear, but 7"), so that they count only where a value follows: math in
delimiters or bold, or what begins like a formula and has few words in it.

A text with none of them has no answer and abstains from voting. The last
number of a text is never taken for an answer, because a cut solution would
then vote for whatever number it had reached.

References:
  Wang et al., Math-Shepherd, 2024 (arXiv:2312.08935), Section 3: step format.
"""

import re
from collections.abc import Iterable, Iterator

from inference_scaling.tasks import canonical_text

STEP_TAG = "ки"
MOST_WORDS = 4  # of a value: "42 miles per hour" and one to spare

# A tag counts only where no letter touches it: it may be part of a word.
_TAG = rf"(?<![^\W\d_]){STEP_TAG}(?![^\W\d_])"
_END = rf"(?={_TAG}|\n|$)"
_NEXT_SENTENCE = re.compile(r"[.!]\**\s+(?=[A-Z])")
_SUBJECT = (
  r"(?<![Ii]f )(?<!whether )[Tt]he (?:(?:final|correct|right|required) )?"
  r"answer(?: to (?:the|this) (?:question|problem))? is\b"
)
_COLON = r"[ *_]*:"
_STEP_ANSWER = re.compile(rf"{_SUBJECT}{_COLON}(.*?){_END}")
_HASH_ANSWER = re.compile(rf"(?<!#)####(?!#)(.*?){_END}")
_HEADING = r"^[ \t>#*_-]*(?:the )?(?:(?:final|correct) )?answer[ *_]*"
_LINE_ANSWER = re.compile(rf"{_HEADING}:(.*?){_END}", re.M | re.I)
_BELOW_HEADING = re.compile(rf"{_HEADING}:?[ *_]*\n\s*(.+)", re.M | re.I)
_PROSE_ANSWER = re.compile(rf"{_SUBJECT}(?!{_COLON})(.*?)(?=\.\s|\.$|\n|$)")

_BOX = re.compile(r"\\(?:boxed|fbox|framebox)(?:\s*(\{)|\s+([^\s${}]+))")
# Math in delimiters or bold, and what follows it.
_MARKED = re.compile(
  r"(\$\$.+?\$\$|\$[^$]+\$|\\\(.+?\\\)|\\\[.+?\\\]|\*\*[^*]+\*\*)(.*)", re.S
)
_DISPLAYED = re.compile(
  r"[\s*_]*\n\s*(\$\$.+?\$\$|\\\[.+?\\\]|\*\*[^*\n]+\*\*|\$[^$\n]+\$)", re.S
)
_MATH = re.compile(r"[\d\\]")
_FILLER = re.compile(
  r"^(?:(?:about|approximately|exactly|roughly|simply|therefore|thus)\b"
  r"[\s,]*)+"
)
_REASON = re.compile(r",?\s(?:because|since|which|where|as required)\b.*", re.S)
_NUMBERED = re.compile(r"[ \t*_]*\d+[.):]\s+[A-Za-z]")  # a heading
# How a formula begins, the letter of a variable included.
_FORMULA = re.compile(
  r"[-+\u2212]?\s*"
  r"(?:[\d.$\\(\[{|]|[A-Za-z]\s*[-+*/^=_(<>\\])"
)
# An expression in letters, or the letter of a choice.
_LETTERS = re.compile(
  r"[A-Za-z](?:\s*[-+*/^=]\s*[A-Za-z0-9]+)+|[A-HJ-Z]|\([A-Z]\)"
)
_COMMAND = re.compile(r"\\(?:text|mbox|textbf|textrm)\s*\{[^{}]*\}|\\[A-Za-z]+")
_WORD = re.compile(r"[A-Za-z]{2,}")


def extract_answer(text: str) -> str | None:
  """Returns the final answer that a solution states.

  Args:
    text: the solution, as generated or as published.

  Returns:
    The answer without step tag, math delimiters, dollar sign or closing
    punctuation; None when the text states no answer. Commas stay, but for
    thousands separators where the whole answer is one number.
  """
  for find in (_step_answers, _boxes, _hash_answers, _line_answers, _prose):
    answer = _last(find(text))
    if answer is not None:
      return answer
  return None


def _last(found: Iterable[str | None]) -> str | None:
  """Returns the last answer that is not empty once cleaned."""
  cleaned = [_clean(answer) for answer in found if answer]
  cleaned = [answer for answer in cleaned if answer]
  return cleaned[-1] if cleaned else None


def _step_answers(text: str) -> Iterator[str]:
  """Yields what follows `The answer is:`, on its line or displayed below."""
  for match in _STEP_ANSWER.finditer(text):
    answer = _NEXT_SENTENCE.split(match[1], maxsplit=1)[0]
    displayed = None
    if not answer.strip(" \t*_"):
      displayed = _DISPLAYED.match(text, match.end(1))
    yield displayed[1] if displayed else answer


def _boxes(text: str) -> Iterator[str]:
  """Yields what is in each complete box, in the order of the text."""
  for match in _BOX.finditer(text):
    if match[1] is None:  # `\boxed 5`, without braces
      yield match[2]
      continue
    end = canonical_text.closing_brace(text, match.start(1))
    if end is not None:
      yield text[match.end() : end]


def _hash_answers(text: str) -> Iterator[str | None]:
  return map(_value, _HASH_ANSWER.findall(text))


def _line_answers(text: str) -> Iterator[str | None]:
  for pattern in (_BELOW_HEADING, _LINE_ANSWER):
    yield from map(_value, pattern.findall(text))


def _prose(text: str) -> Iterator[str | None]:
  return map(_value, _PROSE_ANSWER.findall(text))


def _value(said: str) -> str | None:
  """Returns the value that a statement begins with; None if it is prose."""
  if _NUMBERED.match(said):
    return None
  said = _NEXT_SENTENCE.split(said, maxsplit=1)[0].strip()
  said = _REASON.sub("", _FILLER.sub("", said))
  marked = _MARKED.match(said)
  if marked and not _MATH.search(marked[2]) and "$" not in marked[2]:
    units = marked[2] if canonical_text.has_value_words(marked[2]) else ""
    return marked[1].strip("*") + units
  said = said.strip("\"'*_ \t")
  if _LETTERS.fullmatch(said.rstrip(".")):
    return said
  words = _WORD.findall(_COMMAND.sub(" ", said))
  begins = _FORMULA.match(said) and _MATH.search(said)
  return said if begins and len(words) <= MOST_WORDS else None


def _clean(answer: str) -> str:
  """Strips what stands around an answer and is no part of it."""
  boxed = list(_boxes(answer))
  if boxed:
    return _clean(boxed[-1])
  answer = re.sub(_TAG, "", answer)
  answer = canonical_text.strip_delimiters(answer.strip().strip("*"))
  return canonical_text.join_thousands(answer)
