"""What reaches the engine from a config, and how many slots there are."""

import dataclasses
import types

import jax.numpy as jnp
import pytest

from inference_scaling import spec, sweep
from inference_scaling.spec import grid
from inference_scaling.sweep import (
  encoding,
  engine,
)
from inference_scaling.sweep.progress import banner


def make_engine(**sampler):
  hyperparameters = {"temperature": 0.7, "top_k": 0, "top_p": 1.0, **sampler}
  model = types.SimpleNamespace(params={"w": jnp.zeros(3)})
  settings = dataclasses.replace(
    sweep.EMBEDDED_SETTINGS, sampler=spec.Sampler(**hyperparameters)
  )
  return engine.Engine({"p": model}, model, settings)


def params_of(strategy, **sampler):
  return make_engine(**sampler)._policy_params(grid.Run("p", strategy, 4, 0))


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


@pytest.mark.parametrize(
  ("rows", "n", "count", "slots"),
  [(256, 16, 102, 16), (256, 64, 102, 4), (8, 16, 102, 1), (256, 1, 102, 102)],
)
def test_rows_are_about_constant(rows, n, count, slots):
  assert engine.slots(rows, n, count) == slots


def test_a_token_without_a_row_is_named():
  tokenizer = types.SimpleNamespace(convert_ids_to_tokens=lambda ids: ["<PRE>"])
  config = types.SimpleNamespace(vocab_size=50)
  model = types.SimpleNamespace(config=config, tokenizer=tokenizer)
  encoding.check_tokens("policy p", {3: [0, 49]}, model)
  with pytest.raises(ValueError, match=r"problem 3.*<PRE>.*50 rows"):
    encoding.check_tokens("policy p", {3: [0, 50]}, model)


def test_slots_are_a_multiple_of_the_devices_that_share_them():
  assert engine.slots(256, 64, 102, data=4) == 4
  assert engine.slots(256, 100, 102, data=4) == 4
  assert engine.slots(8, 1, 3, data=2) == 4


def test_sizes_in_words():
  sizes = [
    banner.count(number) for number in (950, 127_424, 1_620_000, 69 * 10**8)
  ]
  assert sizes == ["950", "127k", "1.62M", "6.9B"]
