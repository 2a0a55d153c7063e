"""Models, and rewards without one, are what an engine asks for, no more."""

import jax
import pytest

from inference_scaling import decoding, search
from inference_scaling.decoding import sizes
from tests.decoding import tiny

REWARDS = {
  "model": tiny.reward,
  "none": lambda: decoding.NoReward(2),
  "tokens": lambda: decoding.TokenReward("likelihood", 2),
}


def test_a_model_policy_is_fit_for_an_engine():
  policy = tiny.policy()
  assert search.batched_policy(policy) is policy
  assert isinstance(policy, sizes.Buffered)


@pytest.mark.parametrize("name", REWARDS)
def test_rewards_are_fit_for_an_engine(name):
  reward = REWARDS[name]()
  assert search.batched_reward(reward) is reward
  # Only a model has buffers, a tokenizer and weights.
  for member in ("limits", "sized", "model", "translator", "num_rows"):
    assert hasattr(reward, member) == (name == "model"), member
  assert isinstance(reward, sizes.Buffered) == (name == "model")


def test_a_problem_of_the_other_kind_is_named():
  args = (
    decoding.NoReward(tiny.NUM_BEAMS), search.sampling(), tiny.policy_params(),
    None, [decoding.EncodedProblem(4, tiny.stack(1))], 0, 1, 2,
  )  # fmt: skip
  with pytest.raises(
    ValueError, match="problem 4 is of the type EncodedProblem; expected Prompt"
  ):
    next(decoding.continuous_batching(tiny.policy(), *args))


@pytest.mark.parametrize("owner", [tiny.policy, tiny.reward])
def test_what_is_static_holds_no_weights(owner):
  made = owner()
  assert made.model.params is None
  fields = [*vars(made).values(), *vars(made.model).values()]
  assert not any(isinstance(x, jax.Array) for x in jax.tree.leaves(fields))
