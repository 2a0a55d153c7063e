"""When to stop drawing samples of one problem: rules of counts, NumPy alone.

A rule looks at the samples after some of them, `looks`, and stops once they
agree. Searches ask it as they draw, and the analysis asks it of samples that
are recorded: both ask the functions of this module.

Rules, by their names in `names.STOPPING_RULES`:

- window: samples are drawn in windows of `batch`; stop when all answers of the
  last window are the same (early-stopping self-consistency).
- beta: stop when the leading answer is likelier than the second one with a
  probability of `threshold`, under a Beta posterior with a flat prior (adaptive
  consistency).
- dirichlet: the same against all answers that were seen, under a Dirichlet
  posterior. While one answer alone was seen it stands against another one that
  was not, as in the rule before.
- doubling: after `batch`, twice, four times as many samples and so on; stop
  when a share of `threshold` of all samples has the same answer.

Samples that abstain agree with none, not even with each other.

Axis letters: N samples, A answer classes, Q nodes of a quadrature.

References:
  Li et al., "Escape Sky-high Cost: Early-stopping Self-Consistency for
    Multi-step Reasoning", ICLR 2024. https://arxiv.org/abs/2401.10480
  Aggarwal et al., "Let's Sample Step by Step: Adaptive-Consistency for
    Efficient Reasoning and Coding with LLMs", EMNLP 2023.
    https://arxiv.org/abs/2305.11860
"""

import dataclasses
import functools
import math
import numbers
from typing import Any

import numpy as np
from scipy import special

from inference_scaling import names

WINDOW, BETA, DIRICHLET, DOUBLING = names.STOPPING_RULES
# What the papers, and its_hub for doubling, take: samples between two looks,
# and the threshold.
DEFAULTS: dict[str, tuple[int, float | None]] = {
  WINDOW: (5, None),
  BETA: (1, 0.95),
  DIRICHLET: (1, 0.95),
  DOUBLING: (2, 0.75),
}
# Integrands are polynomials times exponentials: errors are below 1e-12.
_NODES = 80
_SLACK = 1e-9  # shares are quotients of small integers


@dataclasses.dataclass(frozen=True)
class Rule:
  """A rule with its numbers.

  Attributes:
    kind: one of `names.STOPPING_RULES`.
    batch: samples from one look to the next; up to the first, for doubling.
    threshold: probability or share that it stops at; None for a window.
  """

  kind: str
  batch: int
  threshold: float | None


def make_rule(
  kind: str, batch: int | None = None, threshold: float | None = None
) -> Rule:
  """Makes a rule.

  Args:
    kind: one of `names.STOPPING_RULES`.
    batch: as `Rule`; None for that of DEFAULTS.
    threshold: likewise.

  Returns:
    The rule.

  Raises:
    ValueError: on an unknown kind, or a number that says nothing to it.
  """
  if kind not in names.STOPPING_RULES:
    raise ValueError(
      f"rule is {kind!r}; expected one of {', '.join(names.STOPPING_RULES)}"
    )
  own_batch, own_threshold = DEFAULTS[kind]
  batch = own_batch if batch is None else batch
  least = 2 if kind == WINDOW else 1
  whole = isinstance(batch, numbers.Integral) and not isinstance(batch, bool)
  if not whole or batch < least:
    raise ValueError(
      f"batch is {batch!r}; expected a whole number of at least {least}, or "
      f"None for {own_batch}: the samples from one look of the rule {kind!r} "
      "to the next"
    )
  if threshold is None:
    threshold = own_threshold
  elif own_threshold is None:
    raise ValueError(
      f"threshold is {threshold!r}, but the rule {kind!r} has none: all of a "
      "window agree, or it goes on. Leave it out, or choose another rule"
    )
  elif not 0.5 <= threshold < 1:
    raise ValueError(
      f"threshold is {threshold!r}; expected a number from 0.5 to 1, without "
      f"1, or None for {own_threshold}"
    )
  return Rule(kind, int(batch), threshold)


def looks(rule: Rule, n: int) -> tuple[int, ...]:
  """The numbers of samples after which a rule looks, rising.

  Args:
    rule: the rule.
    n: most samples.

  Returns:
    Them; the last one is n, where drawing ends whatever the samples say.
  """
  if rule.kind == DOUBLING:
    sizes = [
      rule.batch << k for k in range(n.bit_length()) if rule.batch << k < n
    ]
    return (*sizes, n)
  return (*range(rule.batch, n, rule.batch), n)


