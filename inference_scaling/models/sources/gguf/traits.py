"""What single architectures of GGUF files have beside what all have.

Each function writes it as config.json of the family does. What a file leaves
out is what llama.cpp takes it for.
"""

from collections.abc import Callable, Mapping
from typing import Any

from inference_scaling.models.sources.gguf import header as gguf_header
from inference_scaling.models.sources.gguf import rope, values

Raw = dict[str, Any]
_WINDOW, _PATTERN = (
  "attention.sliding_window", "attention.sliding_window_pattern",
)  # fmt: skip
_ATTENTION_CAP, _LOGIT_CAP = "attn_logit_softcapping", "final_logit_softcapping"
_FULL, _SLIDING = "full_attention", "sliding_attention"
# The two sizes of Gemma whose scores are divided by the root of D over heads,
# not of H. llama.cpp knows them by their layers, too.
_LARGEST = {"gemma2": 46, "gemma3": 62}


def read(
  header: gguf_header.Header, reader: values.Reader, raw: Mapping[str, Any]
) -> Raw:
  """Reads what an architecture has of its own.

  Args:
    header: of the file.
    reader: looks its keys up.
    raw: what config.json would hold of what all have.

  Returns:
    What it would hold beside, or instead.

  Raises:
    ValueError: where a value is of a wrong kind, or not supported.
  """
  return _READERS[reader.prefix](header, reader, raw)


def query_scalar(prefix: str, raw: Mapping[str, Any]) -> int:
  """Says by the root of what scores are divided.

  Args:
    prefix: the architecture.
    raw: as `read`.

  Returns:
    H, or what the largest models of Gemma have instead.
  """
  if _LARGEST.get(prefix) == raw["num_hidden_layers"]:
    return raw["hidden_size"] // raw["num_attention_heads"]
  return raw["head_dim"]


def _window(read: values.Reader, length: int) -> int | None:
  """Reads a window; None where it holds any text of the model's length."""
  none = read.metadata.get(read.key(_WINDOW), 0) == 0
  window = length if none else read.count(_WINDOW) or length
  return window if window < length else None


def _llama(header: Any, read: values.Reader, raw: Mapping[str, Any]) -> Raw:
  """With a window, it is a Mistral."""
  window = _window(read, raw["max_position_embeddings"])
  if window is None:
    return {}
  return {
    "architectures": ["MistralForCausalLM"],
    "model_type": "mistral",
    "sliding_window": window,
  }


def _qwen(header: Any, read: values.Reader, raw: Mapping[str, Any]) -> Raw:
  window = _window(read, raw["max_position_embeddings"])
  if window is None:
    return {}
  return {
    "use_sliding_window": True,
    "sliding_window": window,
    "max_window_layers": 0,
  }


def _olmo2(header: Any, read: values.Reader, raw: Mapping[str, Any]) -> Raw:
  window = _window(read, raw["max_position_embeddings"])
  if window is not None:
    raise ValueError(
      f"{read.where}: {read.key(_WINDOW)} is {window}, as OLMo 3 has it, which "
      "is not supported; of OLMo 2 none is expected."
    )
  return {}


def _phi3(
  header: gguf_header.Header, read: values.Reader, raw: Mapping[str, Any]
) -> Raw:
  length = raw["max_position_embeddings"]
  rotary_dim = round(raw["head_dim"] * raw["partial_rotary_factor"])
  return {
    "sliding_window": _window(read, length),
    "original_max_position_embeddings": rope.original_length(read) or length,
    "rope_scaling": rope.read_longrope(header, read, rotary_dim),
    # The default of transformers is beyond a small vocabulary.
    "pad_token_id": None,
  }


def _gemma2(header: Any, read: values.Reader, raw: Mapping[str, Any]) -> Raw:
  return _gemma(read, raw, 2, 4096) | {
    _ATTENTION_CAP: _cap(read, _ATTENTION_CAP, 50.0),
    _LOGIT_CAP: _cap(read, _LOGIT_CAP, 30.0),
  }


def _gemma3(header: Any, read: values.Reader, raw: Mapping[str, Any]) -> Raw:
  return _gemma(read, raw, 6, None) | {
    _LOGIT_CAP: _cap(read, _LOGIT_CAP, None),
    "rope_local_base_freq": read.number("rope.freq_base_swa") or 10_000.0,
  }


def _gemma(
  read: values.Reader,
  raw: Mapping[str, Any],
  pattern: int,
  window: int | None,
) -> Raw:
  """Reads what both have, with what they mean that leave it out."""
  activation = dict.fromkeys(
    ("hidden_act", "hidden_activation"), "gelu_pytorch_tanh"
  )
  scalar = {"query_pre_attn_scalar": query_scalar(read.prefix, raw)}
  if read.metadata.get(read.key(_WINDOW)) != 0:
    window = read.count(_WINDOW) or window
  stored = read.metadata.get(read.key(_PATTERN))
  if window is None:
    types: Raw = {"sliding_window_pattern": 1}
  elif isinstance(stored, list):
    types = {"layer_types": [_SLIDING if near else _FULL for near in stored]}
  else:
    types = {"sliding_window_pattern": read.count(_PATTERN) or pattern}
  return activation | scalar | types | {"sliding_window": window}


def _cap(read: values.Reader, name: str, default: float | None) -> float | None:
  """Reads a soft cap, of which 0 is none."""
  value = read.metadata.get(read.key(name), default)
  return None if value is None or value == 0 else read.number(name) or default


_READERS: Mapping[str, Callable[[Any, values.Reader, Mapping[str, Any]], Raw]]
_READERS = {
  "gemma2": _gemma2,
  "gemma3": _gemma3,
  "llama": _llama,
  "olmo2": _olmo2,
  "phi3": _phi3,
  "qwen2": _qwen,
  "qwen3": _qwen,
}
