"""What a config may call a strategy, and what each is given."""

import pytest

from inference_scaling.sweep import grid, strategies

FREE = {"greedy", "sampling"}


@pytest.mark.parametrize(
  "form", ["none", "likelihood", "self_certainty", "own"]
)
@pytest.mark.parametrize("name", strategies.KINDS)
def test_strategies_are_refused_where_rewards_do_not_suit_them(name, form):
  probabilities = form in ("likelihood", "own")
  if name in FREE or (form != "none" and name != "particle_filter"):
    strategies.check_reward(name, form, "here")
  elif probabilities:
    strategies.check_reward(f"{name}/cold", form, "here")
  else:
    with pytest.raises(ValueError, match=rf"here is '{name}'.*'{form}'"):
      strategies.check_reward(name, form, "here")


def test_an_error_lists_what_would_do():
  with pytest.raises(ValueError, match=r"one of greedy, sampling\. Give a rew"):
    strategies.check_reward("rebase", "none", "here")


@pytest.mark.parametrize("name", strategies.KINDS)
def test_usual_numbers_make_a_strategy_and_its_shape(name):
  kind = strategies.kind(name)
  assert set(kind.usual) == set(kind.numbers)
  for key, rule in kind.numbers.items():
    assert rule.accepts(kind.usual[key])
  strategy = kind.make(8, kind.usual, 5)
  shape = kind.shape(8, kind.usual, 5)
  carry = strategy.init(shape.num_beams)
  assert strategy.rules.init is None
  if name != strategies.MCTS:
    assert (shape.num_beams, shape.num_rows, shape.max_depth) == (8, 8, 5)
    return
  # The root's 4 children, and 2 more at each of 7 further expansions; the
  # first 4 are made in two rounds, 2 at a time.
  assert (shape.num_beams, shape.num_rows) == (4 + 7 * 2, 2)
  assert shape.max_depth >= 2 + 7
  active = strategy.first(shape.num_beams, carry)
  assert active.sum() == 2


def test_every_number_reaches_its_strategy():
  """Each number, changed, makes another strategy or another carry."""
  other = {
    "temperature": 0.7, "rule": "exact", "duplicates": "drop", "children": 3,
    "lookahead": 2, "subtree_beams": 2, "resampling": "multinomial",
    "terminal": "keep", "root_children": 3, "exploration": 0.25,
  }  # fmt: skip
  for name, kind in strategies.KINDS.items():
    usual = describe(kind, kind.usual)
    for key in kind.numbers:
      changed = describe(kind, {**kind.usual, key: other[key]})
      assert changed != usual, (name, key)


def describe(kind, numbers):
  strategy = kind.make(8, numbers, 5)
  carry = strategy.init(kind.shape(8, numbers, 5).num_beams)
  return repr((strategy.rules, carry))


@pytest.mark.parametrize("name", ["tot", "rebase/", "", "/cold"])
def test_an_unknown_strategy_is_named(name):
  with pytest.raises(ValueError, match=f"strategy is '{name}'; expected one"):
    strategies.kind(name)


def test_a_variant_of_greedy_is_greedy():
  block = {"strategy": "greedy/again", "policies": ["a"]}
  assert grid.expand({"x": block}) == [grid.Run("a", "greedy/again", 1, 0)]
