"""Architectures of published models by name, and tiny ones like them.

The numbers are those of each model's config.json. They let memory be planned
and programs be tried with no file at hand; a checkpoint that is loaded always
brings its own config.json, and that is what counts.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import transformers

from inference_scaling.models import config as config_lib

RANDOM_PREFIX = "random/"

_SIZES = (
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
    "rope_scaling": config_lib.RopeScaling("llama3", factor, 1.0, 4.0, 8192),
  }


# Sizes in the order of _SIZES, and what else the model has.
_MODELS: Mapping[str, tuple[tuple[int, ...], Mapping[str, Any]]] = {
  "llama3.1_8b": (
    (128_256, 4096, 14_336, 32, 32, 8), _LLAMA3 | _stretched(8.0),
  ),
  "llama3.2_1b": (
    (128_256, 2048, 8192, 16, 32, 8),
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
  "pythia_1.4b": ((50_304, 2048, 8192, 24, 16, 16), _PYTHIA),
  "pythia_12b": ((50_688, 5120, 20_480, 36, 40, 40), _PYTHIA),
  "pythia_2.8b": ((50_304, 2560, 10_240, 32, 32, 32), _PYTHIA),
  "pythia_410m": ((50_304, 1024, 4096, 24, 16, 16), _PYTHIA),
  "pythia_6.9b": ((50_432, 4096, 16_384, 32, 32, 32), _PYTHIA),
  "qwen2.5_math_1.5b": (
    (151_936, 1536, 8960, 28, 12, 2), _QWEN | {"tie_word_embeddings": True},
  ),
  "qwen2.5_math_7b": ((152_064, 3584, 18_944, 28, 28, 4), _QWEN),
  "smollm2_135m": (
    (49_152, 576, 1536, 30, 9, 3),
    _LLAMA | {
      "rope_theta": 100_000.0, "max_position_embeddings": 8192,
      "tie_word_embeddings": True, "eos_token_ids": (0,), "bos_token_id": 0,
    },
  ),
}  # fmt: skip


def published_names() -> list[str]:
  """Lists the names that `published_config` knows, sorted."""
  return sorted(_MODELS)


def published_config(name: str) -> config_lib.DecoderConfig:
  """Returns the architecture of a published model.

  Args:
    name: such as "llemma_7b"; see `published_names`.

  Returns:
    The architecture.

  Raises:
    ValueError: for a name that is not in the table.
  """
  if name not in _MODELS:
    raise ValueError(
      f"there is no published architecture {name!r} in the table; expected "
      f"one of {', '.join(published_names())}."
    )
  sizes, others = _MODELS[name]
  fields: dict[str, Any] = {**dict(zip(_SIZES, sizes, strict=True)), **others}
  head_dim = fields["hidden_size"] // fields["num_heads"]
  return config_lib.DecoderConfig(head_dim=head_dim, **fields)


def tiny_config(
  name: str, tokenizer: transformers.PreTrainedTokenizerFast
) -> config_lib.DecoderConfig:
  """Shrinks a published architecture and keeps its traits.

  What stays: family, norms, biases, activation, residuals, rotary settings,
  tied embeddings, and how many query heads share a kv head. What shrinks:
  width, depth, and the window of attention, so that it is met in short texts.

  Args:
    name: as for `published_config`, or "random/" and that name.
    tokenizer: gives the vocabulary and its special tokens.

  Returns:
    The architecture, of some ten thousand weights beside the embedding.

  Raises:
    ValueError: for a name that is not in the table.
  """
  config = published_config(name.removeprefix(RANDOM_PREFIX))
  groups = config.num_heads // config.num_kv_heads
  kv_heads = 4 if groups == 1 else 2
  head_dim = 16 if groups <= 2 else 8
  size = kv_heads * groups * head_dim
  return dataclasses.replace(
    config,
    vocab_size=len(tokenizer),
    hidden_size=size,
    intermediate_size=2 * size,
    num_layers=2,
    num_heads=kv_heads * groups,
    num_kv_heads=kv_heads,
    head_dim=head_dim,
    sliding_window=None if config.sliding_window is None else 48,
    eos_token_ids=(tokenizer.eos_token_id,),
    bos_token_id=tokenizer.bos_token_id,
  )
