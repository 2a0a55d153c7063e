r"""Reads factors: numbers, variables, roots, fractions, functions.

The reading is the one that a mathematician would give; where two would differ
(`\sin 2(x+1)`, `2\frac{5}{3}`) the answer is not read at all.
"""

import fractions

from inference_scaling.tasks.equivalence.nodes import (
  Node,
  UnreadableError,
  negative,
  number,
)
from inference_scaling.tasks.equivalence.reading import tokens as tokens_lib
from inference_scaling.tasks.equivalence.reading.building import (
  grouped,
  make,
)
from inference_scaling.tasks.equivalence.reading.reader import Reader
from inference_scaling.tasks.grading import units

FUNCTIONS = frozenset(
  "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln lg"
  " exp".split()
)
_CONSTANTS = {"pi": "pi", "infty": "infinity", "infinity": "infinity"} | {
  "inf": "infinity",
  "oo": "infinity",
}
_VARIABLES = frozenset(
  "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho"
  " sigma tau upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma"
  " Phi Psi Omega ell".split()
)
_LARGEST_POWER = 10_000  # of ten, in 1e5
# Letters that are functions where parentheses follow, and those that are where
# an equation gives the value: p(x) = x^2.
_FUNCTION_LETTERS = frozenset("fgh")
_DEFINED_LETTERS = frozenset("pqrsuvyFGHPQRSTVW")
NAMED_STARTS = (
  FUNCTIONS
  | _VARIABLES
  | frozenset(_CONSTANTS)
  | {"frac", "sqrt", "binom", "lfloor", "lceil", "begin"}
)


