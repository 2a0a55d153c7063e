r"""One spelling for each answer: the text that voting classes are made of.

The form is cheap (no parsing, no algebra) and keeps the value: two answers
get one text only where they are the same number, expression or word.
Equivalence that takes algebra is the business of `grading`. Answers longer than
`MAX_LENGTH` characters only have their whitespace normalised, so that no text
takes long.

Merged: `$42`, `42.0`, `042`, `42 apples`, `x = 42` and `42^\circ` are `42`;
`1,234` is `1234`; `1/2`, `2/4`, `\frac12` and `\dfrac{1}{2}` are `\frac{1}{2}`;
`1 1/2` is `1\frac{1}{2}`; `(1,2)` and `\left( 1, 2 \right)` are `(1, 2)`;
`\text{East}` and `east` are `east`; `(C)` and `C` are `C`; `(5)` is
`5`.
Kept apart: `0.5` and `\frac{1}{2}`, `50%` and `50`, `3 million` and `3`.
Unicode mathematics, fonts and second names of commands are one LaTeX first
(`unicode_math`, `latex_style`). Listed units are dropped (`units`).
`1, 234` with a space is a list of two numbers.
"""

import math
import re

from inference_scaling.tasks.extraction.delimiters import (
  closing_brace,
  join_inner_thousands,
  join_thousands,
  strip_delimiters,
)
from inference_scaling.tasks.grading import (
  latex_style,
  plain_spelling,
  unicode_math,
  units,
)

# A longer answer is no answer of a benchmark: it is a text, and costs no time.
MAX_LENGTH = 500
_DOTS = re.compile(r"\.{3,}")
_FRACTION = re.compile(r"\\frac(?![A-Za-z])")
_BARE_ARGUMENT = re.compile(r"[A-Za-z0-9]|\\(?!frac|sqrt)[A-Za-z]+")
_ONLY_TEXT = re.compile(
  r"\\(?:text|mbox|textrm|textup|mathrm|operatorname)\s*\{([^{}]*)\}"
)
_NUMBER = r"[-+]?(?:\d++(?:,\d{3})*+\.?\d*+|\.\d++)"
_ASSIGNMENT = re.compile(rf"[A-Za-z]\s*=\s*({_NUMBER})")
_SAID = re.compile(
  r"(?:(?:=|\\(?:approx|simeq|sim|cong)(?![A-Za-z]))\s*)+(?=.)"
)
_DECIMAL = re.compile(r"([-+]?)(\d*)(?:\.(\d*))?")
_SLASH = re.compile(r"([-+]?)(?:(\d+)\s+)?(\d+)\s*/\s*(\d+)")
_SIMPLE_FRACTION = re.compile(r"(-?)\\frac\{(-?)(\d{1,15})\}\{(\d{1,15})\}")
_COMMAND_SPACE = re.compile(r"(\\[A-Za-z]+)\s+(?=\d)")
# Not before a digit: x^{2}3 is no x^{23}.
_SHORT_SCRIPT = re.compile(
  r"([_^])\{(?:(\d)\}(?![\d.])|([A-Za-z])\}(?![A-Za-z]))"
)
_ROOT = re.compile(r"\\sqrt\s*(\w)")
# "an ellipse"; but a letter before a short name is a product.
_ARTICLE = re.compile(r"(?:an?|the)\s+(?=[A-Za-z]{3})", re.I)
# A choice, or one number: parentheses around it are no tuple.
_SINGLE = re.compile(r"\(([A-Z]|-?\d+(?:\.\d+)?)\)")
# A hyphen joins words, but between short ones it may be a minus: p-q.
_WORDS = re.compile(
  r"[A-Za-z]+(?:\s+[A-Za-z]+)*"
  r"|(?=.*[A-Za-z]{3})[A-Za-z]+(?:(?:\s+|['-])[A-Za-z]+)*"
)


def canonical(answer: str) -> str:
  """Returns the canonical text of an answer.

  Args:
    answer: an answer as `extract_answer` returns it, or a gold answer.

  Returns:
    The canonical text; `canonical(canonical(a)) == canonical(a)`.
  """
  # Taking one wrapper off can uncover another; each pass removes some, and
  # the bound is only there to be safe.
  for _ in range(16):
    before, answer = answer, _canonical_pass(answer)
    if answer == before:
      break
  return answer


def is_integer(text: str) -> bool:
  """Says whether a canonical text is an integer."""
  return re.fullmatch(r"-?\d+", text) is not None


