"""Modules with quantised weights: shapes, scales, and what is refused."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from inference_scaling import models, names
from inference_scaling.models.layers import decoder
from inference_scaling.models.quantisation import modules
from inference_scaling.models.rewards import model as reward_model
from tests.models import tiny

NEOX = dataclasses.replace(
  tiny.WIDE_HEADS, family="gpt_neox", norm="layer", gated_mlp=False,
  qkv_bias=True, output_bias=True, mlp_bias=True,
)  # fmt: skip


def shapes(config, dtype, module=decoder.Decoder):
  return modules.shapes(lambda: module(config, nnx.Rngs(0)), dtype)[1]


def by_path(tree):
  leaves = jax.tree_util.tree_leaves_with_path(tree)
  return {tuple(str(key.key) for key in path): leaf for path, leaf in leaves}


@pytest.mark.parametrize("config", [tiny.WIDE_HEADS, tiny.ONE_KV_HEAD, NEOX])
@pytest.mark.parametrize("dtype", [names.INT8, names.FP8])
def test_matrices_are_quantised_and_vectors_are_not(config, dtype):
  plain, quantised = (by_path(shapes(config, d)) for d in ("float32", dtype))
  matrices = {path for path, leaf in plain.items() if leaf.ndim == 2}
  scales = {modules.scale_path(path) for path in matrices}
  assert quantised.keys() == plain.keys() | scales
  assert len(scales) == len(matrices) and not scales & plain.keys()
  stored = jnp.int8 if dtype == names.INT8 else jnp.float8_e4m3fn
  for path, leaf in plain.items():
    assert quantised[path].shape == leaf.shape
    wanted = stored if path in matrices else jnp.float32
    assert quantised[path].dtype == wanted, path
    if path in matrices:
      scale = quantised[modules.scale_path(path)]
      assert scale.shape == leaf.shape[:1]


def test_a_reward_models_head_stays():
  config = dataclasses.replace(tiny.WIDE_HEADS, tie_word_embeddings=True)
  found = shapes(config, names.INT8, reward_model.StepReward)
  assert found["score"]["kernel"].dtype == jnp.float32
  assert found["decoder"]["embedding"].dtype == jnp.int8


def test_shapes_of_other_dtypes_are_those_of_the_module():
  plain = tiny.shapes(decoder.Decoder, tiny.WIDE_HEADS)
  for dtype in (None, "bfloat16"):
    found = shapes(tiny.WIDE_HEADS, dtype)
    assert by_path(found).keys() == by_path(plain).keys()


def test_without_scales_is_the_checkpoint():
  plain = by_path(shapes(NEOX, "float32"))
  quantised = modules.without_scales(shapes(NEOX, names.INT8))
  assert by_path(quantised).keys() == plain.keys()
  same = shapes(NEOX, "float32")
  assert by_path(modules.without_scales(same)).keys() == plain.keys()


@pytest.mark.parametrize("dtype", [np.int8, jnp.float8_e4m3fn])
def test_quantised_weights_are_refused(dtype):
  with pytest.raises(ValueError, match=r"cannot be saved.*bfloat16"):
    modules.refuse({"a": {"b": jnp.zeros(3, dtype)}}, "saved")
  modules.refuse({"a": {"b": jnp.zeros(3, jnp.bfloat16)}}, "saved")
  assert models.DTYPES[-2:] == (names.INT8, names.FP8)
