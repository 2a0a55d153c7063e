"""Costs of models against their weights."""

import pytest

from inference_scaling import compute
from tests.models import families, tiny

ARCHITECTURES = tiny.ARCHITECTURES | families.READ


@pytest.mark.parametrize("config", ARCHITECTURES.values(),
                         ids=ARCHITECTURES)  # fmt: skip
def test_parameters_are_the_weights(config):
  model = tiny.make_model(config, seed=0)
  cost = compute.policy_cost(config)
  assert cost.parameters == model.num_parameters
  if config.tie_word_embeddings:
    reward = tiny.make_reward_model(config, seed=0)
    assert compute.reward_cost(config).parameters == reward.num_parameters
