"""Exact allocation in whole numbers, written apart from the library."""

import bisect
import decimal
import itertools
import math
from fractions import Fraction

# exp(-100) and less count as 0: no child ever hangs on them.
_SCALE = 10**60
_CONTEXT = decimal.Context(prec=70)


def weights(rewards, temperature):
  """exp((R - max R) / T_b) times 10^60, rounded down, of exact numbers."""
  best = max(rewards)
  result = []
  for reward in rewards:
    gap = (Fraction(best) - Fraction(reward)) / Fraction(temperature)
    if gap > 100:
      result.append(0)
      continue
    exponent = _CONTEXT.divide(
      decimal.Decimal(-gap.numerator), decimal.Decimal(gap.denominator)
    )
    exponential = _CONTEXT.exp(exponent)
    result.append(int(_CONTEXT.multiply(exponential, _SCALE)))
  return result


def ceil_widths(rewards, running, budget, temperature, times=None):
  """The widths and whether a quotient was too close to an integer to tell."""
  slots = [slot for slot, runs in enumerate(running) if runs]
  widths, doubtful = [0] * len(running), False
  if not slots:
    return widths, doubtful
  exact = dict(
    zip(
      slots,
      weights([float(rewards[slot]) for slot in slots], temperature),
      strict=True,
    )
  )
  for slot in slots if times else ():
    exact[slot] *= int(times[slot])
  slots.sort(key=lambda slot: (-float(rewards[slot]), slot))
  total = sum(exact.values())
  for slot in slots:
    if not budget:
      break
    quotient = Fraction(budget * exact[slot], total)
    distance = abs(quotient - round(quotient))
    doubtful |= 0 < distance <= Fraction(1, 100_000)
    widths[slot] = min(-(-quotient.numerator // quotient.denominator), budget)
    budget -= widths[slot]
    total -= exact[slot]
  return widths, doubtful


def quotas(rewards, running, budget, temperature, times=None):
  """budget * softmax(R / T_b), exact, 0 where not running."""
  slots = [slot for slot, runs in enumerate(running) if runs]
  exact = weights([float(rewards[slot]) for slot in slots], temperature)
  if times:
    exact = [w * times[slot] for w, slot in zip(exact, slots, strict=True)]
  result = [Fraction(0)] * len(running)
  for slot, weight in zip(slots, exact, strict=True):
    result[slot] = Fraction(budget * weight, sum(exact))
  return result


def round_widths(quotas, rewards, running, budget):
  """Quotas rounded, halves up, while the budget lasts, best rewards first."""
  widths = [0] * len(quotas)
  slots = [slot for slot, runs in enumerate(running) if runs]
  for slot in sorted(slots, key=lambda slot: (-float(rewards[slot]), slot)):
    nearest = math.floor(quotas[slot] + Fraction(1, 2))
    widths[slot] = min(nearest, budget)
    budget -= widths[slot]
  return widths


def exact_widths(quotas, rewards, running):
  """Largest remainders; they sum to what the quotas sum to."""
  slots = [slot for slot, runs in enumerate(running) if runs]
  widths = [math.floor(quota) for quota in quotas]
  slots.sort(
    key=lambda slot: (-(quotas[slot] % 1), -float(rewards[slot]), slot)
  )
  for slot in slots[: round(sum(quotas)) - sum(widths)]:
    widths[slot] += 1
  return widths


def systematic(quotas, uniform):
  """How many of uniform, uniform + 1, .. fall on each quota, end to end."""
  copies, start = [], Fraction(0)
  for quota in quotas:
    # Points u + k with start <= u + k < end.
    end = start + quota
    first, beyond = (
      math.ceil(edge - Fraction(uniform)) for edge in (start, end)
    )
    copies.append(beyond - first)
    start = end
  return copies


def multinomial(weights, uniforms, count):
  """Each of the first uniforms picks a particle by the inverse of the sums."""
  sums = list(itertools.accumulate(weights))
  copies = [0] * len(weights)
  for uniform in uniforms[:count]:
    copies[bisect.bisect_right(sums, uniform * sums[-1])] += 1
  return copies
