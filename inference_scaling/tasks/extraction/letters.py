r"""Finds the letter of the option that a text chooses.

Five ways of stating a letter are known. The first one of this list that occurs
in a text decides, and of several statements of one kind the last:

1. `<answer>C</answer>`.
2. `The answer is: C`, the step format.
3. `\boxed{C}`.
4. `the correct answer is (C)`, `Answer: C`, `the best option is C) mass`.
5. In the last line alone: `**C**`, `So it is **(C)**.`, `(C) is correct.`

What is stated is a letter, a letter with the text of its option, or the text of
one option alone. A text abstains where it states two letters (`A or B`), a
letter that no option has, a letter beside the text of another option, or a text
that two options share: nothing is guessed. A question and what follows `not`
state nothing. What follows the last thought decides alone if it states a
letter, as in `answers`.
"""

import itertools
import re
import string
from collections.abc import Iterator, Sequence

from inference_scaling.tasks.extraction import (
  answers,
  boxes,
  statements,
  surroundings,
)
from inference_scaling.tasks.grading import canonical_text

LETTERS = string.ascii_uppercase
_NOUN = r"(?:answer|option|choice)"
_SUBJECT = re.compile(
  r"(?<!if )(?<!whether )(?<![^\W_])"
  r"(?:(?:final|correct|right|best|most\s+\w+)\s+){0,2}"
  rf"{_NOUN}(?:\s+{_NOUN})?(?:\s+(?:to|for)\s+(?:the|this)\s+\w+)?[*_ ]*"
  r"(?:(?:\bis|\bwould\s+be|\bshould\s+be|\bmust\s+be)[*_ ]*"
  "(?P<step>[:\uff1a])?|[:\uff1a])",
  re.I,
)
_MARKS = re.compile(
  r"[*`$]|\\[()\[\]]|\\(?:text|textbf|mathrm|mathbf|mbox|boxed)\s*(?=\{)"
)
_LETTER = re.compile(
  rf"(?:(?i:{_NOUN})\s+)?(?:[(\[{{](?P<wrapped>[A-Za-z])[)\]}}]"
  r"|(?P<bare>[A-Z])(?![^\W_]))(?P<rest>.*)",
  re.S,
)
# What may follow a letter without brackets: "A cat" names no option.
_AFTER_BARE = re.compile(
  r"\s*(?:[).:,;/&=\u2013\u2014-]|(?:because|since|as|which|or|and)\b|\Z)"
)
_JOINED = re.compile(
  r"[\s,]*(?:/|&|\bor\b|\band\b|,)\s*(?:(?:or|and)\s+)?"
  rf"(?:(?i:{_NOUN})\s+)?\(?(?P<letter>[A-Z])\)?(?![^\W_])"
)
# Another letter, but for one of which something else is said: (B) is small.
_BESIDE = re.compile(
  r"(?:(?P<before>\w*)[^\w(]{1,3}|\A)\((?P<letter>[A-Z])\)"
  r"(?!\s+(?:is|was|has|does|gives|would|can)\b)"
)
_DENIES = frozenset(["not", "than", "unlike", "over"])
_BEFORE_TEXT = " \t\n).:,;=-\u2013\u2014"
_ENDS = re.compile(rf"{statements.TAG.pattern}|{statements.TEXT_END}")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_ALONE = re.compile(r"[(\[]?([A-Z])[)\]]?\.?")
_IS_CORRECT = re.compile(
  r"(?:\A|[.,;:]\s+|(?i:so|thus|hence|therefore|option|choice|answer)[,\s]+)"
  r"\(?([A-Z])\)?\s+is\s+(?:the\s+)?(?:correct|right|best)\b"
)


def extract_letter(text: str, options: Sequence[str]) -> str | None:
  """Returns the letter that a solution chooses.

  Args:
    text: the solution.
    options: the text of each option, from A on.

  Returns:
    A letter of an option; None where the text states none, or more than one.
  """
  thoughts = list(answers.THOUGHT.finditer(text))
  if thoughts:
    letter = _first(text[thoughts[-1].end() :], options)
    if letter is not None:
      return letter or None
  return _first(text, options) or None