class Factors(Reader):
  """Reads one factor at a time."""

  def script(self) -> Node:
    """Reads what stands raised or lowered: a group, or one piece."""
    if self.at("{"):
      return self.group()
    if self.accept("-"):
      return negative(self.script())
    token = self.next
    if token.kind == "number":
      return self._number()
    if token.kind == "letter":
      return _letter(self.take().text)
    if token.kind == "name" and token.text in {"frac", "sqrt", *_CONSTANTS}:
      return self.primary()
    if token.kind == "name" and token.text in _VARIABLES:
      return Node("symbol", (self.take().text,))
    if self.at("("):
      return self.primary()
    raise UnreadableError(f"{token.text!r} as an exponent")

  def group(self) -> Node:
    """Reads braces with arithmetic in them."""
    self.expect("{")
    bars, self._bars = self._bars, 0
    node = self.sum()
    self._bars = bars
    self.expect("}")
    return node

  def primary(self) -> Node:
    """Reads a number, a variable, a function or something in brackets."""
    token = self.next
    if token.kind == "number":
      return self._scaled(self._mixed_number())
    if token.kind == "letter":
      return self._variable(self.take().text)
    if token.kind == "name":
      return self._named()
    if self.at("{"):
      return self.group()
    if self.at("(", "["):
      return grouped(self.bracket())
    if not self._bars and self.accept("|"):
      self._bars += 1
      node = self.sum()
      self._bars -= 1
      self.expect("|")
      return make("|", node)
    raise UnreadableError(f"{token.text!r} in place of a value")

  def _scaled(self, node: Node) -> Node:
    """Reads "million" and the like behind a number."""
    if self.next.kind == "word" and self.next.text.lower() in units.SCALES:
      return number(node.args[0] * units.SCALES[self.take().text.lower()])
    return node

  def _number(self) -> Node:
    return _to_number(self.take().text)

  def _at_mixed_number(self) -> bool:
    return (
      self.next.kind == "number"
      and self.next.text.isdigit()
      and self.peek() == tokens_lib.Token("name", "frac")
    )

  def _mixed_number(self) -> Node:
    r"""Reads a number; an integer and a fraction of integers are their sum."""
    if not self._at_mixed_number():
      return self._number()
    whole = self._number()
    start = self._position
    self.take()
    top, bottom = self.group(), self.group()
    if top.op != "number" or bottom.op != "number":
      self._position = start  # 2\frac{x}{3} is a product
      return whole
    (over, over_places), (under, under_places) = top.args, bottom.args
    if over_places or under_places or not 0 < over < under:
      raise UnreadableError("an integer before a fraction that is not proper")
    return number(whole.args[0] + over / under)

  def _variable(self, letter: str) -> Node:
    """Reads the subscript of a variable and the argument of a function."""
    if self.at("_"):
      return Node("symbol", (letter + self._subscript(),))
    called = letter in _FUNCTION_LETTERS or self._is_defined(letter)
    if called and self.at("("):
      return make("call", letter, *self._arguments())
    return _letter(letter)

  def _is_defined(self, letter: str) -> bool:
    """Says whether `(x) =` or `(2) =` follows a letter that an item begins."""
    first = self._position == 1 and letter in _DEFINED_LETTERS
    argument = self.peek().kind == "number" or self.peek().text in set("txknz")
    behind = [self.peek(2), self.peek(3)]
    return first and argument and [token.text for token in behind] == [")", "="]

  def _subscript(self) -> str:
    self.expect("_")
    texts = []
    if self.accept("{"):
      while not self.at("}"):
        if self.at("{", "_") or self.next.kind == "end":
          raise UnreadableError("a subscript that is not plain")
        texts.append(self.take().text)
      self.take()
    elif self.next.kind in ("number", "letter"):
      texts.append(self.take().text)
    if not texts:
      raise UnreadableError("an empty subscript")
    return "_" + "".join(texts)

  def _arguments(self) -> tuple[Node, ...]:
    bracket = self.bracket()
    if bracket.op == "bracket" and bracket.args[:2] == ("(", ")"):
      return bracket.args[2:]
    raise UnreadableError("the arguments of a function")

  def _named(self) -> Node:
    """Reads what begins with a command."""
    name = self.take().text
    if name in _CONSTANTS:
      return Node("constant", (_CONSTANTS[name],))
    if name in _VARIABLES:
      subscript = self._subscript() if self.at("_") else ""
      return Node("symbol", (name + subscript,))
    if name == "frac":
      return self._fraction()
    if name == "sqrt":
      return self._root()
    if name == "binom":
      return make("choose", self.group(), self.group())
    if name in ("lfloor", "lceil"):
      node = self.sum()
      self.expect("r" + name[1:], kind="name")
      return make("floor" if name == "lfloor" else "ceil", node)
    if name in FUNCTIONS:
      return self.function(name)
    if name == "angle":
      return self._angle()
    if name == "begin":
      return self.matrix()
    raise UnreadableError(f"\\{name}")

  def _angle(self) -> Node:
    r"""Reads the points that name an angle: `\angle ABC`."""
    points = ""
    while self.next.kind in ("letter", "word") and self.next.text.isupper():
      points += self.take().text
    if not 1 <= len(points) <= 3:
      raise UnreadableError("an angle without a name")
    return Node("symbol", ("angle " + points,))

  def _fraction(self) -> Node:
    top_first = self.peek()
    top = self.group()
    bottom_first, bottom_second = self.peek(), self.peek(2)
    bottom = self.group()
    differential = top_first == bottom_first == tokens_lib.Token("letter", "d")
    if differential and bottom_second.kind == "letter":
      raise UnreadableError("a derivative")
    return make("/", top, bottom)

  def _root(self) -> Node:
    index = number(2)
    if self.accept("["):
      index = self.sum()
      self.expect("]")
    if self.at("{"):
      return make("sqrt", self.group(), index)
    if self.at("("):
      return make("sqrt", grouped(self.bracket()), index)
    return make("sqrt", self.script(), index)


def _letter(letter: str) -> Node:
  return Node("constant" if letter in "ei" else "symbol", (letter,))


def _to_number(text: str) -> Node:
  r"""Makes a number of its digits; `0.1\overline{6}` repeats exactly."""
  mantissa, _, power = text.lower().partition("e")
  if power.lstrip("+-").isdigit():
    if int(power.lstrip("+-")) > _LARGEST_POWER:
      raise UnreadableError(f"the size of {text!r}")
    places = len(mantissa.partition(".")[2]) - int(power)
    value = fractions.Fraction(mantissa) * fractions.Fraction(10) ** int(power)
    return number(value, places if places > 0 else None)
  digits, _, rest = text.partition("\\overline{")
  value = fractions.Fraction(digits.rstrip(".") or "0")
  places = len(digits.partition(".")[2])
  if not rest:
    return number(value, places if "." in digits else None)
  if "." not in digits:
    raise UnreadableError("an overline without a decimal point")
  period = rest.rstrip("}")
  repeated = fractions.Fraction(int(period), 10 ** len(period) - 1)
  return number(value + repeated / 10**places)
