# ruff: noqa: RUF001  the characters that look like others are the subject
"""Other ways to write a gold answer, each of the same meaning."""

import re

_WORDS = re.compile(r"\\(?:text|mbox|begin|end)\s*\{[^{}]*\}|\\[A-Za-z]+")
_UNICODE = {
  r"\infty": "∞", r"\pi": "π", r"\theta": "θ", r"\cup": "∪", r"\cap": "∩",
  r"\pm": "±", r"\in": "∈", r"\cdot": "·", r"\times": "×", r"\leq": "≤",
  r"\geq": "≥", r"\neq": "≠", r"\le": "≤", r"\ge": "≥", r"\circ": "°",
}  # fmt: skip
_VULGAR = {"1/2": "½", "1/3": "⅓", "2/3": "⅔", "1/4": "¼", "3/4": "¾"} | {
  "1/5": "⅕", "2/5": "⅖", "3/5": "⅗", "4/5": "⅘", "1/6": "⅙", "5/6": "⅚",
  "1/7": "⅐", "1/8": "⅛", "3/8": "⅜", "5/8": "⅝", "7/8": "⅞", "1/9": "⅑",
  "1/10": "⅒",
}  # fmt: skip
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_WIDE = str.maketrans("0123456789(),+=", "０１２３４５６７８９（），＋＝")


def _outside(change, gold):
  """Applies a change to what is neither a command nor a text in one."""
  pieces, last = [], 0
  for match in _WORDS.finditer(gold):
    pieces += [change(gold[last : match.start()]), match[0]]
    last = match.end()
  return "".join([*pieces, change(gold[last:])])


def _vulgar(match):
  return _VULGAR.get(f"{match[1]}/{match[2]}", match[0])


def unicode(gold):
  gold = re.sub(r"\\d?frac\s?\{?(\d+)\}?\s?\{?(\d+)\}?", _vulgar, gold)
  gold = re.sub(r"\\sqrt\{(\d+)\}|\\sqrt(\d)", r"√\1\2", gold)
  gold = re.sub(r"\\sqrt\{([^{}]+)\}", r"√(\1)", gold)
  gold = re.sub(r"\^\s*(?:\{?\\circ\}?)", "°", gold)
  for mark, script in (("^", _RAISED), ("_", _LOWERED)):
    pattern = rf"\{mark}(?:\{{(-?\d+)\}}|(\d))"
    gold = re.sub(
      pattern, lambda m, t=script: (m[1] or m[2]).translate(t), gold
    )
  gold = re.sub(r"\\[A-Za-z]+", lambda m: _UNICODE.get(m[0], m[0]), gold)
  return gold.replace("-", "\N{MINUS SIGN}")


def wide(gold):
  return _outside(
    lambda part: part.translate(_WIDE), re.sub(r"\\!\s*", "", gold)
  )


def styled_letters(gold):
  def styled(part):
    return re.sub(
      "[a-z]", lambda m: chr(0x1D44E + ord(m[0]) - ord("a")), part
    ).replace("\U0001d455", "ℎ")

  return _outside(styled, gold)


def upright_letters(gold):
  return _outside(lambda p: re.sub("([A-Za-z])", r"\\mathrm{\1}", p), gold)


def text_letters(gold):
  return _outside(lambda p: re.sub("([A-Za-z])", r"\\text{\1}", p), gold)


def bold_numbers(gold):
  # Not within braces that a subscript or a fraction takes digits from.
  return re.sub(
    r"(?<![\d.,_^{}!\\a-z])(\d+)(?![\d.,_!])(?!\s*\\frac)",
    r"\\mathbf{\1}",
    gold,
  )


def bold(gold):
  return rf"\boldsymbol{{{gold}}}"


def bm(gold):
  return rf"\bm{{\mathbf{{{gold}}}}}"


def dfrac(gold):
  return re.sub(r"\\d?frac(?![a-z])", r"\\dfrac", gold)


def tfrac(gold):
  return re.sub(r"\\d?frac(?![a-z])", r"\\tfrac", gold)


def braced_fractions(gold):
  return re.sub(r"\\frac\s?(\d)\s?(\d)", r"\\frac{\1}{\2}", gold)


def sized(gold):
  gold = re.sub(r"\\(left|right)\s*", "", gold)

  def sized_part(part):
    part = re.sub(r"(\\\{|[(\[])", r"\\left\1", part)
    return re.sub(r"(\\\}|[)\]])", r"\\right\1", part)

  return _outside(sized_part, gold)


def big(gold):
  return re.sub(r"\\left|\\right", "", sized(gold).replace("\\left", r"\bigl"))


def spaced(gold):
  if re.fullmatch(r"[\d,]+", gold):
    return gold  # thousands
  return _outside(
    lambda part: re.sub(r"\s*([-+=,])\s*(?!\\!)", r" \1 ", part), gold
  )


def thinly_spaced(gold):
  return _outside(lambda p: re.sub(r"([-+=])", r"\\,\1\\;", p), gold)


def braced_scripts(gold):
  return re.sub(r"([_^])(\w)(?!\w)", r"\1{\2}", gold)


def in_dollars(gold):
  return f" ${gold}$. "


def in_display(gold):
  return rf"\[ {gold} \]"


def in_parentheses(gold):
  return rf"\( {gold} \),"


def full_stop(gold):
  return gold + "."


def colon_and_space(gold):
  return f" {gold} ; "


def approximately(gold):
  return rf"\approx {gold}"


def no_break_spaces(gold):
  return gold.replace(" ", "\N{NO-BREAK SPACE}") + "\N{THIN SPACE}"


def unicode_in_bold(gold):
  return bold(unicode(gold)) + "."


def sized_dfrac(gold):
  return in_dollars(sized(dfrac(gold)))


REWRITINGS = (
  unicode, wide, styled_letters, upright_letters, text_letters, bold_numbers,
  bold, bm, dfrac, tfrac, braced_fractions, sized, big, spaced, thinly_spaced,
  braced_scripts, in_dollars, in_display, in_parentheses, full_stop,
  colon_and_space, approximately, no_break_spaces, unicode_in_bold, sized_dfrac,
)  # fmt: skip
