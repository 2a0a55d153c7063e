r"""Tells a value from prose, where what follows a statement may be either.

A value is mathematics in delimiters, what stands in bold, in quotes or in code
and has few words in it, or what begins like a formula and has few words in it:
"the answer is $42$ apples" says one, "the answer is not 42" says none.
"""

import re

from inference_scaling.tasks.extraction import delimiters
from inference_scaling.tasks.grading import canonical_text

MAX_WORDS = 4  # of a value: "42 miles per hour" and one to spare

_NEXT_SENTENCE = re.compile(r"[.!]\**\s+(?=[A-Z])")
_QUESTION = re.compile(r"\?\**(?:\s|\Z)")
_QUOTED = "|".join(
  f"{left}[^{left}{right}]+{right}"
  for left, right in ("``", '""', "''", *delimiters.QUOTES)
)
# Math in delimiters, code, bold or quotes, at the beginning of a statement.
_MARKED = re.compile(
  r"(?P<display>\$\$.+?\$\$|\\\[.+?\\\]|\\begin\s*\{([^{}]*)\}.*?"
  r"\\end\s*\{\2\})|(?P<fence>`{3,}+)(?:[ \t]*\w*[ \t]*\n)?"
  r"(?P<code>.+?)(?P=fence)"
  r"|(?P<math>\$[^$]+\$|\\\(.+?\\\))"
  rf"|(?P<words>\*\*[^*]+\*\*|{_QUOTED})",
  re.S,
)
_MATH = re.compile(r"[\d\\]")
_FILLER = re.compile(
  r"^(?:(?:about|approximately|exactly|roughly|simply|therefore|thus|hence"
  r"|indeed|then|now|just|also|equal to)\b[\s,]*)+"
)
_REASON = re.compile(r",?\s(?:because|since|which|where|as required)\b.*", re.S)
_HEADING = re.compile(
  r"[ \t*_#]*(?:\d+[.):]\s+[A-Za-z]|(?:step|case|part)\s*\d)", re.I
)
# How a formula begins, the letter of a variable included.
_FORMULA = re.compile(
  r"[-+±\u2212]?\s*"
  r"(?:[\d.$\\(\[\]{|√∛∞π¼½¾⅓⅔]|[A-Za-z]\s*[-+*/^=_(<>\\≤≥])"
)
_SYMBOL = re.compile(r"[\d\\√∛∞π¼½¾⅓⅔]")
# An expression in letters, or the letter of a choice.
_LETTERS = re.compile(
  r"[A-Za-z](?:\s*[-+*/^=]\s*[A-Za-z0-9]+)+|[A-HJ-Z]|\([A-Z]\)"
)
_COMMAND = re.compile(
  r"\\(?:text|mbox|textbf|textrm|begin|end)\s*\{[^{}]*\}|\\[A-Za-z]+"
)
_WORD = re.compile(r"[A-Za-z]{2,}")
_ONE_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)?\.?")
# A number, and the words that may follow it in a sentence.
_NUMBER = re.compile(r"[-\u2212]?\d+(?:\.\d+)?")
_FOLLOWING = re.compile(r"(?:[ \n]+[A-Za-z]+)+")
# Words of a sentence about a value, in a line below a statement.
_SENTENCE = re.compile(
  r"\b(?:is|are|was|were|has|have|gives?|means?|equals|remains?|let|we|so|then"
  r"|thus|hence|therefore|because|since|must|should|step)\b",
  re.I,
)
_AROUND_WORDS = "".join(delimiters.QUOTES) + "*`\"' \t\n"


def value(said: str, *, below: bool = False) -> str | None:
  """Returns the value that a statement begins with.

  Args:
    said: what the statement says, at most `statements.MAX_CHARACTERS`.
    below: whether that stands on a line of its own, where a next step or
      other prose could stand as well; then it must be nothing but a value.

  Returns:
    The value, with the marks around it; None for prose and questions.
  """
  if _HEADING.match(said):
    return None
  said = _NEXT_SENTENCE.split(said, maxsplit=1)[0].strip()
  if _QUESTION.search(said):
    return None
  said = _REASON.sub("", _FILLER.sub("", said))
  marked = _MARKED.match(said)
  if marked:
    rest = said[marked.end() :]
    if marked["code"]:
      return _code(marked["code"].strip())
    if below and marked["display"]:
      return marked[0]
    if marked["words"] and _is_prose(marked[0], below):
      return None
    if below and _is_prose(rest, below):
      return None
    if not _MATH.search(rest) and "$" not in rest:
      return marked[0].strip("*") + _words_of_value(marked[0], rest)
  said = said.strip("\"'`*_ \t")
  if _LETTERS.fullmatch(said.rstrip(".")):
    return said
  if below and _SENTENCE.search(said):
    return None
  begins = _FORMULA.match(said) and _SYMBOL.search(said)
  return said if begins and _count_words(said) <= MAX_WORDS else None


def is_word(said: str) -> bool:
  """Says whether something is a single word: `East`."""
  said = said.strip("*_ \t\n")
  return bool(_ONE_WORD.fullmatch(said)) and not _SENTENCE.match(said)


def _code(code: str) -> str | None:
  """Returns what stands in a code block, if it is a value and no program."""
  if "\n" in code:
    displayed = _MARKED.fullmatch(code)
    return code if displayed and displayed["display"] else None
  return code if is_word(code) else value(code)


def _words_of_value(marked: str, rest: str) -> str:
  """Returns what of the words after marked mathematics is part of the value.

  After a number that is all but a unit: `$3$ million`, `$3$ halves`.
  """
  if canonical_text.has_value_words(rest):
    return rest
  number = delimiters.strip_delimiters(marked.strip("*"))
  number = delimiters.join_thousands(number)
  words = _FOLLOWING.match(rest)
  if not words or not _NUMBER.fullmatch(number):
    return ""
  alone = canonical_text.canonical(number)
  together = canonical_text.canonical(number + words[0])
  return "" if together == alone else words[0]


def _is_prose(words: str, below: bool) -> bool:
  """Says whether what stands in bold or quotes, or follows, is prose."""
  words = words.strip(_AROUND_WORDS)
  many = _count_words(words) > MAX_WORDS
  if below:
    return many or words.endswith(":") or bool(_SENTENCE.search(words))
  return (many and not _MATH.search(words)) or words.endswith(":")


def _count_words(said: str) -> int:
  return len(_WORD.findall(_COMMAND.sub(" ", said)))
