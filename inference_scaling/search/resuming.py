"""Beams that wait at the prompt until the answers of others are known.

What an answer says is known on the host alone. A strategy that resumes
(`Strategy.resume`) lets some beams begin; when they have all ended the host
reads their answers, and the strategy says which beams begin next, or none.
These begin at depth 0, so that a beam's draws do not depend on when it began:
as many beams of `sampling` with the same key have the same steps.

Axis letters: P problems in flight, N beams per problem, J depths at most.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from inference_scaling.search import base
from inference_scaling.search import state as state_lib
from inference_scaling.search.tree import Tree

# Takes the number of a problem and its tree, of NumPy arrays [J, N, ..], and
# returns int[N]: equal numbers for beams of equal answers, negative ones for
# beams without. The number is the place among P problems, or an engine's id.
AnswersFn = Callable[[int, Tree], Any]
NO_ANSWER = -1


def begin_next(
  strategy: base.Strategy, problem: int, tree: Tree, answers: AnswersFn
) -> np.ndarray:
  """Asks a strategy which beams of a problem begin, where none is active.

  Args:
    strategy: one that resumes.
    problem: its number.
    tree: of the problem, of NumPy arrays.
    answers: reads it; numbers of beams that are not finished do not matter.

  Returns:
    bool[N]; none where the search is over.

  Raises:
    ValueError: on a wrong value from a user function.
  """
  begun = np.asarray(np.asarray(tree.active).any(axis=0))
  if begun.all():
    return np.zeros_like(begun)
  assert strategy.resume is not None  # by `entries.check_answers`
  classes = _checked("answers", answers(problem, tree), begun.shape, np.integer)
  # The last row has what each beam came to, see `tree.write_depth`.
  finished = begun & (np.asarray(tree.status)[-1] == base.FINISHED)
  classes = np.where(finished, classes, NO_ANSWER).astype(np.int32)
  seen = base.Answers(begun, classes, np.asarray(tree.scores)[-1])
  beams = _checked(
    "active from resume", strategy.resume(seen), begun.shape, bool
  )
  if (beams & begun).any():
    raise ValueError(
      "search: resume lets beams begin that have begun before, "
      f"{np.flatnonzero(beams & begun).tolist()}; expected some of "
      f"{np.flatnonzero(~begun).tolist()}, or none"
    )
  return beams


def resume_search(
  strategy: base.Strategy, state: state_lib.SearchState, answers: AnswersFn
) -> state_lib.SearchState:
  """Lets beams begin that wait, in every problem without an active beam.

  Args:
    strategy: one that resumes.
    state: of P problems.
    answers: as for `begin_next`.

  Returns:
    The SearchState; the same where every search is over.

  Raises:
    ValueError: as `begin_next`.
  """
  done = np.asarray(state_lib.is_done(state))
  beams = np.zeros(state.active.shape, bool)
  tree = jax.device_get(state.tree)
  for problem in np.flatnonzero(done):
    one = jax.tree.map(lambda leaf, p=problem: leaf[p], tree)
    beams[problem] = begin_next(strategy, int(problem), one, answers)
  return state_lib.begin_beams(state, beams) if beams.any() else state


def _checked(
  name: str, value: Any, shape: tuple[int, ...], kind: type
) -> np.ndarray:
  """A value from a user function as an array of the kind that is expected."""
  array = np.asarray(value)
  if array.shape != shape or not np.issubdtype(array.dtype, kind):
    words = "whole numbers" if kind is np.integer else "bool"
    raise ValueError(
      f"search: {name} are {array.dtype}{list(array.shape)}, expected {words} "
      f"{list(shape)}, one for each beam"
    )
  return array
