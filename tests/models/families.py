"""Tiny models of each family: their config.json, and what it should read as.

The keys are written out as transformers and published files have them, not by
this package. No number is a default, and windows are shorter than the texts.
"""

import dataclasses
import math

from inference_scaling import models

_SIZES = {
  "vocab_size": 50, "hidden_size": 32, "intermediate_size": 40,
  "num_hidden_layers": 2, "num_attention_heads": 4,
  "max_position_embeddings": 64, "bos_token_id": 1, "eos_token_id": [2, 5],
}  # fmt: skip
_READ = models.DecoderConfig(
  vocab_size=50, hidden_size=32, intermediate_size=40, num_layers=2,
  num_heads=4, num_kv_heads=2, head_dim=6, norm_eps=1e-2, rope_theta=500.0,
  max_position_embeddings=64, tie_word_embeddings=False, eos_token_ids=(2, 5),
  bos_token_id=1,
)  # fmt: skip
# Waves of 6.3, 19.9, 62.8 and 199 tokens at a base of 100: one is kept, two
# are in between, one is stretched by the whole factor.
_LLAMA3 = {
  "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
  "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
}  # fmt: skip
# Waves of 16 numbers at a base of 100: two stay, two are stretched by the whole
# factor; the others are between.
_YARN = {
  "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 48,
  "beta_fast": 6.0, "beta_slow": 0.7, "mscale": 1.5, "mscale_all_dim": 0.4,
  "truncate": False,
}  # fmt: skip

RAW = {
  "llama": _SIZES | {
    "model_type": "llama", "num_key_value_heads": 2, "head_dim": 8,
    "rms_norm_eps": 1e-2, "rope_theta": 100.0, "rope_scaling": _LLAMA3,
    "tie_word_embeddings": False, "hidden_act": "silu",
    "attention_bias": True, "mlp_bias": True,
  },
  "llama_linear": _SIZES | {
    "model_type": "llama", "num_key_value_heads": 4, "rms_norm_eps": 0.1,
    "rope_theta": 77.0, "rope_scaling": {"type": "linear", "factor": 3.0},
    "tie_word_embeddings": True, "hidden_act": "gelu_pytorch_tanh",
  },
  "mistral": _SIZES | {
    "model_type": "mistral", "num_key_value_heads": 1, "head_dim": 6,
    "rms_norm_eps": 0.3, "rope_theta": 50.0, "sliding_window": 5,
    "tie_word_embeddings": False, "hidden_act": "silu",
  },
  "qwen2": _SIZES | {
    "model_type": "qwen2", "num_key_value_heads": 2, "rms_norm_eps": 1e-3,
    "rope_theta": 2e6, "use_sliding_window": True, "sliding_window": 4,
    "max_window_layers": 1, "tie_word_embeddings": True, "hidden_act": "silu",
  },
  "gpt_neox": _SIZES | {
    "model_type": "gpt_neox", "layer_norm_eps": 1e-2, "rotary_pct": 0.5,
    "rotary_emb_base": 30.0, "use_parallel_residual": True,
    "tie_word_embeddings": False, "hidden_act": "gelu",
  },
  "gpt_neox_sequential": _SIZES | {
    "model_type": "gpt_neox", "layer_norm_eps": 0.2, "rotary_pct": 1.0,
    "rotary_emb_base": 90.0, "use_parallel_residual": False,
    "tie_word_embeddings": True, "hidden_act": "gelu_new",
    "attention_bias": False,
    "rope_scaling": {"rope_type": "linear", "factor": 2.0},
  },
  "qwen3": _SIZES | {
    "model_type": "qwen3", "num_key_value_heads": 2, "head_dim": 12,
    "rms_norm_eps": 2e-2, "rope_theta": 300.0, "attention_bias": True,
    "use_sliding_window": True, "sliding_window": 6, "max_window_layers": 1,
    "tie_word_embeddings": True, "hidden_act": "silu", "rope_scaling": None,
  },
  "qwen3_yarn": _SIZES | {
    "model_type": "qwen3", "num_key_value_heads": 4, "head_dim": 16,
    "rms_norm_eps": 1e-2, "rope_theta": 100.0, "rope_scaling": _YARN,
    "tie_word_embeddings": False, "hidden_act": "silu",
    "use_sliding_window": False, "attention_bias": False,
  },
  "gemma2": _SIZES | {
    "model_type": "gemma2", "num_key_value_heads": 2, "head_dim": 12,
    "rms_norm_eps": 3e-2, "rope_theta": 40.0, "query_pre_attn_scalar": 5,
    "attn_logit_softcapping": 1.5, "final_logit_softcapping": 2.5,
    "sliding_window": 5, "hidden_activation": "gelu_pytorch_tanh",
    "num_hidden_layers": 3, "attention_bias": True,
    "tie_word_embeddings": True,
  },
  "gemma3_text": _SIZES | {
    "model_type": "gemma3_text", "num_key_value_heads": 1, "head_dim": 8,
    "rms_norm_eps": 2e-2, "rope_theta": 900.0, "rope_local_base_freq": 20.0,
    "rope_scaling": {"rope_type": "linear", "factor": 3.0},
    "query_pre_attn_scalar": 20, "final_logit_softcapping": 3.0,
    "sliding_window": 4, "sliding_window_pattern": 2,
    "hidden_activation": "gelu_pytorch_tanh", "num_hidden_layers": 3,
    "tie_word_embeddings": False,
  },
  "olmo2": _SIZES | {
    "model_type": "olmo2", "num_key_value_heads": 2, "rms_norm_eps": 2e-2,
    "rope_theta": 60.0, "attention_bias": True, "tie_word_embeddings": False,
    "hidden_act": "silu", "rope_scaling": None,
  },
  "phi3": _SIZES | {
    "model_type": "phi3", "num_key_value_heads": 2, "head_dim": 8,
    "rms_norm_eps": 2e-2, "rope_theta": 80.0, "partial_rotary_factor": 0.75,
    "sliding_window": 6, "max_position_embeddings": 256,
    "original_max_position_embeddings": 32,
    "rope_scaling": {
      "type": "longrope", "short_factor": [1.0, 1.5, 2.5],
      "long_factor": [2.0, 3.0, 5.0],
    },
    "tie_word_embeddings": True, "hidden_act": "silu", "pad_token_id": 3,
  },
}  # fmt: skip
_ARCHITECTURES = {
  "llama": "LlamaForCausalLM",
  "mistral": "MistralForCausalLM",
  "qwen2": "Qwen2ForCausalLM",
  "gpt_neox": "GPTNeoXForCausalLM",
  "qwen3": "Qwen3ForCausalLM",
  "gemma2": "Gemma2ForCausalLM",
  "gemma3_text": "Gemma3ForCausalLM",
  "olmo2": "Olmo2ForCausalLM",
  "phi3": "Phi3ForCausalLM",
}
for _raw in RAW.values():
  _raw["architectures"] = [_ARCHITECTURES[_raw["model_type"]]]

