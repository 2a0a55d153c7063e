r"""Marks in and around mathematics: braces, delimiters, quotes, separators.

A backslash escapes the character after it only where it is not itself escaped:
in `\{` the brace is a character, in `\\{` it follows a line break and groups.
So text is always read in pairs from the left, never by one look backwards.
"""

import re

# Quotes whose two sides differ; a linter takes some for other characters.
QUOTES = (
  "\u201c\u201d", "\u201e\u201c", "\u201e\u201d", "\u2018\u2019",
  "\u201a\u2018", "\u00ab\u00bb", "\u00bb\u00ab", "\u2039\u203a",
  "\u300c\u300d", "\u300e\u300f", "\u3010\u3011",
)  # fmt: skip
# A trailing backslash is what is left of a space (`\,`) or a line break.
_CLOSING = ".,;: \t\n\r\\"
_INTEGER = re.compile(r"[-+]?\d+")
_BRACE = re.compile(r"\\.|[{}]", re.S)
# The first alternative keeps a line break together: `\\[2pt]`, `\\(1, 2)`.
_MATH_DELIMITER = re.compile(r"(\\\\)|\\[()\[\]$]|\$")
_INNER_THOUSANDS = re.compile(r"(?<![\d.,])[1-9]\d{0,2}((?:,\d{3})+)(?!\d|,\d)")
_THOUSANDS = re.compile(r"([-+]?\d{1,3}(?:,\d{3})+)(\.\d*)?")


def match_end(pattern: re.Pattern, text: str, start: int, stop: int) -> int:
  """Returns where the match of a pattern at `start` ends, or `start`."""
  match = pattern.match(text, start, stop)
  return match.end() if match else start


def matching_braces(text: str) -> dict[int, int]:
  """Finds all pairs of braces in one pass.

  Args:
    text: any text; escaped braces, and those without a partner, are left out.

  Returns:
    Where each brace is closed, by where it is opened.
  """
  pairs, opened = {}, []
  for match in _BRACE.finditer(text):
    if match[0] == "{":
      opened.append(match.start())
    elif match[0] == "}" and opened:
      pairs[opened.pop()] = match.start()
  return pairs


def closing_brace(text: str, start: int) -> int | None:
  """Returns where the brace opened at `start` is closed, None if it is not."""
  depth = 0
  for match in _BRACE.finditer(text, start):
    if match[0] in "{}":
      depth += 1 if match[0] == "{" else -1
      if depth == 0:
        return match.start()
  return None


def is_escaped(text: str, at: int) -> bool:
  """Says whether a backslash escapes the character at a position."""
  before = text[:at]
  return (at - len(before.rstrip("\\"))) % 2 == 1


def strip_delimiters(answer: str) -> str:
  r"""Removes `$`, `\(`, `\)`, `\[`, `\]` and closing punctuation."""
  answer = _MATH_DELIMITER.sub(r"\1", answer.strip())
  answer = answer.strip()
  bare = answer.rstrip(_CLOSING)
  # Dots may belong to the answer: 1, 2, ... is no list of two.
  goes_on = "..." in answer[len(bare) :] and not _INTEGER.fullmatch(bare)
  return answer if goes_on else bare


def join_thousands(answer: str) -> str:
  """Removes the thousands separators of an answer that is one number."""
  joined = re.sub(r"\\!\s*", "", answer)
  match = _THOUSANDS.fullmatch(joined)
  return joined.replace(",", "") if match else answer


def join_inner_thousands(answer: str) -> str:
  r"""Removes the thousands separators of numbers within an answer.

  Only where they can be no list: a number such as `000` is none of its own
  (`20,000\pi`), nor is there a list in a fraction or root (`\frac{1,234}{x}`).
  """

  def joined(match: re.Match) -> str:
    before = answer[: match.start()].rstrip()
    argument = before.endswith((r"\frac{", "}{", r"\sqrt{"))
    if argument or ",0" in match[1]:
      return match[0].replace(",", "")
    return match[0]

  return _INNER_THOUSANDS.sub(joined, answer)
