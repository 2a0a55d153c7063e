"""Laws about values: statuses, tokens, and the same draw for the same key.

Axis letters: P problems, N beams per problem.
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from inference_scaling.search import base
from inference_scaling.search.checks import values
from inference_scaling.search.contract import compare
from inference_scaling.search.contract.calls import Calls, Moved, States


class Untested(NamedTuple):
  """A law had no occasion to be broken.

  Attributes:
    reason: why, as a clause: "no beam of two runs".
  """

  reason: str


# What is wrong, an empty text where the law holds, or why it was not tested.
Verdict = str | Untested


@dataclasses.dataclass(frozen=True)
class Point:
  """A point that a search can reach.

  Attributes:
    states: of both objects.
    running: bool[P, N], the beams that may be extended.
    depth: steps made so far.
  """

  states: States
  running: np.ndarray
  depth: int

  def key(self, number: int) -> tuple[int, int]:
    """Names draws of this depth."""
    return self.depth, number


def walk(calls: Calls, num_steps: int) -> tuple[list[Point], list[Moved]]:
  """Extends every running beam until none is left, or for so many steps.

  Args:
    calls: of the objects.
    num_steps: most steps.

  Returns:
    The points before each step, and the steps.

  Raises:
    WrongValueError: on a status or a number of tokens that cannot be.
  """
  points = [Point(calls.start(), np.ones((calls.P, calls.N), bool), 0)]
  steps = []
  while len(steps) < num_steps and points[-1].running.any():
    point = points[-1]
    moved = calls.advance(
      point.states, calls.keys(*point.key(0)), point.running
    )
    status = compare.host(moved.step.status)
    values.check_values(status, moved.step.num_tokens, point.running)
    running = point.running & (status == base.RUNNING)
    points.append(Point(moved.states, running, point.depth + 1))
    steps.append(moved)
  return points[: len(steps)], steps


def infinite_scores(points: list[Point], steps: list[Moved]) -> str:
  """Says which active beam has a score that is NaN or infinite; or nothing."""
  for point, moved in zip(points, steps, strict=True):
    scores = compare.host(moved.scores)
    wrong = point.running & ~np.isfinite(scores)
    if wrong.any():
      return (
        f"reward.score: the score of {compare.first_location(wrong)} is "
        f"{scores[wrong][0]}, expected a finite number for every active beam; "
        "look for a logarithm of 0 or a division by 0"
      )
  return ""


def padding(points: list[Point], steps: list[Moved]) -> Verdict:
  """Says where what follows the tokens of a step varies.

  Looks at whole numbers [P, N, K] of which some step fills K with its tokens:
  there, K counts tokens. The position behind the last token may hold a mark of
  the end that is not counted; all after it is padding.

  Args:
    points: before each step.
    steps: the steps.

  Returns:
    What is wrong, or why nothing can be said.
  """
  verdict: Verdict = Untested("no step holds tokens and padding behind them")
  counts = [compare.host(moved.step.num_tokens) for moved in steps]
  columns = [compare.leaves(moved.step.content) for moved in steps]
  for leaves in zip(*columns, strict=True):
    first = leaves[0].values
    if first.ndim != 3 or first.dtype.kind not in "iu":
      continue
    size, pads, longest = first.shape[2], set(), 0
    for point, count, leaf in zip(points, counts, leaves, strict=True):
      behind = np.arange(size) > count[..., None]
      pads |= set(leaf.values[behind & point.running[..., None]].tolist())
      longest = max(longest, int(count[point.running].max()))
    if not pads or not size - 1 <= longest <= size:
      continue
    if len(pads) > 1:
      return (
        f"policy.extend: Step.content{leaves[0].path} holds "
        f"{', '.join(map(str, sorted(pads)[:6]))} behind the num_tokens of "
        "steps, expected one value that is no token: steps are compared and "
        "scored whole"
      )
    verdict = ""
  return verdict


def depends_on_more(calls: Calls, point: Point, moved: Moved) -> str:
  """Tries one step again, and once more with functions that are traced anew.

  Args:
    calls: of the objects.
    point: the first point of a walk.
    moved: the step that was made there.

  Returns:
    What is wrong, or nothing.
  """
  for other in (calls, calls.again()):
    again = other.advance(
      other.start(), calls.keys(*point.key(0)), point.running
    )
    for owner, was, now in (
      ("policy.extend", moved.step, again.step),
      ("reward.score", moved.scores, again.scores),
      ("policy.extend", moved.states.policy, again.states.policy),
      ("reward.score", moved.states.reward, again.states.reward),
    ):
      for leaf, value in compare.pairs(was, now):
        if compare.differs(leaf.values, value, 1).any():
          return (
            f"{owner} with the same arguments and keys returned "
            f"{compare.shown(leaf.values)} and then {compare.shown(value)}"
            f"{_named(leaf)}; take all chance from `keys` with jax.random and "
            "all memory from the state: no NumPy draws, no clock, no attribute "
            "that changes"
          )
  return ""


def _named(leaf: compare.Leaf) -> str:
  return f" in {leaf.path}" if leaf.path else ""
