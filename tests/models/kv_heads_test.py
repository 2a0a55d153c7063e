"""Fewer heads of keys and values than devices: each device has a copy."""

import dataclasses

import jax
import numpy as np
import pytest

from inference_scaling import compute, models
from inference_scaling.models import kv_heads, sharding
from inference_scaling.models.checkpoints import conversion
from inference_scaling.models.sources import safetensors_folder
from tests.models import tiny

# 2 heads of keys and values, as Qwen2.5-1.5B; all else divides by 8.
CONFIG = dataclasses.replace(
  tiny.WIDE_HEADS, vocab_size=48, num_heads=8, qkv_bias=True, family="qwen2",
  bos_token_id=None,
)  # fmt: skip
REWARD = dataclasses.replace(
  CONFIG, family="llama", qkv_bias=False, tie_word_embeddings=True
)
TOKENS = tiny.draw_tokens(CONFIG, (4, 9), 0)
MESHES = [(1, 8), (2, 4)]


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
  """A model, and its folders in both formats."""
  folder = tmp_path_factory.mktemp("policy")
  model = tiny.make_model(CONFIG, seed=2)
  models.save_model(model, folder / "hf")
  # Written without copies, so on a mesh that divides the heads.
  conversion.convert_to_orbax(
    folder / "hf", folder / "orbax", mesh=models.make_mesh(4, 2)
  )
  return model, folder


def _assert_same_tensors(first, second):
  one, other = (
    safetensors_folder.SafetensorsFolder(folder) for folder in (first, second)
  )
  assert dict(one.shapes) == dict(other.shapes)
  for name in one.shapes:
    assert one.read(name).tobytes() == other.read(name).tobytes(), name


@pytest.mark.parametrize("shape", MESHES)
@pytest.mark.parametrize("kind", ["hf", "orbax"])
def test_a_model_with_copies_is_the_model(policy, tmp_path, shape, kind):
  expected, folder = policy
  model = models.load_model(folder / kind, mesh=models.make_mesh(*shape))
  assert model.config == expected.config
  attention = model.params["layers"][1]["attention"]
  for name in ("key", "value"):
    weight, bias = attention[name]["weight"], attention[name]["bias"]
    assert weight.shape == (shape[1] * 8, 24) and bias.shape == (shape[1] * 8,)
    assert weight.sharding.shard_shape(weight.shape) == (8, 24)
    assert bias.sharding.shard_shape(bias.shape) == (8,)
  np.testing.assert_allclose(
    tiny.logits(model, TOKENS), tiny.logits(expected, TOKENS),
    atol=1e-4, rtol=1e-4,
  )  # fmt: skip
  # What is counted goes by the architecture.
  assert model.num_parameters == expected.num_parameters
  assert compute.policy_cost(model.config).parameters == model.num_parameters
  models.save_model(model, tmp_path)
  _assert_same_tensors(tmp_path, folder / "hf")


@pytest.mark.parametrize("family", ["olmo2", "phi3"])
def test_copies_of_fused_rows_and_of_a_norm_over_all_heads(tmp_path, family):
  changes = {
    "olmo2": {"query_key_norm": "projection", "pre_norm": False,
              "post_norm": True},
    "phi3": {"rotary_fraction": 0.75},
  }  # fmt: skip
  config = dataclasses.replace(
    CONFIG, family=family, qkv_bias=False, **changes[family]
  )
  expected = tiny.make_model(config, seed=4)
  models.save_model(expected, tmp_path / "hf")
  model = models.load_model(tmp_path / "hf", mesh=models.make_mesh(1, 8))
  attention = model.params["layers"][0]["attention"]
  if family == "olmo2":
    scale = attention["key_norm"]["scale"]
    assert scale.shape == (64,) and scale.sharding.shard_shape((64,)) == (8,)
  assert attention["key"]["weight"].shape == (64, 24)
  np.testing.assert_allclose(
    tiny.logits(model, TOKENS), tiny.logits(expected, TOKENS),
    atol=1e-4, rtol=1e-4,
  )  # fmt: skip
  models.save_model(model, tmp_path / "back")
  _assert_same_tensors(tmp_path / "back", tmp_path / "hf")


