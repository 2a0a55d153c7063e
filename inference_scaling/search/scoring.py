"""The second half of a search step: score, select, fork, write the tree.

The first half is the policy's `extend`. It takes as long as the longest step,
and problems need not wait for each other: an engine that knows which of them
have their step (as `decoding.continuous_batching` does) scores those, while the
others still write.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling.search import (
  base,
  duplicates,
  extension,
  tree,
)
from inference_scaling.search.checks import entries, values
from inference_scaling.search.state import SearchState
from inference_scaling.search.tree import Tree


def step_keys(state: SearchState, num_beams: int) -> jax.Array:
  """The keys of the step that each beam makes next.

  Args:
    state: of P problems.
    num_beams: N.

  Returns:
    Typed PRNG keys [P, N]. They come from the problem, its depth and the slot
    alone: whoever stops in the middle of a step finds them again.
  """
  return extension.beam_keys(_depth_keys(state), num_beams)


def score_and_select(
  policy: base.Policy,
  reward: base.Reward,
  strategy: base.Strategy,
  policy_params: Any,
  reward_params: Any,
  state: SearchState,
  policy_state: Any,
  step: base.Step,
  ready: jax.Array,
  *,
  lookahead_params: Any = None,
) -> SearchState:
  """Scores the steps of some problems and chooses how these go on.

  The other problems pass through unchanged, bit for bit. Their policy and
  reward states go through user functions, which leave inactive beams alone.

  Args:
    policy: as for `search_step`.
    reward: likewise.
    strategy: likewise.
    policy_params: likewise.
    reward_params: likewise.
    state: before the step, but for `policy_state`, which is not looked at.
    policy_state: the policy's, after the step.
    step: what the policy made of the active beams of the problems below;
      values of other beams are never looked at.
    ready: bool[P], the problems to score: every active beam of them has made
      its step. A problem without an active beam is done and stays as it is.
    lookahead_params: as for `search_step`.

  Returns:
    The new SearchState.

  Raises:
    ValueError: on a wrong argument or a wrong value from a user function.
  """
  entries.check_models(policy, reward)
  entries.check_strategy(strategy)
  entries.check_lookahead(strategy, policy, reward)
  entries.check_state(policy, state)
  ready &= jnp.any(state.active, axis=1)
  active = state.active & ready[:, None]
  models = extension.Models(policy, reward, policy_params, reward_params)
  reward_state, scores = extension.score(
    models, state.reward_state, step, active
  )
  status, scores = _after_step(state, step, active, scores)
  status, labels, multiplicity = _resolve_duplicates(
    strategy, state, step, active, status
  )
  beams = base.Beams(scores, status, active, multiplicity)
  policy_state, reward_state, beams = _look_ahead(
    models, strategy, lookahead_params, state, policy_state, reward_state,
    beams,
  )  # fmt: skip
  parents, chosen, carry = _select(strategy, state, beams, ready)
  with jax.named_scope("fork"):
    policy_state = extension.fork("policy", policy, policy_state, parents)
    reward_state = extension.fork("reward", reward, reward_state, parents)
  level = _level(parents, active, scores, status, step)
  status, scores, labels = (
    jnp.take_along_axis(leaf, parents, axis=1)
    for leaf in (status, scores, labels)
  )
  # The tree holds no more depths, whatever a strategy selects.
  going = chosen & (status == base.RUNNING) & (_left(state) > 0)[:, None]
  return SearchState(
    keys=state.keys,
    depth=state.depth + ready,
    status=status,
    active=jnp.where(ready[:, None], going, state.active),
    scores=scores,
    labels=labels,
    carry=carry,
    policy_state=policy_state,
    reward_state=reward_state,
    tree=tree.write_depth(
      state.tree, ready, state.depth, level, resumes=strategy.resumes
    ),
  )


def _depth_keys(state: SearchState) -> jax.Array:
  """A key for each problem and depth, [P]."""
  return jax.vmap(jax.random.fold_in)(state.keys, state.depth)


def _fold(keys: jax.Array, number: int) -> jax.Array:
  """Folds one number into each of some keys [P]."""
  return jax.vmap(jax.random.fold_in, (0, None))(keys, number)


def _left(state: SearchState) -> jax.Array:
  """Depths that each search still has after this one, int32[P]."""
  return state.tree.parents.shape[1] - 1 - state.depth


def _after_step(
  state: SearchState, step: base.Step, active: jax.Array, scores: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Status and scores of all beams after a step, each [P, N]."""
  status = jnp.where(active, step.status, state.status)
  scores = jnp.where(active, scores, state.scores)
  last = (_left(state) <= 0)[:, None]
  ended = last & active & (status == base.RUNNING)
  return jnp.where(ended, base.TRUNCATED, status), scores


