"""What the banner says of the dtypes of models."""

import types

import pytest

from configs import demo
from inference_scaling import spec
from inference_scaling.sweep.progress import banner


@pytest.mark.parametrize(
  "dtype,policy_dtypes,words,reward",
  [
    ("float32", {}, "", "127k"),
    ("int8", {}, " in int8", "127k in int8"),
    ("float32", {"small": "float32"}, " in float32", "127k"),
    ("fp8", {"small": "bfloat16"}, " in bfloat16", "127k in fp8"),
  ],
)
def test_quantised_weights_are_named(dtype, policy_dtypes, words, reward):
  config = spec.complete(demo.get_config())
  config.dtype = dtype
  with config.unlocked():
    config.policy_dtypes = policy_dtypes
  sweep = spec.read_sweep(config)
  assert banner._dtype(sweep, "small") == words
  model = types.SimpleNamespace(source="embedded/reward", parameters=127_000)
  said = banner._reward(sweep, model)
  assert said == f"embedded/reward ({reward}), format native"


def test_sizes_in_words():
  sizes = [
    banner.count(number) for number in (950, 127_424, 1_620_000, 69 * 10**8)
  ]
  assert sizes == ["950", "127k", "1.62M", "6.9B"]
