"""Best-of-n that stops at a reward, over all orders, in closed form.

Of N samples G answer with a reward of at least the threshold. A random order
has none of them among its first m with the probability C(N - G, m) / C(N, m),
and every sample of one kind is as likely to be drawn as the others.

Axis letters: N samples, G that pass the threshold.
"""

import math

import numpy as np

from inference_scaling import stopping
from inference_scaling.analysis.stopping import samples


def replay(
  answers: np.ndarray,
  correct: np.ndarray,
  scores: np.ndarray,
  threshold: float,
  batch: int = 1,
) -> samples.Replay:
  """What best-of-n does that stops once a sample passes a threshold.

  Of those drawn the answer with the highest reward wins; those that tie are
  taken equally often.

  Args:
    answers: int[N] class ids; negative abstains.
    correct: bool[N].
    scores: float[N] rewards.
    threshold: as `stopping.passes` reads it.
    batch: samples from one look to the next.

  Returns:
    The Replay, exact.
  """
  N = len(answers)
  good = stopping.passes(answers, scores, threshold)
  G = int(good.sum())
  shares = _ranked_shares(answers, correct, scores)
  accuracy, drawn = np.zeros(N), np.zeros((N, N))
  stopped, chances = 0.0, np.zeros(N)
  for m in range(N):
    seen = m // batch * batch
    none = _none_among(N, G, seen)
    # One more is drawn of the N - seen that may come next, all alike but for
    # the good ones, of which none was seen.
    chances = chances + np.where(good, none / (N - seen), 0.0)
    if N > G:
      bad = none * (N - G - seen) / (N - seen) / (N - G)
      chances = chances + np.where(good, 0.0, bad)
    drawn[m] = chances
    n, latest = m + 1, m + 1 - seen
    at_end = none * _best(N - seen, latest, shares[:G])
    accuracy[m] = stopped + at_end
    # The best of n where none is good.
    accuracy[m] += _none_among(N, G, n) * _best(N - G, n, shares[G:])
    if n % batch == 0:
      stopped += at_end
  return samples.Replay(accuracy, np.zeros(N), drawn)


def _none_among(num: int, good: int, first: int) -> float:
  """Chance that none of the good ones is among the first of an order."""
  return math.comb(num - good, first) / math.comb(num, first)


def _best(num: int, first: int, shares: np.ndarray) -> float:
  """Chance that the best of a random subset is right and is one of `shares`.

  Args:
    num: samples that the subset is drawn of, the best ones ranked first.
    first: size of the subset.
    shares: float[..], of each of the first ranks, the chance to be right.
  """
  if not 0 < first <= num:
    return 0.0
  shares = shares[:num]
  chances = [math.comb(num - 1 - r, first - 1) for r in range(len(shares))]
  return float(np.array(chances, float) @ shares) / math.comb(num, first)


def _ranked_shares(
  answers: np.ndarray, correct: np.ndarray, scores: np.ndarray
) -> np.ndarray:
  """Chance of each rank to be right, the best first; ties share theirs."""
  scores = np.where(np.isnan(scores), -np.inf, scores)
  # Of a tie no order is likelier; those that abstain come last.
  keys = list(zip((answers < 0).tolist(), (-scores).tolist(), strict=True))
  right = correct & (answers >= 0)
  mean = {
    key: right[[other == key for other in keys]].mean() for key in set(keys)
  }
  return np.array([mean[key] for key in sorted(keys)])
