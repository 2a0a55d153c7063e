"""Monte Carlo tree search (MCTS) over reasoning steps.

Axis letter: N beams. Slot s holds node s of the search tree for good: the beam
at the end of its step. The root, which is the prompt, is node N and no beam.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling.search import base
from inference_scaling.search.checks import arguments
from inference_scaling.search.strategies import uct

_NO_LIMIT = arguments.MOST


def mcts(
  root_children: Any = 4,
  children: Any = 2,
  exploration: Any = 1.0,
  max_steps: Any = None,
  expansions: Any = None,
  duplicates: str = base.KEEP,
) -> base.Strategy:
  """Expands the node that UCT leads to, one after the other.

  A search round makes all children of one node and scores each: its value V is
  its newest reward. V is backed up through the child and all nodes above it,
  N <- N + 1 and Q <- ((N - 1) Q + V) / N. From the root, the child with the
  highest Q(s) + C sqrt(ln N(parent) / N(s)) is then followed, the lower slot at
  a tie, down to a node without children, which is expanded next. The children
  of the root come before any choice, in rounds of at most `children`, so that a
  policy never extends more beams of a problem at once.

  Nodes that have ended, or have `max_steps` steps, cannot be expanded, and a
  subtree without a node to expand is closed: no descent enters it. So every
  expansion makes new steps, and a search whose root is closed ends early.
  Others (OpenR) send rollouts into ended nodes again and again: these make
  nothing new, and one solution then votes many times.

  The beams of the loop are the nodes of the tree; `mcts_shape` gives the
  number of beams and rounds. Leaves that still run when the search ends are
  unfinished candidates.

  The numbers may be traced. They travel in the carry as arrays: new ones
  compile nothing anew, as long as the number of beams stays.

  Args:
    root_children: children of the root; 4, 8 or 16 in the paper.
    children: children of every other node; 2 in the paper.
    exploration: C, at least 0; 1 in the paper. 0 follows the best mean value.
    max_steps: steps that a solution may have; None for no limit here.
    expansions: how many nodes to expand, the root counted; 32, 64 or 128 in the
      paper. None for as many as the beams allow.
    duplicates: KEEP; DROP, and equal siblings but the first are no nodes of
      the tree, for neither values nor choices; MERGE, and the first of equal
      siblings that still run also counts its value once for each of them.
      Siblings of one round are compared: children of the root that were made
      in different rounds are not.

  Returns:
    A Strategy; its carry is a uct.Memory.

  Raises:
    ValueError: on a number out of range or an unknown rule of duplicates; as a
      search starts, on fewer beams or depths than `mcts_shape` says.

  References:
    Wu et al., "Inference Scaling Laws", ICLR 2025, Appendix B.
    https://arxiv.org/abs/2408.00724
    Kocsis and Szepesvári, "Bandit Based Monte-Carlo Planning", ECML 2006 (UCT).
    Coulom, "Efficient Selectivity and Backup Operators in Monte-Carlo Tree
    Search", CG 2006.
  """
  root_children, children, max_steps, expansions = (
    None
    if number is None and name in ("max_steps", "expansions")
    else arguments.check_whole(f"mcts: {name}", number, 1)
    for name, number in (
      ("root_children", root_children),
      ("children", children),
      ("max_steps", max_steps),
      ("expansions", expansions),
    )
  )
  exploration = arguments.check_finite(
    "mcts: exploration", exploration, "the paper uses 1.0"
  )
  arguments.check_shared("mcts", 0, duplicates)
  init = _Init(root_children, children, exploration, max_steps, expansions)
  depths = _Depths(root_children, children, expansions)
  return base.Strategy(
    init, _select, _first, duplicates=duplicates, check=depths
  )


def mcts_shape(
  root_children: int, children: int, expansions: int
) -> tuple[int, int]:
  """Returns how many beams and rounds a search needs.

  Args:
    root_children: as for `mcts`.
    children: as for `mcts`.
    expansions: as for `mcts`, not None.

  Returns:
    N for the policy's `num_beams`, a beam for each node, and J for the loop's
    `max_depth`: one more than the rounds, or the loop would call the last
    nodes truncated.

  Raises:
    ValueError: if a number is not a whole number of at least 1.
  """
  root_children, children, expansions = (
    arguments.check_whole(f"mcts_shape: {name}", number, 1)
    for name, number in (
      ("root_children", root_children),
      ("children", children),
      ("expansions", expansions),
    )
  )
  rounds = -(-root_children // children) + expansions - 1
  return root_children + (expansions - 1) * children, rounds + 1


@dataclasses.dataclass(frozen=True)
class _Init:
  """Makes the memory; equal for equal numbers, so jit's cache is hit."""

  root_children: Any
  children: Any
  exploration: Any
  max_steps: Any
  expansions: Any

  def __call__(self, num_beams: int) -> uct.Memory:
    self._check_beams(num_beams)
    N = num_beams
    is_root = jnp.arange(N + 1) == N
    limits = [
      _NO_LIMIT if limit is None else limit
      for limit in (self.max_steps, self.expansions)
    ]
    root_children, children, max_steps, expansions = (
      jnp.asarray(number, jnp.int32)
      for number in (self.root_children, self.children, *limits)
    )
    used = jnp.minimum(root_children, children)
    return uct.Memory(
      parents=jnp.full(N, N, jnp.int32),
      steps=jnp.where(is_root, 0, 1).astype(jnp.int32),
      visits=jnp.zeros(N + 1, jnp.int32),
      totals=jnp.zeros(N + 1, jnp.float32),
      expandable=jnp.zeros(N + 1, jnp.int32),
      expanded=is_root & (used == root_children),
      path=is_root,
      first=jnp.int32(0),
      used=used,
      expansions=expansions - 1,  # the root's is under way
      root_children=root_children,
      children=children,
      exploration=jnp.asarray(self.exploration, jnp.float32),
      max_steps=max_steps,
    )

  def _check_beams(self, num_beams: int) -> None:
    """Raises a ValueError if the tree does not fit into the beams."""
    expansions = 1 if self.expansions is None else self.expansions
    numbers = (self.root_children, self.children, expansions)
    if any(isinstance(number, jax.Array) for number in numbers):
      return  # what does not fit is not made
    needed, _ = mcts_shape(*numbers)
    if num_beams < needed:
      raise ValueError(
        f"mcts: num_beams is {num_beams}, expected at least {needed} for "
        f"{_shown(*numbers)}: give the policy the beams of mcts_shape"
      )


