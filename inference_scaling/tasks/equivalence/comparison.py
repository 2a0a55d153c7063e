r"""Says whether an answer equals the gold answer: kinds first, then values.

A tuple, an interval, a set, a matrix, a number of another base and a number
are of different kinds and never equal. Exceptions, the gold answer first:
`5` and `x = 5` state the same; a list without brackets is the set of its items,
`1 \pm 2` the list of both; `x < 2` stands for its interval,
`x < 2 \lor x > 3` for their union, and `x \in [0, 1]` for the set.
"""

import re
from collections.abc import Sequence

from inference_scaling.tasks.equivalence import (
  decimals,
  real_sets,
  relations,
  values,
)
from inference_scaling.tasks.equivalence.nodes import (
  ARITHMETIC,
  Node,
  UnreadableError,
  replace,
  walk,
)
from inference_scaling.tasks.equivalence.reading.statements import parse

_LETTERS = re.compile(r"[A-Za-z]+(?: [A-Za-z]+)*")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_MAX_ITEMS = 40


def is_equal(gold: str, answer: str, percent: str = "either") -> bool:
  """Says whether an answer equals the gold answer.

  Args:
    gold: the canonical text of the gold answer.
    answer: that of the answer.
    percent: "value" if 28% is 0.28 and nothing else, "either" if it is also
      taken for 28.

  Returns:
    True if it is; False if one of them cannot be read whole and the texts
    differ.
  """
  if gold == answer:
    return True
  # Two words, or two names of segments, are no products of letters.
  if _LETTERS.fullmatch(gold) and _LETTERS.fullmatch(answer):
    return False
  try:
    comparison = Comparison(percent)
    gold_tree, tree = parse(gold), parse(answer)
    if comparison.are_same_lists(items(gold_tree), items(tree)):
      return True
    if comparison.is_point(gold_tree, tree):
      return True
    if gold_tree.op != "either":
      return False
    gold_set = relations.described_set(gold_tree)
    said = relations.described_set(tree) if tree.op == "either" else tree
    if gold_set is None or said is None:
      return False
    return comparison.is_same(gold_set, _stated_set(said) or said)
  except UnreadableError:
    return False


def items(node: Node) -> list[Node]:
  """Returns the items of a list or of a set in braces, both signs of each."""
  if node.op == "relation":
    stated = _stated_set(node) or relations.stated_value(node)
    if stated and stated.op == "bracket" and stated.args[0] == "\\{":
      node = stated
  listed = [node]
  if node.op in ("list", "either"):
    listed = list(node.args)
  elif node.op == "bracket" and node.args[0] == "\\{":
    listed = list(node.args[2:])
  signed = [x for item in listed for x in _with_signs(item)]
  if len(signed) > _MAX_ITEMS:
    raise UnreadableError("a long list")
  return signed


def _with_signs(node: Node) -> list[Node]:
  r"""Returns both values of an item with a \pm in it."""
  signs = [n.op for n in walk(node) if n.op in ("pm", "mp")]
  if not signs:
    return [node]
  # Several signs go together only in one formula with \pm and \mp.
  if len(signs) > 1 and (len(set(signs)) == 1 or node.op not in ARITHMETIC):
    raise UnreadableError("several signs that may or may not go together")
  return [
    replace(replace(node, upper, "plus"), lower, "minus")
    for upper, lower in (("pm", "mp"), ("mp", "pm"))
  ]


