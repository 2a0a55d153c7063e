"""DeepConf online: samples stop where the policy was less sure than others.

Axis letter: N beams.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from inference_scaling.search import base
from inference_scaling.search.checks import arguments


def deepconf(
  warmup: int = 16,
  percent: int = 90,
  batch: int | None = None,
  consensus: float | None = None,
) -> base.Strategy:
  """Stops samples in the middle whose score falls below that of the first ones.

  The first samples are drawn to their ends. The bar is the percentile of their
  scores that `percent` of a hundred reach (`confidence_bar`), and whatever is
  drawn after them stops at the end of the first step at which its score is
  below. Scores are to be those of the lowest group of tokens so far
  (`decoding.GroupConfidence`), 0 before there is one: such a sample goes on. A
  stopped sample stays unfinished, and abstains.

  The paper looks at every token; a search looks at the ends of steps. Which
  samples stop is the same, and so are the votes, but a stopped one has written
  its step to the end.

  Args:
    warmup: samples that are drawn to their ends; 16 in the paper.
    percent: 10 (the paper's DeepConf-low) or 90 (DeepConf-high).
    batch: samples that begin at once after these; None for all of them.
    consensus: no more samples begin once one answer has at least this share of
      the votes, each weighted by its score, of those that reach the bar; 0.95
      in the paper. None draws all.

  Returns:
    A Strategy that resumes: it needs a function that reads answers.

  Raises:
    ValueError: on a number out of range.

  References:
    Fu et al., "Deep Think with Confidence", 2025, section 3.3.
      https://arxiv.org/abs/2508.15260
  """
  warmup = arguments.check_static("deepconf: warmup", warmup, 1)
  percent = arguments.check_static("deepconf: percent", percent, 1)
  if batch is not None:
    batch = arguments.check_static("deepconf: batch", batch, 1)
  if percent > 100 or not (consensus is None or 0 < consensus <= 1):
    name, value, most = "percent", percent, 100
    if percent <= 100:
      name, value, most = "consensus", consensus, 1
    raise ValueError(
      f"deepconf: {name} is {value!r}, expected a number above 0 and at most "
      f"{most}"
    )
  return base.Strategy(
    _Init(warmup, percent), _select, _first,
    resume=_Resume(warmup, percent, batch, consensus), resumes=True,
  )  # fmt: skip


def confidence_bar(
  scores: ArrayLike, warm: ArrayLike, percent: ArrayLike
) -> jax.Array:
  """The percentile of the first samples' scores that the others must reach.

  Args:
    scores: float32[N].
    warm: bool[N], the first samples. Those without a score, 0, do not count.
    percent: int32[], how many of a hundred reach it.

  Returns:
    float32[], interpolated between two scores; below all where there is none.
  """
  scores = jnp.asarray(scores, jnp.float32)
  known = jnp.asarray(warm) & (scores > 0)
  last = jnp.maximum(known.sum() - 1, 0)
  ordered = jnp.sort(jnp.where(known, scores, jnp.inf))
  position = (100 - jnp.asarray(percent, jnp.int32)) * last
  low, part = position // 100, (position % 100) / jnp.float32(100)
  below, above = ordered[low], ordered[jnp.minimum(low + 1, last)]
  bar = below + part * (above - below)
  return jnp.where(known.any(), bar, -jnp.inf)


def reach_bar(scores: ArrayLike, warmup: int, percent: int) -> np.ndarray:
  """Which samples vote: the first ones must reach the bar, too.

  Args:
    scores: float32[N], the last of each sample, in the order of drawing.
    warmup: as for `deepconf`.
    percent: likewise.

  Returns:
    bool[N].
  """
  scores = np.asarray(scores, np.float32)
  if not scores.size:
    return np.zeros(0, bool)
  bar = confidence_bar(scores, np.arange(len(scores)) < warmup, percent)
  return scores >= np.asarray(bar)


class _Carry(NamedTuple):
  """The numbers, as arrays: another one compiles nothing anew."""

  warmup: jax.Array
  percent: jax.Array


@dataclasses.dataclass(frozen=True)
class _Init:
  """Makes the carry; equal for equal numbers, so jit's cache is hit."""

  warmup: int
  percent: int

  def __call__(self, num_beams: int) -> _Carry:
    del num_beams  # fewer than the warm-up are all of it
    return _Carry(jnp.int32(self.warmup), jnp.int32(self.percent))


@dataclasses.dataclass(frozen=True)
class _Resume:
  """Lets further samples begin, until those that vote agree."""

  warmup: int
  percent: int
  batch: int | None
  consensus: float | None

  def __call__(self, answers: base.Answers) -> np.ndarray:
    N, drawn = len(answers.begun), int(answers.begun.sum())
    if self._agree(answers.classes[:drawn], answers.scores[:drawn]):
      return np.zeros(N, bool)
    upto = N if self.batch is None else drawn + self.batch
    return (np.arange(N) < upto) & ~answers.begun

  def _agree(self, classes: np.ndarray, scores: np.ndarray) -> bool:
    """Whether one answer has its share of the votes."""
    if self.consensus is None:
      return False
    votes = reach_bar(scores, self.warmup, self.percent) & (classes >= 0)
    if not votes.any():
      return False
    totals = np.bincount(classes[votes], scores[votes].astype(np.float64))
    return bool(totals.max() >= self.consensus * totals.sum())


def _first(num_beams: int, carry: _Carry) -> jax.Array:
  return jnp.arange(num_beams) < carry.warmup


def _select(
  key: jax.Array, beams: base.Beams, carry: _Carry
) -> tuple[jax.Array, jax.Array, _Carry]:
  """Each sample goes on from itself, if it is not stopped."""
  del key
  parents = jnp.arange(beams.status.shape[0], dtype=jnp.int32)
  # Of the first samples while they are drawn it is not the bar yet; then only
  # they run, which nothing stops.
  warm = parents < carry.warmup
  bar = confidence_bar(beams.scores, warm, carry.percent)
  stopped = ~warm & (beams.scores > 0) & (beams.scores < bar)
  running = beams.active & (beams.status == base.RUNNING)
  return parents, running & ~stopped, carry
