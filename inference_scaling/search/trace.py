"""Reads finished trees on the host, one problem at a time, in NumPy.

A node is a pair (depth, slot) at which a beam was extended.
"""

import numpy as np

from inference_scaling.search import base
from inference_scaling.search.tree import Tree


def candidate_paths(
  parents: np.ndarray, active: np.ndarray
) -> list[list[tuple[int, int]]]:
  """Finds the steps of each final beam.

  Args:
    parents: int[J, N], Tree.parents of one problem.
    active: bool[J, N], Tree.active of one problem.

  Returns:
    For each of the N slots after the last fork, its nodes from depth 0 on.
  """
  parents, active = np.asarray(parents), np.asarray(active)
  if parents.ndim != 2 or parents.shape != active.shape:
    raise ValueError(
      f"candidate_paths: parents have shape {parents.shape} and active "
      f"{active.shape}, expected [J, N] for both: index one problem first"
    )
  slots = np.arange(parents.shape[1])
  paths = [[] for _ in slots]
  for depth in reversed(range(_num_depths(active))):
    slots = parents[depth][slots]
    for path, slot in zip(paths, slots, strict=True):
      if active[depth, slot]:
        path.append((depth, int(slot)))
  return [path[::-1] for path in paths]


def final_status(tree: Tree) -> np.ndarray:
  """Status of each slot after the last fork.

  Args:
    tree: of one problem (fields [J, N, ...]).

  Returns:
    int32[N]. A beam that is still RUNNING was dropped by its strategy: it is no
    candidate.
  """
  last = _num_depths(np.asarray(tree.active)) - 1
  status = np.asarray(tree.status)[last]
  return status[np.asarray(tree.parents)[last]]


def child_widths(parents: np.ndarray, active: np.ndarray) -> np.ndarray:
  """Counts the children of each node.

  Args:
    parents: int[J, N], Tree.parents of one problem.
    active: bool[J, N], Tree.active of one problem.

  Returns:
    int32[J, N], how many beams extended at depth j + 1 go on from slot n of
    depth j; 0 at the last depth.
  """
  parents, active = np.asarray(parents), np.asarray(active)
  widths = np.zeros(parents.shape, np.int32)
  for depth in range(_num_depths(active) - 1):
    np.add.at(widths[depth], parents[depth][active[depth + 1]], 1)
  return widths


def discarded_tokens(tree: Tree) -> int:
  """Counts the tokens that were generated but are in no candidate.

  Args:
    tree: of one problem (fields [J, N, ...]), of NumPy or JAX arrays.

  Returns:
    The tokens of all nodes on the path of no terminal final beam.
  """
  active = np.asarray(tree.active)
  paths = candidate_paths(tree.parents, active)
  lost = active.copy()
  for path, status in zip(paths, final_status(tree), strict=True):
    if status != base.RUNNING:
      for depth, slot in path:
        lost[depth, slot] = False
  return int(np.asarray(tree.num_tokens)[lost].sum())


def _num_depths(active: np.ndarray) -> int:
  """How many depths were reached; they come first."""
  return int(np.count_nonzero(active.any(axis=1)))
