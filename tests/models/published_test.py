"""Published config.json files: their sizes are right, with no memory taken."""

import dataclasses

import jax
import pytest
from flax import nnx

from inference_scaling import compute, models
from inference_scaling.models import config as config_lib
from inference_scaling.models import published
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
