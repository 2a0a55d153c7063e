r"""Splits an answer into tokens; every character belongs to one.

A run of letters is a product of variables only where that is how it would be
written: letters in the order of the alphabet (`abc`, `xy`), or two of them
(`yx`) that are no English word. All other runs are words: read as products,
"no" would equal "on" and "even" would equal "neve".
"""

import itertools
import re
from typing import NamedTuple

from inference_scaling.tasks.equivalence.nodes import UnreadableError


class Token(NamedTuple):
  """A piece of text.

  Attributes:
    kind: "number", "letter", "name" (of a function or constant, LaTeX or
      plain), "word", "symbol" or "end".
    text: for names without the backslash; for symbols as it is.
  """

  kind: str
  text: str


_PATTERN = re.compile(
  r"(?P<number>(?:\d+(?:\.\d*)?|\.\d*)\\overline\{\d+\}"
  # As programs print it: 5e3, 6.72e-05. But 5e-3 may be 5e less 3.
  r"|(?:\d+\.\d+|1)[eE][-+]?\d+(?![\d.])|\d+(?:[eE]|E[-+])\d+(?![\d.])"
  r"|\d+(?:\.\d+)?|\.\d+)"
  r"|\\(?P<name>[A-Za-z]+)"
  r"|(?P<word>[A-Za-z]+)"
  r"|(?P<symbol>\\[\\{}|]|[-+*/^_!(){}\[\]|,;:=<>%&'])"
  r"|(?P<space>\s+)"
)
# Written without a backslash, too.
NAMES = frozenset(
  "sqrt sin cos tan cot sec csc arcsin arccos arctan log ln exp pi infinity inf"
  " infty oo".split()
)
# Words that would pass for products. Short ones that are common in formulas,
# such as ax, by and at, are left out: beside a number they equal no number.
_WORDS = frozenset(
  """
  do go he hi if in is it no of oh ok on or so to us we
  ago air all any apt art bet bit box boy buy cry dot dry fix fly for fox got
  hip his hit hot how its joy lot low most nor not now opt sky almost begin
  below best chip cost empty first forty films ghost
  """.split()
)


def split(text: str) -> list[Token]:
  """Splits a text.

  Args:
    text: a canonical text.

  Returns:
    Its tokens and one of kind "end".

  Raises:
    UnreadableError: if a character belongs to no token.
  """
  tokens, position = [], 0
  while position < len(text):
    match = _PATTERN.match(text, position)
    if not match:
      raise UnreadableError(f"{text[position]!r} in {text!r}")
    position = match.end()
    kind = str(match.lastgroup)  # each alternative is a group
    tokens += _tokens(kind, match[kind])
  return [*tokens, Token("end", "")]


def _tokens(kind: str, text: str) -> list[Token]:
  if kind == "space":
    return []
  if kind != "word":
    return [Token(kind, text)]
  if text in NAMES:
    return [Token("name", text)]
  if is_product(text):
    return [Token("letter", letter) for letter in text]
  return [Token("word", text)]


def is_product(run: str) -> bool:
  """Says whether a run of letters is read as a product of variables."""
  if len(run) == 1:
    return True
  if run.lower() in _WORDS:
    return False
  in_order = all(a < b for a, b in itertools.pairwise(run))
  return len(run) == 2 or (len(run) <= 4 and in_order)
