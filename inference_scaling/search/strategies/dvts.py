"""Diverse verifier tree search: a beam search in each of several subtrees."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from inference_scaling.search import base
from inference_scaling.search.checks import arguments
from inference_scaling.search.strategies.beam_search import expand_best


def dvts(
  children: Any = 4,
  subtree_beams: Any = None,
  lookahead: int = 0,
  duplicates: str = base.KEEP,
) -> base.Strategy:
  """Splits the beams into independent subtrees, each with its beam search.

  Slots 0 to M - 1 are the first subtree, the next M the second, and so on; if N
  does not divide, the last one is smaller. Within a subtree the budget goes to
  its best beams as in `beam_search`, so that a high reward in one subtree never
  takes beams from another. With as many beams in a subtree as children (the
  published format) its one best beam goes on.

  As in `beam_search`, a finished beam keeps its slot and leaves the budget of
  its subtree, the other beams of which go on. (Hugging Face's search-and-learn
  stops a subtree at its first finished beam and returns the siblings of that
  beam as they are, finished or not.) A subtree all of whose beams have ended,
  or were dropped as duplicates, is over; its slots are not lent to another.

  Args:
    children: how many children a kept beam has, at least 1; an array, as for
      `beam_search`.
    subtree_beams: M, slots in a subtree, at least 1; None for `children`. An
      array like it: a new number compiles nothing anew. From N on there is one
      subtree, and the search is `beam_search`.
    lookahead: as for `beam_search`.
    duplicates: KEEP, DROP or MERGE; duplicates are found across subtrees.

  Returns:
    A Strategy; its carry is the two numbers.

  Raises:
    ValueError: on a wrong argument.

  References:
    Beeching, Tunstall, Rush, "Scaling test-time compute with open models",
      Hugging Face, 2024, section on diverse verifier tree search.
      https://huggingface.co/spaces/HuggingFaceH4/blogpost-scaling-test-time-compute
    Snell et al., 2024, Section 5.2 (lookahead search).
      https://arxiv.org/abs/2408.03314
  """
  if subtree_beams is None:
    subtree_beams = children
  children = arguments.check_whole("dvts: children", children, 1)
  subtree_beams = arguments.check_whole("dvts: subtree_beams", subtree_beams, 1)
  lookahead = arguments.check_shared("dvts", lookahead, duplicates)
  return base.Strategy(
    _Init(children, subtree_beams),
    _select,
    lookahead=lookahead,
    duplicates=duplicates,
  )


class _Numbers(NamedTuple):
  """The carry: both int32[]."""

  children: jax.Array
  subtree_beams: jax.Array


@dataclasses.dataclass(frozen=True)
class _Init:
  """Makes the carry; equal for equal numbers, so jit's cache is hit."""

  children: Any
  subtree_beams: Any

  def __call__(self, num_beams: int) -> _Numbers:
    del num_beams  # any number is a size of subtrees
    return _Numbers(
      jnp.asarray(self.children, jnp.int32),
      jnp.asarray(self.subtree_beams, jnp.int32),
    )


def _select(
  key: jax.Array, beams: base.Beams, carry: _Numbers
) -> tuple[jax.Array, jax.Array, _Numbers]:
  del key  # the best are the best
  slots = jnp.arange(beams.status.shape[0], dtype=jnp.int32)
  subtrees = slots // jnp.maximum(carry.subtree_beams, 1)
  return *expand_best(beams, subtrees, carry.children), carry
