r"""Reads arithmetic: sums, products, quotients, powers.

Where two readings are common (`x/2y`, `x^2!`) the answer is not read at all.
"""

from inference_scaling.tasks.equivalence.factors import (
  FUNCTIONS,
  NAMED_STARTS,
  Factors,
)
from inference_scaling.tasks.equivalence.nodes import (
  Node,
  UnreadableError,
  number,
)
from inference_scaling.tasks.equivalence.reading import tokens as tokens_lib
from inference_scaling.tasks.equivalence.reading.building import (
  make,
  negated,
)

_STARTS = frozenset(["(", "[", "{"])


class Expressions(Factors):
  """Reads arithmetic from a list of tokens, by recursive descent."""

  def sum(self, first: Node | None = None) -> Node:
    """Reads terms with signs between them; `first` has been read already."""
    node = self._signed_term() if first is None else self._term(first)
    while self.at("+", "-") or self.at("pm", "mp", kind="name"):
      node = make("+", node, self._signed_term())
    return node

  def _signed_term(self) -> Node:
    """Reads a term and the sign before it, if there is one."""
    if self.accept("-"):
      self._refuse_sign()
      return negated(self._term())
    if self.accept("+"):
      self._refuse_sign()
      return self._term()
    if self.at("pm", "mp", kind="name"):
      sign = self.take().text
      self._refuse_sign()
      return make(sign, self._term())
    return self._term()

  def _refuse_sign(self) -> None:
    if self.at("+", "-") or self.at("pm", "mp", kind="name"):
      raise UnreadableError("two signs in a row")

  def _term(self, first: Node | None = None) -> Node:
    """Reads factors with product signs, slashes or nothing between them."""
    node = self.power(first)
    while True:
      if self.at("*") or self.at("cdot", "times", kind="name"):
        self.take()
        node = make("*", node, self.signed_power())
      elif self.at("/") or self.at("div", kind="name"):
        self.take()
        node = self._quotient(node)
      elif self.at_factor():
        if node == number(0):
          raise UnreadableError("a zero before something: 0th")
        node = make("*", node, self.power())
      else:
        return node

  def _quotient(self, top: Node) -> Node:
    """Reads a denominator; what follows it must leave no doubt."""
    bottom = self.signed_power()
    plain = top.op == "number" and bottom.op == "number"
    if self.at_factor() and not plain:
      raise UnreadableError("a product behind a slash")
    return make("/", top, bottom)

  def signed_power(self) -> Node:
    """Reads a factor that may have a minus sign."""
    if self.accept("-"):
      return negated(self.power())
    return self.power()

  def at_factor(self) -> bool:
    """Says whether a factor follows without a product sign."""
    token = self.next
    if token.kind == "symbol":
      return token.text in _STARTS or (token.text == "|" and not self._bars)
    if token.kind == "name":
      return token.text in NAMED_STARTS
    if token.kind == "number":  # 3!7! is a product, 3 7 nothing
      return self._behind_factorial()
    return token.kind == "letter"

  def _behind_factorial(self) -> bool:
    """Says whether a number with a factorial of its own follows one."""
    sign = tokens_lib.Token("symbol", "!")
    return self.peek(-1) == self.peek() == sign

  def power(self, first: Node | None = None) -> Node:
    """Reads a factor with its power, factorial or percent sign."""
    mixed = first is None and self._at_mixed_number()
    node = self.primary() if first is None else first
    if self.at("^", "!") and not mixed:
      raised = self.take().text == "^"
      node = self._raised(node) if raised else make("!", node)
    if self.accept("%"):
      node = make("percent", node)
    if self.at("^", "!", "'", "_", "%"):
      raise UnreadableError(f"{self.next.text!r} is not clear")
    return node

  def _raised(self, base: Node) -> Node:
    """Reads an exponent; a degree sign is one to TeX."""
    braced = self.at("{")
    if self.peek(int(braced)) == tokens_lib.Token("name", "circ"):
      self._position += 1 + int(braced)
      if braced:
        self.expect("}")
      return make("degrees", base)
    return make("^", base, self.script())

  def function(self, name: str) -> Node:
    r"""Reads a function with its power, base and argument."""
    power = base = None
    while self.at("^", "_"):
      if self.accept("^") and power is None:
        power = self.script()
      elif name == "log" and base is None and self.accept("_"):
        base = self.script()
      else:
        raise UnreadableError(f"the scripts of {name}")
    argument = self._argument()
    if power == number(-1):
      if name not in ("sin", "cos", "tan"):
        raise UnreadableError(f"the inverse of {name}")
      return make("call", "arc" + name, argument)
    node = make("call", name, argument, *([base] if base else []))
    return node if power is None else make("^", node, power)

  def _argument(self) -> Node:
    r"""Reads the argument of a function: one group, or a simple product."""
    if self.at("(", "[", "{"):
      node = self.primary()
      if self.at("^", "!"):
        raise UnreadableError("a power behind a function's argument")
      return node
    node = self.signed_power()
    while self.at_factor():
      if self.at("(", "[", "{", "|"):
        raise UnreadableError("a bracket behind a function's argument")
      if self.next.kind == "name" and self.next.text in FUNCTIONS:
        break
      node = make("*", node, self.power())
    if self.at("/"):
      raise UnreadableError("a slash behind a function's argument")
    return node
