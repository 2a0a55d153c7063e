"""The programs of slots: jitted here, at the border to the host.

Policies, rewards and strategies are static and compared by identity; whatever a
sweep varies is an array.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from inference_scaling import models
from inference_scaling.decoding import policy_state as state_lib
from inference_scaling.decoding import sizes as sizes_lib
from inference_scaling.decoding.batching import (
  checks,
  placement,
  scheduling,
)
from inference_scaling.decoding.kv_cache import own_caches, prompts
from inference_scaling.search import base, batching, scoring
from inference_scaling.search import loop as loop_lib
from inference_scaling.search import state as search_state

SearchState = search_state.SearchState


# Weights are not given back, which would copy them.
@functools.partial(jax.jit, static_argnums=0)
def prefix(
  model: models.Model, weights: Any, tokens: jax.Array
) -> prompts.Layers:
  """Computes what all prompts begin with, int32[S]: see `prompts.prefix`."""
  return prompts.prefix(model, weights, tokens)


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3, 4))
def start(
  policy: batching.BatchedPolicy,
  reward: batching.BatchedReward,
  static_part: base.Strategy,
  max_depth: int,
  mesh: Mesh | None,
  policy_params: Any,
  reward_params: Any,
  carry: Any,
  key: jax.Array,
  problem_id: Any,
  prompts: Any,
) -> SearchState:
  """Starts one problem alone, so that its bits do not depend on the others.

  Its beams have begun their first steps. What comes out lacks the beams' own
  caches, which are empty: they would take as much as a batch slot, beside all
  slots.
  """
  # The carry comes in as arrays: a new temperature is no new program.
  strategy = static_part._replace(init=lambda num_beams: carry)
  state = loop_lib.init_search(
    policy, reward, strategy, policy_params, reward_params, prompts,
    jax.random.fold_in(key, problem_id)[None], max_depth=max_depth,
  )  # fmt: skip
  state = state.replace(
    policy_state=policy.begin(state.policy_state, state.active)
  )
  return placement.constrain(own_caches.remove(state), mesh, alone=True)


# Donated: caches are updated where they are, not held twice.
@functools.partial(
  jax.jit, static_argnums=(0, 1, 2, 3, 4), donate_argnames=("state",)
)
def advance(
  policy: batching.BatchedPolicy,
  reward: batching.BatchedReward,
  static_part: base.Strategy,
  mesh: Mesh | None,
  sizes: tuple[sizes_lib.Sizes | None, sizes_lib.Sizes | None],
  policy_params: Any,
  reward_params: Any,
  state: SearchState,
  lookahead_params: Any = None,
) -> tuple[SearchState, checks.Flags]:
  """Decodes until enough slots have their steps, and scores those.

  Args:
    policy: of the search.
    reward: likewise.
    static_part: of the strategy.
    mesh: or None.
    sizes: of the policy and of the reward: what of their buffers is in use;
      None for one without buffers.
    policy_params: weights and sampler.
    reward_params: weights.
    state: of P problems, at any token of their steps.
    lookahead_params: what the policy looks ahead by; None for temperature 0 of
      a `ModelPolicy`, and for `policy_params` of another.

  Returns:
    The new state, in which the scored problems have begun their next steps,
    and its `checks.Flags`.
  """
  policy, reward = (
    _sized(owner, size)
    for owner, size in zip((policy, reward), sizes, strict=True)
  )
  if lookahead_params is None:
    lookahead_params = _lookahead_params(static_part, policy_params)
  before, together = state, scheduling.in_step(static_part, mesh)

  def is_enough(live: jax.Array) -> jax.Array:
    return scheduling.is_enough(before.active, live, together)

  policy_state = policy.write(
    policy_params,
    scoring.step_keys(state, policy.num_beams),
    state.policy_state,
    is_enough,
  )
  live = policy.live(policy_state)
  # Writing also stops after some tokens, when there may not be enough yet.
  ready = scheduling.is_ready(state.active, live) & is_enough(live)
  policy_state, step = policy.finish(policy_state, ready)
  state = scoring.score_and_select(
    policy, reward, static_part, policy_params, reward_params, state,
    policy_state, step, ready, lookahead_params=lookahead_params,
  )  # fmt: skip
  begun = policy.begin(state.policy_state, state.active & ready[:, None])
  state = placement.constrain(state.replace(policy_state=begun), mesh)
  flags = checks.make_flags(policy, reward, before, state, ready)
  return state, placement.replicate(flags, mesh)


def _sized(owner: Any, sizes: sizes_lib.Sizes | None) -> Any:
  """The policy or the reward with the sizes of its buffers, if it has any."""
  return owner if sizes is None else owner.sized(sizes)


def _lookahead_params(static_part: base.Strategy, params: Any) -> Any:
  """A `ModelPolicy` looks ahead greedily, as in search-and-learn."""
  if not static_part.lookahead or not isinstance(
    params, state_lib.PolicyParams
  ):
    return None
  return params.replace(temperature=jnp.float32(0), top_k=None, top_p=None)


@functools.partial(jax.jit, static_argnums=(0, 1), donate_argnums=2)
def resume(
  policy: batching.BatchedPolicy,
  mesh: Mesh | None,
  state: SearchState,
  slot: Any,
  beams: Any,
) -> SearchState:
  """Lets beams of one problem, bool[N], begin that wait at the prompt."""
  chosen = jnp.zeros_like(state.active).at[slot].set(beams)
  state = search_state.begin_beams(state, chosen)
  begun = policy.begin(state.policy_state, chosen)
  return placement.constrain(state.replace(policy_state=begun), mesh)


@functools.partial(jax.jit, static_argnums=0, donate_argnums=1)
def replace_slot(
  mesh: Mesh | None, state: SearchState, slot: Any, new: SearchState
) -> SearchState:
  """Puts a started problem in a batch slot."""
  return placement.constrain(own_caches.replace_slot(state, slot, new), mesh)


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
def empty_slots(
  policy: batching.BatchedPolicy,
  reward: batching.BatchedReward,
  num_slots: int,
  mesh: Mesh | None,
  new: SearchState,
) -> SearchState:
  """Makes slots that hold nothing, in the form of a started problem."""
  slots = jnp.zeros(num_slots, jnp.int32)
  state = jax.tree.map(lambda leaf: leaf[slots], new)
  state = own_caches.empty(state, policy, reward)
  # The started problem has begun a step, which these slots have not.
  everyone = jnp.ones(num_slots, bool)
  policy_state, _ = policy.finish(state.policy_state, everyone)
  state = state.replace(
    active=jnp.zeros_like(state.active), policy_state=policy_state
  )
  return placement.constrain(state, mesh)


@functools.partial(jax.jit, static_argnums=0)
def take_slot(mesh: Mesh | None, tree: Any, slot: Any) -> Any:
  """Takes one problem out of a pytree of arrays [P, ...], for every host."""
  if mesh is None:
    return jax.tree.map(lambda leaf: leaf[slot], tree)

  def pick(leaf: jax.Array) -> jax.Array:
    # Summed over slots, all others 0, since indexing would gather all slots.
    chosen = jnp.arange(leaf.shape[0]) == slot
    chosen = jnp.expand_dims(chosen, range(1, leaf.ndim))
    return jnp.where(chosen, leaf, 0).sum(axis=0).astype(leaf.dtype)

  return placement.replicate(jax.tree.map(pick, tree), mesh)
