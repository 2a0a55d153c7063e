"""The REBASE and sampling strategies on one problem."""

import math

import jax
import jax.numpy as jnp
import pytest

from inference_scaling import search

KEY = jax.random.key(0)
STATUS = jnp.array(
  [search.RUNNING, search.FINISHED, search.RUNNING, search.TRUNCATED]
)
BEAMS = search.Beams(
  scores=jnp.array([0.1, 5.0, 0.9, 5.0]),
  status=STATUS,
  active=jnp.ones(4, bool),
  multiplicity=jnp.ones(4, jnp.int32),
)


def test_terminal_beams_take_no_budget():
  strategy = search.rebase(0.1)
  parents, active, _ = strategy.select(KEY, BEAMS, strategy.init(4))
  assert parents.tolist() == [2, 1, 2, 3]
  assert active.tolist() == [True, False, True, False]


def test_the_temperature_of_the_carry_is_the_one_that_counts():
  select, carry = search.rebase(1e-3).select, search.rebase(1e9).init(4)
  parents, _, carry = select(KEY, BEAMS, carry)
  assert parents.tolist() == [0, 1, 2, 3]
  assert float(carry.high) == 1e9


def test_equal_strategies_share_compiled_programs():
  assert search.rebase(0.1) == search.rebase(0.1)
  assert hash(search.rebase(0.1)) == hash(search.rebase(0.1))
  assert search.rebase(0.1).select is search.rebase(0.2).select
  assert search.rebase(0.1).init != search.rebase(0.2).init
  assert search.rebase(0.1, "round").select != search.rebase(0.1).select
  assert search.sampling() == search.sampling()


def test_sampling_is_the_identity():
  strategy = search.sampling()
  parents, active, carry = strategy.select(KEY, BEAMS, ())
  assert parents.tolist() == [0, 1, 2, 3]
  assert active.tolist() == [True, False, True, False]
  assert carry == strategy.init(4) == ()


@pytest.mark.parametrize("temperature", [0, -0.1, math.nan])
def test_a_temperature_that_is_not_above_0_is_refused(temperature):
  with pytest.raises(ValueError, match=f"temperature is {temperature}, exp"):
    search.rebase(temperature)


def test_an_unknown_rule_is_refused():
  with pytest.raises(ValueError, match=r"rule is 'ceiling', expected one of"):
    search.rebase(0.1, rule="ceiling")
