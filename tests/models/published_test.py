"""Published config.json files: their sizes are right, with no memory taken."""

import dataclasses

import jax
import numpy as np
import pytest
from flax import nnx

from inference_scaling import compute, models
from inference_scaling.models import config as config_lib
from inference_scaling.models import published, published_table
from inference_scaling.models.layers import decoder

_LLAMA = {
  "architectures": ["LlamaForCausalLM"], "model_type": "llama",
  "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
  "initializer_range": 0.02, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
  "rope_scaling": None, "tie_word_embeddings": False,
  "torch_dtype": "bfloat16", "use_cache": True,
}  # fmt: skip
_LLAMA3 = _LLAMA | {
  "bos_token_id": 128000, "eos_token_id": 128001, "attention_bias": False,
  "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336,
  "num_hidden_layers": 32, "num_attention_heads": 32,
  "num_key_value_heads": 8, "max_position_embeddings": 8192,
  "rope_theta": 500000.0,
}  # fmt: skip
# Pythia says nothing of attention_bias.
_PYTHIA = {
  "architectures": ["GPTNeoXForCausalLM"], "model_type": "gpt_neox",
  "bos_token_id": 0, "eos_token_id": 0, "hidden_act": "gelu",
  "initializer_range": 0.02, "layer_norm_eps": 1e-05,
  "max_position_embeddings": 2048, "rotary_emb_base": 10000,
  "rotary_pct": 0.25, "tie_word_embeddings": False, "torch_dtype": "float16",
  "use_cache": True, "use_parallel_residual": True,
}  # fmt: skip
_GEMMA3 = {
  "architectures": ["Gemma3ForCausalLM"], "attention_bias": False,
  "attention_dropout": 0.0, "attn_logit_softcapping": None, "bos_token_id": 2,
  "eos_token_id": [1, 106], "final_logit_softcapping": None, "head_dim": 256,
  "hidden_activation": "gelu_pytorch_tanh", "initializer_range": 0.02,
  "max_position_embeddings": 32768, "model_type": "gemma3_text",
  "num_attention_heads": 4, "num_key_value_heads": 1, "pad_token_id": 0,
  "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06, "rope_scaling": None,
  "sliding_window": 512, "torch_dtype": "bfloat16", "use_cache": True,
  "vocab_size": 262144,
}  # fmt: skip
_PHI3 = {
  "architectures": ["Phi3ForCausalLM"], "attention_bias": False,
  "attention_dropout": 0.0, "embd_pdrop": 0.0, "hidden_act": "silu",
  "auto_map": {"AutoConfig": "configuration_phi3.Phi3Config"},
  "hidden_size": 3072, "initializer_range": 0.02, "intermediate_size": 8192,
  "model_type": "phi3", "num_hidden_layers": 32,
  "original_max_position_embeddings": 4096, "resid_pdrop": 0.0,
  "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "torch_dtype": "bfloat16",
  "use_cache": True,
}  # fmt: skip


def _pythia(vocab_size, size, num_layers, num_heads):
  return _PYTHIA | {
    "vocab_size": vocab_size, "hidden_size": size,
    "intermediate_size": 4 * size, "num_hidden_layers": num_layers,
    "num_attention_heads": num_heads,
  }  # fmt: skip


