"""The search loop that all strategies share: extend, score, select, fork.

Nothing here is jitted. Jit `search`, or `search_step` when the host looks at
the state between depths, or `settle` when problems do not wait for each other;
policy, reward and the strategy's rules are static arguments.

Axis letters: P problems in flight, N beams per problem, J depths at most.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling.search import (
  base,
  checks,
  entries,
  extension,
  settling,
  tree,
)
from inference_scaling.search.state import SearchState


def init_search(
  policy: base.Policy,
  reward: base.Reward,
  strategy: base.Strategy,
  policy_params: Any,
  reward_params: Any,
  prompts: Any,
  keys: jax.Array,
  *,
  max_depth: int,
) -> SearchState:
  """Starts P searches with N beams each.

  Args:
    policy: its `num_beams` is N.
    reward: judges the policy's steps.
    strategy: its `init` and `first` are used here.
    policy_params: given to the policy's functions.
    reward_params: given to the reward's functions.
    prompts: a pytree of arrays with a leading axis P.
    keys: typed PRNG keys [P]. Make each out of the seed and the problem's own
      number, and no draw depends on the other problems.
    max_depth: J. Beams still running after J steps become TRUNCATED.

  Returns:
    The SearchState before the first step.

  Raises:
    ValueError: on a wrong argument or a wrong value from a user function.
  """
  entries.check_models(policy, reward)
  entries.check_strategy(strategy)
  entries.check_start(strategy, keys, max_depth)
  P, N = keys.shape[0], policy.num_beams
  checks.check_leading("prompts", prompts, (P,))
  policy_state = policy.start(policy_params, prompts)
  checks.check_leading("the state from policy.start", policy_state, (P,))
  reward_state = reward.start(reward_params, prompts)
  checks.check_leading("the state from reward.start", reward_state, (P,))
  carry = strategy.init(N)
  active = jnp.broadcast_to(_first(strategy, N, carry)[None], (P, N))
  extended = jax.eval_shape(
    policy.extend, policy_params, extension.beam_keys(keys, N), policy_state,
    active,
  )  # fmt: skip
  checks.check_tuple("policy.extend", extended, ("state", "Step"))
  extension.check_step(extended[1], P, N)
  return SearchState(
    keys=keys,
    depth=jnp.zeros((P,), jnp.int32),
    status=jnp.full((P, N), base.RUNNING, jnp.int32),
    active=active,
    scores=jnp.zeros((P, N), jnp.float32),
    labels=jnp.zeros((P, N), jnp.int32),
    carry=jax.tree.map(functools.partial(_repeat, P=P), carry),
    policy_state=policy_state,
    reward_state=reward_state,
    tree=tree.empty_tree(P, max_depth, N, extended[1].content),
  )


def search_step(
  policy: base.Policy,
  reward: base.Reward,
  strategy: base.Strategy,
  policy_params: Any,
  reward_params: Any,
  state: SearchState,
  *,
  lookahead_params: Any = None,
) -> SearchState:
  """Takes every problem that still has an active beam one depth further.

  A problem that is done passes through unchanged, bit for bit; its policy and
  reward states go through user functions, which leave inactive beams alone.

  Args:
    policy: as for `init_search`.
    reward: as for `init_search`.
    strategy: its `init` is not used, so `strategy.rules` will do: its numbers
      are in `state.carry`, so that a jitted step serves every temperature.
    policy_params: given to the policy's functions.
    reward_params: given to the reward's functions.
    state: from `init_search` or a step before.
    lookahead_params: given to the policy instead, where the strategy looks
      ahead (for a greedy look-ahead: those of temperature 0); None for
      `policy_params`.

  Returns:
    The new SearchState.

  Raises:
    ValueError: on a wrong argument or a wrong value from a user function.
  """
  entries.check_models(policy, reward)
  entries.check_strategy(strategy)
  models = extension.Models(policy, reward, policy_params, reward_params)
  policy_state, step = extension.extend(
    models, settling.step_keys(state, policy.num_beams), state.policy_state,
    state.active,
  )  # fmt: skip
  return settling.settle(
    policy, reward, strategy, policy_params, reward_params, state, policy_state,
    step, jnp.ones(state.depth.shape, bool), lookahead_params=lookahead_params,
  )  # fmt: skip


def search(
  policy: base.Policy,
  reward: base.Reward,
  strategy: base.Strategy,
  policy_params: Any,
  reward_params: Any,
  prompts: Any,
  keys: jax.Array,
  *,
  max_depth: int,
  lookahead_params: Any = None,
) -> SearchState:
  """Searches P problems to their ends.

  Arguments are those of `init_search` and `search_step`. A result depends on
  the problem's prompt and key alone, not on its neighbours.

  Returns:
    The final SearchState. Candidates are the slots with a terminal status;
    `trace.candidate_paths` gives their steps.

  Raises:
    ValueError: on a wrong argument or a wrong value from a user function.
  """
  state = init_search(
    policy, reward, strategy, policy_params, reward_params, prompts, keys,
    max_depth=max_depth,
  )  # fmt: skip
  return jax.lax.while_loop(
    lambda state: jnp.any(state.active),
    lambda state: search_step(
      policy, reward, strategy, policy_params, reward_params, state,
      lookahead_params=lookahead_params,
    ),
    state,
  )  # fmt: skip


def _first(strategy, num_beams, carry):
  """The beams to extend at depth 0, bool[N], checked."""
  if strategy.first is None:
    return jnp.ones(num_beams, bool)
  active = strategy.first(num_beams, carry)
  checks.check_array("active from first", active, (num_beams,), jnp.bool_)
  return active


def _repeat(leaf, P):
  """A leaf of a strategy's carry for each of P problems."""
  if not isinstance(leaf, jax.Array):
    # Strongly typed, or the second step of a jitted loop compiles again.
    leaf = jnp.asarray(leaf, jnp.result_type(leaf))
  return jnp.broadcast_to(leaf[None], (P, *leaf.shape))