_NEOX = dataclasses.replace(
  _READ, num_kv_heads=4, head_dim=8, rope_theta=30.0, family="gpt_neox",
  norm="layer", parallel_residual=True, gated_mlp=False, activation="gelu",
  qkv_bias=True, output_bias=True, mlp_bias=True, rotary_fraction=0.5,
)  # fmt: skip
_GEMMA = dataclasses.replace(
  _READ, num_layers=3, activation="gelu_tanh", tie_word_embeddings=True,
  norm_offset=1.0, post_norm=True, scaled_embedding=True, window_pattern=2,
)  # fmt: skip
READ = {
  "llama": dataclasses.replace(
    _READ, head_dim=8, rope_theta=100.0, qkv_bias=True, output_bias=True,
    mlp_bias=True,
    rope_scaling=models.RopeScaling("llama3", 8.0, 1.0, 4.0, 64),
  ),
  "llama_linear": dataclasses.replace(
    _READ, num_kv_heads=4, head_dim=8, norm_eps=0.1, rope_theta=77.0,
    tie_word_embeddings=True, activation="gelu_tanh",
    rope_scaling=models.RopeScaling("linear", 3.0),
  ),
  "mistral": dataclasses.replace(
    _READ, num_kv_heads=1, norm_eps=0.3, rope_theta=50.0, family="mistral",
    sliding_window=5,
  ),
  "qwen2": dataclasses.replace(
    _READ, head_dim=8, norm_eps=1e-3, rope_theta=2e6, family="qwen2",
    tie_word_embeddings=True, qkv_bias=True, sliding_window=4,
    first_window_layer=1,
  ),
  "gpt_neox": _NEOX,
  "gpt_neox_sequential": dataclasses.replace(
    _NEOX, norm_eps=0.2, rope_theta=90.0, parallel_residual=False,
    tie_word_embeddings=True, activation="gelu_tanh", qkv_bias=False,
    output_bias=False, rotary_fraction=1.0,
    rope_scaling=models.RopeScaling("linear", 2.0),
  ),
  "qwen3": dataclasses.replace(
    _READ, head_dim=12, norm_eps=2e-2, rope_theta=300.0, family="qwen3",
    tie_word_embeddings=True, qkv_bias=True, output_bias=True,
    query_key_norm="head", sliding_window=6, first_window_layer=1,
  ),
  "qwen3_yarn": dataclasses.replace(
    _READ, num_kv_heads=4, head_dim=16, rope_theta=100.0, family="qwen3",
    query_key_norm="head",
    rope_scaling=models.RopeScaling(
      "yarn", 4.0, original_length=48, beta_fast=6.0, beta_slow=0.7,
      truncate=False,
      attention_factor=(0.1 * 1.5 * math.log(4) + 1)
      / (0.1 * 0.4 * math.log(4) + 1),
    ),
  ),
  "gemma2": dataclasses.replace(
    _GEMMA, head_dim=12, norm_eps=3e-2, rope_theta=40.0, family="gemma2",
    query_pre_attn_scalar=5.0, attention_softcap=1.5, logit_softcap=2.5,
    sliding_window=5, qkv_bias=True, output_bias=True,
  ),
  "gemma3_text": dataclasses.replace(
    _GEMMA, num_kv_heads=1, head_dim=8, norm_eps=2e-2, rope_theta=900.0,
    family="gemma3_text", local_rope_theta=20.0, query_key_norm="head",
    rope_scaling=models.RopeScaling("linear", 3.0), logit_softcap=3.0,
    query_pre_attn_scalar=20.0, sliding_window=4, tie_word_embeddings=False,
  ),
  "olmo2": dataclasses.replace(
    _READ, head_dim=8, norm_eps=2e-2, rope_theta=60.0, family="olmo2",
    qkv_bias=True, output_bias=True, query_key_norm="projection",
    pre_norm=False, post_norm=True,
  ),
  "phi3": dataclasses.replace(
    _READ, head_dim=8, norm_eps=2e-2, rope_theta=80.0, family="phi3",
    tie_word_embeddings=True, rotary_fraction=0.75, sliding_window=6,
    max_position_embeddings=32,
    rope_scaling=models.RopeScaling(
      "longrope", 8.0, original_length=32, stretched_length=256,
      short_factors=(1.0, 1.5, 2.5), long_factors=(2.0, 3.0, 5.0),
      attention_factor=1.2649110640673518,  # root of 1 + log 8 / log 32
    ),
  ),
}  # fmt: skip
