"""Nodes, paths and candidates against histories that are carried along."""

import numpy as np
import pytest

from inference_scaling import search

RUNNING, FINISHED = search.RUNNING, search.FINISHED
TRUNCATED = search.TRUNCATED


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
  nodes = search.list_nodes(WORKED.parents, WORKED.active)
  assert list(zip(nodes.rounds, nodes.slots, strict=True)) == [
    (0, 0), (0, 1), (0, 2), (1, 0), (1, 2)
  ]  # fmt: skip
  assert nodes.parents.tolist() == [-1, -1, -1, 0, 0]
  assert nodes.depths.tolist() == [0, 0, 0, 1, 1]
  assert nodes.widths.tolist() == [2, 0, 0, 0, 0]
  assert nodes.last.tolist() == [3, 1, 4]
  assert search.list_candidates(WORKED) == [
    (FINISHED, [0, 3]), (FINISHED, [1]), (FINISHED, [0, 4])
  ]  # fmt: skip
  assert search.candidate_tokens(WORKED) == 5 + 7 + 2 + 3


def test_a_beam_that_still_runs_is_an_unfinished_candidate():
  tree = WORKED.replace(status=np.array([[0, 1, 0], [1, 1, 0], [0, 0, 0]]))
  assert search.list_candidates(tree)[2] == (RUNNING, [0, 4])
  assert search.candidate_tokens(tree) == 5 + 7 + 2 + 3


# Slot 0 makes a first step and is parked; slot 1 goes on from it, twice; slot 2
# copies it two rounds later and goes on; slot 3 is never used.
PARKED = _tree(
  parents=[[0, 0, 2, 3], [0, 1, 0, 3], [0, 1, 2, 3]],
  active=[[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0]],
  status=[[0, 0, 0, 0], [0, 0, 0, 0], [0, 2, 0, 0]],
  num_tokens=[[2, 0, 0, 0], [0, 3, 0, 0], [0, 5, 7, 0]],
)


def test_parked_beams_are_followed_and_expanded_ones_are_no_candidates():
  nodes = search.list_nodes(PARKED.parents, PARKED.active)
  assert nodes.rounds.tolist() == [0, 1, 2, 2]
  assert nodes.parents.tolist() == [search.NO_NODE, 0, 1, 0]
  assert nodes.depths.tolist() == [0, 1, 2, 1]  # the last is not its round
  assert nodes.widths.tolist() == [2, 1, 0, 0]
  assert nodes.last.tolist() == [0, 2, 3, search.NO_NODE]
  assert search.list_candidates(PARKED) == [
    (TRUNCATED, [0, 1, 2]), (RUNNING, [0, 3])
  ]  # fmt: skip
  assert search.candidate_tokens(PARKED) == 2 + 3 + 5 + 7


def test_each_copy_of_an_ended_beam_is_a_candidate():
  copied = _tree(
    parents=[[1, 1, 1], [0, 1, 2]],
    active=[[1, 1, 1], [0, 0, 0]],
    status=[[0, 1, 0], [0, 0, 0]],
    num_tokens=[[2, 3, 5], [0, 0, 0]],
  )
  assert search.list_candidates(copied) == [(FINISHED, [1])] * 3
  assert search.candidate_tokens(copied) == 3


def test_a_dropped_duplicate_is_no_candidate():
  tree = _tree(
    parents=[[0, 1]], active=[[1, 1]], status=[[FINISHED, search.DROPPED]],
    num_tokens=[[3, 3]],
  )  # fmt: skip
  assert [path for _, path in search.list_candidates(tree)] == [[0]]
  assert search.candidate_tokens(tree) == 3


def test_beams_that_were_all_expanded_leave_no_candidate():
  tree = _tree(
    parents=[[0, 0], [0, 0]],
    active=[[1, 0], [0, 1]],
    status=[[0, 0], [0, 0]],
    num_tokens=[[2, 0], [0, 3]],
  )
  assert search.list_candidates(tree) == []
  assert search.candidate_tokens(tree) == 0


def _grow(generator, depths, beams):
  """A random forest with every beam's whole history carried along.

  Also returns the history up to each node, in the order of nodes.
  """
  histories, made = [[] for _ in range(beams)], []
  status = np.zeros(beams, int)
  rows = []
  for depth in range(depths):
    active = (status == RUNNING) & (generator.random(beams) < 0.6)
    if not active.any():
      break
    tokens = np.where(active, generator.integers(1, 9, beams), 0)
    for slot in np.flatnonzero(active):
      histories[slot] = [*histories[slot], (depth, int(slot))]
      made.append(histories[slot])
    ends = active & (generator.random(beams) < 0.3)
    status = np.where(ends, FINISHED, status)
    parents = generator.integers(0, beams, beams)
    rows.append((parents, active, status, tokens))
    histories = [histories[parent] for parent in parents]
    status = status[parents]
  missing = [(np.arange(beams), *[np.zeros(beams, int)] * 3)]
  rows += missing * (depths - len(rows))
  return _tree(*zip(*rows, strict=True)), histories, status, made


def test_random_trees_agree_with_histories_carried_along():
  generator = np.random.default_rng(0)
  for _ in range(200):
    tree, histories, status, made = _grow(generator, 6, 5)
    assert search.candidate_paths(tree.parents, tree.active) == histories
    expanded = {  # a parent is a whole history: nodes are never equal
      tuple(history[:-1]) for history in made
    }
    kept = [
      (end, history)
      for history, end in zip(histories, status, strict=True)
      if end != RUNNING or (history and tuple(history) not in expanded)
    ]
    nodes = search.list_nodes(tree.parents, tree.active)
    at = list(zip(nodes.rounds, nodes.slots, strict=True))
    found = search.list_candidates(tree)
    assert [(end, [at[i] for i in path]) for end, path in found] == kept
    assert search.candidate_tokens(tree) == sum(
      tree.num_tokens[node] for node in {n for _, path in kept for n in path}
    )
    for i, history in enumerate(made):
      assert [at[node] for node in nodes.path(i)] == history
      assert nodes.depths[i] == len(history) - 1
      assert nodes.widths[i] == sum(h[:-1] == history for h in made)


def test_a_batch_of_problems_is_refused():
  with pytest.raises(ValueError, match=r"expected \[J, N\].*index one problem"):
    search.candidate_paths(np.zeros((2, 3, 4)), np.zeros((2, 3, 4)))
