r"""Finds the final answer in the text of a solution.

Four ways of stating an answer are known. The first one of this list that
occurs in a text decides, and of several statements of one kind the last:

1. `The answer is: 42`, the step format of Math-Shepherd. The answer ends at a
   step tag or at the end of its line.
2. `\boxed{42}`, with nested braces. A box that is cut off does not count.
3. `#### 42`, the format of GSM8K.
4. `the answer is 42.` without the colon, up to the end of the sentence, and
   only when a digit or a LaTeX command is in it: prose often goes on in words.

A text with none of them has no answer and abstains from voting. The last
number of a text is never taken for an answer, because a cut solution would
then vote for whatever number it had reached.

References:
  Wang et al., Math-Shepherd, 2024 (arXiv:2312.08935), Section 3: step format.
"""

import re
from collections.abc import Iterator

from inference_scaling.tasks import canonical_text

STEP_TAG = "ки"

# A tag counts only where no letter touches it: it may be part of a word.
_TAG = rf"(?<![^\W\d_]){STEP_TAG}(?![^\W\d_])"
_END = rf"(?={_TAG}|\n|$)"
_STEP_ANSWER = re.compile(r"[Tt]he (?:final )?answer is:(.*?)" + _END)
_HASH_ANSWER = re.compile(r"####(.*?)" + _END)
_PROSE_ANSWER = re.compile(
  r"[Tt]he (?:final )?answer is\b(?!:)(.*?)(?=\.\s|\.$|\n|$)"
)
_BOX = re.compile(r"\\(?:boxed|fbox)(?:\s*(\{)|\s+([^\s${}]+))")
_MATH = re.compile(r"[\d\\]")


def extract_answer(text: str) -> str | None:
  """Returns the final answer that a solution states.

  Args:
    text: the solution, as generated or as published.

  Returns:
    The answer without step tag, math delimiters, dollar sign or closing
    punctuation; None when the text states no answer. Commas stay, but for
    thousands separators where the whole answer is one number.
  """
  answer = _last(_STEP_ANSWER.findall(text))
  if answer is None:
    answer = _last(_boxes(text))
  if answer is None:
    answer = _last(_HASH_ANSWER.findall(text))
  if answer is None:
    prose = [a for a in _PROSE_ANSWER.findall(text) if _MATH.search(a)]
    answer = _last(prose)
  return answer


def _last(found) -> str | None:
  """Returns the last answer that is not empty once cleaned."""
  cleaned = [_clean(answer) for answer in found]
  cleaned = [answer for answer in cleaned if answer]
  return cleaned[-1] if cleaned else None


def _boxes(text: str) -> Iterator[str]:
  """Yields what is in each complete box, in the order of the text."""
  for match in _BOX.finditer(text):
    if match[1] is None:  # `\boxed 5`, without braces
      yield match[2]
      continue
    end = canonical_text.closing_brace(text, match.start(1))
    if end is not None:
      yield text[match.end() : end]


def _clean(answer: str) -> str:
  """Strips what stands around an answer and is no part of it."""
  boxed = list(_boxes(answer))
  if boxed:
    return _clean(boxed[-1])
  answer = re.sub(_TAG, "", answer)
  answer = canonical_text.strip_delimiters(answer.strip().strip("*"))
  return canonical_text.join_thousands(answer)
