"""How sure a policy was of its tokens: statistics, and votes by them. NumPy.

A group is a window of tokens in a row; groups overlap, one begins at every
token. A solution shorter than a group is one group.

Axis letters: T tokens, N candidates.

References:
  Fu et al. 2025, Deep Think with Confidence (DeepConf), sections 2 and 3.
    https://arxiv.org/abs/2508.15260
  Taubenfeld et al. 2025, Confidence Improves Self-Consistency in LLMs (CISC),
    section 3. https://arxiv.org/abs/2502.06233
"""

from typing import Any

import numpy as np

from inference_scaling import names, voting

# How many of a hundred candidates vote.
PERCENTS = {names.CONFIDENT: 100, names.TOP_10: 10, names.TOP_90: 90}
_BOTTOM = 10  # one group in so many is among the lowest


def statistics(values: Any, window: int, tail: int) -> dict[str, float]:
  """Sums up a number that each token of a solution has.

  Args:
    values: float32[T], T at least 1.
    window: tokens of a group.
    tail: tokens at the end.

  Returns:
    By names of `names.STATISTICS`: the mean of all tokens, that of the lowest
    group, that of the last `tail` tokens, and the mean of the lowest tenth of
    the groups (the number of groups over 10, rounded down, and at least one).
  """
  values = np.asarray(values, np.float64)
  groups = np.sort(group_means(values, window))
  bottom = groups[: max(1, len(groups) // _BOTTOM)]
  return {
    "mean": float(values.mean()),
    "lowest": float(groups[0]),
    "tail": float(values[-tail:].mean()),
    "bottom": float(bottom.mean()),
  }


def group_means(values: np.ndarray, window: int) -> np.ndarray:
  """Returns the means of all groups, float64[max(1, T - window + 1)]."""
  if len(values) <= window:
    return values.mean(keepdims=True)
  sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
  return (sums[window:] - sums[:-window]) / window


def vote(
  answers: Any, scores: Any, method: str, temperature: float = 1.0
) -> np.ndarray:
  """The answer that wins a vote by how sure the policy was.

  Args:
    answers: int32[..., N] class ids; negative abstains.
    scores: float[..., N], not negative.
    method: one of `PERCENTS`, in which the surest ones vote with the weights
      of their scores, or "softmax".
    temperature: of the softmax; others read none.

  Returns:
    int32[...], the winning id, as `voting.weighted`.
  """
  ids = np.asarray(answers)
  if method == names.SOFTMAX:
    return voting.weighted(ids, softmax_weights(ids >= 0, scores, temperature))
  kept = is_top(ids >= 0, scores, PERCENTS[method])
  return voting.weighted(np.where(kept, ids, voting.ABSTAIN), scores)


def is_top(answering: Any, scores: Any, percent: int) -> np.ndarray:
  """Which candidates a filter keeps: DeepConf's top 10% or 90%.

  Those whose score is at least the percentile 100 - `percent` of all scores,
  between two of which it is interpolated: of 16 candidates the top 10% are two,
  the top 90% fourteen. All that tie with the last one are kept.

  Args:
    answering: bool[..., N]; the others are not kept and do not count.
    scores: float[..., N].
    percent: how many of a hundred are kept.

  Returns:
    bool[..., N].
  """
  answering = np.asarray(answering, bool)
  scores = np.where(answering, scores, np.inf)
  count = answering.sum(axis=-1, keepdims=True)
  # The first score that is no smaller than the percentile.
  index = -(-(100 - percent) * np.maximum(count - 1, 0) // 100)
  least = np.take_along_axis(np.sort(scores, axis=-1), index, axis=-1)
  return answering & (scores >= least)


def softmax_weights(
  answering: Any, scores: Any, temperature: float
) -> np.ndarray:
  """Weights of CISC, but for a factor that all of a problem share.

  Args:
    answering: bool[..., N]; the others do not count: a text that goes round in
      circles is very sure of itself, and all weights beside its own would be 0.
    scores: float[..., N].
    temperature: above 0; high weighs all alike, low takes the best.

  Returns:
    float64[..., N], 1 for the highest score; NaN, which counts as no weight,
    where the score is NaN or there is no answer.
  """
  scores = np.where(answering, np.asarray(scores, np.float64), np.nan)
  highest = np.max(scores, axis=-1, keepdims=True, initial=-np.inf,
                   where=~np.isnan(scores))  # fmt: skip
  return np.exp((scores - np.maximum(highest, -1e300)) / temperature)