@dataclasses.dataclass(frozen=True)
class _Depths:
  """Checks that the expansions fit into the depths of a search.

  Without a number of expansions, there are as many as fit.
  """

  root_children: Any
  children: Any
  expansions: Any

  def __call__(self, num_beams: int, max_depth: int) -> None:
    del num_beams  # counted as the memory is made
    numbers = (self.root_children, self.children, self.expansions)
    if any(n is None or isinstance(n, jax.Array) for n in numbers):
      return
    _, needed = mcts_shape(*numbers)
    if max_depth < needed:
      raise ValueError(
        f"mcts: max_depth is {max_depth}, expected at least {needed} for "
        f"{_shown(*numbers)}: give the search the depths of mcts_shape"
      )


def _shown(root_children: int, children: int, expansions: int) -> str:
  return (
    f"root_children={root_children}, children={children}, "
    f"expansions={expansions}"
  )


def _first(num_beams: int, memory: uct.Memory) -> jax.Array:
  """The first children of the root, bool[N]."""
  return jnp.arange(num_beams) < memory.used


def _select(
  key: jax.Array, beams: base.Beams, memory: uct.Memory
) -> tuple[jax.Array, jax.Array, uct.Memory]:
  del key  # UCT draws nothing
  memory = uct.back_up(memory, beams)
  node, path = uct.descend(memory)
  return uct.expand(memory, node, path)
