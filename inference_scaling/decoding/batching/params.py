"""Puts the params of a search on the devices of its mesh."""

from typing import Any

import jax

from inference_scaling.decoding import policy as policy_lib
from inference_scaling.decoding import reward as reward_lib
from inference_scaling.decoding.batching import placement
from inference_scaling.models import kv_heads
from inference_scaling.search import base


def put(
  policy: base.Policy,
  reward: base.Reward,
  policy_params: Any,
  reward_params: Any,
  mesh: jax.sharding.Mesh | None,
) -> tuple[Any, Any]:
  """Puts both models' params on the mesh, each by its own rule.

  Args:
    policy: of the search.
    reward: likewise.
    policy_params: of the policy.
    reward_params: of the reward.
    mesh: or None.

  Returns:
    The params of both.
  """
  if isinstance(policy, policy_lib.ModelPolicy):
    config = policy.model.config
    weights = kv_heads.put(policy_params.weights, config, mesh)
    head = placement.put_whole(policy_params.value_head, mesh)
    policy_params = policy_params.replace(weights=weights, value_head=head)
  else:
    policy_params = placement.put_whole(policy_params, mesh)
  if isinstance(reward, reward_lib.ModelReward):
    config = reward.model.config
    return policy_params, kv_heads.put(reward_params, config, mesh)
  return policy_params, placement.put_whole(reward_params, mesh)


def put_lookahead(
  policy: base.Policy,
  params: Any,
  before: Any,
  after: Any,
  mesh: jax.sharding.Mesh | None,
) -> Any:
  """Puts what a `ModelPolicy` looks ahead by on the mesh, too.

  Args:
    policy: of the search.
    params: what it looks ahead by, or None.
    before: the policy's params as they were given.
    after: the same on the mesh; weights that are the policy's are not put
      there again.
    mesh: or None.

  Returns:
    What it looks ahead by.
  """
  if params is None or not isinstance(policy, policy_lib.ModelPolicy):
    return params
  params = params.replace(value_head=after.value_head)
  if params.weights is before.weights:
    return params.replace(weights=after.weights)
  weights = kv_heads.put(params.weights, policy.model.config, mesh)
  return params.replace(weights=weights)
