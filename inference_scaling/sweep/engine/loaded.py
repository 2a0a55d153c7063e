"""The models of a sweep with their weights, and who is who among them."""

import dataclasses
from collections.abc import Mapping

from inference_scaling import models
from inference_scaling.sweep import settings as settings_lib
from inference_scaling.sweep.ports import port as port_lib
from inference_scaling.sweep.speculation import pair as pair_lib


@dataclasses.dataclass(frozen=True, eq=False)
class Loaded:
  """A few policies and at most one reward model.

  Attributes:
    policies: by name; models of this package or ports.
    reward: the reward model, or a port; None for none.
    settings: how they are used.
    heads: value heads that read the hidden states of a policy, by its name; its
      searches need no reward model.
    pairs: policies that are made of two, by name.
  """

  policies: Mapping[str, models.Model | port_lib.Port]
  reward: models.RewardModel | port_lib.Port | None
  settings: settings_lib.Settings
  heads: Mapping[str, models.HeadAlone] = dataclasses.field(
    default_factory=dict
  )
  pairs: Mapping[str, pair_lib.Pair] = dataclasses.field(default_factory=dict)

  def writer(self, policy: str) -> models.Model | port_lib.Port:
    """The model of a policy; of one that is made of two, the target.

    Args:
      policy: its name.

    Returns:
      The model, or the port: prompts and texts of a pair are the target's.
    """
    return self.policies[self.members(policy)[-1]]

  def members(self, policy: str) -> tuple[str, ...]:
    """Names the policies that a policy is made of.

    Args:
      policy: its name.

    Returns:
      The draft and the target of a pair; of others the name itself.
    """
    pair = self.pairs.get(policy)
    return (pair.said.draft, pair.said.target) if pair else (policy,)

  def readers(self, policy: str) -> list[models.Model]:
    """The models of this package that a policy is made of, which read tokens.

    Args:
      policy: its name.

    Returns:
      The models, in the order of `members`.
    """
    every = [self.policies[name] for name in self.members(policy)]
    return [model for model in every if isinstance(model, models.Model)]

  @property
  def reward_format(self) -> models.RewardFormat | None:
    """The format of a reward model that does not read the policy's tokens."""
    if self.reward is None or isinstance(self.reward, port_lib.Port):
      return None
    return self.reward.reward_format

  def sources(self, policy: str) -> str:
    """Names the functions that made the ports of a search.

    Args:
      policy: its name.

    Returns:
      Them in words, "" if the models are this package's own.
    """
    pair = (("policy", self.writer(policy)), ("reward", self.reward))
    return ", ".join(
      f"the {role} is {model.source}"
      for role, model in pair
      if isinstance(model, port_lib.Port)
    )
