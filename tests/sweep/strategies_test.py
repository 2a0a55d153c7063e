import pytest

from inference_scaling.sweep import strategies


def test_which_strategies_need_rewards():
  assert {
    name for name, kind in strategies.KINDS.items() if kind.needs_reward
  } == {"rebase"}


def test_strategies_that_need_no_reward_run_without_a_reward_model():
  strategies.check_rewards(
    {"a": {"strategy": "greedy"}, "b": {"strategy": "sampling"}}
  )


def test_a_strategy_that_needs_rewards_is_refused_without_a_reward_model():
  blocks = {"cheap": {"strategy": "greedy"}, "tree": {"strategy": "rebase"}}
  with pytest.raises(ValueError) as caught:
    strategies.check_rewards(blocks)
  message = str(caught.value)
  assert message.startswith("config.runs.tree.strategy is 'rebase'")
  assert "config.reward says that there is no reward model" in message
  assert "expected one of greedy, sampling. Give a reward model" in message
