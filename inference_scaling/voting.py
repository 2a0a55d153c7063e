"""Votes over candidate answers: arrays in, NumPy arrays out.

Axis letters: N candidates, J steps. Answers are class ids, int32, with ABSTAIN
(-1) for a candidate without an answer. Ids are ranks of the sorted texts
(`class_ids`) and ties go to the smallest id, so that no vote depends on the
order of the candidates, to the bit.

Scores are float32, as models give them, and so are their sums and products.
These are made one number after the other: the same on every machine, whatever
the width of its vector instructions. A product below float32's smallest normal
number is 0, as it is on accelerators.

References:
  Wu et al., "Inference Scaling Laws: An Empirical Analysis of Compute-Optimal
    Inference for LLM Problem-Solving", ICLR 2025, Section 3.1.
    https://arxiv.org/abs/2408.00724
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from inference_scaling import names

ABSTAIN = -1
_SMALLEST = np.finfo(np.float32).tiny


def class_ids(answers: Sequence[Any]) -> np.ndarray:
  """Numbers the distinct answers of one problem.

  Args:
    answers: canonical texts, or whole numbers; None abstains.

  Returns:
    int32[N], the rank of each answer among the sorted distinct ones; ABSTAIN
    for None.
  """
  distinct = sorted({answer for answer in answers if answer is not None})
  ranks = {answer: rank for rank, answer in enumerate(distinct)}
  ids = [ABSTAIN if answer is None else ranks[answer] for answer in answers]
  return np.asarray(ids, np.int32)


def pad_steps(
  step_scores: Sequence[Sequence[float]],
) -> tuple[np.ndarray, np.ndarray]:
  """Makes a table of lists that differ in length.

  Args:
    step_scores: the scores of each candidate's steps, N lists.

  Returns:
    The scores, float32[N, J], padded with zeros, and the mask of the given
    ones, bool[N, J]; as `aggregate` takes them.
  """
  lengths = np.array([len(scores) for scores in step_scores], int)
  mask = np.arange(lengths.max(initial=0)) < lengths[:, None]
  table = np.zeros(mask.shape, np.float32)
  table[mask] = [score for scores in step_scores for score in scores]
  return table, mask


@np.errstate(over="ignore", invalid="ignore")
def aggregate(step_scores: Any, mask: Any, how: str) -> np.ndarray:
  """Makes one score per candidate out of the scores of its steps.

  Args:
    step_scores: float32[..., J].
    mask: bool[..., J], True for the steps that the candidate has.
    how: a name of `names.AGGREGATIONS`.

  Returns:
    float32[...]. NaN for a candidate without a step: `best_of_n` ranks it last
    and `weighted` adds nothing for it.

  Raises:
    ValueError: on an unknown name or shapes that differ.
  """
  if how not in names.AGGREGATIONS:
    raise ValueError(
      f"aggregate: how is {how!r}, expected one of {names.AGGREGATIONS}"
    )
  scores = np.asarray(step_scores, np.float32)
  mask = np.asarray(mask, bool)
  _check_shapes("aggregate", "step_scores", scores, "mask", mask)
  count = np.sum(mask, axis=-1)
  if scores.shape[-1] == 0:
    return np.full(count.shape, np.nan, np.float32)
  if how == names.LAST:
    last = np.max(np.where(mask, np.arange(scores.shape[-1]), 0), axis=-1)
    result = np.take_along_axis(scores, last[..., None], axis=-1)[..., 0]
  elif how == names.MIN:
    result = np.min(scores, axis=-1, where=mask, initial=np.inf)
  elif how == names.MEAN:
    # `sum` would add in pairs, and `prod` in vectors; these keep the order.
    totals = np.add.accumulate(np.where(mask, scores, 0), axis=-1)
    result = totals[..., -1] / np.maximum(count, 1).astype(np.float32)
  else:
    products = np.multiply.accumulate(np.where(mask, scores, 1), axis=-1)
    result = products[..., -1]
    result = np.where(np.abs(result) < _SMALLEST, 0, result)
  return np.where(count > 0, result, np.float32(np.nan))


def majority(answers: Any) -> np.ndarray:
  """The most frequent answer.

  Args:
    answers: int32[..., N] class ids; negative abstains.

  Returns:
    int32[...] the winning id, the smallest of those that tie; ABSTAIN if all
    abstain.
  """
  ids = _checked_ids("majority", answers)
  return _winner(ids, np.sum(ids[..., :, None] == ids[..., None, :], axis=-1))


def best_of_n(answers: Any, scores: Any) -> np.ndarray:
  """The answer of the highest score among the candidates that answer.

  Args:
    answers: int32[..., N] class ids; negative abstains.
    scores: float32[..., N]. NaN ranks below every number.

  Returns:
    int32[...] the winning id, the smallest of those that tie; ABSTAIN if all
    abstain.

  Raises:
    ValueError: if the shapes differ.
  """
  ids = _checked_ids("best_of_n", answers)
  scores = np.asarray(scores, np.float32)
  _check_shapes("best_of_n", "answers", ids, "scores", scores)
  return _winner(ids, scores)


@np.errstate(over="ignore", invalid="ignore")
def weighted(answers: Any, scores: Any) -> np.ndarray:
  """The answer with the largest sum of scores.

  Args:
    answers: int32[..., N] class ids; negative abstains.
    scores: float32[..., N], weights. Negative ones are added like others, and a
      class may win with a negative sum; NaN counts as 0.

  Returns:
    int32[...] the winning id, the smallest of those that tie; ABSTAIN if all
    abstain.

  Raises:
    ValueError: if the shapes differ.
  """
  ids = _checked_ids("weighted", answers)
  scores = np.asarray(scores, np.float32)
  _check_shapes("weighted", "answers", ids, "scores", scores)
  scores = np.where(np.isnan(scores), np.float32(0), scores)
  # Floating sums depend on their order. Sorted by class and score, each class
  # is a run that is added up in order: equal bags of scores give equal sums
  # wherever they stand.
  order = np.lexsort((scores, ids), axis=-1)
  ids = np.take_along_axis(ids, order, axis=-1)
  scores = np.take_along_axis(scores, order, axis=-1)
  first = np.ones(ids.shape, bool)
  first[..., 1:] = ids[..., 1:] != ids[..., :-1]
  runs = np.cumsum(first) - 1  # numbers all runs of all problems
  sums = np.zeros(first.sum(), np.float32)
  np.add.at(sums, runs, scores.ravel())
  return _winner(ids, sums[runs].reshape(ids.shape))


def _winner(ids: np.ndarray, votes: np.ndarray) -> np.ndarray:
  """The smallest id among the answering candidates with the most votes."""
  if ids.shape[-1] == 0:
    return np.full(ids.shape[:-1], ABSTAIN, np.int32)
  # Sorted by most votes, then smallest id, those that abstain at the end.
  # Comparisons of NaN in `sort` put it last: below every number here.
  order = np.lexsort((ids, -votes, ids < 0), axis=-1)
  first = np.take_along_axis(ids, order[..., :1], axis=-1)[..., 0]
  return np.where(first < 0, np.int32(ABSTAIN), first)


def _checked_ids(function: str, answers: Any) -> np.ndarray:
  """Answers as int32[..., N]."""
  ids = np.asarray(answers)
  if ids.size == 0:
    ids = ids.astype(np.int32)  # an empty list has a floating dtype
  if ids.ndim == 0 or not np.issubdtype(ids.dtype, np.integer):
    raise ValueError(
      f"{function}: answers are {ids.dtype}{list(ids.shape)}, expected class "
      "ids int32[..., N]; make them with class_ids"
    )
  return ids.astype(np.int32)


def _check_shapes(
  function: str,
  first_name: str,
  first: np.ndarray,
  second_name: str,
  second: np.ndarray,
) -> None:
  """Raises a ValueError if two arrays that go together differ in shape."""
  if first.shape != second.shape or first.ndim == 0:
    raise ValueError(
      f"{function}: {first_name} have shape {first.shape} and {second_name} "
      f"{second.shape}, expected the same shape [..., N]"
    )
