"""Rules of answers over some orders of the samples, one after the other.

Axis letters: S orders, N samples, A answer classes.
"""

import numpy as np

from inference_scaling import stopping
from inference_scaling.analysis.stopping import samples


def replay(
  rule: stopping.Rule,
  classes: samples.Classes,
  of_samples: np.ndarray,
  orders: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """What a rule does on average over the given orders.

  Args:
    rule: the rule.
    classes: of the samples.
    of_samples: int[N], the class of each sample.
    orders: int[S, N], each row a permutation; S is at least 2.

  Returns:
    Accuracy float64[N], its Monte-Carlo variance float64[N], and expected
    samples of each class float64[N, A + 1], by most samples.
  """
  S, N = orders.shape
  drawn = of_samples[orders][..., None] == np.arange(len(classes.sizes))
  counts = drawn.cumsum(axis=1)
  right = samples.winner_is_right(classes, counts)
  ends = np.full(S, N)
  before = 0
  for look in stopping.looks(rule, N)[:-1]:
    going = np.flatnonzero(ends == N)
    if not len(going):
      break
    now = counts[going, look - 1, :-1]
    # What rules read of the latest ones is the last `batch` of them.
    earlier = counts[going, before - 1, :-1] if before else 0
    ends[going[stopping.stops(rule, now, now - earlier, look)]] = look
    before = look
  last = np.minimum(ends[:, None], np.arange(1, N + 1)) - 1
  outcomes = np.take_along_axis(right, last, axis=1)
  accuracy = outcomes.mean(axis=0)
  variance = accuracy * (1 - accuracy) / (S - 1)
  expected = np.take_along_axis(counts, last[..., None], axis=1).mean(axis=0)
  return accuracy, variance, expected
