"""What a search remembers, and the slots that its problems are in.

Axis letters: P problems in flight, N beams per problem, J depths at most.
"""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from inference_scaling.search.tree import Tree


class SearchState(flax.struct.PyTreeNode):
  """All that changes during P searches; problem p is row p of every leaf.

  Attributes:
    keys: typed PRNG keys [P], never changed.
    depth: int32[P], depths done.
    status: int32[P, N], by slot, after the last fork.
    active: bool[P, N], the beams to extend next; none when the search is done.
    scores: float32[P, N], the newest reward of each beam.
    labels: int32[P, N], equal for beams of the same steps, where the strategy
      asks for it (`duplicates`).
    carry: the strategy's, leading axis P.
    policy_state: the policy's, leading axis P.
    reward_state: the reward's, leading axis P.
    tree: the steps so far.
  """

  keys: jax.Array
  depth: jax.Array
  status: jax.Array
  active: jax.Array
  scores: jax.Array
  labels: jax.Array
  carry: Any
  policy_state: Any
  reward_state: Any
  tree: Tree


def is_done(state: SearchState) -> jax.Array:
  """bool[P], True for the problems without an active beam."""
  return ~jnp.any(state.active, axis=1)


def begin_beams(state: SearchState, beams: Any) -> SearchState:
  """Lets beams begin that wait at the prompt, in problems that have no others.

  Args:
    state: of P problems.
    beams: bool[P, N], those that begin; none of a problem passes it through.

  Returns:
    The SearchState; problems in which beams begin are at depth 0.
  """
  beams = jnp.asarray(beams)
  begins = beams.any(axis=1)
  return state.replace(
    depth=jnp.where(begins, 0, state.depth),
    active=jnp.where(begins[:, None], beams, state.active),
  )


def replace_slot(
  state: SearchState, slot: jax.Array, new_state: SearchState
) -> SearchState:
  """Puts another problem in a batch slot.

  Args:
    state: of P problems.
    slot: int32[], which problem to replace, in [0, P).
    new_state: of one problem (P = 1), otherwise of the same shapes.

  Returns:
    The SearchState with row `slot` of every leaf replaced.
  """
  return jax.tree.map(
    lambda leaf, new: leaf.at[slot].set(new[0]), state, new_state
  )
