"""Copies of a gold answer with another meaning, by what was changed.

Each mutation yields texts whose value is surely another one, or none where it
does not apply; `of` collects those of a gold answer. What is sure is known from
the form of the gold answer: a number that is neither 0 nor 1, a tuple with
different items, and so on.
"""

import re

_UNIT = r"(?:\^\s*\\circ|\s*\\(?:text|mbox)\{[^{}]*\}(?:\^2)?)$"
_WORDS = (
  "or more", "or less", "or so", "halves", "thirds", "tenths", "squared",
  "cubed", "below zero", "dozen", "pairs", "hundred", "more than x", "modulo 7",
  "is wrong", "times", "times larger", "factorial", "base 8", "per cent of 10",
)  # fmt: skip
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?|-?\.\d+")
_COMMANDS = re.compile(r"\\(?:text|mbox|begin|end)\{[^{}]*\}|\\[A-Za-z]+")


def core(gold):
  """The gold answer without its unit."""
  gold = gold.replace("\\!", "").replace("\\$", "").strip()
  gold = re.sub(_UNIT, "", gold) or gold
  if re.fullmatch(r"[\d, ]+", gold) and re.search(r",\s?\d{3}\b", gold):
    gold = gold.replace(",", "").replace(" ", "")
  return gold


def is_scalar(gold):
  """Says whether it is one value, not a text, list, tuple, set or equation."""
  return not re.search(r"text|[,=_]|\\(in|pm|begin|cup|\{)", gold)


def is_trivial(gold):
  return _NUMBER.fullmatch(gold) and float(gold) in (-1, 0, 1)


def _positions(gold):
  """Places of the digits that are no part of a command."""
  hidden = {
    i for m in _COMMANDS.finditer(gold) for i in range(m.start(), m.end())
  }
  return [
    i
    for i, c in enumerate(gold)
    if c.isascii() and c.isdigit() and i not in hidden
  ]


def digit_changed(gold):
  for i in _positions(gold):
    for step in (1, 5):
      yield gold[:i] + str((int(gold[i]) + step) % 10) + gold[i + 1 :]


def digit_added(gold):
  # Behind another digit: elsewhere TeX takes it for a factor or an argument.
  for i in _positions(gold):
    if (
      gold[i - 1 : i] not in ("^", "_", "c", "t", "}")
      and "frac" not in gold[i - 6 : i]
    ):
      yield gold[: i + 1] + "7" + gold[i + 1 :]


def digit_dropped(gold):
  if _NUMBER.fullmatch(gold):
    for i in _positions(gold):
      rest = gold[:i] + gold[i + 1 :]
      if _NUMBER.fullmatch(rest) and float(rest) != float(gold):
        yield rest


def point_moved(gold):
  if re.fullmatch(r"-?\d*\.\d+", gold):
    yield gold.replace(".", ".0")
    yield gold.replace(".", "")
  if re.fullmatch(r"-?\d{2,}", gold) and float(gold):
    yield gold[:-1] + "." + gold[-1] + "7"


def sign_changed(gold):
  # A sign in an exponent or before a term: the value is another one.
  for match in re.finditer(r"(?<![a-z])[-+]", gold):
    other = "+" if match[0] == "-" else "-"
    yield gold[: match.start()] + other + gold[match.end() :]


def negated(gold):
  if is_scalar(gold) and gold != "0":
    yield f"-({gold})"
    yield f"-{gold}" if gold[0] not in "-+" else gold[1:]


def base_changed(gold):
  match = re.fullmatch(r"(\d+)_\{?(\d)\}?", gold)
  if match:
    digits, base = match.groups()
    for other in {"7", "8", "9", "10", "12"} - {base}:
      yield f"{digits}_{{{other}}}"
    yield digits
    yield str(int(digits, int(base)))
    yield f"{digits}^{base}"
  elif re.fullmatch(r"\d+", gold):
    yield f"{gold}_8"
    yield f"{gold}_{{12}}"


def exponent_changed(gold):
  if is_scalar(gold) and not is_trivial(gold):
    for exponent in ("2", "3", "-1", r"\frac{1}{2}", "0"):
      yield f"({gold})^{{{exponent}}}"
  yield from (
    gold[: m.end()] + "^5" + gold[m.end() :]
    for m in re.finditer(r"(?<![\\A-Za-z])[xyzkrabn](?![\^A-Za-z])", gold)
    if "=" not in gold
  )