class Comparison:
  """Compares trees, the gold answer first."""

  def __init__(self, percent: str):
    self._percent = percent

  def are_same_lists(self, golds: Sequence[Node], answers: list[Node]) -> bool:
    """Says whether each item has a partner, in whatever order."""
    if len(golds) != len(answers) or not self._names_agree(golds, answers):
      return False
    left = list(answers)
    for gold in golds:
      partner = next((a for a in left if self.is_same(gold, a)), None)
      if partner is None:
        return False
      left.remove(partner)
    return True

  def _names_agree(self, golds: Sequence[Node], answers: list[Node]) -> bool:
    """Says whether bare values stand for values of one variable."""
    if len(golds) < 2:
      return True
    for bare_items, items in ((golds, answers), (answers, golds)):
      bare = any(node.op != "relation" for node in bare_items)
      named = {
        name
        for node in items
        if node.op == "relation"
        for name in relations.names_of(node)
      }
      # x_1 and x_2 are two values of x.
      if bare and len({name.partition("_")[0] for name in named}) > 1:
        return False
    return True

  def is_point(self, gold: Node, answer: Node) -> bool:
    """Says whether `x = 1, y = 2`, in the alphabet's order, is a tuple."""
    if gold.op != "bracket" or answer.op != "list":
      return False
    named = [item for item in answer.args if relations.names_of(item)]
    names = ["".join(relations.names_of(item)) for item in named]
    start = _ALPHABET.find("".join(names))
    if len(named) != len(answer.args) or max(map(len, names)) > 1 or start < 0:
      return False
    values_of = [relations.stated_value(item) for item in named]
    if None in values_of:
      return False
    return self.is_same(gold, Node("bracket", ("(", ")", *values_of)))

  def is_same(self, gold: Node, answer: Node) -> bool:
    """Says whether two items are the same."""
    if gold == answer:
      return True
    if gold.op == "relation" or answer.op == "relation":
      return self._are_same_relations(gold, answer)
    if real_sets.OPERATIONS & {gold.op, answer.op}:
      sets = real_sets.is_set(gold) and real_sets.is_set(answer)
      return sets and real_sets.are_same(gold, answer)
    if gold.op in ARITHMETIC and answer.op in ARITHMETIC:
      return self._are_same_values(gold, answer)
    if gold.op != answer.op:
      return False
    if gold.op == "bracket" and gold.args[0] == "\\{":
      return self.are_same_lists(items(gold), items(answer))
    if gold.op == "bracket":
      if gold.args[:2] != answer.args[:2]:
        return False
      return self._are_same_rows(gold.args[2:], answer.args[2:])
    if gold.op == "ratio":
      return self._are_same_rows(gold.args, answer.args)
    if gold.op == "matrix":
      rows = zip(gold.args, answer.args, strict=False)
      return len(gold.args) == len(answer.args) and all(
        self._are_same_rows(a, b) for a, b in rows
      )
    return False

  def _are_same_rows(
    self, golds: Sequence[Node], answers: Sequence[Node]
  ) -> bool:
    return len(golds) == len(answers) and all(
      self.is_same(a, b) for a, b in zip(golds, answers, strict=True)
    )

  def _are_same_values(self, gold: Node, answer: Node) -> bool:
    if gold.op == "percent" and answer.op == "percent":
      return self._are_same_values(gold.args[0], answer.args[0])
    if any(n.args == ("infinity",) for s in (gold, answer) for n in walk(s)):
      return False  # the same infinity is the same tree
    if values.is_same_value(gold, answer) or decimals.is_rounded(gold, answer):
      return True
    if self._percent == "either" and "percent" in (gold.op, answer.op):
      bare = [n.args[0] if n.op == "percent" else n for n in (gold, answer)]
      return values.is_same_value(*bare)
    return False

  def _are_same_relations(self, gold: Node, answer: Node) -> bool:
    """Compares where at least one side is a relation."""
    gold_set, answer_set = _stated_set(gold), _stated_set(answer)
    if gold.op == answer.op:
      if gold_set and answer_set:
        return gold.args[1] == answer.args[1] and self.is_same(
          gold_set, answer_set
        )
      if gold_set is None and answer_set is None:
        return relations.are_same(gold, answer)
      interval = relations.interval(answer if gold_set else gold)
      return interval is not None and self.is_same(
        gold_set or interval, answer_set or interval
      )
    if answer.op == "relation":
      said = answer_set or relations.stated_value(answer)
      return said is not None and self.is_same(gold, said)
    said = gold_set or relations.interval(gold) or relations.stated_value(gold)
    return said is not None and self.is_same(said, answer)


def _stated_set(node: Node) -> Node | None:
  r"""Returns the set of `x \in [0, 1]`."""
  if node.op == "relation" and node.args[0] == ("in",):
    return node.args[2] if relations.is_name(node.args[1]) else None
  return None
