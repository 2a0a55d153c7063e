"""Makes the policy and the reward of a search out of loaded models."""

from typing import Any

from inference_scaling import decoding, models, names
from inference_scaling.search import base
from inference_scaling.sweep import strategies
from inference_scaling.sweep.engine import loaded as loaded_lib
from inference_scaling.sweep.engine import thinking
from inference_scaling.sweep.ports import port as port_lib


def make(
  loaded: loaded_lib.Loaded, policy: str, sizes: strategies.Shape
) -> tuple[Any, base.Reward]:
  """Makes both, without weights.

  Args:
    loaded: the models.
    policy: its name.
    sizes: of the search.

  Returns:
    The policy and the reward, as `decoding.continuous_batching` takes them.
  """
  if policy in loaded.pairs:
    return _pair(loaded, policy, sizes)
  head = loaded.heads.get(policy)
  return (
    _policy(loaded, policy, sizes, head),
    _reward(loaded, policy, sizes, head),
  )


def _pair(
  loaded: loaded_lib.Loaded, policy: str, sizes: strategies.Shape
) -> tuple[Any, base.Reward]:
  """Makes one policy of a draft and a target, and their reward."""
  members = loaded.members(policy)
  draft, target = (_policy(loaded, name, sizes, None) for name in members)
  # The reward reads what the policy of more tokens may write.
  sizes_of = [model.config.vocab_size for model in loaded.readers(policy)]
  widest = members[sizes_of.index(max(sizes_of))]
  reward = _reward(loaded, widest, sizes, None)
  return decoding.speculative_policy(draft, target, reward)


def _policy(
  loaded: loaded_lib.Loaded,
  name: str,
  sizes: strategies.Shape,
  head: models.HeadAlone | None,
) -> Any:
  """Makes the policy of one model."""
  policy, settings = loaded.policies[name], loaded.settings
  if isinstance(policy, port_lib.Port):
    return policy.make(sizes.num_beams)
  return decoding.ModelPolicy(
    policy, settings.step_format, settings.limits, sizes.num_beams,
    sizes.num_rows, settings.cache, settings.tree_tokens,
    token_scores=settings.reward_format in decoding.TOKEN_SCORES,
    value_layers=head.layers if head else (),
    confidence_tokens=settings.confidence.tokens,
    thinking=thinking.texts(settings, name),
  )  # fmt: skip


def _reward(
  loaded: loaded_lib.Loaded,
  name: str,
  sizes: strategies.Shape,
  head: models.HeadAlone | None,
) -> base.Reward:
  """Makes the search's reward: a port's, of a model, of tokens, or none."""
  settings, num_beams = loaded.settings, sizes.num_beams
  if head is not None:
    return decoding.HiddenStateReward(head.config, num_beams)
  if isinstance(loaded.reward, port_lib.Port):
    return loaded.reward.make(num_beams)
  if settings.reward_format in decoding.TOKEN_SCORES:
    return decoding.TokenReward(settings.reward_format, num_beams)
  if settings.reward_format == names.GROUP_CONFIDENCE:
    return decoding.GroupConfidence(settings.confidence.window, num_beams)
  if loaded.reward is None:
    return decoding.NoReward(num_beams)
  return decoding.ModelReward(
    loaded.reward, settings.limits, num_beams, _translator(loaded, name),
    sizes.num_rows, settings.cache, settings.tree_tokens,
  )  # fmt: skip


def _translator(
  loaded: loaded_lib.Loaded, name: str
) -> decoding.Translator | None:
  """What a reward model with tokens of its own reads a policy's steps by."""
  policy, settings = loaded.policies[name], loaded.settings
  if loaded.reward_format is None or not isinstance(policy, models.Model):
    return None
  return decoding.Translator(
    policy.tokenizer,
    policy.config.vocab_size,
    loaded.reward_format,
    settings.reward_limits or settings.limits,
    settings.step_format.step_end,
    settings.mesh,
  )
