"""What a search is given as arrays: weights, the sampler and thresholds.

Another number of these compiles nothing.
"""

from typing import Any

import jax.numpy as jnp

from inference_scaling import decoding, models, search, spec
from inference_scaling.spec import grid
from inference_scaling.sweep.engine import loaded as loaded_lib
from inference_scaling.sweep.engine import thinking
from inference_scaling.sweep.ports import port as port_lib

_GREEDY = spec.Sampler(temperature=0.0, top_k=0, top_p=1.0)


def policy(loaded: loaded_lib.Loaded, run: grid.Run) -> Any:
  """Weights and sampler of a run's policy, greedy where the strategy is.

  Args:
    loaded: the models.
    run: the run.

  Returns:
    The params: `decoding.PolicyParams`, those of a pair, or a port's own.
  """
  greedy = spec.is_greedy(run.strategy)
  return _with_sampler(
    loaded, run, _GREEDY if greedy else loaded.settings.sampler
  )


def lookahead(loaded: loaded_lib.Loaded, run: grid.Run) -> Any:
  """Looking ahead is greedy, as a policy of this package does by itself.

  Args:
    loaded: the models.
    run: the run.

  Returns:
    The params of looking ahead; None where they need not be given.
  """
  itself = isinstance(loaded.policies.get(run.policy), models.Model)
  if itself or not run.hyperparameters.get("lookahead"):
    return None
  return _with_sampler(loaded, run, _GREEDY)


def reward(loaded: loaded_lib.Loaded, policy: str) -> Any:
  """Params of the reward of a policy's search.

  Args:
    loaded: the models.
    policy: its name.

  Returns:
    The weights; None where the policy's params hold them, or without a model.
  """
  if policy in loaded.heads or policy in loaded.pairs:
    return None
  return _reward_weights(loaded)


def _reward_weights(loaded: loaded_lib.Loaded) -> Any:
  if isinstance(loaded.reward, port_lib.Port):
    return loaded.reward.given.weights
  return None if loaded.reward is None else loaded.reward.params


def _with_sampler(
  loaded: loaded_lib.Loaded, run: grid.Run, sampler: spec.Sampler
) -> Any:
  """Params of a policy of any kind."""
  thinks = thinking.params(loaded.settings, run)
  pair = loaded.pairs.get(run.policy)
  if pair is not None:
    draft, target = (
      _of_model(model, sampler, None, thinks)
      for model in loaded.readers(run.policy)
    )
    return search.SpeculativeParams(
      draft, target, _reward_weights(loaded), jnp.float32(pair.said.threshold)
    )
  model = loaded.policies[run.policy]
  if isinstance(model, port_lib.Port):
    return model.params(sampler.temperature, sampler.top_k, sampler.top_p)
  return _of_model(model, sampler, loaded.heads.get(run.policy), thinks)


def _of_model(
  model: models.Model,
  sampler: spec.Sampler,
  head: models.HeadAlone | None,
  thinks: decoding.ThinkingParams | None,
) -> decoding.PolicyParams:
  """Params of a model of this package."""
  # None leaves a filter out of the program: sorting V logits is not free.
  return decoding.PolicyParams(
    weights=model.params,
    temperature=jnp.float32(sampler.temperature),
    top_k=jnp.int32(sampler.top_k) if sampler.top_k else None,
    top_p=jnp.float32(sampler.top_p) if sampler.top_p < 1 else None,
    value_head=head.weights if head else None,
    thinking=thinks,
  )
