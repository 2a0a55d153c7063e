"""The few sizes that programs exist for."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding
from inference_scaling.decoding import limits, sizes
from tests.decoding import tiny

LIMITS = decoding.Limits(prompt_tokens=100, step_tokens=40, total_tokens=400)


@pytest.mark.parametrize(
  "tokens,most,size",
  [
    (0, 416, 128), (64, 416, 128), (129, 416, 256), (257, 416, 416),
    (416, 416, 416), (500, 416, 416), (5, 32, 32),
  ],
)  # fmt: skip
def test_buckets_are_powers_of_two_up_to_the_buffer(tokens, most, size):
  assert limits.bucket(tokens, most) == size


def test_whatever_is_at_hand_fits_in_few_sizes():
  seen = set()
  for text in range(1, LIMITS.text_buffer + 1):
    for prompt in range(1, LIMITS.prompt_buffer + 1):
      found = sizes.fitting(LIMITS, text, prompt, 2)
      assert text <= found.text <= max(2 * text, 128)
      assert prompt <= found.prompt <= max(2 * prompt, 128)
      assert (found.written, found.slots) == (40, 2)
      seen.add(found)
  assert len(seen) == 3
  assert sizes.whole(LIMITS) == sizes.Sizes(416, 128, 40, None)


@pytest.mark.parametrize(
  "step_tokens,total_tokens,most", [(256, 1024, 64), (256, 9, 9), (20, 99, 20)]
)
def test_no_call_writes_more_than_a_step_may_have(
  step_tokens, total_tokens, most
):
  limits = decoding.Limits(8, step_tokens, total_tokens)
  assert sizes.most_written(limits) == most


def test_smaller_buffers_give_the_same_search():
  """Steps and scores where half of the buffers are in use, and no more."""
  entry, weights = tiny.grown()[1], tiny.reward_model().params
  longest = max(len(text) for beams in entry["after"] for text in beams)
  small = sizes.Sizes(text=16, prompt=10, written=4, slots=1)
  assert longest <= 16 + 9 and small.prompt >= max(map(len, tiny.prompts(3)))
  policy, reward = tiny.policy().sized(small), tiny.reward().sized(small)
  assert tiny.policy().sizes == sizes.whole(tiny.LIMITS) != policy.sizes
  keys = jax.random.split(jax.random.key(1), entry["active"].shape)
  active = jnp.array(entry["active"])
  state, step = jax.jit(policy.extend)(
    tiny.policy_params(), keys, entry["state"], active
  )
  _, scores = jax.jit(reward.score)(weights, entry["judged"], step, active)
  wanted = entry["step"]
  for name in ("status", "num_tokens"):
    np.testing.assert_array_equal(getattr(step, name), getattr(wanted, name))
  np.testing.assert_array_equal(step.content.tokens, wanted.content.tokens)
  np.testing.assert_allclose(
    step.content.log_probs, wanted.content.log_probs, atol=1e-5
  )
  np.testing.assert_allclose(scores, entry["scores"], atol=1e-5)
  assert state.cache.own[0][0].shape == entry["state"].cache.own[0][0].shape


def test_a_prompt_is_cut_to_the_smallest_size_that_holds_it():
  long = dataclasses.replace(LIMITS, prompt_tokens=400)
  own = list(range(3, 150))
  prompts = limits.pad_prompt(0, own, long, own[:9], LIMITS)
  short = limits.shorten(prompts)
  assert prompts.tokens.shape == (1, 416) and short.tokens.shape == (1, 256)
  assert short.reward.tokens.shape == (1, 128)
  assert short.tokens[0, : short.lengths[0]].tolist() == own
  assert short.reward.tokens[0, : short.reward.lengths[0]].tolist() == own[:9]
