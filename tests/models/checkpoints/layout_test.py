"""Tensors of a checkpoint to parameters and back, fused ones among them."""

import re

import jax
import numpy as np
import pytest
import safetensors.numpy

from inference_scaling import models
from inference_scaling.models.checkpoints import (
  layout,
  saving,
)
from inference_scaling.models.layers import decoder
from tests.models import families, tiny


def _stored(params, entries):
  return dict(saving.stored_tensors(params, entries))


@pytest.fixture(scope="module")
def neox():
  """A small Pythia, its layout and the tensors of its checkpoint."""
  model = tiny.make_model(families.READ["gpt_neox"], seed=6)
  entries = layout.policy_layout(model.config)
  return model, entries, _stored(model.params, entries)


@pytest.mark.parametrize("name", families.READ)
def test_layout_names_every_parameter_once(name):
  config = families.READ[name]
  leaves = jax.tree_util.tree_leaves_with_path(
    tiny.shapes(decoder.Decoder, config)
  )
  paths = [tuple(key.key for key in path) for path, _ in leaves]
  entries = layout.policy_layout(config)
  assert sorted(map(str, paths)) == sorted(str(e.path) for e in entries)
  fused = [e for e in entries if e.part is not None]
  whole = {e.name for e in entries} - {e.name for e in fused}
  assert len(whole) == len(entries) - len(fused)


def test_fused_rows_are_heads_then_three_then_head_dim(neox):
  model, _, tensors = neox
  config = model.config
  attention = model.params["layers"][1]["attention"]
  for end in ("weight", "bias"):
    stored = tensors[f"gpt_neox.layers.1.attention.query_key_value.{end}"]
    H = config.head_dim
    for head in range(config.num_heads):
      for part, name in enumerate(("query", "key", "value")):
        begin = (3 * head + part) * H
        actual = attention[name][end]
        np.testing.assert_array_equal(
          stored[begin : begin + H], actual[head * H : (head + 1) * H]
        )


def test_round_trip_is_exact(neox):
  model, entries, tensors = neox
  back = {}
  for entry in entries:
    value = layout.to_parameter(entry, tensors[entry.name])
    layout.put(back, entry.path, value)
  jax.tree.map(np.testing.assert_array_equal, back, model.params)
  shapes = layout.stored_shapes(entries, model.params)
  assert shapes == {name: value.shape for name, value in tensors.items()}


def test_fused_tensor_of_another_shape(neox):
  model, entries, tensors = neox
  name = "gpt_neox.layers.0.attention.query_key_value.weight"
  cut = tensors | {name: tensors[name][:-8]}
  message = f"misshapen: {name} is (88, 32), expected (96, 32)"
  with pytest.raises(ValueError, match=re.escape(message)):
    layout.check(
      {key: value.shape for key, value in cut.items()},
      entries,
      model.params,
      "here",
    )


@pytest.mark.parametrize(
  "name,redundant",
  [
    ("gpt_neox.layers.11.attention.bias", True),
    ("gpt_neox.layers.0.attention.masked_bias", True),
    ("gpt_neox.layers.0.attention.rotary_emb.inv_freq", True),
    ("gpt_neox.layers.0.attention.dense.bias", False),
    ("gpt_neox.layers.0.attention.biases", False),
    ("model.layers.0.self_attn.rotary_emb.inv_freq", False),
    ("embed_out.weight", False),
  ],
)
def test_buffers_are_known_by_name(neox, name, redundant):
  assert layout.is_redundant(name, neox[0].config) == redundant


def test_old_checkpoint_with_buffers_loads(neox, tmp_path):
  model = neox[0]
  models.save_model(model, tmp_path)
  path = tmp_path / "model.safetensors"
  tensors = safetensors.numpy.load_file(path)
  for layer in range(2):
    name = f"gpt_neox.layers.{layer}.attention"
    tensors[f"{name}.bias"] = np.ones((1, 1, 64, 64), np.uint8)
    tensors[f"{name}.masked_bias"] = np.array(-1e9, np.float32)
    tensors[f"{name}.rotary_emb.inv_freq"] = np.ones(2, np.float32)
  safetensors.numpy.save_file(tensors, path, {"format": "pt"})
  loaded = models.load_model(tmp_path)
  jax.tree.map(np.testing.assert_array_equal, loaded.params, model.params)
  tensors["gpt_neox.layers.0.attention.mask"] = np.ones(2, np.float32)
  safetensors.numpy.save_file(tensors, path, {"format": "pt"})
  with pytest.raises(ValueError, match=r"unexpected: .*attention\.mask"):
    models.load_model(tmp_path)


def test_tied_unembedding_is_redundant():
  names = {"gpt_neox_sequential": "embed_out.weight", "qwen2": "lm_head.weight"}
  for family, name in names.items():
    assert layout.is_redundant(name, families.READ[family])
  assert not layout.is_redundant("lm_head.weight", families.READ["llama"])
