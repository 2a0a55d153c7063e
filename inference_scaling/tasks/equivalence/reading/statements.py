"""Reads a whole answer: lists, relations, sets, tuples, intervals."""

import functools
import re

from inference_scaling.tasks.equivalence import bases, expressions, relations
from inference_scaling.tasks.equivalence.nodes import (
  Node,
  UnreadableError,
  symbols,
)
from inference_scaling.tasks.equivalence.reading import tokens as tokens_lib
from inference_scaling.tasks.equivalence.reading.building import grouped
from inference_scaling.tasks.equivalence.reading.tokens import Token

_RELATIONS = {
  "=": "=", "<": "<", ">": ">", "leq": "<=", "geq": ">=", "neq": "!=",
  "approx": "~", "simeq": "~", "in": "in",
}  # fmt: skip
_SET_SIGNS = {
  "cup": "union", "U": "union", "cap": "intersection", "setminus": "difference",
  "-": "difference",
}  # fmt: skip
_CLOSING = {"(": (")", "]"), "[": ("]", ")")}
_BARE_LIST = re.compile(r"\{[^{}]*,[^{}]*\}")  # invisible braces
_JOINING_TEXT = re.compile(
  r"\\(?:text|mbox|mathrm)\{\s*(,?)\s*((?:and|or)?)\s*(,?)\s*\}"
)


@functools.lru_cache(maxsize=256)  # one gold answer meets many answers
def parse(text: str) -> Node:
  """Reads an answer to its end.

  Args:
    text: a canonical text.

  Returns:
    The tree.

  Raises:
    UnreadableError: if any part of the text is not covered.
  """
  based = bases.read(text)
  if based:
    return based
  if _BARE_LIST.fullmatch(text):
    text = text[1:-1]
  tokens = tokens_lib.split(_JOINING_TEXT.sub(r"\1 \2 \3", text))
  reader = _Statements(tokens)
  node = reader.answer()
  if reader.next.kind != "end":
    raise UnreadableError(f"{reader.next.text!r} behind {text!r}")
  return node


