"""REBASE: reward balanced search."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling.search import base
from inference_scaling.search.checks import arguments
from inference_scaling.search.strategies import (
  allocation,
  double_float,
  slots,
)


def rebase(
  temperature: Any = 0.1, rule: str = "ceil", duplicates: str = base.KEEP
) -> base.Strategy:
  """Forks running beams in proportion to the softmax of their rewards.

  The budget at each depth is the number of slots that no ended beam holds, so a
  finished beam keeps its slot and its width leaves the budget: N beams give N
  solutions. Only the rule "round" may leave some of the budget unspent at one
  depth; the next depth has it again, and a beam that is still unfinished and
  unextended at the end is no solution.

  Args:
    temperature: T_b, the balance temperature, above 0: low favours the best
      beams, high spreads. It travels in the carry as an array, so that a new
      one compiles nothing anew. Inside a jitted function it may be traced. The
      paper uses 0.1, its released configuration 0.2.
    rule: "ceil", "round", "exact" or "stochastic", see
      `allocation.rebase_widths`.
    duplicates: KEEP, DROP or MERGE; a merged beam has the weight of all that it
      stands for. The released program drops a duplicate when its reward server
      happens to have cached the same text, which depends on timing.

  Returns:
    A Strategy; its carry is T_b as a `Double` (a pair of float32 scalars).

  Raises:
    ValueError: if the temperature is not above 0 or a name is unknown.

  References:
    Wu et al., "Inference Scaling Laws", ICLR 2025, Section 3.1.2.
    https://arxiv.org/abs/2408.00724
  """
  arguments.check_choice("rebase: rule", rule, allocation.RULES)
  temperature = arguments.check_positive(
    "rebase: temperature",
    temperature,
    "a small one such as 1e-3 gives the whole budget to the best beam",
  )
  arguments.check_shared("rebase", 0, duplicates)
  return base.Strategy(_Init(temperature), _SELECT[rule], duplicates=duplicates)


@dataclasses.dataclass(frozen=True)
class _Init:
  """Makes the carry; equal for equal temperatures, so jit's cache is hit."""

  temperature: Any

  def __call__(self, num_beams: int) -> double_float.Double:
    del num_beams  # the budget is counted at each depth
    return double_float.split(self.temperature)


def _select(
  key: jax.Array, beams: base.Beams, carry: double_float.Double, *, rule: str
) -> tuple[jax.Array, jax.Array, double_float.Double]:
  free = slots.free(beams)
  widths = allocation.rebase_widths(
    beams.scores,
    slots.expandable(beams),
    jnp.sum(free, dtype=jnp.int32),
    carry,
    rule,
    multiplicity=beams.multiplicity,
    key=key,
  )
  parents = slots.children_to_parents(widths, free)
  return parents, widths[parents] > 0, carry


# One object a rule: `partial` objects made anew would miss jit's cache.
_SELECT = {
  rule: functools.partial(_select, rule=rule) for rule in allocation.RULES
}
