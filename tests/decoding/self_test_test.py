import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding, models
from tests.models import external_models


def test_the_embedded_reward_model_tells_a_wrong_step_from_a_right_one():
  found = decoding.self_test(
    models.load_reward_model("embedded/reward"), jax.jit
  )
  assert found.passed
  assert found.good[0] == pytest.approx(found.bad[0], abs=1e-4)
  assert found.bad[1] < 0.1 < 0.9 < found.good[1]
  assert "scores the wrong step below the right one" in found.message


def test_a_model_that_cannot_tell_is_no_error_but_is_said_so():
  model = external_models.make("llemma")
  for sign in (1.0, -1.0):  # one of the two does not pass
    params = model.params | {
      "score": jax.tree.map(
        lambda leaf, s=sign: leaf * s, model.params["score"]
      )
    }
    found = decoding.self_test(
      dataclasses.replace(model, params=params), jax.jit
    )
    assert found.passed == (found.bad[1] < found.good[1])
    if not found.passed:
      break
  assert not found.passed
  assert "format 'llemma'" in found.message and "does NOT" in found.message


@pytest.mark.slow
def test_a_whole_solution_is_one_step():
  model = external_models.make("outcome_chat")
  tested = decoding.self_test(model, jax.jit)
  reward_format = model.reward_format
  assert len(tested.good) == len(tested.bad) == 1
  assert "the wrong solution below" in tested.message
  tokens = np.array(
    [
      reward_format.encode_whole(
        "Victor has 27 stones. Henry takes 14 of the stones. Victor buys 32 "
        "more stones. How many stones are left for Victor in the end?",
        ["27 - 14 = 13 stones.\n\n13 + 32 = 45 stones. The answer is: 45"],
      )
    ]
  )
  whole = model.token_rewards(model.params, tokens, tokens > -1)
  assert tested.good[0] == pytest.approx(float(whole[0, -1]), abs=1e-4)


def _forgetful(model_class):
  """A reward model whose head states depend on where steps end."""

  class Forgetful(model_class):
    def encode(self, params, head_state, tokens, hidden):
      return hidden + head_state[..., None, :]

  return Forgetful


def test_scores_of_steps_that_are_not_those_of_the_text_are_an_error():
  model = external_models.make("skywork")
  fields = {
    field.name: getattr(model, field.name)
    for field in dataclasses.fields(model)
  }
  with pytest.raises(ValueError, match=r"format 'skywork'.* in one pass over"):
    decoding.self_test(_forgetful(type(model))(**fields), jax.jit)


def test_scores_that_are_no_numbers_are_told():
  model = external_models.make("skywork")
  params = model.params | {
    "score": jax.tree.map(lambda leaf: 0 * leaf + 3e38, model.params["score"])
  }
  with pytest.raises(ValueError, match=r"'skywork'.*expected finite numbers"):
    decoding.self_test(dataclasses.replace(model, params=params), jax.jit)


def test_a_form_whose_pieces_are_not_its_text_is_an_error():
  model = external_models.make("qwen_prm")
  reward_format = type(model.reward_format)(model.tokenizer)
  reward_format.encode_step = lambda index, text: [
    *reward_format.encode(text),
    5,
  ]
  with pytest.raises(ValueError, match="are not those of the whole text"):
    decoding.self_test(
      dataclasses.replace(model, reward_format=reward_format), jax.jit
    )


def test_a_step_that_is_not_scored_is_an_error():
  model = external_models.make("qwen_prm")

  class Silent(type(model.reward_format)):
    """Gives no tokens inside a search, where steps come one by one."""

    calls = 0

    def encode_step(self, index, text):
      self.calls += 1
      return [] if self.calls > 6 else super().encode_step(index, text)

  reward_format = Silent(model.tokenizer)
  with pytest.raises(ValueError, match="of 2 steps"):
    decoding.self_test(
      dataclasses.replace(model, reward_format=reward_format), jax.jit
    )


def test_half_precision_is_close_enough():
  model = external_models.make("qwen_prm")
  half = jax.tree.map(
    lambda leaf: leaf.astype(jnp.bfloat16), model.params["decoder"]
  )
  params = model.params | {"decoder": half}
  model = dataclasses.replace(model, params=params)
  assert "Beware" not in decoding.self_test(model, jax.jit).message
  fields = {
    field.name: getattr(model, field.name)
    for field in dataclasses.fields(model)
  }
  # Over many layers rounding may do what a fault does: it is said, not refused.
  found = decoding.self_test(_forgetful(type(model))(**fields), jax.jit)
  assert "Beware" in found.message and not found.passed


@pytest.mark.parametrize("dtype", ["int8", "fp8"])
def test_quantised_weights_score_step_by_step_as_all_at_once(dtype):
  model = models.load_reward_model("embedded/reward", dtype=dtype)
  found = decoding.self_test(model, jax.jit)
  assert found.passed and "Beware" not in found.message
