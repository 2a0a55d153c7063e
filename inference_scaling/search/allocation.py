"""How REBASE spends a budget of children on scored beams.

The weight of a running beam is exp((R - max R) / T_b), so that no reward and no
temperature overflows. Weights, sums and quotients are kept as pairs of float32
(`double_float`): widths agree with exact arithmetic unless an exact quotient is
within 1e-5 of an integer without being one.

References:
  Wu et al., "Inference Scaling Laws: An Empirical Analysis of Compute-Optimal
    Inference for LLM Problem-Solving", ICLR 2025, Section 3.1.2.
    https://arxiv.org/abs/2408.00724
"""

from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling.search import double_float
from inference_scaling.search.double_float import Double

# A quotient this close to an integer is that integer. Equal rewards give
# quotients such as 16 * (1 / 2), which rounding would lift over the integer and
# the ceiling would then turn into one child too many.
_SNAP = 5e-6

RULES = ("ceil", "round")


def rebase_widths(
  scores: Any,
  running: Any,
  budget: Any,
  temperature: Any,
  rule: str = "ceil",
) -> jax.Array:
  """Gives each running beam a number of children; they sum to the budget.

  Beams are served by descending reward, ties by lower slot.

  - rule "ceil" (the released code, in exact arithmetic): each beam in turn
    takes ceil(W * w / S) of what is left of the budget W and of the weights S,
    its own included, never more than W. Widths always sum to the budget.
  - rule "round" (the paper): Round(budget * softmax(R / T_b)). As printed it
    may sum to more or less than the budget, so it is repaired by largest
    remainders: every beam gets the integer part, and what is left goes one by
    one to the beams with the largest fractional parts, ties by higher reward,
    then lower slot. Where the printed rule sums to the budget the two agree
    (but for fractions of exactly one half); elsewhere only the beams nearest to
    one half differ, each by one child.

  Both are monotone: a higher reward never gets fewer children.

  Args:
    scores: float32[N], rewards R. NaN counts as the worst reward, below or
      equal to every other. Scores of beams that are not running are ignored.
    running: bool[N], True for the beams that may have children.
    budget: int32[], children to give, below 2^24; negative counts as 0.
    temperature: float32[], T_b. Towards 0 (and below) all goes to the best
      beam, ties split; towards infinity the budget is split evenly.
    rule: "ceil" or "round".

  Scores and temperature may also be Python or NumPy float64 numbers or `Double`
  pairs: they are then used as they are, not rounded to float32.

  Returns:
    int32[N] widths: 0 for beams that are not running, summing to the budget if
    any beam runs and to 0 if none does.

  Raises:
    ValueError: on a wrong shape or an unknown rule.

  References:
    Wu et al., "Inference Scaling Laws", ICLR 2025, Section 3.1.2.
  """
  scores = double_float.split(scores)
  running = jnp.asarray(running, bool)
  budget = jnp.maximum(jnp.asarray(budget, jnp.int32), 0)
  temperature = double_float.split(temperature)
  _check_shapes(scores.high, running, budget, temperature.high)
  if rule not in RULES:
    raise ValueError(
      f"rebase_widths: rule is {rule!r}, expected one of {RULES}"
    )
  if running.size == 0:
    return jnp.zeros((0,), jnp.int32)
  order, rewards = _serving_order(scores, running)
  weights = _weights(rewards, running[order], temperature)
  give = _ceil_widths if rule == "ceil" else _round_widths
  widths = give(weights, running[order], budget)
  return jnp.zeros_like(widths).at[order].set(widths)


def children_to_parents(widths: jax.Array, running: jax.Array) -> jax.Array:
  """Places children in slots: which slot each slot goes on from.

  A beam's first child stays in the beam's slot. Further children go to the
  slots of running beams without children, in ascending order of parent and of
  slot. Beams that are not running keep their slot.

  Args:
    widths: int32[N], children of each running beam, summing to the number of
      running beams. Fewer leave some childless slots as they are; the children
      beyond that number are not placed.
    running: bool[N].

  Returns:
    int32[N] parents.
  """
  slots = jnp.arange(widths.shape[0], dtype=jnp.int32)
  extra = jnp.where(running, jnp.maximum(widths - 1, 0), 0)
  ends = jnp.cumsum(extra, dtype=jnp.int32)
  free = running & (widths == 0)
  rank = jnp.cumsum(free, dtype=jnp.int32) - 1  # of a free slot among them
  # The r-th further child belongs to the first beam whose running count of
  # further children exceeds r.
  owner = jnp.searchsorted(ends, rank, side="right").astype(jnp.int32)
  return jnp.where(free & (rank < ends[-1]), owner, slots)


