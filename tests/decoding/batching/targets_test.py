"""Whole searches in the engine's forms for accelerators, beside a CPU's.

The forms differ in where new keys and values are written, how these are moved,
what is read in place and how many problems are scored at once. All run here.
"""

import dataclasses
import functools

import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding
from inference_scaling.decoding.batching import scheduling
from inference_scaling.models.layers import hardware
from inference_scaling.search import rebase
from tests.decoding import tiny
from tests.models import tiny as tiny_models

NUM_PROBLEMS, SLOTS = 4, 3


@functools.cache
def _models():
  config = tiny.config(family="llama")
  return tuple(
    dataclasses.replace(made, tokenizer=tiny.letter_tokenizer())
    for made in (
      tiny_models.make_model(config, seed=1),
      tiny_models.make_reward_model(config, seed=2),
    )
  )


@functools.cache
def _search(platform, cache, num_rows):
  """Trees of REBASE over more problems than slots, by problem."""
  policy_model, reward_model = (
    dataclasses.replace(model, hardware=hardware.Hardware(platform, 1))
    for model in _models()
  )
  sizes = (tiny.LIMITS, tiny.NUM_BEAMS)
  policy = decoding.ModelPolicy(
    policy_model, tiny.FORMAT, *sizes, num_rows, cache
  )
  reward = decoding.ModelReward(reward_model, *sizes, None, num_rows, cache)
  params = decoding.PolicyParams(policy_model.params, jnp.float32(1.0))
  problems = [
    decoding.PromptProblem(number, prompt)
    for number, prompt in enumerate(tiny.prompts(NUM_PROBLEMS))
  ]
  finished = decoding.continuous_batching(
    policy, reward, rebase(0.3), params, reward_model.params, problems, 0,
    SLOTS, tiny.LIMITS.max_steps,
  )  # fmt: skip
  return {one.problem_id: one.tree for one in finished}


@pytest.mark.parametrize(
  "platform,cache,num_rows",
  [
    ("tpu", "dense", None),
    *(
      pytest.param(*case, marks=pytest.mark.slow)
      for case in (
        ("gpu", "dense", None), ("tpu", "dense", 1), ("gpu", "dense", 1),
        ("tpu", "tree", None), ("gpu", "tree", 1),
      )
    ),
  ],
)  # fmt: skip
def test_a_search_is_that_of_a_cpu(platform, cache, num_rows):
  expected = _search("cpu", "dense", num_rows)
  found = _search(platform, cache, num_rows)
  assert sorted(found) == sorted(expected) == list(range(NUM_PROBLEMS))
  for problem, tree in found.items():
    same = expected[problem]
    assert tree.num_tokens.sum() > 10
    for name in ("num_tokens", "status", "parents"):
      np.testing.assert_array_equal(getattr(tree, name), getattr(same, name))
    np.testing.assert_array_equal(tree.contents.tokens, same.contents.tokens)
    np.testing.assert_allclose(tree.scores, same.scores, atol=1e-4)


@pytest.mark.parametrize("platform", ["gpu", "tpu"])
@pytest.mark.slow
def test_problems_are_scored_one_at_a_time(platform, monkeypatch):
  """As on such devices, also where a CPU would score several at once."""
  monkeypatch.setattr(scheduling, "_GROUPS", 1)  # all on a CPU
  expected = _search.__wrapped__("cpu", "dense", None)
  monkeypatch.setattr(scheduling, "group_size", lambda *arguments: 1)
  found = _search.__wrapped__(platform, "dense", None)
  for problem, tree in found.items():
    same = expected[problem]
    np.testing.assert_array_equal(tree.contents.tokens, same.contents.tokens)
    np.testing.assert_allclose(tree.scores, same.scores, atol=1e-4)
