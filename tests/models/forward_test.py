"""The model as a function: pieces equal the whole; every field is read."""

import dataclasses
import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from inference_scaling import models
from inference_scaling.models.layers import (
  attention,
  decoder,
)
from inference_scaling.models.rewards import model as reward_model
from tests.models import tiny


@pytest.fixture(scope="module")
def model():
  return tiny.make_model(tiny.WIDE_HEADS, seed=1)


@pytest.fixture(scope="module")
def logits(model):
  tokens = tiny.draw_tokens(model.config, (2, 9), seed=2)
  return np.asarray(tiny.logits(model, tokens))


def _segments(keys_values, size, mask):
  """Each layer's new keys and values as a segment of `size`, with garbage."""

  def position(x, axis):
    padding = [(0, 0)] * 5
    padding[axis] = (0, size - x.shape[axis])
    return jnp.pad(x, padding, constant_values=1e4)

  return [
    attention.Segment(position(keys, 4), position(values, 3), mask)
    for keys, values in keys_values
  ]


def _attend_beside(segments):
  """An attention for each layer, to its segments and the tokens at hand."""

  def make(layer_segments):
    def attend(queries, keys, values):
      mask = attention.causal_mask(keys.shape[-1])
      own = attention.Segment(keys, values, mask)
      return attention.attend(queries, (*layer_segments, own)), (keys, values)

    return attend

  return [make(layer_segments) for layer_segments in segments]


def _future_mask(length, size):
  """Masks a buffer of `size` of which `length` are filled."""
  return (jnp.arange(size) < length)[None, None, None]


def test_prompt_past_chunk_and_self_equal_the_whole_text(model):
  # 4 prompt tokens shared by 3 beams, then 3 + 3 + 1 tokens of each beam, all
  # but the last in buffers that are longer than what they hold.
  P, N = 2, 3
  stretches = (4, 3, 3, 1)
  prompt = tiny.draw_tokens(model.config, (P, 1, 4), seed=3)
  own = tiny.draw_tokens(model.config, (P, N, 7), seed=4)
  whole = np.concatenate([np.repeat(prompt, N, axis=1), own], axis=-1)
  positions = np.broadcast_to(np.arange(11), whole.shape)
  expected, expected_cache = tiny.forward(model, whole, positions)

  @jax.jit
  def run(params, tokens, positions, segments):
    attend = None if segments is None else _attend_beside(segments)
    return model.forward(params, tokens, positions, attend)

  segments, begin = None, 0
  for number, length in enumerate(stretches):
    part = slice(begin, begin + length)
    rows = slice(0, 1) if number == 0 else slice(None)  # the prompt: one row
    hidden, cache = run(
      model.params, whole[:, rows, part], positions[:, rows, part], segments
    )
    np.testing.assert_allclose(
      hidden, expected[:, rows, part], rtol=0, atol=2e-5
    )
    for got, want in zip(cache, expected_cache, strict=True):
      (keys, values), (old_keys, old_values) = got, want
      near = functools.partial(np.testing.assert_allclose, rtol=0, atol=2e-5)
      near(keys, old_keys[:, rows, ..., part])
      near(values, old_values[:, rows, :, part])
    new = _segments(cache, length + 2, _future_mask(length, length + 2))
    segments = [
      (*old, segment)
      for old, segment in zip(segments or [()] * 2, new, strict=True)
    ]
    begin += length


def test_tokens_do_not_see_later_ones(model):
  tokens = tiny.draw_tokens(model.config, (1, 8), seed=6)
  changed = tokens.copy()
  changed[0, 5] = (changed[0, 5] + 1) % model.config.vocab_size
  before = tiny.logits(model, tokens)
  after = tiny.logits(model, changed)
  np.testing.assert_array_equal(before[:, :5], after[:, :5])
  assert (np.abs(before - after)[0, 5:].max(-1) > 1e-3).all()


def test_only_distances_between_positions_matter(model):
  tokens = tiny.draw_tokens(model.config, (1, 1, 6), seed=7)
  near, _ = tiny.forward(model, tokens, np.arange(6)[None, None])
  far, _ = tiny.forward(model, tokens, np.arange(6)[None, None] + 40)
  wide, _ = tiny.forward(model, tokens, 2 * np.arange(6)[None, None])
  np.testing.assert_allclose(near, far, rtol=0, atol=1e-4)
  assert np.abs(near - wide).max() > 1e-2


