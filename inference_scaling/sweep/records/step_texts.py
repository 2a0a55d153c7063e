"""Texts of steps and of whole solutions, read out of a tree.

Axis letters: J rounds, N slots, M nodes.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import jax
import transformers

from inference_scaling import search


class Texts(Protocol):
  """Reads the steps of one policy; trees are of one problem, in NumPy."""

  def solutions(
    self, tree: search.Tree, nodes: search.Nodes, paths: Sequence[Sequence[int]]
  ) -> list[str]:
    """The text of each path of nodes."""
    ...

  def answers(
    self, tree: search.Tree, nodes: search.Nodes, paths: Sequence[Sequence[int]]
  ) -> list[str]:
    """The text of each path of nodes behind its thinking, all without such."""
    ...

  def thinking(
    self, tree: search.Tree, nodes: search.Nodes, paths: Sequence[Sequence[int]]
  ) -> list[int | None]:
    """Tokens of each path's thinking; None for a policy that does not think."""
    ...

  def steps(self, tree: search.Tree, nodes: search.Nodes) -> list[str]:
    """The text of each of the M nodes."""
    ...

  def scored(self, tree: search.Tree, nodes: search.Nodes) -> list[bool]:
    """Whether each of the M nodes has a score of its own."""
    ...


@dataclasses.dataclass(frozen=True)
class TokenTexts:
  """Texts of a language model of this package.

  A solution is decoded from all of its tokens at once, because tokens decoded
  apart need not join to the same text. So texts of single steps differ, for
  some tokenizers, in spaces from it.

  Attributes:
    tokenizer: of the policy.
    step_end: what ends a step. One that holds nothing else, or only the end of
      the text, is no step to a reward model, and has no score.
  """

  tokenizer: transformers.PreTrainedTokenizerFast
  step_end: Sequence[str] = ()

  def solutions(
    self, tree: search.Tree, nodes: search.Nodes, paths: Sequence[Sequence[int]]
  ) -> list[str]:
    """The text of each path of nodes."""
    return self._decode(self._joined(tree, nodes, paths))

  def answers(
    self, tree: search.Tree, nodes: search.Nodes, paths: Sequence[Sequence[int]]
  ) -> list[str]:
    """The text of each path of nodes behind its thinking."""
    rows = self._joined(tree, nodes, paths)
    sizes = self.thinking(tree, nodes, paths)
    return self._decode(
      [row[size or 0 :] for row, size in zip(rows, sizes, strict=True)]
    )

  def thinking(
    self, tree: search.Tree, nodes: search.Nodes, paths: Sequence[Sequence[int]]
  ) -> list[int | None]:
    """Tokens of each path's thinking, its first ones."""
    thinking = tree.contents.thinking
    if thinking is None:
      return [None] * len(paths)
    tokens = thinking[nodes.rounds, nodes.slots]
    return [int(tokens[list(path)].sum()) for path in paths]

  def steps(self, tree: search.Tree, nodes: search.Nodes) -> list[str]:
    """The text of each node; equal steps are decoded once."""
    steps = self._tokens(tree, nodes)
    distinct = sorted(set(steps))
    texts = dict(zip(distinct, self._decode(distinct), strict=True))
    return [texts[step] for step in steps]

  def scored(self, tree: search.Tree, nodes: search.Nodes) -> list[bool]:
    """Whether each node has any text but what ends a step."""
    texts = self.steps(tree, nodes)
    for end in self.step_end:
      texts = [text.replace(end, " ") for text in texts]
    return [bool(text.strip()) for text in texts]

  def _joined(self, tree, nodes, paths) -> list[list[int]]:
    """Token ids of each path."""
    steps = self._tokens(tree, nodes)
    return [[t for i in path for t in steps[i]] for path in paths]

  def _tokens(self, tree, nodes) -> list[tuple[int, ...]]:
    """Token ids of each node, without the padding."""
    content = tree.contents
    return [
      tuple(content.tokens[at][: content.lengths[at]].tolist())
      for at in zip(nodes.rounds, nodes.slots, strict=True)
    ]

  def _decode(self, sequences: Sequence[Sequence[int]]) -> list[str]:
    """Decodes several texts in one call; special tokens are left out."""
    if not sequences:
      return []
    rows = [list(tokens) for tokens in sequences]
    return self.tokenizer.batch_decode(rows, skip_special_tokens=True)


@dataclasses.dataclass(frozen=True)
class PortTexts:
  """Texts of a policy of the user's own, all of whose steps are scored.

  Attributes:
    decode: makes a text of the contents of steps.
  """

  decode: Callable[[Sequence[Any]], str]

  def solutions(
    self, tree: search.Tree, nodes: search.Nodes, paths: Sequence[Sequence[int]]
  ) -> list[str]:
    """The text of each path of nodes."""
    return [
      self.decode([_content(tree, nodes, i) for i in path]) for path in paths
    ]

  def answers(
    self, tree: search.Tree, nodes: search.Nodes, paths: Sequence[Sequence[int]]
  ) -> list[str]:
    """The text of each path of nodes: none of it is thinking."""
    return self.solutions(tree, nodes, paths)

  def thinking(
    self, tree: search.Tree, nodes: search.Nodes, paths: Sequence[Sequence[int]]
  ) -> list[int | None]:
    """None for each path."""
    del tree, nodes
    return [None] * len(paths)

  def steps(self, tree: search.Tree, nodes: search.Nodes) -> list[str]:
    """The text of each node."""
    every = range(len(nodes.slots))
    return [self.decode([_content(tree, nodes, i)]) for i in every]

  def scored(self, tree: search.Tree, nodes: search.Nodes) -> list[bool]:
    """True for each node."""
    del tree
    return [True] * len(nodes.slots)


def _content(tree: search.Tree, nodes: search.Nodes, node: int) -> Any:
  """What the step of a node holds."""
  at = nodes.rounds[node], nodes.slots[node]
  return jax.tree.map(lambda leaf: leaf[at], tree.contents)
