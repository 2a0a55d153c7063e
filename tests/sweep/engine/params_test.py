"""Which numbers of a config reach a search."""

import dataclasses
import types

import jax.numpy as jnp
import pytest

from inference_scaling import spec, sweep
from inference_scaling.spec import grid
from inference_scaling.sweep import engine
from inference_scaling.sweep.engine import params


def params_of(strategy, **sampler):
  hyperparameters = {"temperature": 0.7, "top_k": 0, "top_p": 1.0, **sampler}
  model = types.SimpleNamespace(params={"w": jnp.zeros(3)})
  settings = dataclasses.replace(
    sweep.EMBEDDED_SETTINGS, sampler=spec.Sampler(**hyperparameters)
  )
  loaded = engine.Loaded({"p": model}, model, settings)
  return params.policy(loaded, grid.Run("p", strategy, 4, 0))


@pytest.mark.parametrize("strategy", ["sampling", "rebase"])
def test_the_sampler_of_the_config_is_used(strategy):
  params = params_of(strategy, top_k=5, top_p=0.9)
  assert params.temperature == jnp.float32(0.7)
  assert params.top_k == 5 and params.top_p == jnp.float32(0.9)


def test_filters_that_are_off_are_left_out():
  params = params_of("sampling")
  assert params.top_k is None and params.top_p is None


def test_greedy_takes_temperature_0_and_no_filter():
  params = params_of("greedy", top_k=5, top_p=0.9)
  assert params.temperature == 0
  assert params.top_k is None and params.top_p is None
