"""Checkpoint folders: round trips, shards, and one clear message per fault."""

import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.flax
import safetensors.numpy

from inference_scaling import models
from inference_scaling.models import config as config_lib
from inference_scaling.models.checkpoints import (
  conversion,
  layout,
)
from inference_scaling.models.layers import decoder as decoder_lib
from inference_scaling.models.rewards import model as reward_lib
from inference_scaling.models.sources import safetensors_folder
from inference_scaling.models.text import tokenizer as tokenizer_lib
from tests.models import families, tiny

CONFIG = tiny.WIDE_HEADS


def _tensors(folder):
  return safetensors.numpy.load_file(folder / safetensors_folder.SINGLE)


def _write(folder, tensors, name=safetensors_folder.SINGLE):
  safetensors.numpy.save_file(tensors, folder / name, {"format": "pt"})


def _shard(folder, num_shards=3):
  """Splits the single file into shards with an index, as large models come."""
  tensors = _tensors(folder)
  names = sorted(tensors)
  weight_map = {}
  for shard in range(num_shards):
    file = f"model-{shard + 1:05}-of-{num_shards:05}.safetensors"
    part = names[shard::num_shards]
    _write(folder, {name: tensors[name] for name in part}, file)
    weight_map |= dict.fromkeys(part, file)
  (folder / safetensors_folder.SINGLE).unlink()
  index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
  (folder / safetensors_folder.INDEX).write_text(json.dumps(index))


def _assert_same(actual, reference):
  jax.tree.map(np.testing.assert_array_equal, actual, reference)


def _cut(path, keep):
  path.write_bytes(path.read_bytes()[:keep])


def test_round_trip_is_exact(saved, folder):
  model, _ = saved
  loaded = models.load_model(folder)
  assert loaded.config == model.config
  _assert_same(loaded.params, model.params)
  leaves = jax.tree.leaves(loaded.params)
  assert {leaf.dtype for leaf in leaves} == {jnp.dtype("float32")}
  assert loaded.num_parameters == sum(leaf.size for leaf in leaves)
  assert loaded.tokenizer.get_vocab() == model.tokenizer.get_vocab()


def test_round_trip_of_a_reward_model_is_exact(tmp_path):
  config = tiny.NO_GROUPS
  model = tiny.make_reward_model(config, seed=3)
  models.save_reward_model(model, tmp_path)
  loaded = models.load_reward_model(tmp_path)
  assert loaded.config == config
  _assert_same(loaded.params, model.params)


def test_shards_equal_the_single_file(saved, folder):
  _shard(folder)
  _assert_same(models.load_model(folder).params, saved[0].params)


def test_bfloat16_checkpoint_loads(saved, folder):
  rounded = {
    name: jnp.asarray(value, jnp.bfloat16)
    for name, value in _tensors(folder).items()
  }
  safetensors.flax.save_file(rounded, folder / safetensors_folder.SINGLE)
  expected = jax.tree.map(
    lambda x: np.asarray(jnp.asarray(x, jnp.bfloat16), np.float32),
    saved[0].params,
  )
  _assert_same(models.load_model(folder).params, expected)


def test_tied_matrix_stored_twice_loads(tmp_path):
  model = tiny.make_model(tiny.NO_GROUPS, seed=2)
  models.save_model(model, tmp_path)
  tensors = _tensors(tmp_path)
  tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].copy()
  _write(tmp_path, tensors)
  _assert_same(models.load_model(tmp_path).params, model.params)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_tied_matrix_stored_twice_in_another_dtype_loads(tmp_path, dtype):
  """As far as the narrower one can tell, they are the same."""
  model = tiny.make_model(tiny.NO_GROUPS, seed=2)
  embedding = jnp.asarray(model.params["embedding"], jnp.bfloat16)
  model.params["embedding"] = np.asarray(embedding, np.float32)
  models.save_model(model, tmp_path)
  tensors = _tensors(tmp_path)
  tensors["lm_head.weight"] = np.asarray(embedding.astype(dtype))
  _write(tmp_path, tensors)
  _assert_same(models.load_model(tmp_path).params, model.params)


def _scaled(tensor):
  return tensor * 2


def _of_one_value(tensor):
  return np.concatenate([tensor[:-1], tensor[-1:] + 1e-3])


def _padded(tensor):
  return np.concatenate([tensor, tensor[:2]])


