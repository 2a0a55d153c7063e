"""The grid of runs, multiplied out and ordered."""

import itertools

import pytest

from inference_scaling import spec
from inference_scaling.spec import grid

REBASE = {
  "strategy": "rebase", "policies": ["a", "b"], "n": [4, 16], "seeds": [0, 5],
  "temperature": 0.2, "rule": "round", "duplicates": "keep",
}  # fmt: skip


def expand(blocks):
  return grid.expand(
    {
      name: spec.STRATEGIES[spec.kind_of(block["strategy"])](**block)
      for name, block in blocks.items()
    }
  )


def test_a_block_is_the_product_of_its_lists():
  runs = expand({"x": REBASE})
  expected = itertools.product("ab", ["rebase"], [4, 16], [0, 5])
  assert [tuple(run.key.values()) for run in runs] == list(expected)
  hyperparameters = {"temperature": 0.2, "rule": "round", "duplicates": "keep"}
  assert all(run.hyperparameters == hyperparameters for run in runs)


def test_greedy_is_one_beam_and_one_seed():
  block = {"strategy": "greedy", "policies": ["a", "b"]}
  assert expand({"x": block}) == [
    grid.Run("a", "greedy", 1, 0),
    grid.Run("b", "greedy", 1, 0),
  ]


def test_policies_may_have_different_n_in_blocks_of_their_own():
  small = {**REBASE, "policies": ["a"], "n": [64]}
  large = {**REBASE, "policies": ["b"], "n": [4]}
  runs = expand({"small": small, "large": large})
  assert {(run.policy, run.n) for run in runs} == {("a", 64), ("b", 4)}


def test_a_run_in_two_blocks_is_refused_even_with_another_temperature():
  warm = {**REBASE, "temperature": 1.0, "policies": ["b"], "n": [16]}
  with pytest.raises(
    ValueError, match=r"runs.warm and config.runs.cold.*b reb"
  ):
    expand({"cold": REBASE, "warm": warm})


@pytest.mark.parametrize(
  "changes", [{"n": [64]}, {"seeds": [9]}, {"policies": ["c"]}]
)
def test_a_strategy_has_one_set_of_hyperparameters(changes):
  warm = {**REBASE, "temperature": 1.0, **changes}
  with pytest.raises(ValueError) as caught:
    expand({"cold": REBASE, "warm": warm})
  for words in (
    "config.runs.warm.temperature is 1.0", "config.runs.cold.temperature 0.2",
    "strategy 'rebase'", "'rebase/WORD'",
  ):  # fmt: skip
    assert words in str(caught.value)
  same = {**REBASE, **changes}
  assert len(expand({"cold": REBASE, "more": same})) > 8


def test_a_word_tells_runs_with_other_numbers_apart():
  warm = {**REBASE, "strategy": "rebase/warm", "temperature": 1.0}
  runs = expand({"cold": REBASE, "warm": warm})
  assert len(runs) == 16
  temperatures = {
    run.strategy: run.hyperparameters["temperature"] for run in runs
  }
  assert temperatures == {"rebase": 0.2, "rebase/warm": 1.0}


def test_runs_are_equal_whatever_their_numbers():
  run = expand({"x": REBASE})[0]
  again = grid.Run(**run.key)
  assert run == again and hash(run) == hash(again)


def test_seeds_come_first_then_cost():
  sampling = {
    "strategy": "sampling", "policies": ["a", "b"], "n": [8], "seeds": [0]
  }  # fmt: skip
  runs = expand({"x": REBASE, "y": sampling})
  ordered = grid.by_cost(runs, {"a": 100, "b": 300})
  assert sorted(map(str, ordered)) == sorted(map(str, runs))
  costs = [(run.seed, run.n * {"a": 1, "b": 3}[run.policy]) for run in ordered]
  assert costs == [
    (0, 4), (0, 8), (0, 12), (0, 16), (0, 24), (0, 48),
    (5, 4), (5, 12), (5, 16), (5, 48),
  ]  # fmt: skip
