"""Laws about problems in flight: none depends on its neighbours.

Axis letters: P problems, N beams per problem.
"""

from collections.abc import Iterable, Mapping

import jax
import numpy as np

from inference_scaling.search import base
from inference_scaling.search.contract import compare, steps
from inference_scaling.search.contract.calls import Calls, Moved, States
from inference_scaling.search.contract.values import Point, Untested, Verdict

_Made = list[tuple[np.ndarray, Moved]]
_DEPTHS = 2
_ONE = Untested("there is one problem alone")
_ALONE = (
  "; compute each row from its own prompt, state, step and key: look for an "
  "axis mistaken for that of problems, a mean or a maximum over the batch, or "
  "prompts[0] read for all. A model in half precision may round otherwise in "
  "another batch: check it with params in float32"
)


def neighbours(calls: Calls, point: Point) -> Verdict:
  """A problem is solved in the same way beside any other problems."""
  if calls.P == 1:
    return _ONE
  own = _search(calls, range(calls.P), range(calls.P))
  for p in (0, calls.P - 1):
    rows = [p] * calls.P
    ids = [p if row == p else calls.P + row for row in range(calls.P)]
    among = _search(calls, rows, ids)
    seen = _compare(among, own, {p: p}, close=False)
    if seen:
      return f"{seen}, which it is beside other neighbours{_ALONE}"
  return ""


def order(calls: Calls, point: Point) -> Verdict:
  """Problems in another order have the same results in that order."""
  if calls.P == 1:
    return _ONE
  own = _search(calls, range(calls.P), range(calls.P))
  rows = list(range(calls.P))[::-1]
  turned = _search(calls, rows, rows)
  indices = dict(enumerate(rows))
  seen = _compare(turned, own, indices, close=True)
  return f"{seen}, which it is in another order{_ALONE}" if seen else ""


def alone(calls: Calls, point: Point) -> Verdict:
  """A problem is solved in the same way alone and beside others."""
  if calls.P == 1:
    return _ONE
  own = _search(calls, range(calls.P), range(calls.P))
  for p in (0, calls.P - 1):
    seen = _compare(_search(calls, [p], [p]), own, {0: p}, close=True)
    if seen:
      return f"{seen}, which it is beside {calls.P - 1} more{_ALONE}"
  return ""


def _search(calls: Calls, rows: Iterable[int], ids: Iterable[int]) -> _Made:
  """A short search of some of the problems, with forks.

  Args:
    calls: of the objects.
    rows: which of the prompts to take.
    ids: what the draws of each problem are made of.

  Returns:
    By depth, the beams that were active and what they made.
  """
  taken, numbers, N = np.asarray(list(rows)), list(ids), calls.N
  states = calls.start(jax.tree.map(lambda leaf: leaf[taken], calls.prompts))
  active = np.ones((len(taken), N), bool)
  made = []
  for depth in range(_DEPTHS):
    keys = calls.problem_keys(numbers, depth, 50)
    moved = calls.advance(states, keys, active)
    made.append((active, moved))
    active = active & (compare.host(moved.step.status) == base.RUNNING)
    parents = np.tile(np.arange(N, dtype=np.int32), (len(taken), 1))
    for row, number in enumerate(numbers):
      running = np.flatnonzero(active[row])
      if len(running):
        draw = np.random.default_rng([calls.seed, number, depth])
        parents[row] = draw.choice(running, N)
    states = calls.fork(moved.states, parents)
    active = np.take_along_axis(active, parents, axis=1)
  return made


def _compare(
  made: _Made, expected: _Made, indices: Mapping[int, int], close: bool
) -> str:
  """Says where problems differ that were searched twice.

  Args:
    made: of `_search`.
    expected: of `_search`.
    indices: which row of the first is which row of the second.
    close: whether floats may differ by rounding.
  """
  first, second = list(indices), list(indices.values())
  for (active, moved), (_, other) in zip(made, expected, strict=True):
    seen = steps.difference(
      _rows(moved, first), _rows(other, second), active[first], "policy",
      "reward", close,
    )  # fmt: skip
    if seen:
      return seen
  return ""


def _rows(moved: Moved, rows: list[int]) -> Moved:
  """Some problems of a step; the states are left out."""
  step, scores = jax.tree.map(
    lambda leaf: compare.host(leaf)[rows], (moved.step, moved.scores)
  )
  return Moved(States((), ()), step, scores)
