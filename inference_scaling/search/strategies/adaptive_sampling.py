"""Independent samples, drawn until they agree or one of them is good enough.

Samples begin in the order of their slots, some at a time; the others wait at
the prompt. Each time that all who began have ended, their answers are looked
at. The rules stand in `stopping`, which the analysis reads, too: what a search
draws is what a rule would have drawn of as many samples of `sampling`.

Axis letter: N beams.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from inference_scaling import stopping
from inference_scaling.search import base
from inference_scaling.search.checks import arguments


def adaptive_sampling(
  rule: str = stopping.BETA,
  batch: int | None = None,
  threshold: float | None = None,
) -> base.Strategy:
  """Draws samples until a rule says that their answers agree; N at most.

  Rewards serve only the vote. Samples that abstain agree with none.

  Args:
    rule: one of `names.STOPPING_RULES`, see `stopping`.
    batch: samples from one look to the next; None for that of the rule.
    threshold: at which the rule stops; None for that of the rule.

  Returns:
    A Strategy that resumes: it needs a function that reads answers.

  Raises:
    ValueError: on an unknown rule, or a number that says nothing to it.

  References:
    Li et al., "Escape Sky-high Cost: Early-stopping Self-Consistency for
      Multi-step Reasoning", ICLR 2024. https://arxiv.org/abs/2401.10480
    Aggarwal et al., "Let's Sample Step by Step: Adaptive-Consistency for
      Efficient Reasoning and Coding with LLMs", EMNLP 2023.
      https://arxiv.org/abs/2305.11860
  """
  made = stopping.make_rule(rule, batch, threshold)
  return _strategy(_Resume(made))


def reward_threshold(threshold: float = 0.9, batch: int = 1) -> base.Strategy:
  """Draws samples until one of them has a high enough reward; N at most.

  Its newest reward is looked at, and a sample that abstains does not count.

  Args:
    threshold: reward at which drawing stops.
    batch: samples from one look to the next.

  Returns:
    A Strategy that resumes: it needs a function that reads answers.

  Raises:
    ValueError: on a number out of range.
  """
  arguments.check_static("reward_threshold: batch", batch, 1)
  if not np.isfinite(threshold):
    raise ValueError(
      f"reward_threshold: threshold is {threshold!r}, expected a finite number"
    )
  return _strategy(_ResumeByReward(float(threshold), batch))


@dataclasses.dataclass(frozen=True)
class _Resume:
  """Lets samples begin until a rule stops."""

  rule: stopping.Rule

  def looks(self, num_beams: int) -> tuple[int, ...]:
    return stopping.looks(self.rule, num_beams)

  def stops(self, classes: np.ndarray, scores: np.ndarray) -> bool:
    del scores
    return stopping.agree(self.rule, classes)

  def __call__(self, answers: base.Answers) -> np.ndarray:
    return _begin_next(self, answers)


@dataclasses.dataclass(frozen=True)
class _ResumeByReward:
  """Lets samples begin until one has a reward of at least the threshold."""

  threshold: float
  batch: int

  def looks(self, num_beams: int) -> tuple[int, ...]:
    return (*range(self.batch, num_beams, self.batch), num_beams)

  def stops(self, classes: np.ndarray, scores: np.ndarray) -> bool:
    return bool(stopping.passes(classes, scores, self.threshold).any())

  def __call__(self, answers: base.Answers) -> np.ndarray:
    return _begin_next(self, answers)


@dataclasses.dataclass(frozen=True)
class _Init:
  """The samples up to the first look, an array: no number compiles anew."""

  resume: _Resume | _ResumeByReward

  def __call__(self, num_beams: int) -> jax.Array:
    return jnp.int32(self.resume.looks(num_beams)[0])


def _strategy(resume: _Resume | _ResumeByReward) -> base.Strategy:
  return base.Strategy(
    _Init(resume), _select, _first, resume=resume, resumes=True
  )


def _first(num_beams: int, carry: jax.Array) -> jax.Array:
  return jnp.arange(num_beams) < carry


def _select(
  key: jax.Array, beams: base.Beams, carry: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Those that began go on, each from itself; the others wait."""
  del key
  parents = jnp.arange(beams.status.shape[0], dtype=jnp.int32)
  return parents, beams.active & (beams.status == base.RUNNING), carry


def _begin_next(
  resume: _Resume | _ResumeByReward, answers: base.Answers
) -> np.ndarray:
  """The samples up to the next look, bool[N]; none where drawing stops."""
  N = len(answers.begun)
  drawn = int(answers.begun.sum())
  if resume.stops(answers.classes[:drawn], answers.scores[:drawn]):
    return np.zeros(N, bool)
  upto = next(look for look in resume.looks(N) if look > drawn)
  return (np.arange(N) < upto) & ~answers.begun
