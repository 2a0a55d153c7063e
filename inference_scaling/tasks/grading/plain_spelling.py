r"""Writes as LaTeX what people and programs write without it.

Stars for products and powers, `>=`, `6.02 x 10^{23}`, functions without their
backslash, dots behind a repeated digit, old infix commands (`{1 \over 2}`),
the time of day, and a label before a value (`\text{Area} = 10`). Each
stands for one thing only; what may mean two things stays as it is.
"""

import re

# As programs write a power; elsewhere the stars are bold type.
_STARS = re.compile(r"(?<=[\w)}\]])\s*\*\*\s*(?=[\w({\\-])")
_TIMES_TEN = re.compile(r"(?<=\d)\s*[xX]\s*(?=10\s*\^)")
_FUNCTION = re.compile(
  r"(?<![\\A-Za-z])(sin|cos|tan|cot|sec|csc|log|ln)"
  r"(?=\s+[A-Za-z](?![A-Za-z\d]))"
)
# Three equal digits before the dots: fewer may be a coincidence.
_GOES_ON = re.compile(r"([-+]?\d*\.\d*?)(\d)\2{2,}\s*\\ldots\s*")
_INFIX = re.compile(r"\{([^{}]*)\\(over|choose)(?![A-Za-z])([^{}]*)\}")
# Only with a colon: 5 pm may be a product.
_TIME_OF_DAY = re.compile(
  r"(\d{1,2}:\d{2})\s*(?:\\(?:text|mbox|mathrm)\s*\{)?\s*"
  r"([ap])\.?\s*m\.?\s*\}?",
  re.I,
)
_LABEL = re.compile(
  r"(?:\\(?:text|mbox|mathrm)\s*\{\s*[A-Za-z][A-Za-z ]{2,}\}(?:_\{?\w+\}?)?"
  r"|\\overline\s*\{\s*[A-Z]{2}\s*\}|\|[A-Z]{2}\|)\s*=\s*(?=[^=]+\Z)"
)
_EQUIVALENTS = (
  (">=", r"\geq "), ("<=", r"\leq "), (r"\not=", r"\neq "), ("{:}", ":"),
  (r"\not =", r"\neq "), (r"\mathbb R", r"\mathbb{R}"),
)  # fmt: skip
_ALL_REALS = re.compile(
  r"(?:\\(?:text|mbox|mathrm)\s*\{)?\s*all\s+real(?:s|\s+numbers)\s*\}?", re.I
)


def to_latex(text: str) -> str:
  """Returns a text with LaTeX for what is written without it.

  Args:
    text: an answer without surroundings.

  Returns:
    The same answer.
  """
  text = _TIMES_TEN.sub(r"\\times ", _STARS.sub("^", text))
  for plain, latex in _EQUIVALENTS:
    text = text.replace(plain, latex)
  text = _infix(_FUNCTION.sub(r"\\\1", text))
  text = _LABEL.sub("", text, count=1) if _LABEL.match(text) else text
  time = _TIME_OF_DAY.fullmatch(text)
  if time:
    return f"{time[1]} {time[2].lower()}m"
  repeating = _GOES_ON.fullmatch(text)
  if repeating:
    return f"{repeating[1]}\\overline{{{repeating[2]}}}"
  return r"\mathbb{R}" if _ALL_REALS.fullmatch(text) else text


def _infix(text: str) -> str:
  r"""Writes `{1 \over 2}`, with or without the braces, as `\frac{1}{2}`."""
  if "\\over" not in text and "\\choose" not in text:
    return text
  if not re.search(r"[{}]", text):
    text = f"{{{text}}}"
  return _INFIX.sub(_prefixed, text)


def _prefixed(match: re.Match) -> str:
  command = "\\frac" if match[2] == "over" else "\\binom"
  return f"{command}{{{match[1].strip()}}}{{{match[3].strip()}}}"
