"""Searches with layers of two kinds, in all forms of decoding, are the same."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding
from inference_scaling.models.layers import hardware
from inference_scaling.search import rebase
from tests.decoding import tiny
from tests.models import families
from tests.models import tiny as tiny_models


def _search(name, platform, cache):
  """Greedy steps of two problems."""
  config = dataclasses.replace(
    families.READ[name], vocab_size=len(tiny.letter_tokenizer()),
    eos_token_ids=(1,), bos_token_id=0,
  )  # fmt: skip
  tied = dataclasses.replace(config, tie_word_embeddings=True)
  policy_model, reward_model = (
    dataclasses.replace(
      model, tokenizer=tiny.letter_tokenizer(),
      hardware=hardware.Hardware(platform, 1),
    )
    for model in (
      tiny_models.make_model(config, seed=1),
      tiny_models.make_reward_model(tied, seed=2),
    )
  )  # fmt: skip
  sizes = (tiny.LIMITS, tiny.NUM_BEAMS)
  policy = decoding.ModelPolicy(policy_model, tiny.FORMAT, *sizes, cache=cache)
  reward = decoding.ModelReward(reward_model, *sizes, cache=cache)
  params = decoding.PolicyParams(policy_model.params, jnp.float32(0.0))
  problems = [
    decoding.PromptProblem(i, prompt)
    for i, prompt in enumerate(tiny.prompts(2))
  ]
  finished = decoding.continuous_batching(
    policy, reward, rebase(0.3), params, reward_model.params, problems, 0, 2, 2
  )
  return {one.problem_id: one.tree for one in finished}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gemma2", "gemma3_text"])
def test_all_forms_write_the_same_tokens(name):
  expected = _search(name, "cpu", "dense")
  for platform, cache in (("cpu", "tree"), ("tpu", "dense"), ("gpu", "tree")):
    for problem, tree in _search(name, platform, cache).items():
      same = expected[problem]
      np.testing.assert_array_equal(tree.contents.tokens, same.contents.tokens)
      np.testing.assert_array_equal(tree.parents, same.parents)
      np.testing.assert_allclose(tree.scores, same.scores, atol=1e-5)
