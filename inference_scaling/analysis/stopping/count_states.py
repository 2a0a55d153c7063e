"""Rules of counts over all orders, by dynamic programming.

A state is the number of samples of each class. In a random order the next
sample is of a class with the probability of its share of what is left, so that
the chance to come to each state, and to have stopped in none before, follows
from the states with one sample less. States that differ in classes of one group
are one.

Axis letters: N samples, A answer classes, U states of one number of samples.
"""

import functools

import numpy as np

from inference_scaling import stopping
from inference_scaling.analysis.stopping import samples

# States of one number of samples; with more, orders are sampled.
MOST_STATES = 1000


@functools.lru_cache(maxsize=4096)
def replay(
  rule: stopping.Rule, classes: samples.Classes, most_states: int = MOST_STATES
) -> tuple[np.ndarray, np.ndarray] | None:
  """What a rule does on average over all orders.

  Args:
    rule: any but the window, which depends on more than counts.
    classes: of the samples.
    most_states: U at most.

  Returns:
    Accuracy float64[N] and expected samples of each class float64[N, A + 1], by
    most samples; None where there are more states.
  """
  sizes = np.array(classes.sizes)
  N = sizes.sum()
  radix = [1]
  for size in classes.sizes[:-1]:
    radix.append(radix[-1] * (size + 1))
  if radix[-1] * (classes.sizes[-1] + 1) >= 2**62:
    return None
  looks = set(stopping.looks(rule, int(N)))
  accuracy, drawn = np.zeros(N), np.zeros((N, len(sizes)))
  states, chances = np.zeros((1, len(sizes)), int), np.ones(1)
  stopped = 0.0
  for m in range(N):
    following = chances[:, None] * (sizes - states) / (N - m)
    drawn[m] = following.sum(axis=0)
    states, chances = _draw(classes, np.array(radix), states, following)
    if len(states) > most_states:
      return None
    right = samples.winner_is_right(classes, states)
    accuracy[m] = stopped + chances @ right
    if m + 1 in looks:
      # No rule of counts reads what was drawn last.
      counts = states[:, :-1]
      ends = stopping.stops(rule, counts, counts, m + 1)
      stopped += chances[ends] @ right[ends]
      states, chances = states[~ends], chances[~ends]
  return accuracy, drawn.cumsum(axis=0)


def _draw(
  classes: samples.Classes,
  radix: np.ndarray,
  states: np.ndarray,
  following: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
  """Draws one sample more: the states that come next, and their chances."""
  before, klass = np.nonzero(following)
  states = states[before]
  states[np.arange(len(klass)), klass] += 1
  groups = np.array(classes.groups)
  for group in np.flatnonzero(np.bincount(groups) > 1):
    states[:, groups == group] = np.sort(states[:, groups == group], axis=1)
  _, first, owner = np.unique(
    states @ radix, return_index=True, return_inverse=True
  )
  chances = np.bincount(owner, following[before, klass], minlength=len(first))
  return states[first], chances
