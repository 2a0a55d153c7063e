"""What a config may call a strategy, and what each needs."""

import pytest

from inference_scaling import names, spec

FREE = {"greedy", "sampling", "adaptive_sampling"}


@pytest.mark.parametrize(
  "reward_format",
  ["none", "likelihood", "self_certainty", "group_confidence", "native"],
)
@pytest.mark.parametrize("name", spec.STRATEGIES)
def test_strategies_are_refused_where_rewards_do_not_suit_them(
  name, reward_format
):
  probabilities = reward_format in ("likelihood", "native")
  if name == "deepconf" and reward_format != "group_confidence":
    with pytest.raises(
      ValueError,
      match=rf"here is 'deepconf'.*'{reward_format}'; expected 'group_confiden",
    ):
      spec.check_reward(name, reward_format, "here")
  elif name in FREE or (
    reward_format != "none" and not name.startswith("particle_")
  ):
    spec.check_reward(name, reward_format, "here")
  elif probabilities:
    spec.check_reward(f"{name}/cold", reward_format, "here")
  else:
    with pytest.raises(
      ValueError, match=rf"here is '{name}'.*'{reward_format}'"
    ):
      spec.check_reward(name, reward_format, "here")


@pytest.mark.parametrize("reward_format", names.OUTCOME_FORMATS)
@pytest.mark.parametrize("name", spec.STRATEGIES)
def test_searches_of_steps_are_refused_where_whole_solutions_are_scored(
  name, reward_format
):
  if name in FREE | {"reward_threshold"}:
    spec.check_reward(name, reward_format, "here")
    return
  if name == "deepconf":
    return  # of no other format than its own, as above
  with pytest.raises(
    ValueError,
    match=rf"here is '{name}'.*'{reward_format}', which gives one score of a "
    r"whole.*one of adaptive_sampling, greedy, reward_threshold, sampling\. "
    "Give a reward model of steps, or leave",
  ):
    spec.check_reward(name, reward_format, "here")


def test_an_error_lists_what_would_do():
  words = r"one of adaptive_sampling, greedy, sampling\. Give a rew"
  with pytest.raises(ValueError, match=words):
    spec.check_reward("rebase", "none", "here")


@pytest.mark.parametrize("name", ["tot", "rebase/", "", "/cold"])
def test_an_unknown_strategy_is_named(name):
  with pytest.raises(ValueError, match=f"strategy is '{name}'; expected one"):
    spec.block_of(name)


def test_a_variant_of_greedy_is_greedy():
  assert spec.is_greedy("greedy/again") and not spec.is_greedy("sampling/x")
  block = spec.block_of("greedy/again")(strategy="greedy/again")
  assert (block.sizes, block.draws, block.hyperparameters) == ((1,), (0,), {})


def test_a_particle_gibbs_has_free_particles():
  with pytest.raises(ValueError, match=r"n[\s\S]*numbers of at least 2"):
    spec.block_of("particle_gibbs")(strategy="particle_gibbs", n=(4, 1))


@pytest.mark.parametrize(
  ("key", "value"),
  [("prior_degrees", 2.0), ("prior_variance", 0.1), ("prior_mean", 1.0)],
)
def test_a_beta_posterior_takes_no_numbers_of_another(key, value):
  block = spec.block_of("ab_mcts")
  values = {"strategy": "ab_mcts", "n": (8,), key: value}
  assert block(**values).hyperparameters[key] == value
  with pytest.raises(ValueError, match=rf"{key}[\s\S]*beside the posterior"):
    block(**values, posterior="beta")


@pytest.mark.parametrize("value", [1e-16, 1e16])
@pytest.mark.parametrize("key", ["mean", "count", "degrees", "variance"])
def test_a_prior_whose_draws_would_be_no_numbers_is_refused(key, value):
  numbers = {f"prior_{key}": value}
  if key == "mean" and value < 1:
    assert spec.read_hyperparameters("ab_mcts", numbers)["prior_mean"] == value
    return
  with pytest.raises(ValueError, match=rf"prior_{key} is .* to 1e\+15\. "):
    spec.read_hyperparameters("ab_mcts", numbers)


@pytest.mark.parametrize(
  ("rule", "key", "value", "words"),
  [
    ("window", "batch", 1, "a whole number of at least 2 beside the rule"),
    ("window", "threshold", 0.9, "none beside the rule 'window'"),
    ("beta", "threshold", 1.0, "a number from 0.5 to 1, without 1"),
    ("doubling", "threshold", 0.3, "a number from 0.5 to 1, without 1"),
  ],
)
def test_rules_of_adaptive_sampling_take_the_numbers_that_they_read(
  rule, key, value, words
):
  block = spec.block_of("adaptive_sampling")
  values = {"strategy": "adaptive_sampling", "n": (8,), "rule": rule}
  assert block(**values).hyperparameters[key] is None
  with pytest.raises(ValueError, match=rf"{key}[\s\S]*expected {words}"):
    block(**values, **{key: value})


def test_hyperparameters_are_completed_and_checked():
  assert spec.read_hyperparameters("rebase/x", {"temperature": 2}) == {
    "temperature": 2, "rule": "ceil", "duplicates": "keep"
  }  # fmt: skip
  assert spec.read_hyperparameters("greedy", {}) == {}
  with pytest.raises(
    ValueError, match=r"hyperparameters.temprature is 2.*mean .temp"
  ):
    spec.read_hyperparameters("rebase", {"temprature": 2})
  with pytest.raises(
    ValueError, match=r"hyperparameters.n is 2, .*none: leave it out"
  ):
    spec.read_hyperparameters("sampling", {"n": 2})
  with pytest.raises(
    ValueError, match=r"hyperparameters.rule.*--hyperparameter=rule=VALUE"
  ):
    spec.read_hyperparameters("rebase", {"rule": 3})