def _resolve_duplicates(
  strategy: base.Strategy,
  state: SearchState,
  step: base.Step,
  active: jax.Array,
  status: jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Status, labels and multiplicity of the beams, each int32[P, N]."""
  if strategy.duplicates == base.KEEP:
    return status, state.labels, jnp.ones_like(status)
  labels = jax.vmap(duplicates.label)(
    state.labels, step.content, active, status
  )
  resolve = functools.partial(duplicates.resolve, strategy.duplicates)
  resolved, multiplicity = jax.vmap(resolve)(labels, status)
  # A problem that is done may hold copies of one answer: they stay.
  status, labels = tree.where(
    active.any(axis=1), (resolved, labels), (status, state.labels)
  )
  return status, labels, multiplicity


def _look_ahead(
  models: extension.Models,
  strategy: base.Strategy,
  params: Any,
  state: SearchState,
  policy_state: Any,
  reward_state: Any,
  beams: base.Beams,
) -> tuple[Any, Any, base.Beams]:
  """Both states and the beams, with the scores that the strategy sees."""
  if not strategy.lookahead:
    return policy_state, reward_state, beams
  if params is not None:
    models = models._replace(policy_params=params)
  # Slots have the keys from 0 on, and `select` has that of N.
  keys = _fold(_depth_keys(state), models.policy.num_beams + 1)
  policy_state, reward_state, scores = extension.look_ahead(
    models, keys, policy_state, reward_state, beams, strategy.lookahead,
    _left(state),
  )  # fmt: skip
  return policy_state, reward_state, beams._replace(scores=scores)


def _select(
  strategy: base.Strategy,
  state: SearchState,
  beams: base.Beams,
  ready: jax.Array,
) -> tuple[jax.Array, jax.Array, Any]:
  """Parents, which beams go on, and the carry, of each problem."""
  N = beams.status.shape[1]
  parents, chosen, carry = jax.vmap(
    lambda *args: _select_checked(strategy.select, *args)
  )(_fold(_depth_keys(state), N), beams, state.carry)
  parents = jnp.where(ready[:, None], parents, jnp.arange(N)[None])
  return parents, chosen, tree.where(ready, carry, state.carry)


def _select_checked(
  select: base.SelectFn, key: jax.Array, beams: base.Beams, carry: Any
) -> tuple[jax.Array, jax.Array, Any]:
  """Calls a strategy's select for one problem and checks what it returns."""
  selected = select(key, beams, carry)
  values.check_tuple("select", selected, ("parents", "active", "carry"))
  parents, active, new_carry = selected
  shape = beams.status.shape
  values.check_array("parents from select", parents, shape, jnp.int32)
  values.check_array("active from select", active, shape, jnp.bool_)
  values.check_same("the carry from select", carry, new_carry)
  return parents, active, new_carry


def _level(
  parents: jax.Array,
  active: jax.Array,
  scores: jax.Array,
  status: jax.Array,
  step: base.Step,
) -> Tree:
  """One depth of the tree."""
  return Tree(
    parents=parents,
    active=active,
    scores=scores,
    status=status,
    num_tokens=step.num_tokens,
    contents=step.content,
  )