class _Statements(expressions.Expressions):
  """Reads what stands around arithmetic."""

  def answer(self) -> Node:
    """Reads items with commas or "and" between them."""
    items, signs = [self._item()], set()
    while sign := self._separator():
      items.append(self._item())
      signs.add(sign)
    if not signs:
      return items[0]
    return Node("either" if signs == {"or"} else "list", tuple(items))

  def _items(self) -> list[Node]:
    items = [self._item()]
    while self._separator():
      items.append(self._item())
    return items

  def _separator(self) -> str | None:
    """Reads what stands between two items, if there is any."""
    comma = self.accept(",") or self.accept(";")
    if self.accept("and", kind="word"):
      return "and"
    if self.accept("or", kind="word") or self.accept("lor", kind="name"):
      return "or"
    return "," if comma else None

  def _item(self) -> Node:
    """Reads operands with relations between them."""
    parts, signs = [self._ratio()], []
    while self.next.text in _RELATIONS and self.next.kind in ("symbol", "name"):
      signs.append(_RELATIONS[self.take().text])
      parts.append(self._ratio())
    if not signs:
      return parts[0]
    return Node("relation", (tuple(signs), *parts))

  def _ratio(self) -> Node:
    parts = [self._set()]
    while self.accept(":"):
      parts.append(self._set())
    return parts[0] if len(parts) == 1 else Node("ratio", tuple(parts))

  def _set(self) -> Node:
    """Reads sets with unions and the like between them."""
    node = self._operand()
    signs = set()
    while self._at_set_sign():
      signs.add(_SET_SIGNS[self.take().text])
      if len(signs) > 1:
        raise UnreadableError("set operations of two kinds without brackets")
      node = Node(next(iter(signs)), (node, self._operand()))
    return node

  def _at_set_sign(self) -> bool:
    r"""Says whether a set operation follows: `\cup`, `(0, 1) U (2, 3)`."""
    if self.next.kind == "name":
      return self.next.text in _SET_SIGNS
    behind = self.peek() in [Token("symbol", left) for left in "(["]
    if self.at("-"):
      return self.peek() == Token("symbol", "\\{")
    return self.at("U", kind="letter") and behind

  def _operand(self) -> Node:
    """Reads a named set, a set in braces, a vector, or arithmetic."""
    if self.accept("emptyset", kind="name"):
      return Node("set", ("empty",))
    if self.at("mathbb", kind="name"):
      return self._named_set()
    if self.accept("\\{"):
      if self._at_condition():
        return self._condition()
      return self._closed("\\{", "\\}")
    if self.accept("langle", kind="name"):
      items = self._items()
      self.expect("rangle", kind="name")
      return Node("bracket", ("<", ">", *items))
    if not self.at("(", "["):
      return self.sum()
    node = self.bracket()
    if self._continues():
      return self.sum(first=grouped(node))
    single = node.op == "bracket" and node.args[:2] == ("(", ")")
    return node.args[2] if single and len(node.args) == 3 else node

  def _continues(self) -> bool:
    """Says whether arithmetic goes on behind a bracket."""
    if self.at("+", "-", "*", "/", "^", "!", "%", "_", "'"):
      return True
    if self._at_set_sign():
      return False
    names = ("cdot", "times", "div", "pm", "mp")
    return self.at(*names, kind="name") or self.at_factor()

  def _named_set(self) -> Node:
    self.take()
    self.expect("{")
    name = self.take().text
    self.expect("}")
    if name != "R" or self.at("^", "_"):
      raise UnreadableError(f"the set {name!r}")
    return Node("set", ("reals",))

  def _at_condition(self) -> bool:
    r"""Says whether a variable and a bar follow: `\{x \mid x < 2\}`."""
    if self.next.kind != "letter":
      return False
    behind = self.peek()
    return behind.text in (":", "|", "mid", "in") and behind.kind in (
      "symbol",
      "name",
    )

  def _condition(self) -> Node:
    """Reads the set of which something is said: its members are in it."""
    variable = self.take().text
    if self.accept("in", kind="name"):
      self._named_set()
    if not (self.accept(":") or self.accept("|")):
      self.expect("mid", kind="name")
    node = self.answer()
    self.expect("\\}")
    if symbols(node) != {variable}:
      raise UnreadableError(f"a condition that is not on {variable!r} alone")
    described = relations.described_set(node)
    if described is None:
      raise UnreadableError(f"the condition of a set of {variable!r}")
    return Node("relation", (("in",), Node("symbol", (variable,)), described))

  def bracket(self) -> Node:
    """Reads items in round or square brackets."""
    left = self.take().text
    bars, self._bars = self._bars, 0
    items = self._items()
    self._bars = bars
    right = self.take().text
    if right not in _CLOSING[left]:
      raise UnreadableError(f"{left!r} closed by {right!r}")
    half_open = (left, right) in (("(", "]"), ("[", ")"))
    if half_open and len(items) != 2:
      raise UnreadableError("a half-open bracket that is no interval")
    matrix = items[0] if items[0].op == "matrix" else None
    if matrix and len(items) == 1:
      return matrix  # \left(\begin{array}...
    return Node("bracket", (left, right, *items))

  def _closed(self, left: str, right: str) -> Node:
    if self.accept(right):
      return Node("set", ("empty",))
    items = self._items()
    self.expect(right)
    return Node("bracket", (left, right, *items))

  def matrix(self) -> Node:
    """Reads the rows of a matrix behind its `begin`."""
    name = self._environment()
    if name == "array":
      self._skip_columns()
    rows, row = [], [self.sum()]
    while not self.at("end", kind="name"):
      if self.accept("&"):
        row.append(self.sum())
      else:
        self.expect("\\\\")
        if self.at("end", kind="name"):
          break
        rows.append(tuple(row))
        row = [self.sum()]
    rows.append(tuple(row))
    self.take()
    if self._environment() != name or len({len(row) for row in rows}) != 1:
      raise UnreadableError("a matrix that is not whole")
    return Node("matrix", tuple(rows))

  def _environment(self) -> str:
    self.expect("{")
    letters = []
    while self.next.kind in ("letter", "word"):
      letters.append(self.take().text)
    self.expect("}")
    if "".join(letters) not in ("pmatrix", "array"):
      raise UnreadableError(f"the environment {''.join(letters)!r}")
    return "".join(letters)

  def _skip_columns(self) -> None:
    """Skips the alignment of an array's columns: {cc}."""
    self.expect("{")
    while self.next.kind in ("letter", "word") or self.at("|"):
      self.take()
    self.expect("}")
