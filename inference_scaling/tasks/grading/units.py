r"""Takes the unit off a value, and nothing that belongs to the value.

The rule: only words of the lists in `unit_words` are dropped behind a number.
Any other word says something of the value that must not be lost ("3 halves",
"7 squared", "4 below zero", "5 or more"), so that the answer stays as it is.
The gold answers of the benchmarks leave units out; that is why they are dropped
rather than compared, so that 5 cm and 5 m are the same answer.
"""

import re

from inference_scaling.tasks.grading import unit_words

# Numbers in words behind a numeral, with what they multiply it by.
SCALES = {
  "dozen": 12,
  "hundred": 10**2,
  "thousand": 10**3,
  "million": 10**6,
  "billion": 10**9,
  "trillion": 10**12,
}

# Words behind a number that change its value.
VALUE_WORDS = frozenset(
  """
am and base billion billions choose cos cubed dozen dozens eighth eighths
factorial fifth fifths fourth fourths gross half halves hundred hundreds
hundredth hundredths ln log million millions mod ninth ninths or over pair pairs
percent pi pm quarter quarters score scores seventh sevenths sin sixth sixths
sqrt squared tan tens tenth tenths third thirds thousand thousands thousandth
thousandths times to trillion trillions
""".split()
)

_LISTED = unit_words.MEASURES | unit_words.COUNT_NOUNS | unit_words.OBJECTS
_NUMBER = r"[-+]?(?:\d++(?:,\d{3})*+\.?\d*+|\.\d++)"
_WRAPPED = (
  r"\\(?:text|mbox|textbf|textrm|textit|textup|mathrm|mathbf|mathit)"
  r"\s*\{[^{}]*\}"
)
_POWER = r"(?:\s*\^\s*(?:\{\s*-?\d\s*\}|-?\d))?"
_ATOM = _WRAPPED + _POWER
# A value, and behind it units in \text with their powers and quotients.
_TEXT_UNIT = re.compile(
  rf"((?:.*[\d}})!]|.*\\pi|.*\\%|.*%))\s*({_ATOM}(?:\s*(?:/|\\cdot)?\s*{_ATOM})*)"
)
_CONTENT = re.compile(r"\\[a-z]+\s*\{([^{}]*)\}")
_POWERS = re.compile(r"\^\s*(?:\{\s*-?\d\s*\}|-?\d)")
_PLAIN_WORD = re.compile(
  rf"[A-Za-z]+(?:[./-]+[A-Za-z]+)*\.?(?:{_POWERS.pattern})?"
)
# "5 apples and 3 oranges" is more than one value.
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_ENDS_VALUE = re.compile(r"(?:[\d}%)!]|\\pi|\.)\Z")
_ATTACHED = re.compile(
  rf"({_NUMBER})(?:cm|mm|km|kg|mg|ft|lbs|mph|kph)(?:{_POWERS.pattern})?"
)
_PERCENT = re.compile(
  rf"(?<!\d)({_NUMBER})\s*(?:per\s?cent|\\(?:text|mbox|mathrm)\s*\{{\s*per\s?cent\s*\}})"
)
_CURRENCY = re.compile(r"([-+]?)\s*[€£¥₹]\s*(?=[\d.])|(?<=\d)\s*[€£¥₹¢]\Z")
# Behind a unit these are its power; behind a number they are that of the value.
_POWER_WORDS = frozenset(["squared", "cubed"])


def is_unit(phrase: str, symbols: bool = False) -> bool:
  """Says whether a phrase names a unit and nothing else.

  Args:
    phrase: such as "square inches", "m/s^2" or "miles per hour".
    symbols: whether single letters may be unit symbols.

  Returns:
    True if every word is listed and one of them is a unit.
  """
  words = re.split(r"[\s/\-.]+|\\cdot|\\[,;:! ]", _POWERS.sub("", phrase))
  words = [word for word in words if word]
  if words and words[-1].lower() in _POWER_WORDS:
    measured = _is_listed("".join(words[-2:-1]), unit_words.MEASURES)
    words = words[:-1] if measured else words
  # "in" is inches, but for "in total".
  inches = words[-1:] == ["in"]
  words = words[:-1] if inches else words
  symbols = symbols or "/" in phrase
  units = [
    _is_listed(w) or (symbols and w in unit_words.SYMBOLS) for w in words
  ]
  beside = [w.lower() in unit_words.QUALIFIERS or w == "in" for w in words]
  return (inches or any(units)) and all(map(max, units, beside))


def drop_unit(text: str) -> str:
  """Returns the value without its unit; the whole text if it has none."""
  text = _CURRENCY.sub(r"\1", _PERCENT.sub(r"\1%", text))
  attached = _ATTACHED.fullmatch(text)
  if attached:
    return attached[1]
  return _drop_plain(_drop_wrapped(text))


def _drop_wrapped(text: str) -> str:
  r"""Drops units in `\text`; takes other words out of their wrapper."""
  match = _TEXT_UNIT.fullmatch(text)
  if not match or re.search(r"\\(?:text|mbox)", match[1]):
    return text
  phrase = _CONTENT.sub(r" \1 ", match[2]).strip()
  if is_unit(phrase, symbols=True):
    return match[1]
  # As plain words, so that both spellings are one text.
  if len(phrase) > 1 and re.fullmatch(r"[A-Za-z ]+", phrase):
    return f"{match[1]} {phrase}"
  return text


def _drop_plain(text: str) -> str:
  """Drops the units that stand behind a value as plain words."""
  parts = text.split(" ")
  start = len(parts)
  while start > 0 and _PLAIN_WORD.fullmatch(parts[start - 1]):
    start -= 1
  while start < len(parts) and parts[start].lower() in SCALES:
    start += 1
  value, phrase = " ".join(parts[:start]), " ".join(parts[start:])
  counted = start > 0 and parts[start - 1].lower() in SCALES
  ends = _ENDS_VALUE.search(value) and not _WORD.search(value)
  return value if (counted or ends) and is_unit(phrase) else text


def _is_listed(word: str, listed: frozenset[str] = _LISTED) -> bool:
  """Says whether a word, or its plural, is in a list; by default any unit."""
  if word in listed:
    return True
  word = word.lower()
  if word in VALUE_WORDS:
    return False
  plurals = [word, word + "s"] if len(word) > 2 else [word]
  if len(word) > 2 and word.endswith(("s", "x", "z", "ch", "sh", "o")):
    plurals.append(word + "es")
  if word.endswith("y"):
    plurals.append(word[:-1] + "ies")
  return not listed.isdisjoint(plurals)
