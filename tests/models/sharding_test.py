"""Logical axes of weights, rules, and errors of meshes that do not fit."""

import dataclasses

import jax
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from inference_scaling.models import sharding
from inference_scaling.models.layers import decoder
from inference_scaling.models.rewards import model as reward_model
from tests.models import tiny

# 8 of everything that is split, so that any mesh of 8 devices fits.
CONFIG = dataclasses.replace(
  tiny.WIDE_HEADS, vocab_size=48, num_heads=16, num_kv_heads=8, head_dim=2
)
FAMILIES = {
  "llama": {"tie_word_embeddings": True},
  "mistral": {"family": "mistral", "sliding_window": 4},
  "qwen2": {"family": "qwen2", "qkv_bias": True},
  "gpt_neox": {
    "family": "gpt_neox", "norm": "layer", "parallel_residual": True,
    "gated_mlp": False, "activation": "gelu", "qkv_bias": True,
    "output_bias": True, "mlp_bias": True, "rotary_fraction": 0.5,
    "head_dim": 4,
  },
  "qwen3": {"family": "qwen3", "query_key_norm": "head"},
  "gemma2": {
    "family": "gemma2", "norm_offset": 1.0, "post_norm": True,
    "scaled_embedding": True, "query_pre_attn_scalar": 5.0,
    "attention_softcap": 1.5, "logit_softcap": 2.5, "sliding_window": 4,
  },
  "gemma3_text": {
    "family": "gemma3_text", "norm_offset": 1.0, "post_norm": True,
    "scaled_embedding": True, "query_key_norm": "head",
    "local_rope_theta": 20.0, "sliding_window": 4,
  },
  "olmo2": {
    "family": "olmo2", "query_key_norm": "projection", "pre_norm": False,
    "post_norm": True,
  },
  "phi3": {"family": "phi3", "head_dim": 8, "rotary_fraction": 0.75},
}  # fmt: skip


def specs(tree, mesh, rules=sharding.RULES):
  result = sharding.parameter_shardings(tree, mesh, rules)
  return jax.tree.map(lambda leaf: leaf.spec, result)


def test_a_mesh_has_two_axes_and_neighbours_along_model():
  mesh = sharding.make_mesh(2, 4)
  assert dict(mesh.shape) == {"data": 2, "model": 4}
  ids = np.vectorize(lambda device: device.id)(mesh.devices)
  np.testing.assert_array_equal(ids, np.arange(8).reshape(2, 4))


@pytest.mark.parametrize("data, model", [(2, 2), (0, 8), (16, 1)])
def test_a_mesh_that_is_not_the_devices_is_refused(data, model):
  with pytest.raises(ValueError, match=f"data = {data}.*model = {model}.*8"):
    sharding.make_mesh(data, model)


def test_every_weight_of_a_decoder_is_split_by_the_table():
  result = specs(tiny.shapes(decoder.Decoder, CONFIG), sharding.make_mesh(1, 8))
  layer = result["layers"][1]
  assert result["embedding"] == PartitionSpec("model", None)
  assert result["unembedding"] == PartitionSpec("model", None)
  assert result["final_norm"]["scale"] == PartitionSpec(None)
  for name in ("query", "key", "value"):
    weight = layer["attention"][name]["weight"]
    assert weight == PartitionSpec("model", None)
  assert layer["attention"]["output"]["weight"] == PartitionSpec(None, "model")
  assert layer["mlp"]["gate"]["weight"] == PartitionSpec("model", None)
  assert layer["mlp"]["down"]["weight"] == PartitionSpec(None, "model")


def test_a_reward_models_head_stays_whole():
  config = dataclasses.replace(CONFIG, tie_word_embeddings=True)
  tree = tiny.shapes(reward_model.StepReward, config)
  result = specs(tree, sharding.make_mesh(1, 8))
  assert result["score"]["kernel"] == PartitionSpec(None, None)
  assert result["decoder"]["embedding"] == PartitionSpec("model", None)


def test_training_splits_weights_along_data_too():
  tree = tiny.shapes(decoder.Decoder, CONFIG)
  result = specs(tree, sharding.make_mesh(4, 2), sharding.TRAINING_RULES)
  assert result["embedding"] == PartitionSpec("model", "data")
  mlp = result["layers"][0]["mlp"]
  assert mlp["up"]["weight"] == PartitionSpec("model", "data")
  assert mlp["down"]["weight"] == PartitionSpec("data", "model")


def test_paths_into_an_optimizer_are_understood():
  key = jax.tree_util
  path = (key.GetAttrKey("mu"), key.DictKey("up"), key.DictKey("weight"))
  assert sharding.parameter_axes(path, 2) == ("ffw", "embed")
  assert sharding.parameter_axes((key.GetAttrKey("count"),), 0) == ()


def test_no_mesh_gives_no_shardings():
  assert sharding.parameter_shardings({"embedding": 0}, None) is None


def test_a_weight_that_the_table_lacks_is_named():
  with pytest.raises(ValueError, match=r"mlp/gait/weight with 2 axes.*table"):
    sharding.parameter_axes(("mlp", "gait", "weight"), 2)


def test_a_mesh_axis_used_twice_is_refused():
  rules = {**sharding.RULES, "embed": "model"}
  with pytest.raises(
    ValueError, match="'vocab' and 'embed' both go to the mesh axis 'model'"
  ):
    specs(tiny.shapes(decoder.Decoder, CONFIG), sharding.make_mesh(1, 8), rules)


def test_a_size_that_the_mesh_does_not_divide_is_refused():
  config = dataclasses.replace(CONFIG, intermediate_size=20)
  with pytest.raises(
    ValueError,
    match=r"layers/0/mlp/down/weight: its axis 'ffw' has size 20.*'model' of "
    r"size 8.*model = 1, 2, 4, 5, 10 or 20",
  ):
    specs(tiny.shapes(decoder.Decoder, config), sharding.make_mesh(1, 8))


def test_an_axis_without_a_rule_is_named():
  rules = {"vocab": "model"}
  with pytest.raises(
    ValueError, match=r"no logical axis rule for its axis 'embed'.*Add one"
  ):
    specs(tiny.shapes(decoder.Decoder, CONFIG), sharding.make_mesh(1, 8), rules)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_sharded_logits_are_those_of_one_device(family):
  config = dataclasses.replace(CONFIG, num_layers=1, **FAMILIES[family])
  model = tiny.make_model(config, seed=6)
  tokens = np.random.default_rng(0).integers(0, 48, (4, 9))
  expected = np.array(tiny.logits(model, tokens))
  for data, parts in ((1, 8), (2, 4), (4, 2)):
    mesh = sharding.make_mesh(data, parts)
    where = sharding.parameter_shardings(model.params, mesh)
    params = jax.device_put(model.params, where)
    by_rows = NamedSharding(mesh, PartitionSpec("data"))
    rows = jax.device_put(tokens, by_rows)
    result = tiny.logits(model, rows, params)
    shard = params["embedding"].addressable_shards[0].data
    assert shard.shape == (48 // parts, 24)
    np.testing.assert_allclose(result, expected, atol=1e-4, rtol=1e-4)