def _first(text: str, options: Sequence[str]) -> str | None:
  """The last letter of the first kind that has any; "" for several."""
  for kind in (_tagged, _steps, boxes.from_last, _prose):
    for said in itertools.islice(kind(text), answers.MAX_STATEMENTS):
      letter = _read(said, options)
      if letter is not None:
        return letter
  return _last_line(text, options)


def _tagged(text: str) -> Iterator[str]:
  yield from reversed(answers.tag_contents(text))


def _steps(text: str) -> Iterator[str]:
  yield from _subjects(text, step=True)


def _prose(text: str) -> Iterator[str]:
  yield from _subjects(text, step=False)


def _subjects(text: str, step: bool) -> Iterator[str]:
  """Yields what is said of the answer, with `is:` or without, last first."""
  for match, stop in answers.from_last(_SUBJECT, text):
    if bool(match["step"]) == step:
      said = statements.read(text, match.start(), match.end(), stop)
      if said is not None:
        yield said.text


def _read(said: str, options: Sequence[str]) -> str | None:
  """The letter that a statement means; "" for several, None for none."""
  if len(said) > statements.MAX_CHARACTERS or said.rstrip().endswith("?"):
    return None
  said = _ENDS.sub("", said).strip()
  match = _LETTER.match(_MARKS.sub("", said).strip("{} \t\n"))
  if match is None or not _is_stated(match):
    return _option_of(said, options)
  letter, rest = (match["wrapped"] or match["bare"]).upper(), match["rest"]
  if LETTERS.index(letter) >= len(options):
    return _option_of(said, options) or ""
  others = {letter} | _others(rest, len(options))
  named = _option_of(rest.strip(_BEFORE_TEXT), options)
  own = named == "" and _is_text(rest, options[LETTERS.index(letter)])
  return letter if len(others) == 1 and (own or named in (None, letter)) else ""


def _is_stated(match: re.Match) -> bool:
  """Says whether a letter stands for an option: "A cat" and "(x) = 3" do not.

  A small letter counts in brackets with nothing behind them.
  """
  if match["bare"]:
    return _AFTER_BARE.match(match["rest"]) is not None
  return match["wrapped"].isupper() or not match["rest"].strip(_BEFORE_TEXT)


def _others(rest: str, count: int) -> set[str]:
  """Letters that are stated beside the first one."""
  joined = _JOINED.match(rest)
  others = {joined["letter"]} if joined else set()
  others |= {
    beside["letter"]
    for beside in _BESIDE.finditer(rest)
    if (beside["before"] or "").lower() not in _DENIES
  }
  return others & set(LETTERS[:count])


def _option_of(said: str, options: Sequence[str]) -> str | None:
  """The letter of the option with a text; "" if two have it, None if none."""
  for spell in (_plain, _canonical):
    wanted = spell(said)
    letters = [
      letter
      for letter, option in zip(LETTERS, options, strict=False)
      if wanted and spell(option) == wanted
    ]
    if letters:
      return letters[0] if len(letters) == 1 else ""
  return None


def _is_text(rest: str, option: str) -> bool:
  said = rest.strip(_BEFORE_TEXT)
  return _canonical(said) == _canonical(option)


def _plain(text: str) -> str:
  return " ".join(_MARKS.sub("", text).split()).casefold().rstrip(".")


def _canonical(text: str) -> str:
  return canonical_text.canonical(surroundings.strip_surroundings(text))


def _last_line(text: str, options: Sequence[str]) -> str | None:
  """The one letter that the last line of a text names."""
  lines = [line.strip() for line in _ENDS.sub("", text).splitlines()]
  last = next(filter(None, reversed(lines)), "")[-statements.MAX_CHARACTERS :]
  if last.endswith("?"):
    return None
  segments = [last, *_BOLD.findall(last)]
  alone = [_ALONE.fullmatch(_MARKS.sub("", segment)) for segment in segments]
  letters = {match[1] for match in alone if match}
  letters |= set(_IS_CORRECT.findall(_MARKS.sub("", last)))
  if not letters:
    return None
  letter = letters.pop()
  valid = LETTERS.index(letter) < len(options)
  return letter if valid and not letters else ""
