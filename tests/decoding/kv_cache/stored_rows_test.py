"""Rows that stay in storage search as rows that are copied."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding
from inference_scaling.decoding.kv_cache import stored_rows
from inference_scaling.models.layers import hardware
from inference_scaling.search import rebase
from tests.decoding import tiny
from tests.models import tiny as tiny_models

EXAMPLES = (7, 4, 9, 12, 5)
CONFIG = tiny.config(head_dim=16, eos_token_ids=())
N = 5


@pytest.fixture(scope="module", autouse=True)
def quick_compilations():
  """Halves the time of this file; what is asserted here does not change."""
  jax.config.update("jax_disable_most_optimizations", True)
  yield
  jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="module")
def pair():
  return tuple(
    dataclasses.replace(model, tokenizer=tiny.letter_tokenizer())
    for model in (
      tiny_models.make_model(CONFIG, seed=1),
      tiny_models.make_reward_model(CONFIG, seed=2),
    )
  )


def _search(pair, rows, prefix=decoding.NO_PREFIX, in_place=True):
  # Texts end at the end of their buffer, which blocks of a reward pass.
  limits = decoding.Limits(
    prompt_tokens=16, step_tokens=12, total_tokens=32, max_steps=6
  )
  rare = decoding.StepFormat(tuple(tiny.STEP_ENDS), ("cec",))
  policy = decoding.ModelPolicy(pair[0], rare, limits, N, rows)
  reward = decoding.ModelReward(pair[1], limits, N, num_rows=rows)
  assert policy.in_place == reward.in_place == in_place
  params = decoding.PolicyParams(pair[0].params, jnp.float32(1.0))
  problems = [
    decoding.PromptProblem(i, (*EXAMPLES, *prompt))
    for i, prompt in enumerate(tiny.prompts(4))
  ]
  found = decoding.continuous_batching(
    policy, reward, rebase(0.3), params, pair[1].params, problems, 0, 2, 6,
    prefix=prefix,
  )  # fmt: skip
  return {one.problem_id: one for one in found}


@pytest.mark.parametrize("rows", [2, None])
@pytest.mark.parametrize("prefix", [(), EXAMPLES])
def test_rows_in_storage_write_the_same_steps(pair, prefix, rows, monkeypatch):
  found = _search(pair, rows, decoding.Prefix(prefix))
  monkeypatch.setattr(stored_rows, "serves", lambda *_: False)
  theirs = _search(pair, None, in_place=False)
  assert sorted(found) == sorted(theirs) == [0, 1, 2, 3]
  for i, one in found.items():
    tree, same = one.tree, theirs[i].tree
    np.testing.assert_array_equal(tree.contents.tokens, same.contents.tokens)
    np.testing.assert_array_equal(tree.parents, same.parents)
    np.testing.assert_allclose(tree.scores, same.scores, atol=1e-5)
  lengths = [one.tree.num_tokens.sum(axis=0).max() for one in theirs.values()]
  assert max(lengths) > 20  # some come near the end of the buffer


def test_broken_weights_end_the_search(pair):
  policy, _ = pair
  # Scores alone, which attention takes the exponent of.
  params = jax.tree_util.tree_map_with_path(
    lambda path, leaf: leaf * np.nan if "'key'" in str(path) else leaf,
    policy.params,
  )
  assert not np.isfinite(sum(leaf.sum() for leaf in jax.tree.leaves(params)))
  broken = dataclasses.replace(policy, params=params)
  with pytest.raises(FloatingPointError, match="problem 0, depth 0"):
    _search((broken, pair[1]), None)


@pytest.mark.parametrize(
  ("changes", "platform", "devices", "sizes"),
  [
    ({"head_dim": 6}, "cpu", 1, (32, 64)),
    ({"sliding_window": 8}, "cpu", 1, (32, 64)),
    ({"attention_softcap": 30.0}, "cpu", 1, (32, 64)),
    ({}, "gpu", 1, (32, 64)),
    ({}, "cpu", 2, (32, 64)),
    ({}, "cpu", 1, (32, 40)),
  ],
)
def test_what_the_machine_code_does_not_know_is_copied(
  changes, platform, devices, sizes
):
  config = dataclasses.replace(CONFIG, **changes)
  where = hardware.Hardware(platform, 1, model_parts=devices)
  assert not stored_rows.serves(config, where, sizes)
  assert stored_rows.serves(CONFIG, hardware.Hardware("cpu", 1), (32, 64))