# Contents of config.json, and the number of weights by the model's card.
PUBLISHED = {
  "llemma_7b": (
    _LLAMA | {
      "vocab_size": 32016, "hidden_size": 4096, "intermediate_size": 11008,
      "num_hidden_layers": 32, "num_attention_heads": 32,
      "num_key_value_heads": 32, "max_position_embeddings": 4096,
      "rope_theta": 10000.0,
    },
    6_738_546_688,
  ),
  "llemma_34b": (
    _LLAMA | {
      "vocab_size": 32000, "hidden_size": 8192, "intermediate_size": 22016,
      "num_hidden_layers": 48, "num_attention_heads": 64,
      "num_key_value_heads": 8, "max_position_embeddings": 4096,
      "rope_theta": 1000000.0,
    },
    33_743_970_304,
  ),
  "mistral_7b": (
    {
      "architectures": ["MistralForCausalLM"], "model_type": "mistral",
      "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
      "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 14336,
      "num_hidden_layers": 32, "num_attention_heads": 32,
      "num_key_value_heads": 8, "max_position_embeddings": 32768,
      "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "sliding_window": 4096,
      "tie_word_embeddings": False,
    },
    7_241_732_096,
  ),
  "llama3_8b": (_LLAMA3, 8_030_261_248),
  "llama3.1_8b": (
    _LLAMA3 | {
      "max_position_embeddings": 131072, "mlp_bias": False,
      "rope_scaling": {
        "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192, "rope_type": "llama3",
      },
    },
    8_030_261_248,
  ),
  "pythia_410m": (_pythia(50304, 1024, 24, 16), 405_334_016),
  "pythia_1.4b": (_pythia(50304, 2048, 24, 16), 1_414_647_808),
  "pythia_2.8b": (_pythia(50304, 2560, 32, 32), 2_775_208_960),
  "pythia_6.9b": (_pythia(50432, 4096, 32, 32), 6_857_302_016),
  "pythia_12b": (_pythia(50688, 5120, 36, 40), 11_846_072_320),
  "qwen2.5_math_7b": (
    {
      "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2",
      "attention_dropout": 0.0, "bos_token_id": 151643,
      "eos_token_id": 151643, "hidden_act": "silu", "vocab_size": 152064,
      "hidden_size": 3584, "intermediate_size": 18944,
      "num_hidden_layers": 28, "num_attention_heads": 28,
      "num_key_value_heads": 4, "max_position_embeddings": 4096,
      "max_window_layers": 28, "rms_norm_eps": 1e-06, "rope_theta": 10000,
      "sliding_window": 4096, "tie_word_embeddings": False,
      "use_mrope": False, "use_sliding_window": False,
    },
    7_615_616_512,
  ),
  "qwen3_0.6b": (
    {
      "architectures": ["Qwen3ForCausalLM"], "attention_bias": False,
      "attention_dropout": 0.0, "bos_token_id": 151643,
      "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu",
      "hidden_size": 1024, "initializer_range": 0.02,
      "intermediate_size": 3072, "max_position_embeddings": 40960,
      "max_window_layers": 28, "model_type": "qwen3",
      "num_attention_heads": 16, "num_hidden_layers": 28,
      "num_key_value_heads": 8, "rms_norm_eps": 1e-06, "rope_scaling": None,
      "rope_theta": 1000000, "sliding_window": None,
      "tie_word_embeddings": True, "torch_dtype": "bfloat16",
      "transformers_version": "4.51.0", "use_cache": True,
      "use_sliding_window": False, "vocab_size": 151936,
    },
    596_049_920,
  ),
  "gemma2_2b": (
    {
      "architectures": ["Gemma2ForCausalLM"], "attention_bias": False,
      "attention_dropout": 0.0, "attn_logit_softcapping": 50.0,
      "bos_token_id": 2, "cache_implementation": "hybrid",
      "eos_token_id": [1, 107], "final_logit_softcapping": 30.0,
      "head_dim": 256, "hidden_act": "gelu_pytorch_tanh",
      "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 2304,
      "initializer_range": 0.02, "intermediate_size": 9216,
      "max_position_embeddings": 8192, "model_type": "gemma2",
      "num_attention_heads": 8, "num_hidden_layers": 26,
      "num_key_value_heads": 4, "pad_token_id": 0,
      "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06,
      "rope_theta": 10000.0, "sliding_window": 4096,
      "torch_dtype": "bfloat16", "transformers_version": "4.42.4",
      "use_cache": True, "vocab_size": 256000,
    },
    2_614_341_888,
  ),
  "gemma3_1b": (
    _GEMMA3 | {
      "cache_implementation": "hybrid", "hidden_size": 1152,
      "intermediate_size": 6912, "num_hidden_layers": 26,
      "rope_local_base_freq": 10000, "rope_theta": 1000000,
      "sliding_window_pattern": 6, "transformers_version": "4.50.0.dev0",
    },
    999_885_952,
  ),
  "gemma3_270m": (
    _GEMMA3 | {
      "_sliding_window_pattern": 6, "hidden_size": 640,
      "intermediate_size": 2048, "num_hidden_layers": 18,
      "layer_types": (["sliding_attention"] * 5 + ["full_attention"]) * 3,
      "rope_local_base_freq": 10000.0, "rope_theta": 1000000.0,
      "transformers_version": "4.55.0.dev0",
      "use_bidirectional_attention": False,
    },
    268_098_176,
  ),
  "olmo2_1b": (
    {
      "architectures": ["Olmo2ForCausalLM"], "attention_bias": False,
      "attention_dropout": 0.0, "eos_token_id": 100257, "hidden_act": "silu",
      "hidden_size": 2048, "initializer_range": 0.02,
      "intermediate_size": 8192, "max_position_embeddings": 4096,
      "model_type": "olmo2", "num_attention_heads": 16,
      "num_hidden_layers": 16, "num_key_value_heads": 16,
      "pad_token_id": 100277, "rms_norm_eps": 1e-06, "rope_scaling": None,
      "rope_theta": 500000, "tie_word_embeddings": False,
      "torch_dtype": "bfloat16", "transformers_version": "4.47.0",
      "use_cache": False, "vocab_size": 100352,
    },
    1_484_916_736,
  ),
  "phi3_mini": (
    _PHI3 | {
      "_name_or_path": "Phi-3-mini-4k-instruct", "bos_token_id": 1,
      "eos_token_id": 32000, "max_position_embeddings": 4096,
      "num_attention_heads": 32, "num_key_value_heads": 32,
      "pad_token_id": 32000, "rope_scaling": None, "sliding_window": 2047,
      "tie_word_embeddings": False, "transformers_version": "4.40.2",
      "vocab_size": 32064,
    },
    3_821_079_552,
  ),
  "phi4_mini": (
    _PHI3 | {
      "bos_token_id": 199999, "eos_token_id": 199999, "full_attn_mod": 1,
      "interpolate_factor": 1, "lm_head_bias": False, "mlp_bias": False,
      "max_position_embeddings": 131072, "num_attention_heads": 24,
      "num_key_value_heads": 8, "pad_token_id": 199999,
      "partial_rotary_factor": 0.75,
      "rope_scaling": {
        "long_factor": list(published_table.LONG_FACTORS),
        "short_factor": [1.0] * 48, "type": "longrope",
      },
      "sliding_window": 262144, "tie_word_embeddings": True,
      "transformers_version": "4.45.0", "vocab_size": 200064,
    },
    3_836_021_760,
  ),
  "r1_distill_qwen_1.5b": (
    {
      "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0,
      "bos_token_id": 151643, "eos_token_id": 151643, "hidden_act": "silu",
      "hidden_size": 1536, "initializer_range": 0.02,
      "intermediate_size": 8960, "max_position_embeddings": 131072,
      "max_window_layers": 21, "model_type": "qwen2",
      "num_attention_heads": 12, "num_hidden_layers": 28,
      "num_key_value_heads": 2, "rms_norm_eps": 1e-06, "rope_theta": 10000,
      "sliding_window": 4096, "tie_word_embeddings": False,
      "torch_dtype": "bfloat16", "transformers_version": "4.44.0",
      "use_cache": True, "use_mrope": False, "use_sliding_window": False,
      "vocab_size": 151936,
    },
    1_777_088_000,
  ),
  "llama3.2_1b": (
    _LLAMA3 | {
      "head_dim": 64, "hidden_size": 2048, "intermediate_size": 8192,
      "num_hidden_layers": 16, "max_position_embeddings": 131072,
      "mlp_bias": False, "tie_word_embeddings": True,
      "attention_dropout": 0.0,
      "rope_scaling": {
        "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192, "rope_type": "llama3",
      },
    },
    1_235_814_400,
  ),
  "mistral_7b_v0.3": (
    {
      "architectures": ["MistralForCausalLM"], "model_type": "mistral",
      "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2,
      "hidden_act": "silu", "vocab_size": 32768, "hidden_size": 4096,
      "initializer_range": 0.02, "intermediate_size": 14336,
      "num_hidden_layers": 32, "num_attention_heads": 32,
      "num_key_value_heads": 8, "max_position_embeddings": 32768,
      "rms_norm_eps": 1e-05, "rope_theta": 1000000.0, "sliding_window": None,
      "tie_word_embeddings": False, "torch_dtype": "bfloat16",
      "transformers_version": "4.42.0.dev0", "use_cache": True,
    },
    7_248_023_552,
  ),
}  # fmt: skip


