"""Steps through the tokens of an answer."""

from inference_scaling.tasks.equivalence.nodes import Node, UnreadableError
from inference_scaling.tasks.equivalence.reading.tokens import Token


class Reader:
  """A list of tokens and a position in it.

  The kinds of things that can be read call each other: what one layer of the
  grammar needs of a layer above it is declared here.
  """

  def __init__(self, tokens: list[Token]):
    self._tokens = tokens
    self._position = 0
    self._bars = 0  # absolute values that are open

  @property
  def next(self) -> Token:
    """The token to be read."""
    return self._tokens[self._position]

  def peek(self, distance: int = 1) -> Token:
    """A token further on."""
    return self._tokens[min(self._position + distance, len(self._tokens) - 1)]

  def at(self, *texts: str, kind: str = "symbol") -> bool:
    """Says whether the token to be read is one of some texts."""
    return self.next.kind == kind and self.next.text in texts

  def take(self) -> Token:
    """Reads a token."""
    token = self.next
    self._position += token.kind != "end"
    return token

  def accept(self, text: str, kind: str = "symbol") -> bool:
    """Reads a token if it is a certain one."""
    return self.at(text, kind=kind) and bool(self.take())

  def expect(self, text: str, kind: str = "symbol") -> None:
    """Reads a certain token."""
    if not self.accept(text, kind):
      raise UnreadableError(f"{self.next.text!r} in place of {text!r}")

  def sum(self, first: Node | None = None) -> Node:
    """Reads a sum."""
    raise NotImplementedError

  def bracket(self) -> Node:
    """Reads something in brackets."""
    raise NotImplementedError

  def matrix(self) -> Node:
    """Reads a matrix behind its `begin`."""
    raise NotImplementedError

  def function(self, name: str) -> Node:
    """Reads what belongs to a function behind its name."""
    raise NotImplementedError
