"""Hidden states of a value head and its policy, charged twice or once."""

import numpy as np
import pytest

from inference_scaling.analysis.records import charging, load
from tests.analysis import factory


@pytest.fixture(name="record")
def _record():
  """A record in whose ledger all numbers are round."""
  record = factory.record(factory.tasks(1)[0], "small", "sampling", 4, seed=0)
  ledger = record["ledger"]
  for name, values in {
    "flops": (20.0, 60.0, 100.0),
    "flops_prefill": (0.0, 0.0, 30.0),
    "flops_reward": (0.0, 40.0, 45.0),
    "flops_reward_prefill": (0.0, 0.0, 10.0),
    "flops_head": (0.0, 4.0, 5.0),
  }.items():
    ledger[name] = dict(
      zip(("paper", "with_reward", "full"), values, strict=True)
    )
  return record


def flops(record):
  return {name: parts.tolist() for name, parts in record.flops.items()}


TWICE = {
  "paper": [0, 20, 0, 0],
  "with_reward": [0, 20, 0, 40],
  "full": [20, 35, 10, 35],
}
ONCE = {
  "paper": [0, 20, 0, 0],
  "with_reward": [0, 20, 0, 4],
  "full": [20, 35, 0, 5],
}


def test_once_leaves_the_head_of_the_reward_model_alone(record):
  parsed = load.parse_record(record, "x:1")
  assert flops(parsed) == TWICE
  (once,) = charging.charge([parsed], "once")
  assert flops(once) == ONCE
  # Each way follows from records that are charged in the other.
  (again,) = charging.charge([once], "twice")
  assert flops(again) == TWICE and flops(parsed) == TWICE


def test_other_records_are_charged_as_always(record):
  headed = load.parse_record(record, "x:1")
  del record["ledger"]["flops_head"]
  plain = load.parse_record(record, "x:2")
  assert flops(plain) == TWICE and not plain.charges
  charged = charging.charge([plain, headed], "once")
  assert charged[0] is plain and flops(charged[1]) == ONCE
  assert charging.of_value_heads([plain, headed]) == [headed]


def test_a_head_may_cost_all_that_its_model_does(record):
  ledger = record["ledger"]
  # As sums of large floats are off, so may this be.
  ledger["flops_head"]["full"] = 45.0 * (1 + 1e-12)
  (once,) = charging.charge([load.parse_record(record, "x:1")], "once")
  np.testing.assert_allclose(once.flops["full"], [20, 35, 0, 45])


def test_there_are_two_ways():
  with pytest.raises(
    ValueError, match=r"hidden_states 'thrice' is not known; expected one of"
  ):
    charging.charge([], "thrice")
