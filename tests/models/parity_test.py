"""The parity ladder: each part against the same part of transformers.

One rung a test: norm, rotary embedding, attention, block, logits, rewards. All
in float32; the tolerance stands at each rung and grows with its depth.
"""

import functools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from inference_scaling import models
from inference_scaling.models.layers import attention, self_attention
from inference_scaling.models.layers.rope import rotary
from tests.models import tiny

torch = pytest.importorskip("torch", reason="parity is with torch models")
llama = pytest.importorskip("transformers.models.llama.modeling_llama")
reference = pytest.importorskip("tests.models.reference")

T = 9


@pytest.fixture(scope="module", params=sorted(tiny.ARCHITECTURES))
def pair(request, tmp_path_factory):
  """A model of transformers, and the same loaded from what it saves."""
  name = request.param
  config = tiny.ARCHITECTURES[name]
  seed = sorted(tiny.ARCHITECTURES).index(name)
  hugging_face = reference.random_torch_model(
    llama.LlamaForCausalLM, config, seed
  )
  folder = tmp_path_factory.mktemp(name)
  hugging_face.save_pretrained(folder)
  tiny.make_tokenizer(config.vocab_size).save_pretrained(folder)
  actual = models.load_model(folder)
  module = nnx.merge(actual.graph, actual.params)
  x = np.random.default_rng(seed).normal(size=(2, T, config.hidden_size))
  return types.SimpleNamespace(
    config=config, hugging_face=hugging_face, model=actual, module=module,
    x=x.astype(np.float32),
  )  # fmt: skip


def _their_rotation(pair):
  positions = torch.arange(T)[None] + 3
  return pair.hugging_face.model.rotary_emb(torch.zeros(1), positions)


def _our_rotation(pair):
  positions = jnp.broadcast_to(jnp.arange(T) + 3, (2, 1, T))
  config = pair.config
  return rotary.rotary(positions, config, pair.model.hardware)


def _features_first(x):
  """From [B, T, D] to [D, P, N, T]."""
  return jnp.moveaxis(x, -1, 0)[:, :, None]


def _to_rows(x):
  """Undoes `_features_first`."""
  return np.moveaxis(np.asarray(x)[:, :, 0], 0, -1)


def _attend_within(pair):
  (*_, attend) = self_attention.causal(pair.config, T, jnp.float32)
  return attend


def _attend_beside_a_cache(pair):
  """The cache is masked, so it must not be seen."""
  K, H = pair.config.num_kv_heads, pair.config.head_dim
  hidden = attention.Segment(
    jnp.ones((2, 1, K, H, 5)),
    jnp.ones((2, 1, K, 5, H)),
    jnp.zeros((2, 1, 1, 5), bool),
  )

  def attend(queries, keys, values):
    own = attention.Segment(keys, values, attention.causal_mask(T))
    return attention.attend(queries, (hidden, own)), (keys, values)

  return attend


def _their_mask():
  return torch.full((T, T), -1e9).triu(1)[None, None]


def test_config_agrees(pair):
  assert pair.model.config == pair.config


def test_norm_agrees(pair):
  hugging_face = pair.hugging_face.model.layers[0].input_layernorm(
    torch.tensor(pair.x)
  )
  actual = jax.jit(pair.module.layers[0].attention_norm.__call__)(
    _features_first(pair.x)
  )
  np.testing.assert_allclose(_to_rows(actual), hugging_face, rtol=0, atol=2e-6)


def test_rotary_agrees(pair):
  config = pair.config
  shape = (2, T, config.num_heads, config.head_dim)
  x = np.random.default_rng(7).normal(size=shape).astype(np.float32)
  hugging_face, _ = llama.apply_rotary_pos_emb(
    torch.tensor(x), torch.tensor(x), *_their_rotation(pair), unsqueeze_dim=2
  )
  heads_first = x.transpose(2, 3, 0, 1)[:, :, :, None]
  actual = jax.jit(rotary.rotate)(heads_first, _our_rotation(pair))
  actual = actual[:, :, :, 0].transpose(2, 3, 0, 1)
  np.testing.assert_allclose(actual, hugging_face, rtol=0, atol=5e-6)


@pytest.mark.parametrize(
  "make_attend", [_attend_within, _attend_beside_a_cache]
)
def test_attention_agrees(pair, make_attend):
  # Both roads: whole texts, and new tokens beside a cache.
  hugging_face, _ = pair.hugging_face.model.layers[0].self_attn(
    torch.tensor(pair.x), _their_rotation(pair), _their_mask()
  )
  run = functools.partial(
    pair.module.layers[0].attention.__call__,
    attend=make_attend(pair),
    hardware=pair.model.hardware,
  )
  actual, (keys, values) = jax.jit(run)(
    _features_first(pair.x), _our_rotation(pair)
  )
  np.testing.assert_allclose(_to_rows(actual), hugging_face, rtol=0, atol=2e-5)
  K, H = pair.config.num_kv_heads, pair.config.head_dim
  assert keys.shape == (2, 1, K, H, T) and values.shape == (2, 1, K, T, H)


def test_block_agrees(pair):
  hugging_face = pair.hugging_face.model.layers[-1](
    torch.tensor(pair.x), _their_mask(),
    position_embeddings=_their_rotation(pair),
  )  # fmt: skip
  run = functools.partial(
    pair.module.layers[-1].__call__,
    attend=_attend_within(pair),
    hardware=pair.model.hardware,
  )
  actual, _ = jax.jit(run)(_features_first(pair.x), _our_rotation(pair))
  np.testing.assert_allclose(_to_rows(actual), hugging_face, rtol=0, atol=5e-5)


def test_logits_agree(pair):
  tokens = tiny.draw_tokens(pair.config, (3, 17), seed=5)
  hugging_face = pair.hugging_face(torch.tensor(tokens)).logits
  actual = tiny.logits(pair.model, tokens)
  assert actual.shape == (3, 17, pair.config.vocab_size)
  assert actual.dtype == jnp.float32
  # Not a comparison of nothing with nothing.
  assert np.std(actual, axis=-1).min() > 0.1
  np.testing.assert_allclose(actual, hugging_face, rtol=0, atol=1e-4)


def test_rewards_agree(tmp_path):
  actual = tiny.make_reward_model(tiny.NO_GROUPS, seed=11)
  policy = models.Model(
    actual.config, actual.params["decoder"], actual.tokenizer,
    tiny.make_model(actual.config, seed=0).graph,
  )  # fmt: skip
  models.save_model(policy, tmp_path)
  hugging_face = llama.LlamaForCausalLM.from_pretrained(tmp_path)
  tokens = tiny.draw_tokens(actual.config, (2, 12), seed=6)
  score = actual.params["score"]
  with torch.no_grad():
    expected = reference.rewards(
      hugging_face, tokens, tiny.solution(tokens),
      np.array(score["kernel"])[:, 0], float(score["bias"][0]),
    )  # fmt: skip
  rewards = tiny.rewards(actual, tokens)
  assert np.std(rewards) > 0.05
  np.testing.assert_allclose(rewards, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", sorted(tiny.ARCHITECTURES))
def test_transformers_reads_what_is_saved(tmp_path, name):
  actual = tiny.make_model(tiny.ARCHITECTURES[name], seed=2)
  models.save_model(actual, tmp_path)
  hugging_face = llama.LlamaForCausalLM.from_pretrained(tmp_path)
  tokens = tiny.draw_tokens(actual.config, (2, 10), seed=3)
  with torch.no_grad():
    expected = hugging_face(torch.tensor(tokens)).logits
  logits = tiny.logits(actual, tokens)
  np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4)
