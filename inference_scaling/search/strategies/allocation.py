"""How REBASE spends a budget of children on scored beams.

The weight of a running beam is exp((R - max R) / T_b), so that no reward and no
temperature overflows, times its multiplicity. Weights, sums and quotients are
kept as pairs of float32 (`double_float`): widths agree with exact arithmetic
unless an exact quotient is within 1e-5 of an integer (or of a half, where the
rule rounds) without being one.

The paper prints Round(B softmax(R / T_b)), which seldom sums to B; the released
program takes ceilings one by one instead. Both are here, and two rules that
stay closest to the softmax: "exact" by largest remainders, "stochastic" by
chance without bias.

References:
  Wu et al., "Inference Scaling Laws: An Empirical Analysis of Compute-Optimal
    Inference for LLM Problem-Solving", ICLR 2025, Section 3.1.2.
    https://arxiv.org/abs/2408.00724
"""

from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling import names
from inference_scaling.search.strategies import (
  double_float,
  resampling,
)
from inference_scaling.search.strategies.double_float import Double

RULES = names.REBASE_RULES


def rebase_widths(
  scores: Any,
  running: Any,
  budget: Any,
  temperature: Any,
  rule: str = "ceil",
  *,
  multiplicity: Any = None,
  key: jax.Array | None = None,
) -> jax.Array:
  """Gives each running beam a number of children.

  The quota of a beam is budget * w / sum(w). Beams are served by descending
  reward, ties by lower slot.

  - rule "ceil" (the released code, in exact arithmetic): each beam in turn
    takes ceil(W * w / S) of what is left of the budget W and of the weights S,
    its own included, never more than W. Widths sum to the budget. It favours
    the best: whatever is rounded up is taken from the tail.
  - rule "round" (as the paper prints it): each beam in turn takes its quota
    rounded to the nearest integer, a half upwards, never more than what is left
    of the budget. Widths may sum to less than the budget; it is for the caller
    to say what becomes of the rest.
  - rule "exact" (largest remainders, the method of Hamilton): every beam gets
    the integer part of its quota, and what is left goes one by one to the beams
    with the largest fractional parts, ties by higher reward, then lower slot.
    Widths sum to the budget, each within one child of its quota. Where the
    printed rule sums to the budget the two agree (but for halves).
  - rule "stochastic" (systematic resampling): widths sum to the budget, each is
    the floor or the ceiling of its quota and equals it in the mean, so that the
    tail, which every other rule cuts off, has children in proportion.

  All but "stochastic" are monotone where multiplicities are equal: a higher
  reward never gets fewer children.

  Args:
    scores: float32[N], rewards R. NaN counts as the worst reward, below or
      equal to every other. Scores of beams that are not running are ignored.
    running: bool[N], True for the beams that may have children.
    budget: int32[], children to give, below 2^24; negative counts as 0.
    temperature: float32[], T_b. Towards 0 (and below) all goes to the best
      beam, ties split; towards infinity the budget is split evenly.
    rule: "ceil", "round", "exact" or "stochastic".
    multiplicity: int32[N], at least 1, how many beams each stands for; None for
      one. It multiplies the weights; beams are still served by reward.
    key: a typed PRNG key for "stochastic"; the other rules draw nothing.

  Scores and temperature may also be Python or NumPy float64 numbers or `Double`
  pairs: they are then used as they are, not rounded to float32.

  Returns:
    int32[N] widths: 0 for beams that are not running.

  Raises:
    ValueError: on a wrong shape, an unknown rule or a missing key.

  References:
    Wu et al., "Inference Scaling Laws", ICLR 2025, Section 3.1.2.
    Douc, Cappe, "Comparison of Resampling Schemes for Particle Filtering",
      ISPA 2005, Section 2.4 (systematic resampling).
  """
  scores = double_float.split(scores)
  running = jnp.asarray(running, bool)
  budget = jnp.maximum(jnp.asarray(budget, jnp.int32), 0)
  temperature = double_float.split(temperature)
  if multiplicity is None:
    multiplicity = jnp.ones(running.shape, jnp.int32)
  multiplicity = jnp.asarray(multiplicity, jnp.int32)
  _check_shapes(scores.high, running, multiplicity, budget, temperature.high)
  _check_rule(rule, key)
  if running.size == 0:
    return jnp.zeros((0,), jnp.int32)
  order, rewards = _serving_order(scores, running)
  weights = _weights(rewards, running[order], temperature)
  times = double_float.split(multiplicity[order].astype(jnp.float32))
  weights = double_float.multiply(weights, times)
  if rule == "stochastic":
    assert key is not None  # by `_check_rule`
    widths = resampling.systematic(key, weights, budget)
  else:
    widths = _GIVE[rule](weights, running[order], budget)
  return jnp.zeros_like(widths).at[order].set(widths)


def _check_rule(rule: str, key: jax.Array | None) -> None:
  """Raises a ValueError for an unknown rule or a missing key."""
  if rule not in RULES:
    raise ValueError(
      f"rebase_widths: rule is {rule!r}, expected one of {RULES}"
    )
  if rule == "stochastic" and key is None:
    raise ValueError(
      "rebase_widths: the rule 'stochastic' draws a number, but key is None; "
      "give it a typed PRNG key"
    )


def _check_shapes(
  scores: jax.Array,
  running: jax.Array,
  multiplicity: jax.Array,
  budget: jax.Array,
  temperature: jax.Array,
) -> None:
  """Raises a ValueError that names the argument with a wrong shape."""
  if scores.ndim != 1:
    raise ValueError(
      f"rebase_widths: scores have shape {scores.shape}, expected [N]; "
      "use jax.vmap for several problems"
    )
  for name, value in (("running", running), ("multiplicity", multiplicity)):
    if value.shape != scores.shape:
      raise ValueError(
        f"rebase_widths: {name} has shape {value.shape}, expected "
        f"{scores.shape} like scores"
      )
  for name, value in (("budget", budget), ("temperature", temperature)):
    if value.ndim:
      raise ValueError(
        f"rebase_widths: {name} has shape {value.shape}, expected a scalar"
      )


