"""The programs of lanes: jitted here, at the border to the host.

Policies, rewards and strategies are static and compared by identity; whatever a
sweep varies is an array.
"""

import functools

import jax
import jax.numpy as jnp

from inference_scaling.decoding import (
  lane_checks,
  own_caches,
  placement,
  scheduling,
)
from inference_scaling.decoding import policy_state as state_lib
from inference_scaling.search import loop as loop_lib
from inference_scaling.search import settling


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3, 4))
def start(
  policy, reward, rules, max_depth, mesh, policy_params, reward_params, carry,
  key, problem_id, prompts,
):  # fmt: skip
  """Starts one problem alone, so that its bits do not depend on the others.

  Its beams have begun their first steps. What comes out lacks the beams' own
  caches, which are empty: they would take as much as a lane, beside all lanes.
  """
  # The carry comes in as arrays: a new temperature is no new program.
  strategy = rules._replace(init=lambda num_beams: carry)
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
  policy, reward, rules, mesh, sizes, policy_params, reward_params, state,
  lookahead_params=None,
):  # fmt: skip
  """Decodes until enough lanes have their steps, and settles those.

  Args:
    policy: of the search.
    reward: likewise.
    rules: of the strategy.
    mesh: or None.
    sizes: of the policy and of the reward: what of their buffers is in use;
      None for one without buffers.
    policy_params: weights and sampler.
    reward_params: weights.
    state: of P problems, at any place of their steps.
    lookahead_params: what the policy looks ahead by; None for temperature 0 of
      a `ModelPolicy`, and for `policy_params` of another.

  Returns:
    The new state, in which the settled problems have begun their next steps,
    and its `lane_checks.Flags`.
  """
  policy, reward = (
    owner if size is None else owner.sized(size)
    for owner, size in zip((policy, reward), sizes, strict=True)
  )
  if lookahead_params is None:
    lookahead_params = _lookahead_params(rules, policy_params)
  before, together = state, scheduling.in_step(rules, mesh)

  def is_enough(live):
    return scheduling.is_enough(before.active, live, together)

  policy_state = policy.write(
    policy_params,
    settling.step_keys(state, policy.num_beams),
    state.policy_state,
    is_enough,
  )
  live = policy.live(policy_state)
  # Writing also stops after some tokens, when there may not be enough yet.
  ready = scheduling.is_ready(state.active, live) & is_enough(live)
  policy_state, step = policy.finish(policy_state, ready)
  state = settling.settle(
    policy, reward, rules, policy_params, reward_params, state, policy_state,
    step, ready, lookahead_params=lookahead_params,
  )  # fmt: skip
  begun = policy.begin(state.policy_state, state.active & ready[:, None])
  state = placement.constrain(state.replace(policy_state=begun), mesh)
  flags = lane_checks.make_flags(policy, reward, before, state, ready)
  return state, placement.replicate(flags, mesh)


def _lookahead_params(rules, params):
  """A `ModelPolicy` looks ahead greedily, as in search-and-learn."""
  if not rules.lookahead or not isinstance(params, state_lib.PolicyParams):
    return None
  return params.replace(temperature=jnp.float32(0), top_k=None, top_p=None)


@functools.partial(jax.jit, static_argnums=0, donate_argnums=1)
def replace_lane(mesh, state, lane, new):
  """Puts a started problem in a lane."""
  return placement.constrain(own_caches.replace_lane(state, lane, new), mesh)


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
def empty_lanes(policy, reward, num_lanes, mesh, new):
  """Makes lanes that hold nothing, in the form of a started problem."""
  lanes = jnp.zeros(num_lanes, jnp.int32)
  state = jax.tree.map(lambda leaf: leaf[lanes], new)
  state = own_caches.empty(state, policy, reward)
  # The started problem has begun a step, which these lanes have not.
  everyone = jnp.ones(num_lanes, bool)
  policy_state, _ = policy.finish(state.policy_state, everyone)
  state = state.replace(
    active=jnp.zeros_like(state.active), policy_state=policy_state
  )
  return placement.constrain(state, mesh)


@functools.partial(jax.jit, static_argnums=0)
def take_lane(mesh, tree, lane):
  """Takes one problem out of a pytree of arrays [P, ...], for every host."""
  if mesh is None:
    return jax.tree.map(lambda leaf: leaf[lane], tree)

  def pick(leaf):
    # Summed over lanes, all others 0, since indexing would gather all lanes.
    here = jnp.arange(leaf.shape[0]) == lane
    here = jnp.expand_dims(here, range(1, leaf.ndim))
    return jnp.where(here, leaf, 0).sum(axis=0).astype(leaf.dtype)

  return placement.replicate(jax.tree.map(pick, tree), mesh)
