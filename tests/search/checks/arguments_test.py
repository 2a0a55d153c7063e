"""Every hyperparameter of every strategy, right and wrong, over one table."""

import fractions
import inspect
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import search
from inference_scaling.search.strategies import (
  allocation,
  double_float,
  resampling,
)

POSITIVE, FINITE, WHOLE, STATIC = "positive", "finite", "whole", "static"
CHOICES = {
  "rule": allocation.RULES,
  "resampling": tuple(resampling.SCHEMES),
  "terminal": ("resample", "keep"),
  "duplicates": search.DUPLICATES,
}
MAKERS = {
  make.__name__: make
  for make in (
    search.sampling,
    search.rebase,
    search.beam_search,
    search.dvts,
    search.particle_filter,
    search.mcts,
  )
}
# What each hyperparameter is, by its strategy and its name.
KINDS = {
  ("rebase", "temperature"): POSITIVE,
  ("particle_filter", "temperature"): POSITIVE,
  ("particle_filter", "entropic_steps"): WHOLE,
  ("mcts", "exploration"): FINITE,
  ("beam_search", "children"): WHOLE,
  ("dvts", "children"): WHOLE,
  ("dvts", "subtree_beams"): WHOLE,
  ("mcts", "root_children"): WHOLE,
  ("mcts", "children"): WHOLE,
  ("mcts", "max_steps"): WHOLE,
  ("mcts", "expansions"): WHOLE,
  ("beam_search", "lookahead"): STATIC,
  ("dvts", "lookahead"): STATIC,
}
# Those whose arguments depend on each other: their own tests hold them.
OTHERS = {
  "ab_mcts", "adaptive_sampling", "deepconf", "particle_gibbs",
  "reward_threshold",
}  # fmt: skip
OPTIONAL = {  # None is a value of these
  ("particle_filter", "entropic_steps"),
  ("dvts", "subtree_beams"),
  ("mcts", "max_steps"),
  ("mcts", "expansions"),
}
NO_NUMBERS = (
  "a", "", "0.1", b"1", True, False, np.bool_(True), 1j, [1], (1,), {}, {1},
  object(), len, int, math, fractions.Fraction(1, 2), np.ones(1),
  np.ones((2, 3)), np.array("1"), np.array(True), np.array(1j), np.array([]),
)  # fmt: skip
# Made in the test: no JAX array is to be made when tests are collected.
NO_ARRAYS = (
  lambda: jnp.ones(1), lambda: jnp.ones((2, 2)), lambda: jnp.array(True),
  lambda: jnp.array(1j), lambda: jax.random.key(0),
)  # fmt: skip
NAN, INF = math.nan, math.inf
WRONG = {
  POSITIVE: (0, -1, 0.0, -0.1, NAN, -INF, np.float32(-1), np.float64(NAN),
             np.array(0.0), 10**400, -(10**400)),
  FINITE: (-1, -1e-9, NAN, INF, -INF, 1e39, np.float64(1e300), np.array(-1.0),
           10**400),
  WHOLE: (0, -1, 0.5, 2.5, NAN, INF, -INF, 2**31, 1e30, 10**400,
          np.float32(2.5), np.int64(0), np.array(0)),
  STATIC: (-1, 0.5, 2.0, NAN, INF, np.int64(-1), np.array(1)),
}  # fmt: skip
WRONG_ARRAYS = {
  POSITIVE: (lambda: jnp.float32(0), lambda: jnp.float32(NAN)),
  FINITE: (lambda: jnp.float32(-1), lambda: jnp.float32(INF)),
  WHOLE: (lambda: jnp.int32(0), lambda: jnp.float32(2)),
  STATIC: (lambda: jnp.int32(1),),
}
RIGHT = {
  POSITIVE: (1, 0.5, 1e-9, INF, np.float32(0.5), np.int8(1), np.array(0.5)),
  FINITE: (0, 0.0, 1, 2.5, 3e38, np.float64(1), np.array(0.5)),
  WHOLE: (1, 4, 4.0, 2**31 - 1, np.int64(4), np.float32(4), np.array(4)),
  STATIC: (0, 3, np.int64(3)),
}

_ids = "-".join
hyperparameters = pytest.mark.parametrize("where", sorted(KINDS), ids=_ids)


def _make(where, value):
  strategy, name = where
  return MAKERS[strategy](**{name: value})


