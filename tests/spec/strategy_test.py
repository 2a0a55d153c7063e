"""What a config may call a strategy, and what each needs."""

import pytest

from inference_scaling import spec

FREE = {"greedy", "sampling"}


@pytest.mark.parametrize(
  "form", ["none", "likelihood", "self_certainty", "own"]
)
@pytest.mark.parametrize("name", spec.STRATEGIES)
def test_strategies_are_refused_where_rewards_do_not_suit_them(name, form):
  probabilities = form in ("likelihood", "own")
  if name in FREE or (form != "none" and name != "particle_filter"):
    spec.check_reward(name, form, "here")
  elif probabilities:
    spec.check_reward(f"{name}/cold", form, "here")
  else:
    with pytest.raises(ValueError, match=rf"here is '{name}'.*'{form}'"):
      spec.check_reward(name, form, "here")


def test_an_error_lists_what_would_do():
  with pytest.raises(ValueError, match=r"one of greedy, sampling\. Give a rew"):
    spec.check_reward("rebase", "none", "here")


@pytest.mark.parametrize("name", ["tot", "rebase/", "", "/cold"])
def test_an_unknown_strategy_is_named(name):
  with pytest.raises(ValueError, match=f"strategy is '{name}'; expected one"):
    spec.block_of(name)


def test_a_variant_of_greedy_is_greedy():
  assert spec.is_greedy("greedy/again") and not spec.is_greedy("sampling/x")
  block = spec.block_of("greedy/again")(strategy="greedy/again")
  assert (block.sizes, block.draws, block.numbers) == ((1,), (0,), {})


def test_numbers_are_completed_and_checked():
  assert spec.read_numbers("rebase/x", {"temperature": 2}) == {
    "temperature": 2, "rule": "ceil", "duplicates": "keep"
  }  # fmt: skip
  assert spec.read_numbers("greedy", {}) == {}
  with pytest.raises(ValueError, match=r"numbers.temprature is 2.*mean .temp"):
    spec.read_numbers("rebase", {"temprature": 2})
  with pytest.raises(ValueError, match=r"numbers.n is 2, .*none: leave it out"):
    spec.read_numbers("sampling", {"n": 2})
  with pytest.raises(ValueError, match=r"numbers.rule.*--number=rule=VALUE"):
    spec.read_numbers("rebase", {"rule": 3})
