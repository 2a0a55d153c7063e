"""REBASE: reward balanced search."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling.search import allocation, base, double_float


def rebase(temperature: Any = 0.1, rule: str = "ceil") -> base.Strategy:
  """Forks running beams in proportion to the softmax of their rewards.

  The budget at each depth is the number of beams still running, so a finished
  beam keeps its slot and its width leaves the budget: N beams give N solutions.

  Args:
    temperature: T_b, the balance temperature, above 0: low favours the best
      beams, high spreads. It travels in the carry as an array, so that a new
      one compiles nothing anew. Inside a jitted function it may be traced. The
      paper uses 0.1, its released configuration 0.2.
    rule: "ceil" or "round", see `allocation.rebase_widths`.

  Returns:
    A Strategy; its carry is T_b as a `Double` (a pair of float32 scalars).

  Raises:
    ValueError: if the temperature is not above 0 or the rule is unknown.

  References:
    Wu et al., "Inference Scaling Laws", ICLR 2025, Section 3.1.2.
    https://arxiv.org/abs/2408.00724
  """
  if rule not in allocation.RULES:
    raise ValueError(
      f"rebase: rule is {rule!r}, expected one of {allocation.RULES}"
    )
  arrays = (jax.Array, double_float.Double)  # may be traced: not looked at
  if not isinstance(temperature, arrays) and not temperature > 0:
    raise ValueError(
      f"rebase: temperature is {temperature}, expected a number above 0; a "
      "small one such as 1e-3 gives the whole budget to the best beam"
    )
  return base.Strategy(_Init(temperature), _SELECT[rule])


@dataclasses.dataclass(frozen=True)
class _Init:
  """Makes the carry; equal for equal temperatures, so jit's cache is hit."""

  temperature: Any

  def __call__(self, num_beams: int) -> double_float.Double:
    del num_beams  # the budget is counted at each depth
    return double_float.split(self.temperature)


def _select(
  key: jax.Array, beams: base.Beams, carry: double_float.Double, *, rule: str
):
  del key  # the allocation is deterministic
  running = beams.status == base.RUNNING
  budget = jnp.sum(running, dtype=jnp.int32)
  widths = allocation.rebase_widths(beams.scores, running, budget, carry, rule)
  parents = allocation.children_to_parents(widths, running)
  return parents, running, carry


# One object a rule: `partial` objects made anew would miss jit's cache.
_SELECT = {
  rule: functools.partial(_select, rule=rule) for rule in allocation.RULES
}
