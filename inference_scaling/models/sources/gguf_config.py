"""The config.json that the metadata of a GGUF file amounts to."""

import math
from typing import Any

import numpy as np

from inference_scaling.models.sources import gguf_file, gguf_names

# GGUF's architecture -> model type and class of Hugging Face. llama.cpp calls
# Mistral "llama", too, and writes no window for it.
_ARCHITECTURES = {
  "llama": ("llama", "LlamaForCausalLM"),
  "qwen2": ("qwen2", "Qwen2ForCausalLM"),
}
_KEYS = {
  "hidden_size": "embedding_length",
  "intermediate_size": "feed_forward_length",
  "num_hidden_layers": "block_count",
  "num_attention_heads": "attention.head_count",
  "num_key_value_heads": "attention.head_count_kv",
  "rms_norm_eps": "attention.layer_norm_rms_epsilon",
  "max_position_embeddings": "context_length",
}
# llama.cpp's own, for files that do not state it.
_ROPE_THETA = 10_000.0
# What Llama 3.1 and later were trained with; only the factor differs.
_LOW, _HIGH, _ORIGINAL_LENGTH = 1.0, 4.0, 8192
_TURN_ENDS = ("<|eot_id|>", "<|im_end|>")
_EMBEDDING, _UNEMBEDDING = "token_embd.weight", "output.weight"


def to_hf(header: gguf_file.Header, where: str) -> dict[str, Any]:
  """Writes the architecture of a GGUF file as Hugging Face would.

  Args:
    header: of the file.
    where: the file, for errors.

  Returns:
    What config.json would hold.

  Raises:
    ValueError: where the architecture is not supported, a key is missing, or
      the rotary frequencies are scaled in an unknown way.
  """
  metadata = header.metadata
  prefix = metadata.get("general.architecture")
  if prefix not in _ARCHITECTURES:
    raise ValueError(
      f"{where}: general.architecture is {prefix!r}; expected one of "
      f"{', '.join(sorted(_ARCHITECTURES))}. Of other architectures, load the "
      "folder in Hugging Face format."
    )
  needed = [f"{prefix}.{key}" for key in _KEYS.values()]
  missing = [key for key in needed if key not in metadata]
  missing += [_EMBEDDING] if _EMBEDDING not in header.tensors else []
  if missing:
    raise ValueError(f"{where}: missing keys: {', '.join(sorted(missing))}.")
  model_type, architecture = _ARCHITECTURES[prefix]
  raw = {key: metadata[f"{prefix}.{name}"] for key, name in _KEYS.items()}
  head_dim = metadata.get(
    f"{prefix}.attention.key_length",
    raw["hidden_size"] // raw["num_attention_heads"],
  )
  theta = metadata.get(f"{prefix}.rope.freq_base", _ROPE_THETA)
  return {
    "architectures": [architecture],
    "model_type": model_type,
    **raw,
    # The vocabulary may be padded beyond the tokenizer's.
    "vocab_size": int(header.tensors[_EMBEDDING].shape[-1]),
    "head_dim": head_dim,
    "rope_theta": theta,
    "rope_scaling": _rope_scaling(header, prefix, head_dim, theta, where),
    "tie_word_embeddings": _UNEMBEDDING not in header.tensors,
    "hidden_act": "silu",
    "bos_token_id": metadata.get("tokenizer.ggml.bos_token_id"),
    "eos_token_id": _ends_of_text(metadata),
    "dtype": "float32",
  }


def _ends_of_text(metadata) -> list[int]:
  """Ends of text and, in models that chat, of a turn; first the file's own."""
  keys = ("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id")
  ends = [metadata[key] for key in keys if key in metadata]
  # Some files of chat models name only the end of a text.
  tokens = list(metadata.get("tokenizer.ggml.tokens", ()))
  ends += [tokens.index(end) for end in _TURN_ENDS if end in tokens]
  return list(dict.fromkeys(ends))


def _rope_scaling(header, prefix, head_dim, theta, where):
  """Reads how rotary frequencies are scaled, as config.json says it."""
  metadata = header.metadata
  kind = metadata.get(f"{prefix}.rope.scaling.type", "none")
  if kind != "none":
    factor = metadata.get(f"{prefix}.rope.scaling.factor")
    return {"rope_type": kind, "factor": factor}
  if gguf_names.ROPE_FACTORS not in header.tensors:
    return None
  # Llama 3.1: the file holds the divisor of each frequency, and nothing else.
  stored = header.tensors[gguf_names.ROPE_FACTORS].data.reshape(-1)
  factor = float(stored.max())
  if not np.allclose(stored, _divisors(head_dim, theta, factor), rtol=1e-3):
    raise ValueError(
      f"{where}: {gguf_names.ROPE_FACTORS} holds divisors of the rotary "
      f"frequencies that are not those of Llama 3.1 with the factor {factor}; "
      "no other scaling is supported. Load the folder in Hugging Face format."
    )
  return {
    "rope_type": "llama3",
    "factor": factor,
    "low_freq_factor": _LOW,
    "high_freq_factor": _HIGH,
    "original_max_position_embeddings": _ORIGINAL_LENGTH,
  }


def _divisors(head_dim: int, theta: float, factor: float) -> list[float]:
  """Computes the divisors that llama.cpp writes for Llama 3.1."""
  divisors = []
  for i in range(0, head_dim, 2):
    turns = _ORIGINAL_LENGTH / (2 * math.pi * theta ** (i / head_dim))
    smooth = np.clip((turns - _LOW) / (_HIGH - _LOW), 0.0, 1.0)
    divisors.append(1 / ((1 - smooth) / factor + smooth))
  return divisors