def test_the_table_holds_every_argument_of_every_strategy():
  found = {
    (strategy, name)
    for strategy, make in MAKERS.items()
    for name in inspect.signature(make).parameters
  }
  choices = {(strategy, name) for strategy, name in found if name in CHOICES}
  assert found == set(KINDS) | choices
  public = {
    name for name, value in vars(search).items()
    if inspect.isfunction(value)
    and inspect.signature(value).return_annotation is search.Strategy
  }  # fmt: skip
  assert public | OTHERS == {*MAKERS, *OTHERS}


@hyperparameters
def test_what_is_no_number_is_refused_by_name(where):
  values = [*NO_NUMBERS, *WRONG[KINDS[where]]]
  values += [make() for make in (*NO_ARRAYS, *WRONG_ARRAYS[KINDS[where]])]
  values += [] if where in OPTIONAL else [None]
  for value in values:
    strategy, name = where
    with pytest.raises(ValueError, match=f"^{strategy}: {name} is .*expected"):
      _make(where, value)
      pytest.fail(f"took {value!r}")


@hyperparameters
def test_numbers_of_every_kind_are_taken_and_can_be_hashed(where):
  for value in RIGHT[KINDS[where]]:
    strategy = _make(where, value)
    plain = value.item() if isinstance(value, np.ndarray) else value
    assert strategy == _make(where, plain)
    assert hash(strategy) == hash(_make(where, plain))


@pytest.mark.parametrize(
  "where", sorted(w for w, kind in KINDS.items() if kind != STATIC), ids=_ids
)
def test_traced_numbers_give_the_carry_of_plain_ones(where):
  value = 3 if KINDS[where] == WHOLE else 0.5
  plain = _make(where, value).init(64)
  found = jax.jit(lambda value: _make(where, value).init(64))(value)
  concrete = _make(where, jnp.asarray(value)).init(64)
  # As a constant in a jitted function, too, where operations are staged.
  staged = jax.jit(lambda: _make(where, jnp.asarray(value)).init(64))()
  for other in (found, concrete, staged):
    jax.tree.map(np.testing.assert_array_equal, plain, other)


@pytest.mark.parametrize(
  "where", sorted(w for w, kind in KINDS.items() if kind != STATIC), ids=_ids
)
def test_traced_arrays_with_axes_or_of_other_dtypes_are_refused(where):
  wrong = [jnp.ones(2), jnp.array(True), jnp.array(1j)]
  wrong += [jnp.float32(2)] if KINDS[where] == WHOLE else []
  for value in wrong:
    with pytest.raises(ValueError, match=rf"{where[1]} is \w+\[.*expected"):
      jax.eval_shape(lambda value: _make(where, value).init(64), value)


def test_a_temperature_may_be_a_pair_of_floats():
  pair = double_float.split(0.1)
  assert search.rebase(pair).init(4) == pair
  for wrong in (
    double_float.split(np.ones(2)),
    double_float.Double("a", 0.0),
  ):
    with pytest.raises(ValueError, match=r"rebase: temperature is .*expected"):
      search.rebase(wrong)


@pytest.mark.parametrize(
  ("strategy", "name"),
  [
    (strategy, name)
    for strategy, make in MAKERS.items()
    for name in inspect.signature(make).parameters
    if name in CHOICES
  ],
)
def test_choices_are_texts_of_the_list(strategy, name):
  for value in CHOICES[name]:
    MAKERS[strategy](**{name: value})
  for value in (
    None,
    0,
    True,
    "",
    "Keep",
    ["keep"],
    {},
    np.array(["keep"]),
    len,
  ):
    with pytest.raises(ValueError, match=f"^{strategy}: {name} is .*one of"):
      MAKERS[strategy](**{name: value})


def test_shapes_of_mcts_take_whole_numbers_alone():
  assert search.mcts_shape(4, 2.0, np.int64(3)) == search.mcts_shape(4, 2, 3)
  for place, name in enumerate(("root_children", "children", "expansions")):
    for wrong in ("a", None, 0, 2.5, True, math.nan, np.ones(2)):
      numbers = [4, 2, 3]
      numbers[place] = wrong
      with pytest.raises(ValueError, match=f"^mcts_shape: {name} is .*whole"):
        search.mcts_shape(*numbers)


def test_messages_are_short():
  for value in ("a" * 10_000, list(range(10_000)), 10**400):
    with pytest.raises(ValueError, match="children") as caught:
      search.beam_search(value)
    text = str(caught.value)
    assert len(text) < 200 and "\n" not in text
