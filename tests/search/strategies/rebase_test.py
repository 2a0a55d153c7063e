"""The REBASE and sampling strategies on one problem of four beams."""

import math

import jax
import jax.numpy as jnp
import pytest

from inference_scaling import search
from tests.search import runs

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


def _select(strategy, beams, carry=None):
  select = jax.jit(strategy.select, compiler_options=runs.QUICK)
  return select(KEY, beams, strategy.init(4) if carry is None else carry)


def test_terminal_beams_take_no_budget():
  parents, active, _ = _select(search.rebase(0.1), BEAMS)
  assert parents.tolist() == [2, 1, 2, 3]
  assert active.tolist() == [True, False, True, False]


def test_the_temperature_of_the_carry_is_the_one_that_counts():
  carry = search.rebase(1e9).init(4)
  parents, _, carry = _select(search.rebase(1e-3), BEAMS, carry)
  assert parents.tolist() == [0, 1, 2, 3]
  assert float(carry.high) == 1e9


def test_what_the_printed_rule_leaves_over_is_there_at_the_next_depth():
  # Three equal beams run; slot 3 was given up at the depth before.
  beams = search.Beams(
    scores=jnp.array([0.5, 0.5, 0.5, 0.9]),
    status=jnp.full(4, search.RUNNING),
    active=jnp.array([True, True, True, False]),
    multiplicity=jnp.ones(4, jnp.int32),
  )
  # Quotas 4/3 each: one of four is left over, and its slot stays empty.
  strategy = search.rebase(0.1, "round")
  parents, active, _ = _select(strategy, beams)
  assert parents.tolist() == [0, 1, 2, 3]
  assert active.tolist() == [True, True, True, False]
  # Quotas 2, 2: with one beam less the slot is filled again, like its own.
  beams = beams._replace(scores=jnp.array([0.5, 0.5, -9.0, 0.9]))
  parents, active, _ = _select(strategy, beams)
  assert parents.tolist() == [0, 1, 0, 1]
  assert active.tolist() == [True] * 4
  # Repaired, the budget is spent at once.
  strategy = search.rebase(0.1, "exact")
  beams = beams._replace(scores=jnp.full(4, 0.5))
  parents, active, _ = _select(strategy, beams)
  assert parents.tolist() == [0, 1, 2, 0]
  assert active.tolist() == [True] * 4


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
