"""Few active beams among many parked ones."""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding, models
from inference_scaling.models.layers import hardware
from inference_scaling.search import base
from tests.decoding import tiny
from tests.models import external_models

N, R, DEPTH = 6, 2, 5
IDS = (0, 1, 2)
LIMITS = decoding.Limits(
  prompt_tokens=9, step_tokens=6, total_tokens=30, max_steps=DEPTH
)
REWARD_LIMITS = decoding.Limits(
  prompt_tokens=96, step_tokens=40, total_tokens=160
)


@pytest.fixture(scope="module", autouse=True)
def quick_compilations():
  """Halves the time of this file; what is asserted here does not change."""
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)


class _Turn(NamedTuple):
  """Whose turn it is, and what more slots than that one uses."""

  number: jax.Array
  active: jax.Array
  moved: jax.Array


def _slots(number, more):
  """bool[N]: R slots in turn, and the first few."""
  slots = jnp.arange(N)
  return (slots // R == number % (N // R)) | (slots < more)


def _first(num_beams, turn):
  del num_beams
  return _slots(turn.number, turn.active)


def _select(key, beams, turn):
  """R slots in turn go on from the best running beam; others are parked."""
  del key
  turn = turn._replace(number=turn.number + 1)
  running = beams.status == base.RUNNING
  best = jnp.argmax(jnp.where(running, beams.scores, -1.0))
  moved = _slots(turn.number, turn.moved) & running.any()
  parents = jnp.where(moved, best, jnp.arange(N)).astype(jnp.int32)
  active = _slots(turn.number, turn.active) & running.any()
  return parents, active, turn


def _park(active=0, moved=0):
  turn = _Turn(*map(jnp.int32, (0, active, moved)))
  return base.Strategy(lambda num_beams: turn, _select, _first)


def _problems():
  prompts = tiny.prompts(max(IDS) + 1)
  own = tuple(
    external_models.make("llemma").reward_format.encode_prompt("What is 2 + 3?")
  )
  return [decoding.PromptProblem(i, prompts[i], own) for i in IDS]


@functools.cache
def _search(num_rows, mesh):
  """A policy, and a reward model that reads tokens of its own."""
  own, model = (
    dataclasses.replace(one, hardware=hardware.of_mesh(mesh))
    for one in (tiny.policy_model(), external_models.make("llemma"))
  )
  policy = decoding.ModelPolicy(own, tiny.FORMAT, LIMITS, N, num_rows)
  tokenizer = tiny.letter_tokenizer()
  translator = decoding.Translator(
    tokenizer, len(tokenizer), model.reward_format, REWARD_LIMITS,
    tuple(tiny.STEP_ENDS), mesh,
  )  # fmt: skip
  reward = decoding.ModelReward(model, LIMITS, N, translator, num_rows)
  return policy, reward


@functools.cache
def _mesh():
  return models.make_mesh(2, 1, jax.devices()[:2])


def _run(num_rows, mesh=None, strategy=None):
  policy, reward = _search(num_rows, mesh)
  found = decoding.continuous_batching(
    policy, reward, strategy or _park(), tiny.policy_params(),
    external_models.make("llemma").params, _problems(), 0, 2, DEPTH, mesh,
  )  # fmt: skip
  return {one.problem_id: one for one in found}


def _assert_same_search(found, theirs):
  """The same steps to the token, and scores up to rounding."""
  for i, one in found.items():
    jax.tree.map(
      lambda a, b: (
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-6)
        if a.dtype == np.float32
        else np.testing.assert_array_equal(a, b)
      ),
      (one.tree, one.policy_counts, one.reward_counts),
      (theirs[i].tree, theirs[i].policy_counts, theirs[i].reward_counts),
    )


@pytest.mark.slow
def test_few_rows_on_a_mesh_search_as_all_do():
  theirs, found = _run(None), _run(R, _mesh())
  assert sorted(found) == sorted(theirs) == list(IDS)
  _assert_same_search(found, theirs)
  trees = [one.tree for one in found.values()]
  assert all(tree.active.sum(axis=1).max() == R for tree in trees)
  assert max(tree.active.any(axis=1).sum() for tree in trees) > 3
  assert len({float(s) for tree in trees for s in tree.scores[tree.active]}) > 9


@pytest.mark.parametrize("changes", [{"active": 5}, {"moved": 4}])
def test_more_beams_at_once_than_rows_take_turns(changes):
  """Nothing is compiled for it: another strategy is another carry."""
  strategy = _park(**changes)
  found = _run(R, _mesh(), strategy)
  _assert_same_search(found, _run(None, strategy=strategy))
  if "active" in changes:
    trees = [one.tree for one in found.values()]
    assert max(tree.active.sum(axis=1).max() for tree in trees) > R