def stops(
  rule: Rule, counts: np.ndarray, latest: np.ndarray, drawn: Any
) -> np.ndarray:
  """Whether a rule stops at a look.

  Args:
    rule: the rule.
    counts: int[..., A], samples of each answer so far.
    latest: int[..., A], those of them since the look before.
    drawn: int[...], all samples so far, with those that abstain.

  Returns:
    bool[...].
  """
  most = counts.max(axis=-1, initial=0)
  if rule.kind == WINDOW:
    return latest.max(axis=-1, initial=0) >= rule.batch
  assert rule.threshold is not None  # by `make_rule`
  if rule.kind == DOUBLING:
    return most >= rule.threshold * np.asarray(drawn) - _SLACK
  second = np.zeros_like(most)
  if counts.shape[-1] > 1:
    second = np.partition(counts, -2, axis=-1)[..., -2]
  ahead = np.asarray(ahead_of_second(most, second) > rule.threshold)
  if rule.kind == BETA or not ahead.any():
    return ahead
  # To be ahead of all is less likely than to be ahead of the second one.
  ahead[ahead] = ahead_of_all(counts[ahead]) > rule.threshold
  return ahead


def agree(rule: Rule, classes: np.ndarray) -> bool:
  """Whether a rule stops after these samples, at one of its looks.

  Args:
    rule: the rule.
    classes: int[N] answer classes in the order of drawing; negative abstains.

  Returns:
    Whether it stops.
  """
  most = int(classes.max(initial=0)) + 1
  since = classes[-rule.batch :]
  counts, latest = (
    np.bincount(part[part >= 0], minlength=most) for part in (classes, since)
  )
  return bool(stops(rule, counts, latest, len(classes)))


def passes(
  classes: np.ndarray, scores: np.ndarray, threshold: float
) -> np.ndarray:
  """Which samples answer and have a reward of at least a threshold.

  Args:
    classes: int[...] answer classes; negative abstains.
    scores: float[...] rewards; NaN passes no threshold.
    threshold: of the rewards.

  Returns:
    bool[...]: best-of-n need not draw on once there is one.
  """
  return (classes >= 0) & (scores >= threshold)


def ahead_of_second(most: np.ndarray, second: np.ndarray) -> np.ndarray:
  """Probability that the leading answer is likelier than the second one.

  Args:
    most: int[...], samples of the leading answer.
    second: int[...], those of the second one.

  Returns:
    float64[...], that of p > 1/2 under Beta(most + 1, second + 1).
  """
  return special.betainc(second + 1.0, most + 1.0, 0.5)


def ahead_of_all(counts: np.ndarray) -> np.ndarray:
  """Probability that the leading answer is the likeliest of those seen.

  Under a Dirichlet posterior with a flat prior, shares are Gamma variables of
  shapes count + 1 over their sum: the leading one is the largest with the
  probability of its density times the product of the others' distributions,
  integrated.

  Args:
    counts: int[U, A], samples of each answer; 0 for one that was not seen, of
      which one stands in where one answer alone was seen.

  Returns:
    float64[U]. Of answers that tie at the head it is that of one of them.
  """
  rows = np.arange(len(counts))
  leading = counts.argmax(axis=1)
  most = counts[rows, leading]
  others = counts.copy()
  others[rows, leading] = 0
  alone = others.max(axis=1, initial=0) == 0
  result = np.zeros(len(counts))
  for size in np.unique(most):
    mine = most == size
    weights, logs = _quadrature(int(size))
    seen = np.stack(
      [(others[mine] == c).sum(axis=1) for c in range(int(size) + 1)], axis=1
    )
    seen[:, 0] = alone[mine]
    result[mine] = np.exp(seen @ logs) @ weights
  return result


@functools.lru_cache(maxsize=512)
def _quadrature(most: int) -> tuple[np.ndarray, np.ndarray]:
  """Weights [Q] with the leading Gamma's density, and logarithms of others.

  Args:
    most: samples of the leading answer.

  Returns:
    The weights, and log F[most + 1, Q] of the distributions of Gamma variables
    of shapes 1 to most + 1 at the nodes.
  """
  shape = most + 1
  reach = 9 * math.sqrt(shape) + 30
  low, high = max(0.0, shape - reach), shape + reach
  nodes, weights = np.polynomial.legendre.leggauss(_NODES)
  at = low + (nodes + 1) / 2 * (high - low)
  density = np.exp(special.xlogy(most, at) - at - special.gammaln(shape))
  shapes = np.arange(1, shape + 1)[:, None]
  below = special.gammainc(shapes, at)
  # Not 0, whose logarithm times 0 samples would be no number.
  logs = np.log(np.maximum(below, np.finfo(float).tiny))
  return weights * density * (high - low) / 2, logs


def most_at_once(rule: Rule, n: int) -> int:
  """The most samples that are drawn from one look of a rule to the next.

  Args:
    rule: the rule.
    n: most samples.

  Returns:
    Their number, at most n.
  """
  return int(np.diff((0, *looks(rule, n))).max())
