"""The numbers of published models, as their config.json has them."""

import math
from collections.abc import Mapping
from typing import Any

from inference_scaling.models.layers import architecture

SIZES = (
  "vocab_size", "hidden_size", "intermediate_size", "num_layers", "num_heads",
  "num_kv_heads",
)  # fmt: skip
_LLAMA: Mapping[str, Any] = {
  "norm_eps": 1e-5, "rope_theta": 10_000.0, "tie_word_embeddings": False,
  "eos_token_ids": (2,), "bos_token_id": 1,
}  # fmt: skip
_LLAMA3: Mapping[str, Any] = _LLAMA | {
  "rope_theta": 500_000.0, "max_position_embeddings": 8192,
  "eos_token_ids": (128_001,), "bos_token_id": 128_000,
}  # fmt: skip
_PYTHIA: Mapping[str, Any] = _LLAMA | {
  "family": "gpt_neox", "norm": "layer", "parallel_residual": True,
  "gated_mlp": False, "activation": "gelu", "qkv_bias": True,
  "output_bias": True, "mlp_bias": True, "rotary_fraction": 0.25,
  "max_position_embeddings": 2048, "eos_token_ids": (0,), "bos_token_id": 0,
}  # fmt: skip
_QWEN: Mapping[str, Any] = _LLAMA | {
  "family": "qwen2", "norm_eps": 1e-6, "qkv_bias": True,
  "max_position_embeddings": 4096, "eos_token_ids": (151_643,),
  "bos_token_id": 151_643,
}  # fmt: skip
_MISTRAL: Mapping[str, Any] = _LLAMA | {
  "family": "mistral", "sliding_window": 4096,
  "max_position_embeddings": 32_768,
}  # fmt: skip


def _stretched(factor: float) -> dict[str, Any]:
  """What Llama 3.1 and 3.2 change of Llama 3."""
  return {
    "max_position_embeddings": 131_072,
    "rope_scaling": architecture.RopeScaling("llama3", factor, 1.0, 4.0, 8192),
  }


_QWEN3: Mapping[str, Any] = _QWEN | {
  "family": "qwen3", "qkv_bias": False, "query_key_norm": "head",
  "head_dim": 128, "rope_theta": 1e6, "max_position_embeddings": 40_960,
  "eos_token_ids": (151_645,),
}  # fmt: skip
_R1_QWEN: Mapping[str, Any] = _QWEN | {
  "max_position_embeddings": 131_072, "eos_token_ids": (151_643,),
}  # fmt: skip
_GEMMA: Mapping[str, Any] = {
  "norm_eps": 1e-6, "norm_offset": 1.0, "post_norm": True,
  "activation": "gelu_tanh", "scaled_embedding": True, "head_dim": 256,
  "query_pre_attn_scalar": 256.0, "tie_word_embeddings": True,
  "bos_token_id": 2,
}  # fmt: skip
_GEMMA2: Mapping[str, Any] = _GEMMA | {
  "family": "gemma2", "rope_theta": 10_000.0, "max_position_embeddings": 8192,
  "sliding_window": 4096, "window_pattern": 2, "attention_softcap": 50.0,
  "logit_softcap": 30.0, "eos_token_ids": (1, 107),
}  # fmt: skip
_GEMMA3: Mapping[str, Any] = _GEMMA | {
  "family": "gemma3_text", "rope_theta": 1e6, "local_rope_theta": 10_000.0,
  "max_position_embeddings": 32_768, "sliding_window": 512,
  "window_pattern": 6, "query_key_norm": "head", "eos_token_ids": (1, 106),
}  # fmt: skip
_OLMO2: Mapping[str, Any] = {
  "family": "olmo2", "norm_eps": 1e-6, "rope_theta": 500_000.0,
  "max_position_embeddings": 4096, "tie_word_embeddings": False,
  "pre_norm": False, "post_norm": True, "query_key_norm": "projection",
  "eos_token_ids": (100_257,),
}  # fmt: skip
_PHI3: Mapping[str, Any] = {
  "family": "phi3", "norm_eps": 1e-5, "rope_theta": 10_000.0,
  "max_position_embeddings": 4096, "tie_word_embeddings": False,
  "eos_token_ids": (32_000,), "bos_token_id": 1,
}  # fmt: skip
# Of Phi-4-mini: in texts of no more than 4096 tokens nothing is divided.
LONG_FACTORS = (
  1.0, 1.118320672, 1.250641126, 1.398617824, 1.564103225, 1.74916897,
  1.956131817, 2.187582649, 2.446418898, 2.735880826, 3.059592084, 3.421605075,
  3.826451687, 4.279200023, 4.785517845, 5.351743533, 5.984965424, 6.693110555,
  7.485043894, 8.370679318, 9.36110372, 10.4687158, 11.70738129, 13.09260651,
  14.64173252, 16.37415215, 18.31155283, 20.47818807, 22.90118105, 25.61086418,
  28.64115884, 32.03, 32.1, 32.13, 32.23, 32.6, 32.61, 32.64, 32.66, 32.7,
  32.71, 32.93, 32.97, 33.28, 33.49, 33.5, 44.16, 47.77,
)  # fmt: skip