def _check_shapes(scores, running, budget, temperature):
  """Raises a ValueError that names the argument with a wrong shape."""
  if scores.ndim != 1:
    raise ValueError(
      f"rebase_widths: scores have shape {scores.shape}, expected [N]; "
      "use jax.vmap for several problems"
    )
  if running.shape != scores.shape:
    raise ValueError(
      f"rebase_widths: running has shape {running.shape}, expected "
      f"{scores.shape} like scores"
    )
  for name, value in (("budget", budget), ("temperature", temperature)):
    if value.ndim:
      raise ValueError(
        f"rebase_widths: {name} has shape {value.shape}, expected a scalar"
      )


def _serving_order(scores: Double, running: jax.Array):
  """Slots by descending reward, beams that are not running last."""
  worst = ~running | jnp.isnan(scores.high)
  high = jnp.where(worst, -jnp.inf, scores.high)
  low = jnp.where(worst, 0.0, scores.low)
  # The last key decides first; a stable sort leaves ties in slot order.
  order = jnp.lexsort((-low, -high, ~running)).astype(jnp.int32)
  return order, Double(high[order], low[order])


def _weights(rewards: Double, running: jax.Array, temperature: Double):
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


def _snapped(quotient: Double) -> tuple[jax.Array, jax.Array]:
  """The nearest integer and the signed rest, 0 if the quotient is snapped."""
  nearest = jnp.round(quotient.high)
  rest = (quotient.high - nearest) + quotient.low
  return nearest, jnp.where(jnp.abs(rest) <= _SNAP, 0.0, rest)


def _whole(number: jax.Array) -> Double:
  """An int32 scalar as a Double."""
  return double_float.split(number.astype(jnp.float32))


def _ceil_widths(weights: Double, running: jax.Array, budget: jax.Array):
  """Sequential ceilings over beams sorted by descending reward."""
  # Sums from the smallest weight up: subtracting each weight in turn from the
  # total, as the released code does, leaves nothing but rounding at the end.
  sums = _suffix_sums(weights)
  sums = Double(
    jnp.where(running, sums.high, 1.0), jnp.where(running, sums.low, 0.0)
  )
  shares = double_float.divide(weights, sums)
  return jax.lax.scan(_take, budget, (shares, running))[1]


def _suffix_sums(weights: Double) -> Double:
  """Sums of each weight and all after it, from the smallest weight up."""
  zero = Double(*(jnp.zeros_like(part[0]) for part in weights))
  return jax.lax.scan(_accumulate, zero, weights, reverse=True)[1]


def _accumulate(total: Double, weight: Double) -> tuple[Double, Double]:
  """Adds one weight to the sum and hands the new sum out."""
  total = double_float.add(total, weight)
  return total, total


# Not a closure: outside jit, `scan` compiles again for every new function.
def _take(left: jax.Array, beam: tuple[Double, jax.Array]):
  """Serves one beam: what is left of the budget after it, and its width."""
  share, runs = beam
  nearest, rest = _snapped(double_float.multiply(_whole(left), share))
  width = nearest.astype(jnp.int32) + (rest > 0)
  width = jnp.where(runs, jnp.minimum(width, left), 0)
  return left - width, width


def _round_widths(weights: Double, running: jax.Array, budget: jax.Array):
  """Largest remainders over beams sorted by descending reward."""
  total = Double(*(part[:1] for part in _suffix_sums(weights)))
  total = Double(
    jnp.where(running[:1], total.high, 1.0),
    jnp.where(running[:1], total.low, 0.0),
  )
  shares = double_float.divide(weights, _filled(total, weights))
  whole = Double(*(jnp.full_like(shares.high, part) for part in _whole(budget)))
  nearest, rest = _snapped(double_float.multiply(whole, shares))
  widths = nearest.astype(jnp.int32) - (rest < 0)
  fraction = jnp.where(rest < 0, rest + 1, rest)
  left = jnp.where(running[0], budget - jnp.sum(widths), 0)
  # Stable: equal fractions stay in order of reward, then of slot.
  order = jnp.lexsort((-fraction, ~running))
  extra = jnp.arange(widths.shape[0]) < left
  return widths.at[order].add(extra.astype(jnp.int32))
