"""Step-level beam search under a reward model."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling.search import base
from inference_scaling.search.checks import arguments
from inference_scaling.search.strategies import slots


def beam_search(
  children: Any = 4, lookahead: int = 0, duplicates: str = base.KEEP
) -> base.Strategy:
  """Keeps the best beams at each depth and splits the budget evenly among them.

  At each depth the budget B is the number of slots that no ended beam holds.
  The ceil(B / children) beams of highest reward are kept, ties by lower slot,
  and have `children` children each; where that does not come out even, the best
  ones have one more than the others. One child a beam is independent sampling.

  A finished beam keeps its slot and leaves the budget, as under REBASE: N beams
  give N candidates, all of which vote, and the compute goes down as answers
  come in. Published programs differ: Hugging Face's search-and-learn fills
  up to n beams again after each finish, so that more than n solutions may
  complete, of which n are kept; openr lowers the number of beams kept, but not
  the children of each; its_hub copies finished beams along with running ones,
  so that one solution votes several times.

  Args:
    children: M, how many children a kept beam has, at least 1. It travels in
      the carry as an array, so that a new one compiles nothing anew, and may be
      traced inside a jitted function.
    lookahead: how many more steps are made of each beam before it is scored;
      they are scored and then taken back, but paid for. The caller gives the
      policy's numbers for them (`lookahead_params`); those of temperature 0 are
      the published choice.
    duplicates: KEEP, DROP or MERGE. Beams are ranked, not weighted: a merged
      beam counts once. search-and-learn ships with "drop".

  Returns:
    A Strategy; its carry is `children`.

  Raises:
    ValueError: on a wrong argument.

  References:
    Snell et al., "Scaling LLM Test-Time Compute Optimally can be More Effective
      than Scaling Model Parameters", 2024, Section 5.2 (beam search and
      lookahead search). https://arxiv.org/abs/2408.03314
    Yao et al., "Tree of Thoughts", NeurIPS 2023, Algorithm 1 (breadth-first
      search). https://arxiv.org/abs/2305.10601
    Beeching, Tunstall, Rush, "Scaling test-time compute with open models",
      Hugging Face, 2024.
  """
  children = arguments.check_whole("beam_search: children", children, 1)
  lookahead = arguments.check_shared("beam_search", lookahead, duplicates)
  return base.Strategy(
    _Init(children), _select, lookahead=lookahead, duplicates=duplicates
  )


def expand_best(
  beams: base.Beams, subtrees: jax.Array, children: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Splits the budget of each subtree evenly among its best beams.

  Args:
    beams: of one problem.
    subtrees: int32[N], the subtree of each slot; a subtree's children stay in
      its slots. Its slots must lie side by side, in ascending order of subtree.
    children: int32[], M: ceil(B / M) beams of a subtree of budget B are kept,
      or all if it has fewer.

  Returns:
    int32[N] parents and bool[N] active, as a strategy's `select` does.
  """
  running, free = slots.expandable(beams), slots.free(beams)
  same = subtrees[:, None] == subtrees[None]
  budget = jnp.sum(same & free[None], axis=1, dtype=jnp.int32)
  rank = jnp.sum(
    same & running[None] & _is_before(beams.scores), axis=1, dtype=jnp.int32
  )
  kept = -(-budget // jnp.maximum(children, 1))
  kept = jnp.minimum(
    kept, jnp.sum(same & running[None], axis=1, dtype=jnp.int32)
  )
  each, more = jnp.divmod(budget, jnp.maximum(kept, 1))
  widths = jnp.where(running & (rank < kept), each + (rank < more), 0)
  # A subtree without running beams keeps its slots: they are no other's.
  parents = slots.children_to_parents(widths, free & (kept > 0))
  return parents, widths[parents] > 0


def _is_before(scores: jax.Array) -> jax.Array:
  """bool[N, N], True at [n, m] where beam m is better than beam n.

  NaN is the worst reward; ties go to the lower slot.
  """
  scores = jnp.where(jnp.isnan(scores), -jnp.inf, scores)
  numbers = jnp.arange(scores.shape[0])
  lower = numbers[None] < numbers[:, None]
  level = scores[None] == scores[:, None]
  return (scores[None] > scores[:, None]) | (level & lower)


@dataclasses.dataclass(frozen=True)
class _Init:
  """Makes the carry; equal for equal numbers, so jit's cache is hit."""

  children: Any

  def __call__(self, num_beams: int) -> jax.Array:
    del num_beams  # the budget is counted at each depth
    return jnp.asarray(self.children, jnp.int32)


def _select(
  key: jax.Array, beams: base.Beams, carry: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
  del key  # the best are the best
  subtree = jnp.zeros(beams.status.shape, jnp.int32)  # one for all
  return *expand_best(beams, subtree, carry), carry
