"""What a beam's next step and score are, beside another beam's.

Axis letters: P problems, N beams per problem.
"""

from collections.abc import Sequence

import numpy as np

from inference_scaling.search.contract import compare
from inference_scaling.search.contract.calls import Moved


def difference(
  first: Moved,
  second: Moved,
  mask: np.ndarray,
  policy: str,
  reward: str,
  close: bool = False,
  slots: np.ndarray | None = None,
) -> str:
  """Says where two steps of the same beams differ.

  Args:
    first: what was made.
    second: what should have been made.
    mask: bool[P, N], the beams to compare.
    policy: who is to blame where the steps differ.
    reward: who is to blame where equal steps have other scores.
    close: whether floats may differ by rounding.
    slots: int32[P, N], where beam n of the first is in the second; n itself
      by default.

  Returns:
    What was seen, with the owner to blame first; nothing where they are the
    same.
  """
  for owner, was, now in (
    (policy, first.step, second.step), (reward, first.scores, second.scores)
  ):  # fmt: skip
    for leaf, other in compare.pairs(was, now):
      if slots is not None:
        other = other[np.arange(len(other))[:, None], slots]
      wrong = compare.differs(leaf.values, other, 2, close) & mask
      if wrong.any():
        p, n = np.argwhere(wrong)[0]
        name = "score" if now is second.scores else f"Step{leaf.path}"
        return (
          f"{owner}: {name} of {compare.first_location(wrong)} is "
          f"{compare.shown(leaf.values[p, n])}, expected "
          f"{compare.shown(other[p, n])}"
        )
  return ""


def changed(
  name: str,
  before: object,
  after: object,
  mask: np.ndarray,
  P: int,
  N: int,
  numbers_only: bool = False,
) -> str:
  """Says where a state changed that should not have.

  Args:
    name: whose state it is.
    before: the state.
    after: the state later.
    mask: bool[P, N] for beams, of which leaves [P, N, ...] alone tell, or
      bool[P] for whole problems.
    P: problems.
    N: beams per problem.
    numbers_only: whether to look at leaves [P] and [P, N] alone, and at no
      buffers.

  Returns:
    What was seen; nothing where they are the same.
  """
  for leaf, value in compare.pairs(before, after):
    if numbers_only and leaf.values.ndim > 2:
      continue
    if mask.ndim == 2 and not compare.is_by_beam(leaf.values, P, N):
      continue
    wrong = compare.differs(leaf.values, value, mask.ndim) & mask
    if wrong.any():
      where = tuple(np.argwhere(wrong)[0])
      return (
        f"{name}{leaf.path} of {compare.first_location(wrong)} changed from "
        f"{compare.shown(leaf.values[where])} to "
        f"{compare.shown(value[where])}"
      )
  return ""


def spread(name: str, before: Sequence[object], after: Sequence[object]) -> str:
  """Says where a difference between two states made another difference.

  A cache may differ where nothing reads it, and then nothing else differs
  later.

  Args:
    name: whose states they are.
    before: two states.
    after: what became of them.

  Returns:
    What was seen; nothing where no more of the states differs than before.
  """
  for (old, other), (new, later) in zip(
    compare.pairs(*before), compare.pairs(*after), strict=True
  ):
    axes = old.values.ndim
    known = compare.differs(old.values, other, axes)
    wrong = compare.differs(new.values, later, axes) & ~known
    if wrong.any():
      where = tuple(np.argwhere(wrong)[0])
      return (
        f"{name}{new.path}{[int(i) for i in where]} became "
        f"{compare.shown(later[where])}, expected "
        f"{compare.shown(new.values[where])}"
      )
  return ""
