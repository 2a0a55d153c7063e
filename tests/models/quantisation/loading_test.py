"""Models with quantised weights: loaded, split, counted, computed."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from inference_scaling import models, names
from inference_scaling.models.checkpoints import conversion
from inference_scaling.models.layers import hardware
from inference_scaling.models.quantisation import formats, modules
from tests.models import tiny

# 8 of all that is split, but 2 heads of keys and values.
CONFIG = dataclasses.replace(
  tiny.WIDE_HEADS, vocab_size=48, num_heads=8, qkv_bias=True, family="qwen2",
  bos_token_id=None,
)  # fmt: skip
REWARD = dataclasses.replace(
  CONFIG, family="llama", qkv_bias=False, tie_word_embeddings=True
)
NEOX = dataclasses.replace(
  tiny.NO_GROUPS, family="gpt_neox", norm="layer", gated_mlp=False,
  qkv_bias=True, output_bias=True, mlp_bias=True, activation="gelu",
  head_dim=8,
)  # fmt: skip
TOKENS = tiny.draw_tokens(CONFIG, (4, 9), 0)
DTYPES = (names.INT8, names.FP8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
  """A model, and its folders in both formats."""
  folder = tmp_path_factory.mktemp("policy")
  model = tiny.make_model(CONFIG, seed=2)
  models.save_model(model, folder / "hf")
  conversion.convert_to_orbax(
    folder / "hf", folder / "orbax", mesh=models.make_mesh(4, 2)
  )
  return model, folder


def oracle(weight, dtype):
  """Weights as they are once quantised, in float64; scales by bisection."""
  form = formats.format_of(dtype)
  exact = np.abs(weight).max(axis=1).astype(np.float64) / form.largest
  scale = exact.astype(np.float32).astype(jnp.bfloat16)
  up = np.nextafter(scale, jnp.bfloat16(np.inf))
  scale = np.where(scale.astype(np.float64) < exact, up, scale)
  divided = weight / scale.astype(np.float32)[:, None]
  if dtype == names.INT8:
    values = np.round(divided)
  else:
    values = divided.astype(form.dtype).astype(np.float64)
  return values * scale.astype(np.float64)[:, None]


def rounded(params, dtype):
  """Parameters in float32 that are what a quantised model's stand for."""
  return jax.tree.map(
    lambda leaf: (
      oracle(np.asarray(leaf), dtype).astype(np.float32)
      if leaf.ndim == 2
      else leaf
    ),
    params,
  )


def with_exact_activations(model):
  """A model whose products round weights alone, as those of a mesh do."""
  split = hardware.Hardware("cpu", 2, data_parts=2)
  return dataclasses.replace(model, hardware=split)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["hf", "orbax"])
def test_logits_are_those_of_the_rounded_weights(folders, dtype, kind):
  expected, folder = folders
  model = with_exact_activations(models.load_model(folder / kind, dtype=dtype))
  wanted = tiny.logits(expected, TOKENS, rounded(expected.params, dtype))
  found = tiny.logits(model, TOKENS)
  np.testing.assert_allclose(found, wanted, rtol=0, atol=3e-3)
  # The tolerance tells the rounded weights from the others.
  plain = tiny.logits(expected, TOKENS)
  assert np.abs(plain - wanted).max() > 3e-2


@pytest.mark.parametrize("dtype", DTYPES)
def test_fused_tensors_and_biases_are_read_too(tmp_path, dtype):
  expected = tiny.make_model(NEOX, seed=3)
  models.save_model(expected, tmp_path)
  model = with_exact_activations(models.load_model(tmp_path, dtype=dtype))
  tokens = tiny.draw_tokens(NEOX, (2, 7), 1)
  wanted = tiny.logits(expected, tokens, rounded(expected.params, dtype))
  np.testing.assert_allclose(
    tiny.logits(model, tokens), wanted, rtol=0, atol=3e-3
  )