def test_rows_are_independent(model):
  tokens = tiny.draw_tokens(model.config, (3, 6), seed=8)
  together = tiny.logits(model, tokens)
  for row in range(3):
    alone = tiny.logits(model, tokens[row : row + 1])
    np.testing.assert_allclose(together[row : row + 1], alone, atol=1e-5)


def test_params_are_an_argument(model):
  # A jitted caller may pass other weights; no weight is a constant.
  tokens = tiny.draw_tokens(model.config, (2, 9), seed=9)
  other = dataclasses.replace(model, params=tiny.shake(model.params, seed=99))
  passed = tiny.logits(model, tokens, other.params)
  assert np.abs(passed - tiny.logits(model, tokens)).max() > 0.1
  np.testing.assert_array_equal(passed, tiny.logits(other, tokens))


def test_one_axis_of_tokens_is_an_error(model):
  with pytest.raises(ValueError, match=r"\(5,\).*two axes"):
    model.logits(model.params, np.zeros(5, np.int32))


@pytest.mark.parametrize(
  "changes",
  [
    {"norm_eps": 0.5},
    {"rope_theta": 20.0},
    {"num_heads": 2, "num_kv_heads": 1, "head_dim": 16},
    {"num_heads": 8, "num_kv_heads": 4, "head_dim": 4},
  ],
  ids=lambda changes: "-".join(changes),
)
def test_field_is_read_where_shapes_stay(tmp_path, model, logits, changes):
  # In config.json, so that head_state the file is part of the test.
  models.save_model(model, tmp_path)
  names = {
    "norm_eps": "rms_norm_eps",
    "num_heads": "num_attention_heads",
    "num_kv_heads": "num_key_value_heads",
  }
  tiny.edit_config(tmp_path, **{names.get(k, k): v for k, v in changes.items()})
  changed = models.load_model(tmp_path)
  tokens = tiny.draw_tokens(model.config, (2, 9), seed=2)
  difference = np.abs(tiny.logits(changed, tokens) - logits)
  assert difference.max() > 1e-2


@pytest.mark.parametrize(
  "key,value,named",
  [
    ("vocab_size", 51, "model.embed_tokens.weight is (50, 24), expected (51,"),
    ("hidden_size", 32, "model.norm.weight is (24,), expected (32,)"),
    ("intermediate_size", 8, "mlp.up_proj.weight is (40, 24), expected (8,"),
    ("num_hidden_layers", 1, "unexpected: model.layers.1.mlp.up_proj.weight"),
    ("num_hidden_layers", 3, "missing: model.layers.2.mlp.up_proj.weight"),
    ("num_attention_heads", 6, "q_proj.weight is (32, 24), expected (48, 24)"),
    ("num_key_value_heads", 4, "k_proj.weight is (16, 24), expected (32, 24)"),
    ("head_dim", 6, "o_proj.weight is (24, 32), expected (24, 24)"),
    ("tie_word_embeddings", True, "lm_head.weight, which is not model.embed_"),
  ],
)
def test_field_is_read_where_shapes_change(tmp_path, model, key, value, named):
  models.save_model(model, tmp_path)
  tiny.edit_config(tmp_path, **{key: value})
  with pytest.raises(ValueError, match=re.escape(named)):
    models.load_model(tmp_path)


def test_every_field_is_tested_above():
  # A new field must join one of the two tests, or this list with a reason.
  shapes_stay = {"norm_eps", "rope_theta"}
  shapes_change = {
    "vocab_size", "hidden_size", "intermediate_size", "num_layers",
    "num_heads", "num_kv_heads", "head_dim", "tie_word_embeddings",
  }  # fmt: skip
  no_part_of_logits = {
    "max_position_embeddings", "eos_token_ids", "bos_token_id",
  }  # fmt: skip
  fields = {field.name for field in dataclasses.fields(models.DecoderConfig)}
  # What makes another family than Llama of it has tests of its own.
  families = {
    "family", "norm", "parallel_residual", "gated_mlp", "activation",
    "qkv_bias", "output_bias", "mlp_bias", "rotary_fraction", "rope_scaling",
    "sliding_window", "first_window_layer", "window_pattern",
    "local_rope_theta", "query_key_norm", "norm_offset", "pre_norm",
    "post_norm", "scaled_embedding", "query_pre_attn_scalar",
    "attention_softcap", "logit_softcap",
  }  # fmt: skip
  assert fields == shapes_stay | shapes_change | no_part_of_logits | families


