"""The beams' own caches, apart from the rest of the state of a search.

They are most of the state, and a problem that starts brings none: its beams
have written nothing yet. So they stay in a batch slot, whoever is in it. Only
states of this package's models are known to have such caches; any other state
is replaced whole.
"""

from collections.abc import Sequence
from typing import Any

import jax

from inference_scaling.decoding import policy_state, reward_state
from inference_scaling.decoding.kv_cache import dense as cache_lib
from inference_scaling.search import batching
from inference_scaling.search import state as search_state

# Of the policy and of the reward model; () where there is no cache.
OwnCaches = Sequence[cache_lib.Layers]


def remove(state: search_state.SearchState) -> search_state.SearchState:
  """Takes the beams' own caches out of a state.

  Args:
    state: of P problems.

  Returns:
    The state with () for the layers of these caches.
  """
  return _put(state, ((), ()))


def empty(
  state: search_state.SearchState,
  policy: batching.BatchedPolicy,
  reward: batching.BatchedReward,
) -> search_state.SearchState:
  """Gives beams that have written nothing caches of zeros.

  Args:
    state: of P problems, as `remove` leaves it.
    policy: of the search; its `storage` makes the caches of its beams.
    reward: likewise.

  Returns:
    The state with caches.
  """

  def make(owner: Any, state: Any) -> cache_lib.Layers:
    if not _has_cache(state):
      return ()
    cache = state.cache
    return owner.storage.start(cache.prompt, cache.prompt_lengths).own

  states = (state.policy_state, state.reward_state)
  return _put(state, tuple(map(make, (policy, reward), states)))


def replace_slot(
  state: search_state.SearchState,
  slot: jax.Array,
  new: search_state.SearchState,
) -> search_state.SearchState:
  """Puts another problem in a batch slot, whose own caches stay as they are.

  What they hold is of the problem before, and all of it lies behind the new
  beams' lengths of 0. There it is masked: attention gives it a weight of
  exactly 0, and 0 times any finite value adds nothing to a sum, so results
  have the same bits as over caches of zeros. It is finite, since a search in
  which a number is not ends with an error. New tokens are written over it
  before a length reaches it.

  Args:
    state: of P problems.
    slot: int32[], which problem to replace, in [0, P).
    new: of one problem (P = 1), as `remove` leaves it.

  Returns:
    The state of P problems.
  """
  states = (state.policy_state, state.reward_state)
  kept = tuple(owner.cache.own if _has_cache(owner) else () for owner in states)
  return _put(search_state.replace_slot(remove(state), slot, new), kept)


def _put(
  state: search_state.SearchState, own: OwnCaches
) -> search_state.SearchState:
  """Replaces the beams' own caches, in those states that have a cache."""
  policy, reward = (
    owner.replace(cache=owner.cache.replace(own=layers))
    if _has_cache(owner)
    else owner
    for owner, layers in zip(
      (state.policy_state, state.reward_state), own, strict=True
    )
  )
  return state.replace(policy_state=policy, reward_state=reward)


def _has_cache(state: Any) -> bool:
  """Tells whether a state is that of a model of this package."""
  kinds = (policy_state.PolicyState, reward_state.RewardState)
  return isinstance(state, kinds)
