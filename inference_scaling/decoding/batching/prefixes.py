"""Computes what the prompts of all problems begin with, before the first."""

from typing import Any

import jax.numpy as jnp

from inference_scaling import models
from inference_scaling.decoding import hidden_state_reward
from inference_scaling.decoding import policy as policy_lib
from inference_scaling.decoding import reward as reward_lib
from inference_scaling.decoding.batching import problems, programs
from inference_scaling.decoding.kv_cache import prompts
from inference_scaling.search import batching


def join(
  policy: batching.BatchedPolicy,
  reward: batching.BatchedReward,
  policy_params: Any,
  reward_params: Any,
  lookahead_params: Any,
  prefix: problems.Prefix,
) -> tuple[Any, Any, Any]:
  """Adds a prefix to the params of those models that are of this package.

  Args:
    policy: of the search.
    reward: likewise.
    policy_params: of the policy.
    reward_params: of the reward.
    lookahead_params: what the policy looks ahead by, or None.
    prefix: the tokens.

  Returns:
    The params of all three.
  """
  if prefix.tokens and isinstance(policy, policy_lib.ModelPolicy):
    weights = policy_params.weights
    joined = _join(policy.model, weights, prefix.tokens)
    policy_params = policy_params.replace(weights=joined)
    if lookahead_params is not None:
      if lookahead_params.weights is not weights:
        joined = _join(policy.model, lookahead_params.weights, prefix.tokens)
      lookahead_params = lookahead_params.replace(weights=joined)
  if isinstance(reward, reward_lib.ModelReward):
    own = prefix.reward_tokens if reward.translator else prefix.tokens
    if own:
      reward_params = _join(reward.model, reward_params, own)
  if isinstance(reward, hidden_state_reward.HiddenStateReward):
    reward_params = jnp.int32(len(prefix.tokens))
  return policy_params, reward_params, lookahead_params


def _join(model: models.Model, weights: Any, tokens: tuple[int, ...]) -> Any:
  layers = programs.prefix(model, weights, jnp.asarray(tokens, jnp.int32))
  return prompts.Prefixed(weights, layers)
