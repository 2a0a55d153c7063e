"""Analyses finished trees on the host, one problem at a time, in NumPy.

A node is a round of the search and a slot in which a beam was extended. In most
strategies every beam is extended in every round until it ends; others park
beams for some rounds (MCTS) or copy ended ones into other slots (particle
filtering), so that the round says little about the depth in the text.

Axis letters: J rounds, N slots, M nodes.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike

from inference_scaling.search import base
from inference_scaling.search.tree import Tree

NO_NODE = -1


@dataclasses.dataclass(frozen=True)
class Nodes:
  """The nodes of one tree, numbered in the order of (round, slot).

  Attributes:
    rounds: int64[M], the round in which each was made.
    slots: int64[M], its slot in that round.
    parents: int64[M], the node that it goes on from; NO_NODE for a first step.
    depths: int64[M], steps before it in the text: 0 for a first step, else that
      of its parent and 1.
    widths: int64[M], how many nodes go on from it.
    last: int64[N], the last node of the beam that is in each slot after the
      last fork; NO_NODE for one that was never extended.
  """

  rounds: np.ndarray
  slots: np.ndarray
  parents: np.ndarray
  depths: np.ndarray
  widths: np.ndarray
  last: np.ndarray

  def path(self, node: int) -> list[int]:
    """Lists the nodes from a first step to this node; none for NO_NODE."""
    path = []
    while node != NO_NODE:
      path.append(int(node))
      node = self.parents[node]
    return path[::-1]


class Candidate(NamedTuple):
  """A solution, whole or in part.

  Attributes:
    status: FINISHED, TRUNCATED or RUNNING (unfinished).
    path: numbers of its nodes, from the first step on.
  """

  status: int
  path: list[int]


def list_nodes(parents: ArrayLike, active: ArrayLike) -> Nodes:
  """Numbers the nodes and finds what each goes on from.

  A beam is followed through the rounds in which it was not extended.

  Args:
    parents: int[J, N], Tree.parents of one problem.
    active: bool[J, N], Tree.active of one problem.

  Returns:
    The nodes.

  Raises:
    ValueError: if the arrays are not of one problem.
  """
  parents, active = np.asarray(parents), np.asarray(active).astype(bool)
  if parents.ndim != 2 or parents.shape != active.shape:
    raise ValueError(
      f"list_nodes: parents have shape {parents.shape} and active "
      f"{active.shape}, expected [J, N] for both: index one problem first"
    )
  rounds, slots = np.nonzero(active)
  numbers = np.cumsum(active).reshape(active.shape) - 1
  goes_on_from = np.full(len(rounds), NO_NODE)
  last = np.full(parents.shape[1], NO_NODE)
  for j in range(_num_rounds(active)):
    goes_on_from[numbers[j, active[j]]] = last[active[j]]
    last = np.where(active[j], numbers[j], last)[parents[j]]
  depths = np.zeros(len(rounds), int)
  for node, parent in enumerate(goes_on_from):
    if parent != NO_NODE:
      depths[node] = depths[parent] + 1
  widths = np.bincount(
    goes_on_from[goes_on_from != NO_NODE], minlength=len(rounds)
  )
  return Nodes(rounds, slots, goes_on_from, depths, widths, last)


def list_candidates(tree: Tree, nodes: Nodes | None = None) -> list[Candidate]:
  """Lists what a search offers to the vote, by final slot.

  A beam that has ended is a candidate. One that still runs is an unfinished
  candidate if it has a step of its own and no node goes on from its last one:
  so are the leaves of MCTS, but neither the nodes that it expanded nor slots
  that were never used. A strategy gives a beam up for good by letting its slot
  go on from another beam.

  Args:
    tree: of one problem (fields [J, N, ...]), of NumPy or JAX arrays.
    nodes: of the tree, if they are at hand.

  Returns:
    The candidates. Several may end in one node: each votes.
  """
  nodes = nodes or list_nodes(tree.parents, tree.active)

  def votes(status: int, node: int) -> bool:
    if status == base.RUNNING:
      return node != NO_NODE and not nodes.widths[node]
    return status != base.DROPPED

  return [
    Candidate(int(status), nodes.path(node))
    for status, node in zip(final_status(tree), nodes.last, strict=True)
    if votes(status, node)
  ]


def candidate_paths(
  parents: ArrayLike, active: ArrayLike
) -> list[list[tuple[int, int]]]:
  """Finds the steps of each final beam, whether it is a candidate or not.

  Args:
    parents: int[J, N], Tree.parents of one problem.
    active: bool[J, N], Tree.active of one problem.

  Returns:
    For each of the N slots after the last fork, the (round, slot) of its nodes
    from the first step on.
  """
  nodes = list_nodes(parents, active)
  return [
    [(int(nodes.rounds[i]), int(nodes.slots[i])) for i in nodes.path(node)]
    for node in nodes.last
  ]


def final_status(tree: Tree) -> np.ndarray:
  """Status of each slot after the last fork.

  Args:
    tree: of one problem (fields [J, N, ...]).

  Returns:
    int32[N].
  """
  last = _num_rounds(np.asarray(tree.active)) - 1
  status = np.asarray(tree.status)[last]
  return status[np.asarray(tree.parents)[last]]


def candidate_tokens(tree: Tree) -> int:
  """Counts the tokens that are in a candidate; shared steps count once.

  All other tokens that the policy generated were discarded: those of steps that
  were given up, and those that became no step, as in lookahead.

  Args:
    tree: of one problem (fields [J, N, ...]), of NumPy or JAX arrays.

  Returns:
    The tokens of all nodes on the path of a candidate.
  """
  nodes = list_nodes(tree.parents, tree.active)
  kept = sorted({i for c in list_candidates(tree, nodes) for i in c.path})
  num_tokens = np.asarray(tree.num_tokens)
  return int(num_tokens[nodes.rounds[kept], nodes.slots[kept]].sum())


def _num_rounds(active: np.ndarray) -> int:
  """How many rounds were reached; they come first."""
  return int(np.count_nonzero(active.any(axis=1)))