def _serving_order(
  scores: Double, running: jax.Array
) -> tuple[jax.Array, Double]:
  """Slots by descending reward, beams that are not running last."""
  worst = ~running | jnp.isnan(scores.high)
  high = jnp.where(worst, -jnp.inf, scores.high)
  low = jnp.where(worst, 0.0, scores.low)
  # The last key decides first; a stable sort leaves ties in slot order.
  order = jnp.lexsort((-low, -high, ~running)).astype(jnp.int32)
  return order, Double(high[order], low[order])


def _weights(
  rewards: Double, running: jax.Array, temperature: Double
) -> Double:
  """exp((R - max R) / T_b) by descending reward; 0 if not running.

  A weight never falls below exp(-60), so that no sum of weights is 0: beams
  that far behind get nothing anyway while a better one runs.
  """
  best = Double(*(part[:1] for part in rewards))
  level = (rewards.high == best.high) & (rewards.low == best.low)
  finite = jnp.isfinite(rewards.high) & jnp.isfinite(best.high) & ~level
  gap = double_float.subtract(
    Double(*(jnp.where(finite, part, 0.0) for part in _filled(best, rewards))),
    Double(*(jnp.where(finite, part, 0.0) for part in rewards)),
  )
  # Inside these bounds no product of the division over- or underflows.
  unit = jnp.clip(temperature.high, 1e-30, 1e30)
  unit = Double(
    jnp.full_like(gap.high, unit),
    jnp.full_like(
      gap.high, jnp.where(unit == temperature.high, temperature.low, 0)
    ),
  )
  near = finite & (gap.high / unit.high < double_float.MAX_EXPONENT)
  gap = Double(*(jnp.where(near, part, 0.0) for part in gap))
  exponent = double_float.divide(gap, unit)
  zero = jnp.zeros_like(gap.high)
  far = jnp.full_like(zero, double_float.MAX_EXPONENT)
  exponent = Double(
    jnp.where(level, zero, jnp.where(near, exponent.high, far)),
    jnp.where(near, exponent.low, zero),
  )
  weights = double_float.exp_negative(exponent)
  return Double(*(jnp.where(running, part, 0.0) for part in weights))


def _filled(single: Double, like: Double) -> Double:
  """A one-element Double repeated to the shape of another."""
  return Double(*(jnp.broadcast_to(part, like.high.shape) for part in single))


def _whole(number: jax.Array) -> Double:
  """An int32 scalar as a Double."""
  return double_float.split(number.astype(jnp.float32))


def _quotas(weights: Double, running: jax.Array, budget: jax.Array) -> Double:
  """Each beam's budget * w / sum(w), for beams sorted by descending reward."""
  total = Double(*(part[:1] for part in double_float.sums(weights, True)))
  total = Double(
    jnp.where(running[:1], total.high, 1.0),
    jnp.where(running[:1], total.low, 0.0),
  )
  shares = double_float.divide(weights, _filled(total, weights))
  whole = Double(*(jnp.full_like(shares.high, part) for part in _whole(budget)))
  return double_float.multiply(whole, shares)


def _ceil_widths(
  weights: Double, running: jax.Array, budget: jax.Array
) -> jax.Array:
  """Sequential ceilings over beams sorted by descending reward."""
  # Sums from the smallest weight up: subtracting each weight in turn from the
  # total, as the released code does, leaves nothing but rounding at the end.
  sums = double_float.sums(weights, reverse=True)
  sums = Double(
    jnp.where(running, sums.high, 1.0), jnp.where(running, sums.low, 0.0)
  )
  shares = double_float.divide(weights, sums)
  return jax.lax.scan(_take, budget, (shares, running))[1]


# Not a closure: outside jit, `scan` compiles again for every new function.
def _take(
  left: jax.Array, beam: tuple[Double, jax.Array]
) -> tuple[jax.Array, jax.Array]:
  """Serves one beam: what is left of the budget after it, and its width."""
  share, runs = beam
  nearest, rest = double_float.nearest(
    double_float.multiply(_whole(left), share)
  )
  width = nearest + (rest > 0)
  width = jnp.where(runs, jnp.minimum(width, left), 0)
  return left - width, width


def _round_widths(
  weights: Double, running: jax.Array, budget: jax.Array
) -> jax.Array:
  """Quotas to the nearest integer while the budget lasts, best beams first."""
  nearest, rest = double_float.nearest(_quotas(weights, running, budget))
  # Python's and NumPy's rounding takes halves to the even integer, which would
  # make the width of a beam depend on whether its quota is 0.5 or 1.5.
  widths = nearest + (rest >= 0.5 - double_float.SNAP)
  before = jnp.cumsum(widths, dtype=jnp.int32) - widths
  return jnp.clip(widths, 0, jnp.maximum(budget - before, 0))


def _exact_widths(
  weights: Double, running: jax.Array, budget: jax.Array
) -> jax.Array:
  """Largest remainders over beams sorted by descending reward."""
  widths, fraction = double_float.whole_part(_quotas(weights, running, budget))
  left = jnp.where(running[0], budget - jnp.sum(widths), 0)
  # Stable: equal fractions stay in order of reward, then of slot.
  order = jnp.lexsort((-fraction, ~running))
  extra = jnp.arange(widths.shape[0]) < left
  return widths.at[order].add(extra.astype(jnp.int32))


_GIVE = {"ceil": _ceil_widths, "round": _round_widths, "exact": _exact_widths}