# Sizes in the order of SIZES, and what else the model has.
MODELS: Mapping[str, tuple[tuple[int, ...], Mapping[str, Any]]] = {
  "gemma2_2b": ((256_000, 2304, 9216, 26, 8, 4), _GEMMA2),
  "gemma2_9b": ((256_000, 3584, 14_336, 42, 16, 8), _GEMMA2),
  "gemma3_1b": ((262_144, 1152, 6912, 26, 4, 1), _GEMMA3),
  "gemma3_270m": ((262_144, 640, 2048, 18, 4, 1), _GEMMA3),
  "llama3.1_8b": (
    (128_256, 4096, 14_336, 32, 32, 8), _LLAMA3 | _stretched(8.0),
  ),
  "llama3.2_1b": (
    (128_256, 2048, 8192, 16, 32, 8),
    _LLAMA3 | _stretched(32.0) | {"tie_word_embeddings": True},
  ),
  "llama3.2_3b": (
    (128_256, 3072, 8192, 28, 24, 8),
    _LLAMA3 | _stretched(32.0) | {"tie_word_embeddings": True},
  ),
  "llama3_8b": ((128_256, 4096, 14_336, 32, 32, 8), _LLAMA3),
  "llemma_34b": (
    (32_000, 8192, 22_016, 48, 64, 8),
    _LLAMA | {"rope_theta": 1e6, "max_position_embeddings": 4096},
  ),
  "llemma_7b": (
    (32_016, 4096, 11_008, 32, 32, 32),
    _LLAMA | {"max_position_embeddings": 4096},
  ),
  "mistral_7b": ((32_000, 4096, 14_336, 32, 32, 8), _MISTRAL),
  "mistral_7b_v0.3": (
    (32_768, 4096, 14_336, 32, 32, 8),
    _MISTRAL | {"sliding_window": None, "rope_theta": 1e6},
  ),
  "olmo2_1b": ((100_352, 2048, 8192, 16, 16, 16), _OLMO2),
  "olmo2_7b": ((100_352, 4096, 11_008, 32, 32, 32), _OLMO2),
  "phi3_mini": (
    (32_064, 3072, 8192, 32, 32, 32), _PHI3 | {"sliding_window": 2047},
  ),
  "phi4": (
    (100_352, 5120, 17_920, 40, 40, 10),
    _PHI3 | {
      "rope_theta": 250_000.0, "max_position_embeddings": 16_384,
      "eos_token_ids": (100_257,), "bos_token_id": 100_257,
    },
  ),
  "phi4_mini": (
    (200_064, 3072, 8192, 32, 24, 8),
    _PHI3 | {
      "rotary_fraction": 0.75, "sliding_window": 262_144,
      "rope_scaling": architecture.RopeScaling(
        "longrope", 32.0, original_length=4096, stretched_length=131_072,
        short_factors=(1.0,) * 48, long_factors=LONG_FACTORS,
        attention_factor=math.sqrt(1 + math.log(32) / math.log(4096)),
      ),
      "tie_word_embeddings": True, "eos_token_ids": (199_999,),
      "bos_token_id": 199_999,
    },
  ),
  "pythia_1.4b": ((50_304, 2048, 8192, 24, 16, 16), _PYTHIA),
  "pythia_12b": ((50_688, 5120, 20_480, 36, 40, 40), _PYTHIA),
  "pythia_2.8b": ((50_304, 2560, 10_240, 32, 32, 32), _PYTHIA),
  "pythia_410m": ((50_304, 1024, 4096, 24, 16, 16), _PYTHIA),
  "pythia_6.9b": ((50_432, 4096, 16_384, 32, 32, 32), _PYTHIA),
  "qwen2.5_math_1.5b": (
    (151_936, 1536, 8960, 28, 12, 2), _QWEN | {"tie_word_embeddings": True},
  ),
  "qwen2.5_math_7b": ((152_064, 3584, 18_944, 28, 28, 4), _QWEN),
  "qwen3_0.6b": (
    (151_936, 1024, 3072, 28, 16, 8), _QWEN3 | {"tie_word_embeddings": True},
  ),
  "qwen3_1.7b": (
    (151_936, 2048, 6144, 28, 16, 8), _QWEN3 | {"tie_word_embeddings": True},
  ),
  "qwen3_4b": (
    (151_936, 2560, 9728, 36, 32, 8), _QWEN3 | {"tie_word_embeddings": True},
  ),
  "qwen3_8b": ((151_936, 4096, 12_288, 36, 32, 8), _QWEN3),
  "r1_distill_llama_8b": (
    (128_256, 4096, 14_336, 32, 32, 8), _LLAMA3 | _stretched(8.0),
  ),
  "r1_distill_qwen_1.5b": ((151_936, 1536, 8960, 28, 12, 2), _R1_QWEN),
  "r1_distill_qwen_7b": ((152_064, 3584, 18_944, 28, 28, 4), _R1_QWEN),
  "smollm2_135m": (
    (49_152, 576, 1536, 30, 9, 3),
    _LLAMA | {
      "rope_theta": 100_000.0, "max_position_embeddings": 8192,
      "tie_word_embeddings": True, "eos_token_ids": (0,), "bos_token_id": 0,
    },
  ),
}  # fmt: skip
