"""Laws about steps that are taken back: beams return, and counts stay.

Axis letters: P problems, N beams per problem.
"""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from inference_scaling.search import base
from inference_scaling.search.contract import compare, steps
from inference_scaling.search.contract.calls import Calls, Moved, States
from inference_scaling.search.contract.values import Point, Untested, Verdict

_NONE = Untested("neither the policy nor the reward has a rewind")
_BACK = (
  "; rewind(before, after) returns the beams of `before`, with the counts that "
  "are kept in `after`"
)


def rewind(calls: Calls, point: Point) -> Verdict:
  """Beams are where they were before the steps that are taken back."""
  if not any(hasattr(o, "rewind") for o in (calls.policy, calls.reward)):
    return _NONE
  after = _ahead(calls, point)
  back = _back(calls, point, after)
  keys = calls.keys(*point.key(42))
  again = calls.advance(back, keys, point.running)
  own = calls.advance(point.states, keys, point.running)
  seen = steps.difference(
    again, own, point.running, "policy.rewind", "reward.rewind"
  )
  if seen:
    return f"{seen}, as before the steps that were taken back{_BACK}"
  for index, name in enumerate(("policy", "reward")):
    for leaf, value, _ in _moved_by_forks(calls, point, index):
      rewound = _find(back[index], leaf.path)
      wrong = compare.differs(leaf.values, rewound, 2)
      if wrong.any() and value.ndim == 2 and value.dtype.kind in "iub":
        p, n = np.argwhere(wrong)[0]
        return (
          f"{name}.rewind: the state{leaf.path} of "
          f"{compare.first_location(wrong)} is {rewound[p, n]}, expected "
          f"{leaf.values[p, n]}, as before the steps taken back{_BACK}"
        )
  return ""


def counts(calls: Calls, point: Point) -> Verdict:
  """What counts the tokens spent is not taken back."""
  if not any(hasattr(o, "rewind") for o in (calls.policy, calls.reward)):
    return _NONE
  after = _ahead(calls, point)
  back = _back(calls, point, after)
  seen: Verdict = Untested("nothing in the states counts what is spent")
  for index, owner in enumerate((calls.policy, calls.reward)):
    if not hasattr(owner, "rewind"):
      continue
    for number, leaf in enumerate(compare.leaves(point.states[index])):
      spent = compare.leaves(after[index])[number].values
      if not _counts(calls, point, index, number, leaf.values, spent, after):
        continue
      seen = ""
      kept = compare.leaves(back[index])[number].values
      if compare.differs(kept, spent, 1).any():
        name = ("policy", "reward")[index]
        return (
          f"{name}.rewind: the state{leaf.path} grew from "
          f"{compare.shown(leaf.values)} to {compare.shown(spent)}, no fork "
          "moves it and no step depends on it, so it counts; rewind made it "
          f"{compare.shown(kept)}, but what was computed was spent{_BACK}"
        )
  return seen


def _ahead(calls: Calls, point: Point) -> States:
  """Both states two steps later."""
  states, active = point.states, point.running
  for number in (40, 41):
    moved = calls.advance(states, calls.keys(*point.key(number)), active)
    states = moved.states
    active = active & (compare.host(moved.step.status) == base.RUNNING)
  return states


def _back(calls: Calls, point: Point, after: States) -> States:
  """Both states rewound; one that cannot be is that of before."""
  return calls.rewind(point.states, after)


def _moved_by_forks(
  calls: Calls, point: Point, index: int
) -> Iterator[tuple[compare.Leaf, np.ndarray, int]]:
  """The leaves [P, N, ...] of a state that forks move: they are the beams'."""
  parents = calls.parents(point.running, 43)
  forked = calls.fork(point.states, parents)[index]
  for number, (leaf, value) in enumerate(
    compare.pairs(point.states[index], forked)
  ):
    by_beam = compare.is_by_beam(leaf.values, calls.P, calls.N)
    if by_beam and compare.differs(leaf.values, value, 2).any():
      yield leaf, value, number


def _counts(
  calls: Calls,
  point: Point,
  index: int,
  number: int,
  before: np.ndarray,
  spent: np.ndarray,
  after: States,
) -> bool:
  """Whether a leaf is a count: it grows, and nothing else looks at it.

  A count is a number a problem or a beam. What a cache holds behind the beam's
  length grows unseen, too.
  """
  if before.shape not in ((calls.P,), (calls.P, calls.N)):
    return False
  if before.dtype.kind not in "iu" or (spent < before).any():
    return False
  if not (spent > before).any():
    return False
  parents = calls.parents(point.running, 43)
  forked = compare.leaves(calls.fork(point.states, parents)[index])[number]
  if compare.differs(before, forked.values, 1).any():
    return False  # a beam's own: it follows the beam
  if compare.is_by_beam(before, calls.P, calls.N):
    taken = before[np.arange(calls.P)[:, None], parents]
    if not compare.differs(before, taken, 2).any():
      return False  # a fork would not have shown
  states = list(point.states)
  leaves, structure = jax.tree.flatten(states[index])
  leaves[number] = jax.tree.leaves(after[index])[number]
  states[index] = jax.tree.unflatten(structure, leaves)
  keys = calls.keys(*point.key(44))
  return not _influences(
    calls.advance(point.states, keys, point.running),
    calls.advance(States(*states), keys, point.running),
    index, number, point.running,
  )  # fmt: skip


def _influences(
  own: Moved, other: Moved, index: int, number: int, running: np.ndarray
) -> bool:
  """Whether another leaf, a step or a score changed."""
  if steps.difference(own, other, running, "-", "-"):
    return True
  for which in (0, 1):
    for position, (leaf, value) in enumerate(
      compare.pairs(own.states[which], other.states[which])
    ):
      if (which, position) != (index, number):
        if compare.differs(leaf.values, value, 1).any():
          return True
  return False


def _find(state: Any, path: str) -> np.ndarray:
  leaves = {leaf.path: leaf.values for leaf in compare.leaves(state)}
  return leaves[path]
