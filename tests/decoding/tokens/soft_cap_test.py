"""Draws from logits with a soft cap, which XLA may compute more than once."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import decoding
from inference_scaling.decoding.tokens import drawing
from inference_scaling.models.layers import hardware
from tests.models import families, tiny

P, N = 3, 5


@pytest.mark.parametrize("platform", ["cpu", "gpu"])
@pytest.mark.parametrize("cap", [2.5, 30.0])
def test_temperature_0_takes_the_likeliest_token(platform, cap):
  config = dataclasses.replace(families.READ["gemma2"], logit_softcap=cap)
  model = dataclasses.replace(
    tiny.make_model(config, seed=1), hardware=hardware.Hardware(platform, 1)
  )
  nothing = jnp.zeros((P, N), jnp.float32)

  @jax.jit
  def draw(params, hidden, temperature):
    logits = model.unembed(params, hidden)
    sampler = decoding.PolicyParams(params, temperature)
    return drawing.draw(sampler, nothing, logits, model.hardware)[0], logits

  random = np.random.default_rng(2)
  for _ in range(10):
    hidden = random.normal(size=(P, N, config.hidden_size)).astype(np.float32)
    tokens, logits = draw(model.params, hidden, jnp.float32(0.0))
    assert np.abs(logits).max() <= cap
    chosen = np.take_along_axis(logits, np.asarray(tokens)[..., None], -1)
    np.testing.assert_array_equal(chosen[..., 0], logits.max(-1))