def is_words(text: str) -> bool:
  """Says whether a canonical text is a word or words, not a formula."""
  return len(text) >= 3 and _WORDS.fullmatch(text) is not None


def has_value_words(text: str) -> bool:
  """Says whether words after a number change its value: "million"."""
  return not units.VALUE_WORDS.isdisjoint(text.lower().split())


def _canonical_pass(text: str) -> str:
  """Applies every rule once."""
  text = " ".join(text.split())
  if len(text) > MAX_LENGTH:
    return text
  text = unicode_math.to_latex(text).replace("\\%", "%")
  # Dots at the end would pass for punctuation: 1, 2, ... is no list of two.
  text = strip_delimiters(" ".join(_DOTS.sub(r"\\ldots ", text).split()))
  text = latex_style.plain_spacing(plain_spelling.to_latex(text))
  text = _drop_words(text)
  text = latex_style.plain_commands(text)
  text = join_inner_thousands(join_thousands(text))
  if _WORDS.fullmatch(text):
    return _canonical_words(text)
  text = _spell_fractions(_ROOT.sub(r"\\sqrt{\1}", text))
  text = _SHORT_SCRIPT.sub(r"\1\2\3", text)
  # A space stays only between two letters or digits, where it may separate a
  # LaTeX command from a variable, and after each comma of a list.
  text = re.sub(r"(?<!\w)\s+|\s+(?!\w)", "", " ".join(text.split()))
  text = _COMMAND_SPACE.sub(r"\1", text)
  text = text.replace(",", ", ").strip()
  return _canonical_number(text)


def _drop_words(text: str) -> str:
  """Removes text wrappers, units after a value and `x =` before a number."""
  match = _ONLY_TEXT.fullmatch(text)
  if match:
    return match[1].strip()
  text = units.drop_unit(text)
  match = _SAID.match(text)
  text = text[match.end() :] if match else text
  match = _ASSIGNMENT.fullmatch(text) or _SINGLE.fullmatch(text)
  return match[1] if match else text


def _canonical_words(text: str) -> str:
  """Folds the case of words; all-capitals may name points or variables."""
  text = _ARTICLE.sub("", text)
  variables = len(text) == 1 or (len(text) == 2 and text[1].isupper())
  return text if variables or text.isupper() else text.lower()


def _canonical_number(text: str) -> str:
  """Rewrites an integer, a decimal or a fraction of integers."""
  match = _DECIMAL.fullmatch(text)
  if match and (match[2] or match[3]):
    sign = "-" if match[1] == "-" else ""
    whole = match[2].lstrip("0") or "0"
    digits = (match[3] or "").rstrip("0")
    number = f"{whole}.{digits}" if digits else whole
    return number if number == "0" else sign + number
  match = _SLASH.fullmatch(text)
  if match:
    sign = "-" if match[1] == "-" else ""
    return f"{sign}{match[2] or ''}\\frac{{{match[3]}}}{{{match[4]}}}"
  match = _SIMPLE_FRACTION.fullmatch(text)
  return _reduce(match) if match and int(match[4]) else text


def _reduce(match: re.Match) -> str:
  """Reduces a fraction of two integers to lowest terms."""
  top, bottom = int(match[3]), int(match[4])
  divisor = math.gcd(top, bottom)
  top, bottom = top // divisor, bottom // divisor
  sign = "-" if top and match[1] != match[2] else ""
  if bottom == 1:
    return f"{sign}{top}"
  return f"{sign}\\frac{{{top}}}{{{bottom}}}"


def _spell_fractions(text: str) -> str:
  r"""Writes `\frac12`, `\frac 1 2` and `\frac1{2}` as `\frac{1}{2}`."""
  # From the last one backwards, so that inner fractions are whole already.
  for match in reversed(list(_FRACTION.finditer(text))):
    top, rest = _argument(text[match.end() :])
    bottom, rest = _argument(rest)
    text = f"{text[: match.start()]}\\frac{top}{bottom}{rest}"
  return text


def _argument(text: str) -> tuple[str, str]:
  """Splits one TeX argument, put in braces, from what follows it."""
  text = text.lstrip()
  if text[:1] == "{":
    end = closing_brace(text, 0)
    return (text, "") if end is None else (text[: end + 1], text[end + 1 :])
  match = _BARE_ARGUMENT.match(text)
  return (f"{{{match[0]}}}", text[match.end() :]) if match else ("", text)
