"""The search loop that all strategies share: extend, score, select, fork.

Nothing here is jitted: `compiled.run_search` is. Jit `search_step` where the
host looks at the state between depths, or `score_and_select` where problems do
not wait for each other (`batching` says what an engine asks for); policy,
reward and the strategy's static part are static arguments.

Axis letters: P problems in flight, N beams per problem, J depths at most.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling.search import (
  base,
  extension,
  resuming,
  scoring,
  tree,
)
from inference_scaling.search.checks import entries, values
from inference_scaling.search.state import SearchState, is_done


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
    reward: scores the policy's steps.
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
  entries.check_start(strategy, policy.num_beams, keys, max_depth)
  entries.check_lookahead(strategy, policy, reward)
  assert strategy.init is not None  # by `check_start`
  return start(
    policy, reward, strategy, strategy.init(policy.num_beams), policy_params,
    reward_params, prompts, keys, max_depth,
  )  # fmt: skip


def start(
  policy: base.Policy,
  reward: base.Reward,
  strategy: base.Strategy,
  carry: Any,
  policy_params: Any,
  reward_params: Any,
  prompts: Any,
  keys: jax.Array,
  max_depth: int,
) -> SearchState:
  """`init_search` after its checks, with a given carry.

  Args:
    policy: as for `init_search`.
    reward: likewise.
    strategy: or its static part.
    carry: of `strategy.init`.
    policy_params: as for `init_search`.
    reward_params: likewise.
    prompts: likewise.
    keys: likewise.
    max_depth: likewise.

  Returns:
    The SearchState before the first step.

  Raises:
    ValueError: on a wrong value from a user function.
  """
  P, N = keys.shape[0], policy.num_beams
  values.check_leading("prompts", prompts, (P,))
  policy_state = policy.start(policy_params, prompts)
  values.check_leading("the state from policy.start", policy_state, (P,), N)
  reward_state = reward.start(reward_params, prompts)
  values.check_leading("the state from reward.start", reward_state, (P,), N)
  active = jnp.broadcast_to(_first(strategy, N, carry)[None], (P, N))
  extended = jax.eval_shape(
    policy.extend, policy_params, extension.beam_keys(keys, N), policy_state,
    active,
  )  # fmt: skip
  values.check_tuple("policy.extend", extended, ("state", "Step"))
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
    strategy: its `init` is not used, so `strategy.static_part` will do: its
      hyperparameters are in `state.carry`, so that a jitted step serves every
      temperature.
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
  entries.check_lookahead(strategy, policy, reward)
  entries.check_state(policy, state)
  models = extension.Models(policy, reward, policy_params, reward_params)
  policy_state, step = extension.extend(
    models, scoring.step_keys(state, policy.num_beams), state.policy_state,
    state.active,
  )  # fmt: skip
  return scoring.score_and_select(
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
  answers: resuming.AnswersFn | None = None,
) -> SearchState:
  """Searches P problems to their ends.

  Arguments are those of `init_search` and `search_step`, and `answers`, which a
  strategy that resumes needs: see `resuming`. A result depends on the problem's
  prompt and key alone, not on its neighbours.

  Returns:
    The final SearchState. Candidates are the slots with a terminal status;
    `trace.candidate_paths` gives their steps.

  Raises:
    ValueError: on a wrong argument or a wrong value from a user function.
  """
  entries.check_strategy(strategy)
  entries.check_answers(strategy, answers)
  state = init_search(
    policy, reward, strategy, policy_params, reward_params, prompts, keys,
    max_depth=max_depth,
  )  # fmt: skip
  go_on = functools.partial(
    run, policy, reward, strategy, policy_params, reward_params,
    lookahead_params=lookahead_params,
  )  # fmt: skip
  return resume_all(strategy, go_on(state), go_on, answers)


def resume_all(
  strategy: base.Strategy,
  state: SearchState,
  go_on: Callable[[SearchState], SearchState],
  answers: resuming.AnswersFn | None,
) -> SearchState:
  """Resumes searches and runs them, until no beam begins any more.

  Args:
    strategy: of the search.
    state: without an active beam.
    go_on: runs it until it has none again.
    answers: as for `search`.

  Returns:
    The final SearchState; the same where the strategy does not resume.
  """
  while strategy.resumes and answers is not None:
    state = resuming.resume_search(strategy, state, answers)
    if is_done(state).all():
      break
    state = go_on(state)
  return state


def run(
  policy: base.Policy,
  reward: base.Reward,
  strategy: base.Strategy,
  policy_params: Any,
  reward_params: Any,
  state: SearchState,
  lookahead_params: Any,
) -> SearchState:
  """Takes steps until every problem is done; arguments as for `search_step`."""
  return jax.lax.while_loop(
    lambda state: jnp.any(state.active),
    lambda state: search_step(
      policy, reward, strategy, policy_params, reward_params, state,
      lookahead_params=lookahead_params,
    ),
    state,
  )  # fmt: skip


def _first(strategy: base.Strategy, num_beams: int, carry: Any) -> jax.Array:
  """The beams to extend at depth 0, bool[N], checked."""
  if strategy.first is None:
    return jnp.ones(num_beams, bool)
  active = strategy.first(num_beams, carry)
  values.check_array("active from first", active, (num_beams,), jnp.bool_)
  return active


def _repeat(leaf: Any, P: int) -> jax.Array:
  """A leaf of a strategy's carry for each of P problems."""
  if not isinstance(leaf, jax.Array):
    # Strongly typed, or the second step of a jitted loop compiles again.
    leaf = jnp.asarray(leaf, jnp.result_type(leaf))
  return jnp.broadcast_to(leaf[None], (P, *leaf.shape))
