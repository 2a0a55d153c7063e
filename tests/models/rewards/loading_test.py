"""What a folder with a published reward model must hold."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from inference_scaling import models
from tests.models import external_models, families, tiny, tokenizers_of


def test_folded_heads_are_whole_on_every_device_and_in_float32(tmp_path):
  stored = external_models.write("rlhflow", tmp_path)
  mesh = models.make_mesh(4, 2)
  model = models.load_reward_model(
    tmp_path, reward_format="rlhflow", dtype="bfloat16", mesh=mesh
  )
  assert model.params["decoder"]["embedding"].dtype == jnp.bfloat16
  score = model.params["score"]
  assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(score))
  assert all(leaf.is_fully_replicated for leaf in jax.tree.leaves(score))
  rows = stored["lm_head.weight"][
    [model.reward_format.head.good, model.reward_format.head.bad]
  ]
  np.testing.assert_array_equal(score["kernel"], rows[0] - rows[1])
  assert "unembedding" not in model.params["decoder"]
  with pytest.raises(TypeError, match="has no unembedding"):
    model.unembed(model.params, jnp.zeros((1, 24)))


def test_an_unembedding_beside_a_value_head_may_be_there_or_not(tmp_path):
  loaded = []
  for change in ({}, {"lm_head.weight": None}):
    stored = external_models.write("qwen_prm", tmp_path, **change)
    assert ("lm_head.weight" in stored) == (not change)
    loaded.append(
      models.load_reward_model(tmp_path, reward_format="qwen_prm").params
    )
  assert "unembedding" not in loaded[0]["decoder"]
  jax.tree.map(np.testing.assert_array_equal, *loaded)


@pytest.mark.parametrize(
  "name, missing",
  [
    ("llemma", "lm_head.weight"),
    ("skywork", "v_head.summary.bias"),
    ("qwen_prm", "score.2.weight"),
  ],
)
def test_missing_tensors_of_a_head_are_named(tmp_path, name, missing):
  external_models.write(
    name, tmp_path, **{missing: None}, extra=np.zeros(2, np.float32)
  )
  with pytest.raises(ValueError, match=rf"missing: {missing}[^$]*extra \(2,\)"):
    models.load_reward_model(tmp_path, reward_format=name)


def test_an_unembedding_that_is_not_the_tied_embedding(tmp_path):
  """A head of its own reads neither; one that is folded must know which."""
  other = np.zeros(
    (external_models.config("skywork").vocab_size, 24), np.float32
  )
  external_models.write("skywork", tmp_path, **{"lm_head.weight": other})
  assert models.load_reward_model(tmp_path, reward_format="skywork").params
  external_models.write("llemma", tmp_path)
  raw = json.loads((tmp_path / "config.json").read_text())
  tied = raw | {"tie_word_embeddings": True}
  (tmp_path / "config.json").write_text(json.dumps(tied))
  with pytest.raises(ValueError, match=r"holds lm_head.weight, which is not"):
    models.load_reward_model(tmp_path, reward_format="llemma")


@pytest.mark.parametrize(
  ("name", "tensor"),
  [
    ("llemma", "lm_head.weight"), ("rlhflow", "lm_head.weight"),
    ("math_shepherd", "model.embed_tokens.weight"),
    ("skywork", "v_head.summary.weight"), ("skywork", "v_head.summary.bias"),
    ("qwen_prm", "score.0.weight"), ("qwen_prm", "score.2.bias"),
  ],
)  # fmt: skip
def test_a_weight_that_is_no_number_is_named(tmp_path, name, tensor):
  stored = external_models.write(name, tmp_path)
  bad = stored[tensor].copy()
  bad.flat[-1] = np.nan
  external_models.write(name, tmp_path, **{tensor: bad})
  with pytest.raises(
    ValueError, match=rf"{tmp_path}: tensor {tensor} is no we"
  ):
    models.load_reward_model(tmp_path, reward_format=name)


def test_another_format_than_the_checkpoint_has_is_refused(tmp_path):
  external_models.write("skywork", tmp_path)
  with pytest.raises(
    ValueError, match=r"config.json: architectures is \['Qwen2ForPrmModel'\]"
  ):
    models.load_reward_model(tmp_path, reward_format="llemma")
  with pytest.raises(
    ValueError, match="format is 'skyworks'; expected 'native' or"
  ):
    models.load_reward_model(tmp_path, reward_format="skyworks")


def test_a_tokenizer_without_the_tag_is_refused_before_loading(tmp_path):
  external_models.write("llemma", tmp_path)
  (tmp_path / "model.safetensors").write_bytes(b"")
  tokenizers_of.sentence_piece(tag=False).save_pretrained(tmp_path)
  with pytest.raises(
    ValueError, match=rf"{tmp_path}: format 'llemma'.*' ки' is .*one token"
  ):
    models.load_reward_model(tmp_path, reward_format="llemma")


@pytest.mark.parametrize("shape", [None, (4, 2)])
def test_a_published_model_is_quantised_but_for_its_head(tmp_path, shape):
  external_models.write("rlhflow", tmp_path)
  mesh = shape and models.make_mesh(*shape)
  plain, model = (
    models.load_reward_model(
      tmp_path, reward_format="rlhflow", dtype=dtype, mesh=mesh
    )
    for dtype in ("float32", "int8")
  )
  assert model.params["decoder"]["embedding"].dtype == jnp.int8
  score = model.params["score"]
  for name, leaf in plain.params["score"].items():
    assert np.asarray(score[name]).tobytes() == np.asarray(leaf).tobytes()
  tokens = np.arange(12).reshape(2, 6)
  solution = np.ones((2, 6), bool)
  first, second = (
    np.asarray(jax.jit(one.token_rewards)(one.params, tokens, solution))
    for one in (plain, model)
  )
  assert 0 < np.abs(first - second).max() < 0.1


def test_logits_with_a_soft_cap_are_no_reward(tmp_path):
  """No vector caps them, and the format would compare what is not computed."""
  tokenizer = tokenizers_of.sentence_piece()
  config = dataclasses.replace(
    families.READ["gemma2"], vocab_size=len(tokenizer)
  )
  model = tiny.make_model(config, seed=1)
  models.save_model(dataclasses.replace(model, tokenizer=tokenizer), tmp_path)
  with pytest.raises(ValueError, match=r"soft cap of 2\.5.*'math_shepherd'"):
    models.load_reward_model(tmp_path, reward_format="math_shepherd")
