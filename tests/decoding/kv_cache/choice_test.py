"""Searches find the same to the bit, however their beams are stored."""

import functools

import jax
import numpy as np
import pytest

from inference_scaling import decoding, search
from inference_scaling.decoding.kv_cache import choice
from tests.decoding import tiny

pytestmark = pytest.mark.usefixtures("quick_compilations")

CHILDREN, EXPANSIONS = 2, 5
N, DEPTH = search.mcts_shape(CHILDREN, CHILDREN, EXPANSIONS)
LIMITS = decoding.Limits(
  prompt_tokens=9, step_tokens=6, total_tokens=30, max_steps=DEPTH
)
IDS = (0, 1, 2)


@functools.cache
def _grow_trees(cache, tree_tokens=None):
  """MCTS: all nodes are kept, two at a time are extended."""
  storage = (CHILDREN, cache, tree_tokens)
  found = decoding.continuous_batching(
    decoding.ModelPolicy(tiny.policy_model(), tiny.FORMAT, LIMITS, N, *storage),
    decoding.ModelReward(tiny.reward_model(), LIMITS, N, None, *storage),
    search.mcts(CHILDREN, CHILDREN, expansions=EXPANSIONS),
    tiny.policy_params(),
    tiny.reward_model().params,
    [decoding.PromptProblem(i, tiny.prompts(3)[i]) for i in IDS],
    seed=0,
    num_slots=2,
    max_depth=DEPTH,
  )
  return {one.problem_id: one for one in found}


def _most_tokens():
  """Of the largest tree: each token of each step is held once."""
  found = _grow_trees("dense").values()
  return max(int(one.tree.num_tokens.sum()) for one in found)


def test_a_tree_without_a_spare_entry_finds_what_dense_beams_find():
  dense, tree = _grow_trees("dense"), _grow_trees("tree", _most_tokens())
  assert sorted(dense) == sorted(tree) == list(IDS)
  for i, one in dense.items():
    for name in ("tree", "policy_counts", "reward_counts"):
      jax.tree.map(
        np.testing.assert_array_equal,
        getattr(one, name), getattr(tree[i], name),
      )  # fmt: skip
    assert tree[i].cache_bytes < one.cache_bytes / 2
  # Or there was nothing to share: some path must have three steps.
  assert max(one.tree.active.any(axis=1).sum() for one in dense.values()) > 3
  texts = sum(one.tree.num_tokens.sum() for one in dense.values())
  assert texts > 3 * CHILDREN * EXPANSIONS


def test_a_tree_that_does_not_fit_is_named():
  most = _most_tokens()
  message = (
    rf"problem \d, depth \d: its tree holds {most} distinct tokens of the "
    rf"policy at once, but tree_tokens is {most - 1}\. Raise it"
  )
  with pytest.raises(ValueError, match=message):
    _grow_trees("tree", most - 1)


@pytest.mark.parametrize(
  "arguments,message",
  [
    (("paged",), "cache is 'paged'; expected one of dense, tree"),
    (("dense", 9), "tree_tokens is 9, but the cache is dense"),
    (("tree", 0), "tree_tokens is 0; expected at least 1"),
  ],
)
def test_a_cache_that_cannot_be_is_refused(arguments, message):
  with pytest.raises(ValueError, match=message):
    decoding.ModelReward(tiny.reward_model(), LIMITS, N, None, 2, *arguments)


def test_a_tree_has_room_for_all_beams_and_no_more():
  sizes = [
    choice.Storage("tree", 3, 8, tokens).capacity for tokens in (None, 99, 7)
  ]
  assert sizes == [24, 24, 7]
