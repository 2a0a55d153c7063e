"""Numbers that are right within a tolerance, where a benchmark publishes one.

Each item of the gold answer needs a partner of its own among the items of the
answer, in whatever order: the same, as `equivalence` says, or a real number
that differs by no more than the item's tolerance. A hundredth of it is allowed
on top, for rounding, as the authors of OlympiadBench do. This runs in the
grading process and imports no JAX.
"""

from collections.abc import Sequence

import mpmath

from inference_scaling.tasks.equivalence import UnreadableError, parse
from inference_scaling.tasks.equivalence.comparison import Comparison, items
from inference_scaling.tasks.equivalence.nodes import (
  ARITHMETIC,
  Node,
  symbols,
)
from inference_scaling.tasks.equivalence.operations import (
  UndefinedError,
  Value,
  to_float,
)
from inference_scaling.tasks.equivalence.relations import stated_value
from inference_scaling.tasks.equivalence.values import precise_value

_ALLOWANCE = 1.01
_DIGITS = 60


def is_close(
  gold: str, answer: str, percent: str, tolerances: Sequence[float]
) -> bool:
  """Says whether an answer is within the tolerances of the gold answer.

  Args:
    gold: the canonical text of the gold answer.
    answer: that of the answer.
    percent: as `equivalence.is_equal` takes it.
    tolerances: the largest difference of all items, or of each one.

  Returns:
    True if it is; False if one of them cannot be read whole, or there are as
    many tolerances as neither one nor items.
  """
  try:
    golds, answers = items(parse(gold)), items(parse(answer))
    if len(tolerances) == 1:
      tolerances = [*tolerances] * len(golds)
    if not len(golds) == len(answers) == len(tolerances):
      return False
    comparison = Comparison(percent)
    fits = [
      [
        comparison.is_same(item, said) or _differ_by(item, said, tolerance)
        for said in answers
      ]
      for item, tolerance in zip(golds, tolerances, strict=True)
    ]
  except UnreadableError:
    return False
  partners: list[int | None] = [None] * len(answers)
  return all(_paired(fits, row, partners, set()) for row in range(len(golds)))


def _differ_by(gold: Node, answer: Node, tolerance: float) -> bool:
  """Says whether two real numbers differ by a tolerance at most."""
  wanted, said = _number(gold), _number(answer)
  if wanted is None or said is None:
    return False
  with mpmath.workdps(_DIGITS):
    off = abs(to_float(wanted) - to_float(said))
    return bool(off <= tolerance * _ALLOWANCE)


def _number(node: Node) -> Value | None:
  """The real number that an item states; None for anything else."""
  value = stated_value(node) if node.op == "relation" else node
  if value is None or value.op not in ARITHMETIC or symbols(value):
    return None
  try:
    number = precise_value(value, {})
  except UndefinedError:
    return None
  if isinstance(number, mpmath.mpc):
    return None if number.imag else number.real
  return number


def _paired(
  fits: Sequence[Sequence[bool]],
  row: int,
  partners: list[int | None],
  tried: set[int],
) -> bool:
  """Finds a partner for a gold item, if need be by moving others' partners."""
  for column, fit in enumerate(fits[row]):
    if not fit or column in tried:
      continue
    tried.add(column)
    other = partners[column]
    if other is None or _paired(fits, other, partners, tried):
      partners[column] = row
      return True
  return False
