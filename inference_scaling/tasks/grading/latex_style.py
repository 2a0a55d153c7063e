r"""Takes out of LaTeX what changes its looks and not its meaning.

Fonts (`\boldsymbol{9}` is `9`, `\mathrm{i}` is `i`), spacing, sizes of
brackets, degrees signs, and the second names of commands (`\le`, `\dfrac`).
A word in `\mathrm` or `\text` keeps its wrapper: bare, its letters would be
variables.
"""

import re

from inference_scaling.tasks.extraction import delimiters

# Spaces between digits stay, for 1\quad 2 is not 12, but for thousands.
_NEGATIVE_SPACE = re.compile(r"(?<!\\)\\(?:!|negthinspace(?![A-Za-z]))\s*")
_SPACING = re.compile(
  r"(?:(?<!\\)\\(?:[,;:> ]|(?:q?quad|(?:thin|med|thick|en|h)space|hfill)"
  r"(?![A-Za-z]))\s*|~)+"
)
_SIZES = re.compile(
  r"\\(?:left|right)\.|\\(?:left|right|middle|[bB]igg?[lrm]?|displaystyle"
  r"|textstyle|limits|nolimits|tiny|small|large|Large)(?![A-Za-z])"
)
_THOUSANDS_GROUP = re.compile(r"(?<=\d)\{,\}(?=\d{3}(?!\d))")
_THOUSANDS_SPACE = re.compile(
  r"(?<=\d)(?:\\[,;:]|~|\\thinspace(?![A-Za-z])\s*)(?=\d{3}(?!\d))"
)
_ROW_SPACE = re.compile(r"(\\\\)\s*\[\s*-?[\d.]+\s*(?:pt|em|ex|mm|cm)\s*\]")
_EMPTY_TEXT = re.compile(r"\\(?:text|mbox|textrm|mathrm)\s*\{\s*\}")
_SCALE = r"(?:\s*(?:[CF](?![A-Za-z])|\\(?:text|mathrm|mbox)\s*\{\s*[CF]\s*\}))?"
_DEGREES = re.compile(
  r"(?:\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![A-Za-z]))|°|\\degree(?![A-Za-z]))"
)
_TRIGONOMETRY = re.compile(r"(?:sin|cos|tan|cot|sec|csc)(?![a-z])")

# Fonts that are transparent whatever is in them, and those that may mark words.
_BOLD = re.compile(
  r"\\(?:boldsymbol|bm|mathbf|mathit|mathsf|mathtt|mathnormal|pmb|textbf|textit"
  r"|textsf|texttt|emph|underline|mathbold)\s*(?=\{)"
)
_UPRIGHT = re.compile(
  r"\\(?:mathrm|text|textrm|textup|mbox|operatorname|rm)\s*"
  r"\{\s*([A-Za-z]|[^A-Za-z{}\\]+)\s*\}"
)
_BASED = re.compile(r"\\(?:mathrm|text)\s*\{\s*([0-9A-Z]+)\s*\}(?=\s*_)")
_OPERATOR = re.compile(
  r"\\(?:mathrm|text|operatorname)\s*\{\s*(sin|cos|tan|cot|sec|csc|log|ln|exp"
  r"|arcsin|arccos|arctan)\s*\}"
)
_REPEATING = re.compile(
  r"(?<=[\d.])\\(?:overline|bar|dot)\s*(?:\{(\d+)\}|(\d))"
)

_NAMES = {
  **dict.fromkeys(("dfrac", "tfrac", "cfrac", "nicefrac", "sfrac"), "\\frac"),
  **dict.fromkeys(("dbinom", "tbinom"), "\\binom"),
  **dict.fromkeys(("le", "leqslant", "leqq"), "\\leq"),
  **dict.fromkeys(("ge", "geqslant", "geqq"), "\\geq"),
  **dict.fromkeys(("lvert", "rvert", "vert"), "|"),
  **{"ne": "\\neq", "lt": "<", "gt": ">", "ast": "*", "colon": ":"},
  **{"lbrace": "\\{", "rbrace": "\\}", "lbrack": "[", "rbrack": "]"},
  **{"bigcup": "\\cup", "bigcap": "\\cap", "varnothing": "\\emptyset"},
  **{"vee": "\\lor", "backslash": "\\setminus", "imath": "i", "jmath": "j"},
  **{"dots": "\\ldots", "cdots": "\\ldots", "dotsc": "\\ldots"},
  **{"varepsilon": "\\epsilon", "vartheta": "\\theta", "varphi": "\\phi"},
}
_NAME = re.compile(r"\\([A-Za-z]+)(\s*)")
_MATRIX = re.compile(r"\\(begin|end)\s*\{([bp]?matrix|smallmatrix)\}")


def plain_spacing(text: str) -> str:
  """Removes spacing, sizes and the degree signs of plain values."""
  text = _NEGATIVE_SPACE.sub("", text)
  # A comma in braces is no separator of a list: that is what they are for.
  text = _THOUSANDS_GROUP.sub("", _ROW_SPACE.sub(r"\1", text))
  text = _EMPTY_TEXT.sub("", text)
  text = _THOUSANDS_SPACE.sub("", _SIZES.sub("", text))
  text = _SPACING.sub(" ", text).strip()
  # The argument of a sine is another one without its degrees.
  if _TRIGONOMETRY.search(text):
    return _DEGREES.sub(r"^\\circ ", text)
  return re.sub(_DEGREES.pattern + _SCALE, "", text).strip()


def plain_commands(text: str) -> str:
  """Removes fonts and gives each command its first name."""
  text = _OPERATOR.sub(r"\\\1 ", text)
  text = _UPRIGHT.sub(_unwrapped, _BASED.sub(_unwrapped, text))
  text = _drop_fonts(text)
  text = _NAME.sub(_renamed, text)
  text = _MATRIX.sub(r"\\\1{pmatrix}", text)
  return _REPEATING.sub(r"\\overline{\1\2}", text)


def _drop_fonts(text: str) -> str:
  """Takes the braces and the font off, however nested the argument is."""
  match = _BOLD.search(text)
  while match:
    end = delimiters.closing_brace(text, match.end())
    if end is None:
      match = _BOLD.search(text, match.end())
      continue
    inside = text[match.end() + 1 : end]
    before = text[: match.start()]
    text = before + _gap(before, inside) + inside + text[end + 1 :]
    match = _BOLD.search(text, match.start())
  return text


def _unwrapped(match: re.Match) -> str:
  before = match.string[: match.start()]
  return _gap(before, match[1]) + match[1]


def _gap(before: str, inside: str) -> str:
  r"""A space where a letter would become part of a command: \pi\mathrm{r}."""
  joins = re.search(r"\\[A-Za-z]+\Z", before) and inside[:1].isalpha()
  return " " if joins else ""


def _renamed(match: re.Match) -> str:
  name = _NAMES.get(match[1])
  if name is None:
    return match[0]
  if name.isalpha():
    return _gap(match.string[: match.start()], name) + name + match[2]
  return name + (match[2] if name[0] == "\\" else "")
