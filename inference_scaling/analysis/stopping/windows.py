"""The window rule over all orders, in closed form.

Samples are drawn in windows of w; drawing stops after the first window whose
answers are all the same. The chance that none of k windows is such a one
follows from the chances that s given ones are, by inclusion and exclusion:
sum over s of (-1)^s C(k, s) Q(s). These are counts of orders by generating
functions: class j with c_j samples may fill s_j of the s windows, and have t_j
samples among the first m of an order, in

  falling(c_j, w s_j) / s_j! * C(c_j - w s_j, t_j - w s_j)

ways, where falling(a, b) = a (a - 1) .. (a - b + 1); products over the classes
are summed over all s_j that add up to s and all t_j that add up to m, and times
s! (m - w s)! / falling(N, m) they are the chance. That the vote of the first m
is right bounds the t_j, as in `estimates.subset_votes`.

Axis letters: N samples, A answer classes, S most windows.
"""

import functools
import math

import numpy as np
from scipy import linalg

from inference_scaling.analysis.stopping import samples

# Beyond these, factors leave the range of floats, or binomials of the sum of
# both signs its precision.
_MOST_SAMPLES, _MOST_WINDOWS = 128, 20
_FEW_TERMS = 8  # are added up one by one sooner than in a matrix product


@functools.lru_cache(maxsize=4096)
def replay(
  width: int, classes: samples.Classes
) -> tuple[np.ndarray, np.ndarray] | None:
  """What the rule does on average over all orders.

  Args:
    width: w, samples of a window.
    classes: of the samples.

  Returns:
    Accuracy float64[N] and expected samples of each class float64[N, A + 1], by
    most samples; None where floats do not suffice.
  """
  N = classes.num_samples
  if N > _MOST_SAMPLES or N // width > _MOST_WINDOWS:
    return None
  # Windows that were looked at, each time that one more sample is drawn.
  seen = np.arange(N) // width
  signs = _signs(N // width + 1)
  following = signs @ _next_class(width, classes)
  right = _right_votes(width, classes)
  # Of s + 1 windows one is the last of all, and ends the drawing.
  ends = [
    signs[k - 1, : len(right) - 1] @ right[1:, k * width]
    for k in range(1, N // width + 1)
  ]
  stopped = np.concatenate([[0.0], np.cumsum(ends)])
  last = (signs[seen] * right[:, 1:].T).sum(axis=1)
  return stopped[seen] + last, following[seen].cumsum(axis=0)


def _signs(size: int) -> np.ndarray:
  """(-1)^s C(k, s), float64[k, s]."""
  return np.array(
    [[(-1) ** s * math.comb(k, s) for s in range(size)] for k in range(size)],
    float,
  )


def _filled(width: int, size: int, most: int) -> np.ndarray:
  """Ways in which a class fills s windows, float64[s], without their order."""
  return np.array(
    [
      math.perm(size, width * s) / math.factorial(s)
      if width * s <= size
      else 0.0
      for s in range(most + 1)
    ]
  )


def _next_class(width: int, classes: samples.Classes) -> np.ndarray:
  """Chance that s windows have one answer each and one more sample is of j.

  Args:
    width: w.
    classes: of the samples.

  Returns:
    float64[S + 1, A + 1].
  """
  N = classes.num_samples
  S = N // width
  ways = [_filled(width, size, S) for size in classes.sizes]
  ways[-1][1:] = 0  # samples that abstain agree with none
  chances = np.zeros((S + 1, len(ways)))
  for j, size in enumerate(classes.sizes):
    product = ways[j] * (size - width * np.arange(S + 1))
    for other, factor in enumerate(ways):
      if other != j:
        product = np.convolve(product, factor)[: S + 1]
    chances[:, j] = product
  scale = [
    math.factorial(s) / math.perm(N, min(N, width * s + 1))
    for s in range(S + 1)
  ]
  return chances * np.array(scale)[:, None]


def _right_votes(width: int, classes: samples.Classes) -> np.ndarray:
  """Chance that s windows have one answer each and the first m vote right.

  Args:
    width: w.
    classes: of the samples.

  Returns:
    float64[S + 1, N + 1], by s and m.
  """
  N = classes.num_samples
  S = N // width
  ways = np.zeros((S + 1, N + 1))
  for i in np.flatnonzero(classes.right):
    for votes in range(1, classes.sizes[i] + 1):
      product = np.zeros((S + 1, N + 1))
      product[0, 0] = 1
      own = _ways(width, classes.sizes[i], S, votes)
      own[:, :votes] = 0
      product = _times(product, own)
      for j, size in enumerate(classes.sizes[:-1]):
        if j != i:
          # A class that comes first wins ties, so it must have fewer votes.
          bound = votes - int(j < i)
          product = _times(product, _ways(width, size, S, bound))
      silent = _ways(width, classes.sizes[-1], 0, N)
      ways += _times(product, silent)
  scale = [
    [
      math.factorial(s) * math.factorial(m - width * s) / math.perm(N, m)
      if width * s <= m
      else 0.0
      for m in range(N + 1)
    ]
    for s in range(S + 1)
  ]
  return ways * np.array(scale)


def _ways(width: int, size: int, most: int, bound: int) -> np.ndarray:
  """Ways of one class, float64[windows + 1, samples + 1], up to a bound."""
  bound = min(bound, size)
  windows = min(most, bound // width) if bound >= 0 else 0
  table = np.zeros((windows + 1, max(bound, 0) + 1))
  filled = _filled(width, size, windows)
  for s in range(windows + 1):
    for t in range(width * s, bound + 1):
      left = size - width * s
      table[s, t] = filled[s] * math.comb(left, t - width * s)
  return table


def _times(product: np.ndarray, factor: np.ndarray) -> np.ndarray:
  """The product of two generating functions, cut to the size of the first."""
  rows, columns = product.shape
  result = np.zeros_like(product)
  for s, row in enumerate(factor):
    part, into = product[: rows - s], result[s:]
    terms = np.flatnonzero(row)
    if len(terms) > _FEW_TERMS:
      row = np.pad(row, (0, columns - len(row)))
      into += part @ linalg.toeplitz(row, [0] * columns).T
      continue
    for t in terms:
      into[:, t:] += row[t] * part[:, : columns - t]
  return result
