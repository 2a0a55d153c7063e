"""Every fault of a port is named, and sound objects pass."""

import re

import jax.numpy as jnp
import pytest

from inference_scaling import search
from tests.search import layered, runs, toy, world
from tests.search.contract import faults

PROMPTS = jnp.array([3, 1])
TEXTS = jnp.array([[3, 1, 4], [1, 5, 9]])  # of layered.py


def check(policy, reward, prompts=PROMPTS, jit=False, **options):
  """Without compilation, as operations of this size are shared by all tests."""
  params, table = runs.WORLD.params, runs.WORLD.table
  if isinstance(policy, world.WorldPolicy):
    slots = jnp.arange(policy.num_beams, dtype=jnp.int32)
    params = world.WorldParams(slots, jnp.int32(10))
  return search.check(
    policy, reward, params, table, prompts, jit=jit, **options
  )


@pytest.mark.parametrize("name", sorted(faults.FAULTS))
def test_every_fault_is_named(name):
  fault = faults.FAULTS[name]
  with pytest.raises(ValueError) as caught:
    layers = isinstance(fault.policy, layered.Plain)
    check(fault.policy, fault.reward, TEXTS if layers else PROMPTS)
  named = [
    line for line in str(caught.value).splitlines() if f"'{fault.law}'" in line
  ]
  assert len(named) == 1, caught.value
  assert re.search(fault.words, named[0]), named[0]


@pytest.mark.parametrize(
  "name",
  [
    "another draw at each trace", "fork does nothing", "ignores active",
    "negative token counts", "rewind forgets the counts",
    "scores of another beam",
  ],
)  # fmt: skip
def test_faults_are_named_in_compiled_functions_too(name):
  fault = faults.FAULTS[name]
  with pytest.raises(ValueError, match=f"'{fault.law}' is broken"):
    check(fault.policy, fault.reward, jit=True)


@pytest.mark.parametrize(
  ("policy", "reward", "jit"),
  [
    (faults.POLICY, faults.SOUND, False),
    (toy.TreePolicy(5), toy.TableReward(), True),
    (toy.CountingPolicy(2), faults.Remembering(2), True),
    (world.WorldPolicy(5), toy.TableReward(), False),
  ],
)
def test_sound_objects_keep_every_law(policy, reward, jit):
  held = check(policy, reward, jit=jit)
  assert {"inactive beams", "neighbours", "number of problems"} <= {*held}
  # Where slots walk other ways by themselves, a fork cannot be told.
  special = isinstance(policy, world.WorldPolicy)
  assert ("fork" in held) != special and ("any slot" in held) != special
  assert ("fork" in held.untested) == special
  if policy.num_beams > 2:  # of two, both may have counted as much
    assert ("counts" in held) == isinstance(policy, toy.CountingPolicy)
  assert "rewind" in held  # of the reward at least


def test_a_cache_may_change_where_nothing_reads_it():
  policy = faults.Cached(faults.N, shift=0)
  reward = layered.PlainReward(faults.N)
  assert "inactive beams" in check(policy, reward, TEXTS)


def test_what_was_not_seen_is_not_said_to_hold():
  held = check(toy.TreePolicy(1), toy.TableReward(), jnp.array([2]), jit=True)
  assert "fork" not in held and "counts" not in held
  assert {"neighbours", "inactive beams", "rewind"} <= {*held}
  assert held.untested["fork"] == "no two beams of a problem still run"
  assert not {*held} & {*held.untested}
  assert "not tested: fork, because no two beams" in repr(held)


class _Greedy(toy.TreePolicy):
  """Reads no key."""

  def extend(self, params, keys, node, active):
    params = toy.PolicyParams(jnp.float32(0.0), True)
    return super().extend(params, keys, node, active)


def test_keys_that_change_no_step_leave_their_law_untested():
  held = check(_Greedy(3), toy.TableReward(), jit=True)
  assert "own key and step" not in held
  assert "another key changed no step" in held.untested["own key and step"]
  assert "fork" in held and "any slot" in held
  assert "own key and step" in check(toy.TreePolicy(3), toy.TableReward())


@pytest.mark.parametrize("name", sorted(faults.PADDED))
def test_padding_of_one_value_holds(name):
  assert "padding" in check(faults.PADDED[name], faults.SOUND)
  assert "padding" in check(faults.POLICY, faults.SOUND).untested


def test_scores_of_beams_that_are_not_active_may_be_nan():
  class Idle(faults.Remembering):
    def score(self, params, state, step, active):
      state, scores = super().score(params, state, step, active)
      return state, jnp.where(active, scores, jnp.nan)

  assert "finite scores" in check(faults.POLICY, Idle())


def test_all_broken_laws_are_named_at_once():
  fault = faults.FAULTS["fork does nothing"]
  other = faults.FAULTS["scores of another beam"]
  with pytest.raises(ValueError) as caught:
    check(fault.policy, other.reward)
  for broken in (fault, other):
    assert f"'{broken.law}' is broken" in str(caught.value)


@pytest.mark.parametrize(
  ("prompts", "words"),
  [
    (jnp.int32(3), r"prompts have an array without axes"),
    ((), r"prompts have an array without axes, or none"),
    (jnp.zeros((0,), jnp.int32), r"of 0 problems, expected 1 or more"),
    ({"a": jnp.zeros(2), "b": jnp.zeros(3)}, r"prompts\['b'\] has shape \[3\]"),
  ],
)
def test_wrong_prompts_are_named(prompts, words):
  with pytest.raises(ValueError, match=words):
    check(toy.TreePolicy(3), toy.TableReward(), prompts)


@pytest.mark.parametrize("number", [0, 1.5, None, True])
def test_wrong_numbers_are_named(number):
  with pytest.raises(ValueError, match=r"num_steps is .*expected a whole"):
    check(toy.TreePolicy(3), toy.TableReward(), num_steps=number)


def test_errors_of_the_users_own_code_come_as_they_are():
  class Broken(toy.TreePolicy):
    def fork(self, node, parents):
      raise KeyError("cache")

  with pytest.raises(KeyError, match="cache"):
    check(Broken(3), toy.TableReward())