def bracket_changed(gold):
  match = re.fullmatch(r"(?:\\left)?\s*([(\[])(.*[^\\])([)\]])", gold)
  if match and "," in gold and r"\cup" not in gold:
    inside = match[2].replace("\\right", "")
    for left, right in ("()", "[]", "(]", "[)", ("\\{", "\\}"), ("", "")):
      if (left, right) != (match[1], match[3]):
        yield left + inside + right
    yield rf"\langle {inside} \rangle"
    parts = inside.split(",")
    for mark in (" & ", r" \\ "):
      yield rf"\begin{{pmatrix}} {mark.join(parts)} \end{{pmatrix}}"
  elif "," in gold and not re.search(r"\\\{|\(|\\in", gold):
    yield f"({gold})"
    yield f"[{gold}]"
  elif gold[:2] == "\\{":
    yield f"({gold[2:-2]})"
  if "pmatrix" in gold:
    inside = re.sub(r"\\(begin|end)\{pmatrix\}", "", gold)
    yield "(" + inside.replace(r"\\", ",").replace("&", ",") + ")"


def imaginary(gold):
  if is_scalar(gold) and gold != "0":
    yield rf"({gold})i"
    yield rf"{gold}\mathrm{{i}}"
    yield rf"{gold}+i"
    yield rf"{gold}\text{{i}}"
  if re.search(r"\di$|[+-] ?i$", gold):
    yield gold[:-1]


def scaled(gold):
  if is_scalar(gold) and gold != "0":
    yield f"2({gold})"
    yield f"{gold} \\cdot 3"
    yield rf"\frac{{{gold}}}{{2}}"
    yield f"({gold})/10"
    yield rf"({gold})\pi"
    yield rf"({gold})x"
    yield f"({gold}) \\times 10^3"
    yield rf"{gold}\sqrt{{2}}"
    yield f"{gold}√3"
    yield f"{gold} million"
    if not is_trivial(gold):
      yield rf"\frac{{1}}{{{gold}}}"
      yield rf"\sqrt{{{gold}}}"
      yield f"√({gold})"
  if re.fullmatch(r"-?\d+", gold):
    yield f"{gold}½"
    yield rf"{gold}\frac{{1}}{{3}}"
    if gold.lstrip("-") not in ("0", "1"):
      yield f"{gold}²"


def shifted(gold):
  if is_scalar(gold):
    yield f"{gold} + 1"
    yield f"{gold} - 1"
    yield f"{gold} + x"
    yield f"{gold} + 10^{{-30}}"
    yield f"{gold} + e^{{-90}}"
    yield rf"{gold} \pm 1"
    yield rf"{gold} \pm 0.1"
    yield (
      f"1 - ({gold})"
      if gold not in (r"\frac{1}{2}", "0.5")
      else f"3 - ({gold})"
    )


def listed(gold):
  yield f"{gold}, 99"
  yield f"99, {gold}"
  yield f"{gold} or 99"
  yield rf"{gold} \text{{ and }} 99"
  yield f"({gold}, 99)"
  yield rf"{gold}, \ldots, n"
  yield rf"\ldots, {gold}"
  yield f"{gold} : 99"


def swapped(gold):
  column = re.fullmatch(r"(.*matrix\})(.*)(\\end.*)", gold)
  match = column or re.fullmatch(r"((?:\\left)?\s*[(\[])(.*)([)\]])", gold)
  if match and r"\cup" not in gold:
    left, inside, right = match.groups()
    mark = r"\\" if column else ","
    parts = [part.strip() for part in inside.split(mark)]
    if len(parts) > 1 and parts[0] != parts[1]:
      yield left + mark.join([parts[1], parts[0], *parts[2:]]) + right
    if len(parts) > 1:
      yield left + mark.join(parts[:-1]) + right
      yield left + mark.join([*parts, "0"]) + right


def worded(gold):
  # Each gold answer gets a fifth of the words.
  for i, words in enumerate(_WORDS):
    if i % 5 != len(gold) % 5:
      continue
    if words in ("dozen", "hundred") and re.search(r"(?<!\d)0$", gold):
      continue  # none of it is none
    yield f"{gold} {words}"
    yield rf"{gold}\text{{ {words}}}"
  for i, words in enumerate(
    ("not", "at least", "more than", "minus", "half of")
  ):
    yield f"{words} {gold}" if i % 2 else rf"\text{{{words} }}{gold}"
  yield f"{gold}..."
  yield f"{gold} ..."
  yield f"{gold}+"
  yield f">{gold}"
  yield rf"\geq {gold}"
  yield rf"\neq {gold}"
  yield f"{gold}?"
  yield f"({gold})!!"
  if re.fullmatch(r"\d+", gold) and int(gold) > 2:
    yield f"{gold}!"
  yield f"{gold} {gold}"


MUTATIONS = (
  digit_changed, digit_added, digit_dropped, point_moved, sign_changed, negated,
  base_changed, exponent_changed, bracket_changed, imaginary, scaled, shifted,
  listed, swapped, worded,
)  # fmt: skip


def of(gold):
  """Pairs of the name of a mutation and a changed copy."""
  gold = core(gold)
  for mutation in MUTATIONS:
    for changed in mutation(gold):
      yield mutation.__name__, changed