@pytest.mark.parametrize("change", [_scaled, _of_one_value, _padded])
@pytest.mark.parametrize("family", ["llama_linear", "gpt_neox_sequential"])
def test_an_unembedding_that_is_not_the_tied_embedding_is_refused(
  tmp_path, change, family
):
  config = families.READ[family]
  assert config.tie_word_embeddings
  models.save_model(tiny.make_model(config, seed=2), tmp_path)
  tensors = _tensors(tmp_path)
  embedding = layout.tied_pair(config)[0]
  name = layout.tied_pair(config)[1]
  tensors[name] = change(tensors[embedding])
  _write(tmp_path, tensors)
  with pytest.raises(ValueError) as caught:
    models.load_model(tmp_path)
  message = str(caught.value)
  for part in (
    f"holds {name}, which is not {embedding}", "tie_word_embeddings",
    str(tmp_path / "config.json"), "set tie_word_embeddings to false",
  ):  # fmt: skip
    assert part in message
  for convert in (conversion.convert_to_hf, conversion.convert_to_orbax):
    with pytest.raises(ValueError, match=f"holds {name}"):
      convert(tmp_path, tmp_path / "to")
  if change is not _padded:  # then it is used, as the message says
    tiny.edit_config(tmp_path, tie_word_embeddings=False)
    loaded = models.load_model(tmp_path).params
    np.testing.assert_array_equal(loaded["unembedding"], tensors[name])


@pytest.mark.parametrize("without", [(), ("tokenizer_config.json",)])
def test_tokenizer_json_decides(folder, saved, without):
  # transformers would make a Llama tokenizer of any file if none is named.
  for name in without:
    (folder / name).unlink()
  loaded = models.load_model(folder).tokenizer
  text = "w5 w17  w3 other w4"
  assert loaded(text)["input_ids"] == [5, 17, 3, 0, 4]
  assert loaded(text)["input_ids"] == saved[0].tokenizer(text)["input_ids"]


def test_missing_folder(tmp_path):
  with pytest.raises(FileNotFoundError, match="nowhere"):
    models.load_model(tmp_path / "nowhere")


@pytest.mark.parametrize(
  "name", ["config.json", "model.safetensors", "tokenizer.json"]
)
def test_missing_file(folder, name):
  (folder / name).unlink()
  with pytest.raises(FileNotFoundError, match=re.escape(name)):
    models.load_model(folder)


def test_missing_shard(folder):
  _shard(folder)
  (folder / "model-00002-of-00003.safetensors").unlink()
  with pytest.raises(FileNotFoundError, match="model-00002-of-00003"):
    models.load_model(folder)


@pytest.mark.parametrize(
  "name,keep",
  [
    ("config.json", 40),
    ("config.json", 0),
    ("model.safetensors", -8),
    ("model.safetensors", 100),
    ("model.safetensors", 0),
    ("tokenizer.json", 300),
    ("tokenizer.json", 0),
  ],
)
def test_cut_file(folder, name, keep):
  _cut(folder / name, keep)
  with pytest.raises(ValueError, match=f"{re.escape(name)}.*Copy it again"):
    models.load_model(folder)


@pytest.mark.parametrize(
  "text",
  ["{", '{"metadata": {}}', "[]", '{"weight_map": {"a": 3}}',
   '{"weight_map": ["a"]}', '{"weight_map": {"a": null, "b": "c"}}',
   '{"weight_map": {"a": ["b"]}}', '{"weight_map": null}'],
)  # fmt: skip
def test_broken_index(folder, text):
  _shard(folder)
  (folder / safetensors_folder.INDEX).write_text(text)
  with pytest.raises(ValueError, match=r"index\.json.*copy it again"):
    models.load_model(folder)


@pytest.mark.parametrize("name", ["config.json", "generation_config.json"])
def test_config_that_is_no_text(folder, name):
  (folder / name).write_bytes(b'{"a": "\xd0"}')
  with pytest.raises(ValueError, match=rf"{re.escape(name)} is not valid JSON"):
    models.load_model(folder)


def test_config_that_is_no_object(folder):
  (folder / "config.json").write_text("[]")
  with pytest.raises(ValueError, match=r"config\.json.*\[\]"):
    models.load_model(folder)


def test_tensor_in_two_shards(folder):
  _shard(folder)
  first = folder / "model-00001-of-00003.safetensors"
  second = folder / "model-00002-of-00003.safetensors"
  more = safetensors.numpy.load_file(second)
  twice = sorted(safetensors.numpy.load_file(first))[0]
  more[twice] = np.zeros(3, np.float32)
  _write(folder, more, second.name)
  with pytest.raises(ValueError, match=re.escape(twice)):
    models.load_model(folder)


