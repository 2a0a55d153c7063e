# ruff: noqa: RUF001  the characters that look like others are the subject
r"""Writes the mathematics of Unicode as LaTeX: one table and a few rules.

A model that writes `√51` or `x²` means what `\sqrt{51}` or `x^2` mean. All
other rules of answers read LaTeX alone, so that both are one answer. Symbols
stand in a table; fractions, scripts, wide and styled letters are what the
Unicode character database says they are. What is in neither stays as it is,
and no formula: an answer with it is compared as text.
"""

import re
import unicodedata
from collections.abc import Iterator

# A symbol and its LaTeX, in pairs.
_TABLE = r"""
α \alpha β \beta γ \gamma δ \delta ε \epsilon ϵ \epsilon ζ \zeta η \eta
θ \theta ϑ \theta ι \iota κ \kappa λ \lambda μ \mu ν \nu ξ \xi π \pi ρ \rho
σ \sigma ς \sigma τ \tau υ \upsilon φ \phi ϕ \phi χ \chi ψ \psi ω \omega
Γ \Gamma Δ \Delta Θ \Theta Λ \Lambda Ξ \Xi Π \Pi Σ \Sigma Φ \Phi Ψ \Psi
Ω \Omega ∑ \sum ∏ \prod ∆ \Delta ∫ \int ∂ \partial ∞ \infty ≤ \leq ≥ \geq
⩽ \leq ⩾ \geq ≦ \leq ≧ \geq ≠ \neq ≈ \approx ≃ \approx ≅ \cong ≡ \equiv
∼ \sim ∝ \propto → \to ⇒ \Rightarrow × \times ✕ \times ÷ \div · \cdot
⋅ \cdot ∙ \cdot ∗ * ∕ / ⁄ / ∶ : ± \pm ∓ \mp ∪ \cup ∩ \cap ∖ \setminus
∈ \in ∉ \notin ∅ \emptyset ⌀ \emptyset ⊂ \subset ⊆ \subseteq ∀ \forall
∃ \exists ∧ \land ∨ \lor ¬ \neg ∘ \circ ℝ \mathbb{R} ℤ \mathbb{Z}
ℕ \mathbb{N} ℚ \mathbb{Q} ℂ \mathbb{C} ⟨ \langle ⟩ \rangle 〈 \langle
〉 \rangle ⌊ \lfloor ⌋ \rfloor ⌈ \lceil ⌉ \rceil ∣ | ‖ \| ∥ \parallel
⊥ \perp ∠ \angle △ \triangle … \ldots ⋯ \cdots ′ ' ’ ' ‘ ' ″ '' “ " ” " º °
˚ ° ⅈ i ⅉ j ⅇ e
""".split()
SYMBOLS: dict[str, str] = dict(zip(_TABLE[::2], _TABLE[1::2], strict=True))
# The minus sign and what is typed instead of it.
SYMBOLS |= dict.fromkeys("\u2212\u2010\u2011\u2012\ufe63\uff0d", "-")
# What has no width has no meaning either.
SYMBOLS |= dict.fromkeys("\u2061\u2062\u2063\u2064\u200b\u200c\u200d\u2060", "")
SYMBOLS["\ufeff"] = ""

_ROOTS = {"√": "\\sqrt", "∛": "\\sqrt[3]", "∜": "\\sqrt[4]"}
_SCRIPT_TAGS = {"<super>": "^", "<sub>": "_"}
_DASH = re.compile("[\u2013\u2014]")
_REPEATING = re.compile("(?:[0-9]\u0305)+")
_ROOT_ARGUMENT = re.compile(
  # Atomic: no shorter argument where a power follows, √12^2.
  r"(?>\s*(?:\d+(?:\.\d+)?|[A-Za-z]"
  r"|\\[A-Za-z]+(?:\[[^\[\]]*\])?(?:\{[^{}]*\})*))(?!\s*[\^{])"
)


def to_latex(text: str) -> str:
  """Returns a text with LaTeX for the mathematical characters in it.

  Args:
    text: an answer, LaTeX or not.

  Returns:
    The text, in ASCII where all of it is known.
  """
  if text.isascii():
    return text
  text = _REPEATING.sub(_overline, text)
  text = "".join(_scripts(text))
  text = _DASH.sub(_minus, text)
  # From the last root backwards, so that inner roots are LaTeX already.
  for i in range(len(text) - 1, -1, -1):
    if text[i] in _ROOTS:
      text = text[:i] + _root(_ROOTS[text[i]], text[i], text[i + 1 :])
  return text


def _scripts(text: str) -> Iterator[str]:
  """Yields the LaTeX of each character; a run of raised ones is one script."""
  opened = ""
  for char in text:
    mark = _SCRIPT_TAGS.get(unicodedata.decomposition(char).split(" ")[0], "")
    if char in SYMBOLS:
      mark = ""
    if mark != opened:
      yield ("}" if opened else "") + (f"{mark}{{" if mark else "")
      opened = mark
    yield _latex(char)
  if opened:
    yield "}"


def _latex(char: str) -> str:
  """Returns the LaTeX of one character."""
  if char in SYMBOLS:
    return _command(SYMBOLS[char])
  plain = unicodedata.normalize("NFKC", char)
  top, slash, bottom = plain.partition("\N{FRACTION SLASH}")
  if slash and bottom:
    return f"\\frac{{{top}}}{{{bottom}}}"
  if plain == char:
    return char
  return "".join(_command(SYMBOLS.get(part, part)) for part in plain)


def _command(latex: str) -> str:
  """Parts a command from a letter that may follow."""
  return latex + " " if re.fullmatch(r"\\[A-Za-z]+", latex) else latex


def _overline(match: re.Match) -> str:
  return f"\\overline{{{match[0].replace(chr(0x305), '')}}}"


def _minus(match: re.Match) -> str:
  """A dash is a minus, but between two numbers it may be a range."""
  before = match.string[: match.start()].rstrip()[-1:]
  after = match.string[match.end() :].lstrip()[:1]
  return match[0] if before.isdigit() and after.isdigit() else "-"


def _root(command: str, sign: str, rest: str) -> str:
  """Writes a root, given the text behind its sign."""
  inside = rest.lstrip()
  if inside[:1] == "{":
    return command + inside
  if inside[:1] == "(":
    end = _closing_parenthesis(inside)
    if end is not None and inside[end + 1 : end + 2] != "^":
      return f"{command}{{{inside[1:end]}}}{inside[end + 1 :]}"
    return sign + rest
  match = _ROOT_ARGUMENT.match(inside)
  # Without an argument, or before a power that it may or may not hold.
  if not match:
    return sign + rest
  return f"{command}{{{match[0]}}}{inside[match.end() :]}"


def _closing_parenthesis(text: str) -> int | None:
  depth = 0
  for i, char in enumerate(text):
    depth += (char == "(") - (char == ")")
    if depth == 0:
      return i
  return None