@pytest.fixture(scope="module")
def reward():
  return tiny.make_reward_model(tiny.NO_GROUPS, seed=5)


def test_reward_model_starts_with_the_likelihood(reward):
  initial = models.initial_reward_model(reward.config, reward.tokenizer, seed=0)
  shape = (2, 5)
  random = np.random.default_rng(0)
  hidden = random.normal(size=(*shape, reward.config.hidden_size))
  lowest, total = -random.uniform(0, 8, size=(2, *shape))
  head_state = reward_model.HeadState(hidden, lowest, total)
  rewards = initial.rewards(initial.params, head_state)
  expected = 1 / (1 + np.exp(-(1 + lowest + 0.1 * total)))
  np.testing.assert_allclose(rewards, expected, rtol=1e-5)


def test_encoding_in_parts_is_encoding_at_once(reward):
  tokens = tiny.draw_tokens(reward.config, (2, 9), seed=2)
  solution = tiny.solution(tokens)
  whole = jax.jit(reward.encode_all)(reward.params, tokens, solution)
  head_state = reward.begin(whole.hidden[:, 2])
  for start, end in ((3, 4), (4, 9)):
    parts = jax.jit(reward.encode)(
      reward.params,
      head_state,
      tokens[:, start:end],
      whole.hidden[:, start:end],
    )
    np.testing.assert_allclose(
      parts.lowest, whole.lowest[:, start:end], rtol=1e-5
    )
    np.testing.assert_allclose(
      parts.total, whole.total[:, start:end], rtol=1e-5
    )
    head_state = jax.tree.map(lambda leaf: leaf[:, -1], parts)
  assert np.all(np.diff(whole.lowest, axis=1) <= 0)


def test_reward_of_a_prefix_does_not_see_the_rest(reward):
  tokens = tiny.draw_tokens(reward.config, (2, 7), seed=1)
  whole = tiny.rewards(reward, tokens)
  part = tiny.rewards(reward, tokens[:, :4])
  assert np.std(whole) > 0.05
  np.testing.assert_allclose(whole[:, :4], part, rtol=0, atol=1e-5)


def test_reward_model_has_the_logits_of_its_decoder(reward):
  policy = tiny.make_model(reward.config, seed=0)
  tokens = tiny.draw_tokens(reward.config, (2, 7), seed=1)
  np.testing.assert_array_equal(
    tiny.logits(reward, tokens),
    tiny.logits(policy, tokens, reward.params["decoder"]),
  )


def test_untied_reward_model_is_an_error():
  tokenizer = tiny.make_tokenizer(tiny.WIDE_HEADS.vocab_size)
  with pytest.raises(ValueError, match="tie_word_embeddings"):
    models.initial_reward_model(tiny.WIDE_HEADS, tokenizer, seed=0)


def test_shapes_of_a_7b_model_need_no_memory():
  # Llama 2 7B: 6,738,415,616 parameters by its model card.
  config = models.DecoderConfig(
    vocab_size=32000, hidden_size=4096, intermediate_size=11008, num_layers=32,
    num_heads=32, num_kv_heads=32, head_dim=128, norm_eps=1e-5,
    rope_theta=10000.0, max_position_embeddings=4096,
    tie_word_embeddings=False, eos_token_ids=(2,), bos_token_id=1,
  )  # fmt: skip

  def count(num_layers):
    changed = dataclasses.replace(config, num_layers=num_layers)
    module = nnx.eval_shape(lambda: decoder.Decoder(changed, nnx.Rngs(0)))
    shapes = nnx.split(module)[1]
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))

  # Tracing two layers instead of 32 saves seconds.
  total = count(1) + 31 * (count(2) - count(1))
  assert total == 6_738_415_616