def _count(config: models.DecoderConfig, num_layers: int) -> int:
  changed = dataclasses.replace(config, num_layers=num_layers)
  module = nnx.eval_shape(lambda: decoder.Decoder(changed, nnx.Rngs(0)))
  return sum(leaf.size for leaf in jax.tree.leaves(nnx.split(module)[1]))


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_of_published_models(name):
  raw, expected = PUBLISHED[name]
  config = config_lib.from_hf(raw)
  # Tracing two layers instead of 32 saves seconds.
  first, second = _count(config, 1), _count(config, 2)
  assert first + (config.num_layers - 1) * (second - first) == expected
  assert compute.policy_cost(config).parameters == expected


@pytest.mark.parametrize("name", PUBLISHED)
def test_table_agrees_with_the_files(name):
  config = config_lib.from_hf(PUBLISHED[name][0])
  assert published.published_config(name) == config


def test_llemmas_differ_in_their_rotary_base():
  small, large = (
    config_lib.from_hf(PUBLISHED[name][0])
    for name in ("llemma_7b", "llemma_34b")
  )
  assert (small.rope_theta, large.rope_theta) == (1e4, 1e6)


@pytest.mark.parametrize("name", published.published_names())
def test_a_tiny_model_like_each_keeps_its_traits(name):
  large = published.published_config(name)
  tiny = models.open_checkpoint(f"{published.RANDOM_PREFIX}{name}").config
  shrunk = {
    "vocab_size", "hidden_size", "intermediate_size", "num_layers", "num_heads",
    "num_kv_heads", "head_dim", "sliding_window", "window_pattern",
    "query_pre_attn_scalar", "rope_scaling", "eos_token_ids", "bos_token_id",
  }  # fmt: skip
  for field in dataclasses.fields(large):
    before, after = (getattr(config, field.name) for config in (large, tiny))
    if field.name not in shrunk:
      assert before == after, field.name
    elif before is None:
      assert after is None or field.name == "bos_token_id", field.name
  kinds = [
    {config.window(i) is None for i in range(config.num_layers)}
    for config in (large, tiny)
  ]
  assert kinds[0] == kinds[1]


@pytest.mark.parametrize("name", ["gemma3_270m", "olmo2_1b", "phi4_mini"])
def test_a_tiny_model_computes(name):
  model = models.load_model(f"{published.RANDOM_PREFIX}{name}")
  logits = np.asarray(model.logits(model.params, np.arange(8)[None]))
  assert np.isfinite(logits).all() and logits.std() > 0.05
  # The norms of a random model do nothing but normalise.
  scale = np.asarray(model.params["final_norm"]["scale"])
  assert set(scale + model.config.norm_offset) == {1.0}
