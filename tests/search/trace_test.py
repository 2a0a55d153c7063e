"""Paths and discarded tokens against brute force."""

import numpy as np
import pytest

from inference_scaling import search

RUNNING, FINISHED = search.RUNNING, search.FINISHED


def _tree(parents, active, status, num_tokens):
  return search.Tree(
    parents=np.array(parents),
    active=np.array(active, bool),
    scores=np.zeros(np.shape(parents)),
    status=np.array(status),
    num_tokens=np.array(num_tokens),
    contents=None,
  )


# Depth 0: slot 1 finishes; slot 0 has both children. Depth 1: both finish.
# Depth 2 is never reached.
WORKED = _tree(
  parents=[[0, 1, 0], [0, 1, 2], [0, 1, 2]],
  active=[[1, 1, 1], [1, 0, 1], [0, 0, 0]],
  status=[[0, 1, 0], [1, 1, 1], [0, 0, 0]],
  num_tokens=[[5, 7, 11], [2, 0, 3], [0, 0, 0]],
)


def test_a_worked_example():
  paths = search.candidate_paths(WORKED.parents, WORKED.active)
  assert paths == [[(0, 0), (1, 0)], [(0, 1)], [(0, 0), (1, 2)]]
  assert search.final_status(WORKED).tolist() == [1, 1, 1]
  assert search.discarded_tokens(WORKED) == 11
  widths = search.child_widths(WORKED.parents, WORKED.active)
  assert widths.tolist() == [[2, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_a_dropped_beam_is_no_candidate():
  dropped = WORKED.replace(status=np.array([[0, 1, 0], [1, 1, 0], [0, 0, 0]]))
  assert search.final_status(dropped).tolist() == [1, 1, 0]
  assert search.discarded_tokens(dropped) == 11 + 3


def _grow(generator, depths, beams):
  """A random forest with every beam's whole history carried along."""
  histories = [[] for _ in range(beams)]
  status = np.zeros(beams, int)
  rows = []
  for depth in range(depths):
    active = (status == RUNNING) & (generator.random(beams) < 0.9)
    if not active.any():
      break
    tokens = np.where(active, generator.integers(1, 9, beams), 0)
    for slot in np.flatnonzero(active):
      histories[slot] = [*histories[slot], (depth, int(slot))]
    ends = active & (generator.random(beams) < 0.3)
    status = np.where(ends, FINISHED, status)
    parents = generator.integers(0, beams, beams)
    rows.append((parents, active, status, tokens))
    histories = [histories[parent] for parent in parents]
    status = status[parents]
  missing = [(np.arange(beams), *[np.zeros(beams, int)] * 3)]
  rows += missing * (depths - len(rows))
  return _tree(*zip(*rows, strict=True)), histories, status


def test_random_trees_agree_with_histories_carried_along():
  generator = np.random.default_rng(0)
  for _ in range(200):
    tree, histories, status = _grow(generator, 6, 5)
    assert search.candidate_paths(tree.parents, tree.active) == histories
    kept = {
      node
      for history, end in zip(histories, status, strict=True)
      if end != RUNNING
      for node in history
    }
    lost = sum(
      tree.num_tokens[node]
      for node in zip(*np.nonzero(tree.active), strict=True)
      if node not in kept
    )
    assert search.discarded_tokens(tree) == lost


def test_a_batch_of_problems_is_refused():
  with pytest.raises(ValueError, match=r"expected \[J, N\].*index one problem"):
    search.candidate_paths(np.zeros((2, 3, 4)), np.zeros((2, 3, 4)))
