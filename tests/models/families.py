"""Tiny models of each family: their config.json, and what it should read as.

The keys are written out as transformers and published files have them, not by
this package. No number is a default, and windows are shorter than the texts.
"""

import dataclasses

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
}  # fmt: skip
_ARCHITECTURES = {
  "llama": "LlamaForCausalLM",
  "mistral": "MistralForCausalLM",
  "qwen2": "Qwen2ForCausalLM",
  "gpt_neox": "GPTNeoXForCausalLM",
}
for _raw in RAW.values():
  _raw["architectures"] = [_ARCHITECTURES[_raw["model_type"]]]

_NEOX = dataclasses.replace(
  _READ, num_kv_heads=4, head_dim=8, rope_theta=30.0, family="gpt_neox",
  norm="layer", parallel_residual=True, gated_mlp=False, activation="gelu",
  qkv_bias=True, output_bias=True, mlp_bias=True, rotary_fraction=0.5,
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
}  # fmt: skip