def test_all_wrong_tensors_are_listed_at_once(folder):
  tensors = _tensors(folder)
  tensors["model.norm.weight"] = tensors["model.norm.weight"][:-1].copy()
  tensors["lm_head.weight"] = tensors["lm_head.weight"].T.copy()
  del tensors["model.layers.0.mlp.up_proj.weight"]
  del tensors["model.embed_tokens.weight"]
  tensors["model.layers.0.self_attn.q_proj.bias"] = np.zeros(32, np.float32)
  tensors["extra"] = np.zeros((2, 3), np.float32)
  _write(folder, tensors)
  with pytest.raises(ValueError) as caught:
    models.load_model(folder)
  first, *lines = str(caught.value).splitlines()
  assert str(folder) in first
  assert lines == [
    "  missing: model.embed_tokens.weight (50, 24)",
    "  missing: model.layers.0.mlp.up_proj.weight (40, 24)",
    "  unexpected: extra (2, 3)",
    "  unexpected: model.layers.0.self_attn.q_proj.bias (32,)",
    "  misshapen: lm_head.weight is (24, 50), expected (50, 24)",
    "  misshapen: model.norm.weight is (23,), expected (24,)",
  ]


def test_tokenizer_with_more_tokens_than_rows(folder):
  tiny.make_tokenizer(51).save_pretrained(folder)
  with pytest.raises(ValueError, match=r"51 tokens.*50 rows"):
    models.load_model(folder)


def test_added_tokens_may_have_no_rows(folder):
  """As in CodeLlama 34B, which names four for infilling."""
  tokenizer = tiny.make_tokenizer(50)
  tokenizer.add_special_tokens({"additional_special_tokens": ["<PRE>"]})
  tokenizer.save_pretrained(folder)
  loaded = models.load_model(folder)
  assert loaded.tokenizer.convert_tokens_to_ids("<PRE>") == 50
  assert loaded.config.vocab_size == 50