@pytest.mark.parametrize(
  "dtype, kind, shape",
  [
    (names.INT8, "hf", (4, 2)),
    (names.INT8, "orbax", (1, 8)),
    (names.FP8, "hf", (1, 8)),
  ],
)
def test_a_mesh_has_the_same_numbers(folders, dtype, kind, shape):
  folder = folders[1] / kind
  alone = with_exact_activations(models.load_model(folder, dtype=dtype))
  model = models.load_model(folder, dtype=dtype, mesh=models.make_mesh(*shape))
  np.testing.assert_allclose(
    tiny.logits(model, TOKENS), tiny.logits(alone, TOKENS), rtol=0, atol=2e-5
  )
  assert model.num_parameters == alone.num_parameters
  layer = model.params["layers"][1]
  for part, name, axis in (
    ("attention", "query", "model"), ("attention", "key", "model"),
    ("attention", "value", "model"), ("attention", "output", None),
    ("mlp", "gate", "model"), ("mlp", "up", "model"), ("mlp", "down", None),
  ):  # fmt: skip
    scale = layer[part][name]["scale"]
    assert scale.sharding.spec == PartitionSpec(axis), name
    assert scale.shape == layer[part][name]["weight"].shape[:1]
  for name in ("embedding_scale", "unembedding_scale"):
    assert model.params[name].sharding.spec == PartitionSpec("model")


@pytest.mark.parametrize("dtype", DTYPES)
def test_copies_of_heads_are_copies_of_their_scales(folders, dtype):
  alone = models.load_model(folders[1] / "hf", dtype=dtype)
  mesh = models.make_mesh(1, 8)
  model = models.load_model(folders[1] / "hf", dtype=dtype, mesh=mesh)
  for name in ("key", "value"):
    one, copied = (
      jax.tree.map(np.asarray, m.params["layers"][0]["attention"][name])
      for m in (alone, model)
    )
    for part in ("weight", "scale", "bias"):
      heads = one[part].reshape(2, 8, *one[part].shape[1:])
      wanted = np.repeat(heads, 4, axis=0).reshape(copied[part].shape)
      assert copied[part].tobytes() == wanted.tobytes(), (name, part)


@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_take_a_byte_and_all_else_is_float32_on_a_cpu(folders, dtype):
  model = models.load_model(folders[1] / "hf", dtype=dtype)
  assert model.num_parameters == folders[0].num_parameters
  sizes = {}
  for leaf in jax.tree.leaves(model.params):
    sizes[leaf.dtype.name] = sizes.get(leaf.dtype.name, 0) + leaf.size
  stored = formats.format_of(dtype).dtype.name
  assert sizes.keys() == {stored, "float32"}
  matrices = sum(
    leaf.size for leaf in jax.tree.leaves(folders[0].params) if leaf.ndim == 2
  )
  assert sizes[stored] == matrices
  assert model.hidden(model.params, TOKENS).dtype == jnp.float32


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_reward_model_is_loaded_and_scores(tmp_path, dtype):
  expected = tiny.make_reward_model(REWARD, seed=4)
  models.save_reward_model(expected, tmp_path)
  model = with_exact_activations(
    models.load_reward_model(tmp_path, dtype=dtype)
  )
  assert model.params["score"]["kernel"].dtype == jnp.float32
  params = rounded(expected.params["decoder"], dtype)
  rewards = jax.jit(expected.token_rewards)
  solution = tiny.solution(TOKENS)
  wanted = rewards(expected.params | {"decoder": params}, TOKENS, solution)
  np.testing.assert_allclose(
    tiny.rewards(model, TOKENS), wanted, rtol=0, atol=2e-3
  )


def test_quantised_models_are_not_saved(folders, tmp_path):
  model = models.load_model(folders[1] / "hf", dtype=names.INT8)
  with pytest.raises(ValueError, match=r"weights of int8.*cannot be saved"):
    models.save_model(model, tmp_path / "policy")
  reward = tiny.make_reward_model(REWARD, seed=4)
  models.save_reward_model(reward, tmp_path / "reward")
  reward = models.load_reward_model(tmp_path / "reward", dtype=names.FP8)
  with pytest.raises(ValueError, match=r"float8.*cannot be saved"):
    models.save_reward_model(reward, tmp_path / "again")
  assert not (tmp_path / "policy").exists()
  assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
  "convert", [conversion.convert_to_hf, conversion.convert_to_orbax]
)
def test_quantised_weights_are_not_converted_to(
  folders, tmp_path, convert, dtype
):
  with pytest.raises(ValueError, match=f"'{dtype}'.*bfloat16.*is loaded"):
    convert(folders[1] / "hf", tmp_path / "new", dtype=dtype)
  assert not (tmp_path / "new").exists()


def test_scales_have_a_path_for_every_quantised_weight(folders):
  model = models.load_model(folders[1] / "hf", dtype=names.INT8)
  kept = modules.without_scales(model.params)
  plain = jax.tree.structure(folders[0].params)
  assert jax.tree.structure(kept) == plain
