"""Votes over candidate answers: arrays in, arrays out.

Axis letters: N candidates, J steps. Answers are class ids, int32, with ABSTAIN
(-1) for a candidate without an answer. Ids are ranks of the sorted texts
(`class_ids`) and ties go to the smallest id, so that no vote depends on the
order of the candidates, to the bit.

References:
  Wu et al., "Inference Scaling Laws: An Empirical Analysis of Compute-Optimal
    Inference for LLM Problem-Solving", ICLR 2025, Section 3.1.
    https://arxiv.org/abs/2408.00724
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

ABSTAIN = -1
AGGREGATIONS = ("last", "mean", "min", "product")


def class_ids(answers: Sequence[str | None]) -> np.ndarray:
  """Numbers the distinct answers of one problem.

  Args:
    answers: canonical texts; None abstains.

  Returns:
    int32[N], the rank of each answer among the sorted distinct ones; ABSTAIN
    for None.
  """
  distinct = sorted({answer for answer in answers if answer is not None})
  ranks = {answer: rank for rank, answer in enumerate(distinct)}
  ids = [ABSTAIN if answer is None else ranks[answer] for answer in answers]
  return np.asarray(ids, np.int32)


def aggregate(step_scores: Any, mask: Any, how: str) -> jax.Array:
  """Makes one score a candidate out of the scores of its steps.

  Args:
    step_scores: float32[..., J].
    mask: bool[..., J], True for the steps that the candidate has.
    how: "last", "mean", "min" or "product".

  Returns:
    float32[...]. NaN for a candidate without a step: `best_of_n` ranks it last
    and `weighted` adds nothing for it.

  Raises:
    ValueError: on an unknown name or shapes that differ.
  """
  if how not in AGGREGATIONS:
    raise ValueError(
      f"aggregate: how is {how!r}, expected one of {AGGREGATIONS}"
    )
  scores = jnp.asarray(step_scores, jnp.float32)
  mask = jnp.asarray(mask, bool)
  _check_shapes("aggregate", "step_scores", scores, "mask", mask)
  count = jnp.sum(mask, axis=-1)
  if scores.shape[-1] == 0:
    return jnp.full(count.shape, jnp.nan, jnp.float32)
  if how == "last":
    places = jnp.arange(scores.shape[-1])
    last = jnp.max(jnp.where(mask, places, 0), axis=-1, keepdims=True)
    result = jnp.take_along_axis(scores, last, axis=-1)[..., 0]
  elif how == "mean":
    total = jnp.sum(jnp.where(mask, scores, 0.0), axis=-1)
    result = total / jnp.maximum(count, 1)
  elif how == "min":
    result = jnp.min(jnp.where(mask, scores, jnp.inf), axis=-1)
  else:
    result = jnp.prod(jnp.where(mask, scores, 1.0), axis=-1)
  return jnp.where(count > 0, result, jnp.nan)


def majority(answers: Any) -> jax.Array:
  """The most frequent answer.

  Args:
    answers: int32[..., N] class ids; negative abstains.

  Returns:
    int32[...] the winning id, the smallest of those that tie; ABSTAIN if all
    abstain.
  """
  ids = _checked_ids("majority", answers)
  same = ids[..., :, None] == ids[..., None, :]
  return _winner(ids, jnp.sum(same, axis=-1, dtype=jnp.int32))


def best_of_n(answers: Any, scores: Any) -> jax.Array:
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
  scores = jnp.asarray(scores, jnp.float32)
  _check_shapes("best_of_n", "answers", ids, "scores", scores)
  return _winner(ids, scores)


def weighted(answers: Any, scores: Any) -> jax.Array:
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
  scores = jnp.asarray(scores, jnp.float32)
  _check_shapes("weighted", "answers", ids, "scores", scores)
  scores = jnp.where(jnp.isnan(scores), 0.0, scores)
  # Floating sums depend on their order. Sorted by class and score, each class
  # is a run whose sum is taken from its first member on: equal bags of scores
  # give equal sums wherever they stand.
  if ids.shape[-1] == 0:
    return _winner(ids, scores)
  order = jnp.lexsort((scores, ids), axis=-1)
  ids = jnp.take_along_axis(ids, order, axis=-1)
  scores = jnp.take_along_axis(scores, order, axis=-1)
  return _winner(ids, _run_sums(ids, scores))


@functools.partial(jnp.vectorize, signature="(n),(n)->(n)")
def _run_sums(ids: jax.Array, scores: jax.Array) -> jax.Array:
  """Sums of scores at the first member of each run of ids; -inf elsewhere."""
  places = jnp.arange(ids.shape[0])
  offsets = places[:, None] + places[None, :]
  inside = offsets < ids.shape[0]
  offsets = jnp.where(inside, offsets, 0)
  member = inside & (ids[offsets] == ids[:, None])
  sums = jnp.sum(jnp.where(member, scores[offsets], 0.0), axis=1)
  first = jnp.concatenate([ids[:1] == ids[:1], ids[1:] != ids[:-1]])
  return jnp.where(first, sums, -jnp.inf)


def _winner(ids: jax.Array, votes: jax.Array) -> jax.Array:
  """The smallest id among the answering candidates with the most votes."""
  if ids.shape[-1] == 0:
    return jnp.full(ids.shape[:-1], ABSTAIN, jnp.int32)
  # Sorted by most votes, then smallest id, those that abstain at the end.
  # Comparisons of NaN in `sort` put it last: below every number here.
  abstains = ids < 0
  order = jnp.lexsort((ids, -votes, abstains), axis=-1)
  first = jnp.take_along_axis(ids, order[..., :1], axis=-1)[..., 0]
  return jnp.where(first < 0, ABSTAIN, first)


def _checked_ids(function: str, answers: Any) -> jax.Array:
  """Answers as int32[..., N]."""
  ids = jnp.asarray(answers)
  if ids.size == 0:
    ids = ids.astype(jnp.int32)  # an empty list has a floating dtype
  if ids.ndim == 0 or not jnp.issubdtype(ids.dtype, jnp.integer):
    raise ValueError(
      f"{function}: answers are {ids.dtype}{list(ids.shape)}, expected class "
      "ids int32[..., N]; make them with class_ids"
    )
  return ids.astype(jnp.int32)


def _check_shapes(function, first_name, first, second_name, second):
  """Raises a ValueError if two arrays that go together differ in shape."""
  if first.shape != second.shape or first.ndim == 0:
    raise ValueError(
      f"{function}: {first_name} have shape {first.shape} and {second_name} "
      f"{second.shape}, expected the same shape [..., N]"
    )