@pytest.mark.parametrize(
  "changes,named",
  [
    ({"architectures": ["GPTNeoXForCausalLM"]}, "GPTNeoXForCausalLM"),
    ({"architectures": ["LlamaForTokenClassification"]}, "TokenClassification"),
    ({"architectures": []}, "architectures"),
    ({"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, "llama3"),
    ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, "yarn"),
    ({"hidden_act": "relu"}, "hidden_act is 'relu'"),
    ({"model_type": "gemma"}, "model_type is 'gemma'"),
    ({"num_attention_heads": 3}, "num_attention_heads is 3"),
    ({"head_dim": 7}, "head_dim is 7"),
  ],
  ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_unsupported_config(folder, changes, named):
  tiny.edit_config(folder, **changes)
  with pytest.raises(ValueError, match=re.escape(named)) as caught:
    models.load_model(folder)
  assert str(folder / "config.json") in str(caught.value)


def test_policy_is_no_reward_model(folder):
  with pytest.raises(ValueError, match=r"LM'\]; expected one of LlamaForStep"):
    models.load_reward_model(folder)


def test_reward_model_is_no_policy(tmp_path):
  model = tiny.make_reward_model(tiny.NO_GROUPS, seed=3)
  models.save_reward_model(model, tmp_path)
  with pytest.raises(ValueError, match=r"architectures is.*LlamaForCausalLM"):
    models.load_model(tmp_path)
  tiny.edit_config(tmp_path, tie_word_embeddings=False)
  with pytest.raises(ValueError, match=r"config\.json.*tie_word_embeddings"):
    models.load_reward_model(tmp_path)


@pytest.mark.parametrize(
  "key",
  [
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
    "num_attention_heads", "rms_norm_eps", "max_position_embeddings",
    "tie_word_embeddings", "architectures", "model_type",
  ],
)  # fmt: skip
def test_no_key_has_a_default(folder, key):
  tiny.edit_config(folder, **{key: None})
  with pytest.raises(ValueError, match=key):
    models.load_model(folder)


def test_all_missing_keys_are_listed_at_once(folder):
  tiny.edit_config(folder, vocab_size=None, rms_norm_eps=None)
  expected = "rms_norm_eps, vocab_size"
  with pytest.raises(ValueError, match=expected):
    models.load_model(folder)


def test_config_round_trip():
  for config in tiny.ARCHITECTURES.values():
    assert config_lib.from_hf(config_lib.to_hf(config)) == config


@pytest.mark.parametrize(
  "stored,expected", [(7, (7,)), ([7, 9], (7, 9)), (None, ())]
)
def test_ends_of_text(stored, expected):
  raw = config_lib.to_hf(CONFIG) | {"eos_token_id": stored}
  config = config_lib.from_hf(raw)
  assert config.eos_token_ids == expected
  assert config_lib.from_hf(config_lib.to_hf(config)) == config


@pytest.mark.parametrize(
  ("stored", "generation", "expected"),
  [
    (2, [2, 5], (2, 5)), (2, 7, (2, 7)), ([4, 2], 2, (4, 2)), (2, None, (2,)),
  ],
)  # fmt: skip
def test_ends_of_turns_may_stand_beside_the_config(
  folder, stored, generation, expected
):
  tiny.edit_config(folder, eos_token_id=stored)
  path = folder / "generation_config.json"
  path.write_text(json.dumps({"eos_token_id": generation}))
  checkpoint = models.open_checkpoint(folder)
  assert checkpoint.config.eos_token_ids == expected
  assert path in checkpoint.files()
  path.write_text("{")
  with pytest.raises(ValueError, match=r"generation_config.json is not valid"):
    models.open_checkpoint(folder)


@pytest.mark.parametrize("name", ["config.json", "generation_config.json"])
@pytest.mark.parametrize("value", ["2", 2.0, True, [[2]], -1, 50, [2, 99]])
def test_an_end_that_is_no_token_is_named_with_its_file(folder, name, value):
  path = folder / name
  raw = json.loads(path.read_text()) if path.exists() else {}
  (folder / "generation_config.json").write_text("{}")
  path.write_text(json.dumps(raw | {"eos_token_id": value}))
  with pytest.raises(ValueError) as caught:
    models.open_checkpoint(folder)
  assert str(caught.value).startswith(f"{path}: eos_token_id is {value!r}; exp")
  assert "from 0 to 49" in str(caught.value)


def test_head_dim_follows_from_the_width_where_it_is_not_stated():
  raw = config_lib.to_hf(CONFIG)
  del raw["head_dim"]
  assert config_lib.from_hf(raw).head_dim == 24 // 4


def test_rotary_base_in_either_place():
  raw = config_lib.to_hf(CONFIG)
  del raw["rope_theta"], raw["rope_scaling"]
  raw["rope_parameters"] = {"rope_type": "default", "rope_theta": 123.0}
  assert config_lib.from_hf(raw).rope_theta == 123.0


# A reward model has no unembedding of its own.
LAYOUTS = [
  (name, reward)
  for name, config in tiny.ARCHITECTURES.items()
  for reward in (False, True)
  if config.tie_word_embeddings or not reward
]


@pytest.mark.parametrize(("name", "reward"), LAYOUTS)
def test_layout_names_every_parameter_once(name, reward):
  config = tiny.ARCHITECTURES[name]
  module_class = reward_lib.StepReward if reward else decoder_lib.Decoder
  entries = (layout.reward_layout if reward else layout.policy_layout)(config)
  shapes = tiny.shapes(module_class, config)
  leaves = jax.tree_util.tree_leaves_with_path(shapes)
  paths = [tuple(key.key for key in path) for path, _ in leaves]
  assert sorted(map(str, paths)) == sorted(str(e.path) for e in entries)
  assert len({entry.name for entry in entries}) == len(entries)


def test_weights_lie_as_they_are_stored(saved):
  model, folder = saved
  stored = _tensors(folder)["model.layers.1.mlp.down_proj.weight"]
  weight = model.params["layers"][1]["mlp"]["down"]["weight"]
  np.testing.assert_array_equal(stored, weight)


@pytest.mark.parametrize("name", ["config.json", "generation_config.json"])
def test_config_with_too_many_brackets(folder, name):
  (folder / name).write_text("[" * 100_000)
  with pytest.raises(ValueError, match=rf"{name} is not valid JSON"):
    models.load_model(folder)


def test_config_with_a_mark_of_its_byte_order(folder):
  text = (folder / "config.json").read_text()
  (folder / "config.json").write_text(text, encoding="utf-8-sig")
  assert models.load_model(folder).config == CONFIG


def _settings(folder, **changes):
  path = folder / "tokenizer_config.json"
  path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_flags_of_a_tokenizer_change_no_text(folder):
  """What a template writes as a control token is one, whatever is said."""
  _settings(
    folder, split_special_tokens=True, clean_up_tokenization_spaces=True
  )
  tokenizer = models.load_model(folder).tokenizer
  assert tokenizer("w3 </s>")["input_ids"] == [3, 2]
  assert not tokenizer.clean_up_tokenization_spaces


@pytest.mark.parametrize("wanted", [True, False, None])
def test_a_beginning_that_is_asked_for_and_not_put(folder, wanted, monkeypatch):
  lines = []
  monkeypatch.setattr(
    tokenizer_lib.logging, "warning",
    lambda text, *values: lines.append(text % values),
  )  # fmt: skip
  _settings(folder, add_bos_token=wanted)
  models.load_model(folder)
  assert len(lines) == (wanted is True)
  assert all("add_bos_token is true" in x and str(folder) in x for x in lines)
