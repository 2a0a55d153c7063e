"""Each strategy is made of its hyperparameters, in the size that it needs."""

import pytest

from inference_scaling import spec
from inference_scaling.sweep import strategies


@pytest.mark.parametrize("name", spec.STRATEGIES)
def test_usual_numbers_make_a_strategy_and_its_shape(name):
  usual = spec.read_hyperparameters(name, {})
  strategy = strategies.make(name, 8, usual, 5)
  shape = strategies.shape(name, 8, usual, 5)
  carry = strategy.init(shape.num_beams)
  assert strategy.static_part.init is None
  if name == "particle_gibbs":  # 5 steps, and the candidates of 2 filters
    assert (shape.num_beams, shape.num_rows) == (8 * (5 + 2) + 1, 8)
    assert shape.max_depth == 2 * 5 + 1
    assert strategy.first(shape.num_beams, carry).sum() == 8
    return
  if name == "ab_mcts":  # a node a round
    assert (shape.num_beams, shape.num_rows, shape.max_depth) == (8, 1, 9)
    assert strategy.first(8, carry).sum() == 1
    return
  if name in ("adaptive_sampling", "reward_threshold"):  # one at a time
    assert (shape.num_beams, shape.num_rows, shape.max_depth) == (8, 1, 5)
    assert strategy.first(8, carry).sum() == 1
    return
  if name != "mcts":
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
    "posterior": "beta", "prior_mean": 0.3, "prior_count": 2.0,
    "temperature_rule": "entropic", "iterations": 3,
    "prior_degrees": 3.0, "prior_variance": 0.5, "batch": 3, "threshold": 0.5,
    "warmup": 3, "percent": 10, "consensus": 0.9,
  }  # fmt: skip
  for name in spec.STRATEGIES:
    usual = spec.read_hyperparameters(name, {})
    for key in usual:
      value = other[key]
      if name == "adaptive_sampling":
        value = {"rule": "dirichlet", "threshold": 0.9}.get(key, value)
      hyperparameters = spec.read_hyperparameters(name, {key: value})
      changed = describe(name, hyperparameters)
      assert changed != describe(name, usual), (name, key)


def describe(name, hyperparameters):
  strategy = strategies.make(name, 8, hyperparameters, 5)
  carry = strategy.init(strategies.shape(name, 8, hyperparameters, 5).num_beams)
  return repr((strategy.static_part, carry, strategy.resume))


def test_no_more_rows_are_computed_than_draw_between_two_looks():
  for rule, rows in (
    ("window", 5), ("dirichlet", 1), ("doubling", 6)
  ):  # fmt: skip
    name = "adaptive_sampling"
    numbers = spec.read_hyperparameters(name, {"rule": rule})
    assert strategies.shape(name, 14, numbers, 5).num_rows == rows


@pytest.mark.parametrize(
  ("numbers", "rows"),
  [({}, 14), ({"warmup": 6}, 8), ({"warmup": 9}, 9),
   ({"warmup": 4, "batch": 2}, 4)],
)  # fmt: skip
def test_deepconf_has_rows_for_its_first_samples_and_for_a_batch(numbers, rows):
  numbers = spec.read_hyperparameters("deepconf", numbers)
  shape = strategies.shape("deepconf", 14, numbers, 5)
  assert (shape.num_beams, shape.num_rows, shape.max_depth) == (14, rows, 5)