@pytest.mark.parametrize("shape", MESHES)
def test_so_is_a_reward_model(tmp_path, shape):
  expected = tiny.make_reward_model(REWARD, seed=3)
  models.save_reward_model(expected, tmp_path / "hf")
  mesh = models.make_mesh(*shape)
  model = models.load_reward_model(tmp_path / "hf", mesh=mesh)
  key = model.params["decoder"]["layers"][0]["attention"]["key"]["weight"]
  assert key.shape == (shape[1] * 8, 24)
  np.testing.assert_allclose(
    tiny.rewards(model, TOKENS), tiny.rewards(expected, TOKENS), atol=1e-5
  )
  models.save_reward_model(model, tmp_path / "back")
  _assert_same_tensors(tmp_path / "back", tmp_path / "hf")


def test_copies_are_neighbours_and_made_once():
  params = tiny.make_model(CONFIG, seed=2).params
  four = kv_heads.copy(params, CONFIG, 4)
  eight = kv_heads.copy(params, CONFIG, 8)
  six = kv_heads.copy(params, CONFIG, 6)
  for made, same in (
    (kv_heads.copy(four, CONFIG, 8), eight),
    (kv_heads.copy(eight, CONFIG, 4), eight),  # two to a device
    (kv_heads.copy(six, CONFIG, 4), four),
  ):
    jax.tree.map(np.testing.assert_array_equal, made, same)
  for made in (params, four, eight):
    back = kv_heads.drop(made, CONFIG)
    jax.tree.map(np.testing.assert_array_equal, back, params)
  old, new = (
    p["layers"][0]["attention"]["key"]["bias"] for p in (params, four)
  )
  order = [0, 0, 1, 1]
  np.testing.assert_array_equal(new.reshape(4, 8), old.reshape(2, 8)[order])


@pytest.mark.parametrize(
  "queries, heads, parts, held",
  [(64, 8, 16, 16), (12, 2, 4, 4), (16, 8, 8, 8), (16, 8, 2, 8), (9, 3, 1, 3)],
)
def test_heads_on_an_axis(queries, heads, parts, held):
  config = dataclasses.replace(CONFIG, num_heads=queries, num_kv_heads=heads)
  mesh = jax.sharding.AbstractMesh((1, parts), ("data", "model"))
  assert kv_heads.num_held(config, mesh) == held
  assert kv_heads.num_held(config, None) == heads


@pytest.mark.parametrize(
  "queries, heads, sizes",
  [
    # 2 heads of Qwen2.5-1.5B: 12 of queries do not divide by 8.
    (12, 2, "1, 2, 4, 6 or 12"),
    (9, 3, "1, 3 or 9"),
    (12, 12, "1, 2, 3, 4, 6 or 12"),
  ],
)
def test_heads_are_not_cut(queries, heads, sizes):
  config = dataclasses.replace(CONFIG, num_heads=queries, num_kv_heads=heads)
  with pytest.raises(
    ValueError,
    match=rf"{heads} heads.*{queries} of queries.*'model' of size 8.*"
    rf"model = {sizes},",
  ):
    kv_heads.num_held(config, sharding.make_mesh(1, 8))


def test_training_has_no_copies(policy, tmp_path):
  folder = policy[1] / "hf"
  mesh = models.make_mesh(1, 8)
  with pytest.raises(ValueError, match=r"2 heads.*size 8.*model = 1 or 2,"):
    models.load_model(folder, mesh=mesh, rules=models.TRAINING_RULES)
  with pytest.raises(ValueError, match=r"2 heads.*size 8.*model = 1 or 2,"):
    conversion.convert_to_orbax(folder, tmp_path / "orbax", mesh=mesh)
