"""The compiled entry: one program serves every temperature and every call.

This file is a boundary where functions are jitted, the only one of this folder:
whoever ports a model need not know which arguments are static.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from inference_scaling.search import (
  base,
  loop,
  resuming,
)
from inference_scaling.search.checks import entries
from inference_scaling.search.state import SearchState


def run_search(
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
  """`search` as a compiled program, which further calls find again.

  It is compiled once for each policy, reward, `strategy.static_part`, max_depth
  and shapes of the arrays. Hyperparameters (a temperature, a
  threshold, a number of children), params, prompts and keys are arrays: new
  ones compile nothing. Programs are found by the equality of policy and reward:
  make these frozen dataclasses, or keep the objects. Long prompts compile once
  for each length: pad them to a few.

  Args:
    policy: hashable, like the reward; what differs from call to call belongs in
      params.
    reward: scores the policy's steps.
    strategy: the strategy itself, not its static part.
    policy_params: given to the policy's functions.
    reward_params: given to the reward's functions.
    prompts: as for `init_search`.
    keys: as for `init_search`.
    max_depth: as for `init_search`.
    lookahead_params: as for `search_step`.
    answers: as for `search`.

  Returns:
    The final SearchState, that of `search`.

  Raises:
    ValueError: on a wrong argument or a wrong value from a user function.
  """
  entries.check_models(policy, reward)
  entries.check_hashable(policy, reward)
  entries.check_strategy(strategy)
  entries.check_answers(strategy, answers)
  entries.check_start(strategy, policy.num_beams, keys, max_depth)
  entries.check_lookahead(strategy, policy, reward)
  assert strategy.init is not None  # by `check_start`
  carry = jax.tree.map(_typed, strategy.init(policy.num_beams))
  state = _run(
    policy, reward, strategy.static_part, int(max_depth), carry, policy_params,
    reward_params, prompts, keys, lookahead_params,
  )  # fmt: skip
  go_on = functools.partial(
    _go_on, policy, reward, strategy.static_part, policy_params, reward_params,
    lookahead_params=lookahead_params,
  )  # fmt: skip
  return loop.resume_all(strategy, state, go_on, answers)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
  """A function of arrays, compiled once for each of their shapes.

  It is to run a few times: on a CPU, half of the time goes to the optimizer.
  """
  quick = {"xla_backend_optimization_level": 0}
  on_cpu = jax.default_backend() == "cpu"
  return jax.jit(function, compiler_options=quick if on_cpu else None)


# Static: what decides shapes and branches. All else is traced.
@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _run(
  policy: base.Policy,
  reward: base.Reward,
  static_part: base.Strategy,
  max_depth: int,
  carry: Any,
  policy_params: Any,
  reward_params: Any,
  prompts: Any,
  keys: jax.Array,
  lookahead_params: Any,
) -> SearchState:
  state = loop.start(
    policy, reward, static_part, carry, policy_params, reward_params, prompts,
    keys, max_depth,
  )  # fmt: skip
  return loop.run(
    policy,
    reward,
    static_part,
    policy_params,
    reward_params,
    state,
    lookahead_params,
  )


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _go_on(
  policy: base.Policy,
  reward: base.Reward,
  static_part: base.Strategy,
  policy_params: Any,
  reward_params: Any,
  state: SearchState,
  lookahead_params: Any,
) -> SearchState:
  """Runs searches in which beams have begun that waited."""
  return loop.run(
    policy, reward, static_part, policy_params, reward_params, state,
    lookahead_params,
  )  # fmt: skip


def _typed(leaf: Any) -> jax.Array:
  """A number as an array of one dtype: a weak one would be traced again."""
  return jnp.asarray(leaf, jnp.result_type(leaf))
