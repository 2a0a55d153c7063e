"""Qwen3: a Llama whose queries and keys are normalised head by head."""

import functools
from typing import Any

from inference_scaling.models.families import base, llama, qwen2, values
from inference_scaling.models.layers import architecture

# What transformers takes a file to mean that does not have the key.
_DEFAULTS: base.Raw = {"head_dim": 128}
NORMS: llama.Norms = {
  **llama.NORMS,
  ("attention", "query_head_norm"): "self_attn.q_norm",
  ("attention", "key_head_norm"): "self_attn.k_norm",
}


def read(raw: base.Raw) -> architecture.DecoderConfig:
  """Reads config.json."""
  raw = {**_DEFAULTS, **raw}
  fields = llama.read_common(raw)
  values.expect(raw, "mlp_bias", False)
  values.expect(raw, "use_mrope", False)
  biased = values.truth(raw, "attention_bias", False)
  window, first = qwen2.read_window(raw)
  return architecture.DecoderConfig(
    **fields,
    family="qwen3",
    qkv_bias=biased,
    output_bias=biased,
    query_key_norm=architecture.HEAD,
    sliding_window=window,
    first_window_layer=first,
  )


def write(config: architecture.DecoderConfig) -> dict[str, Any]:
  """Writes config.json."""
  return qwen2.write(config) | {"attention_bias": config.qkv_bias}


FAMILY = qwen2.FAMILY._replace(
  architecture="Qwen3ForCausalLM",
  read=read,
  write=write,
  entries=functools.partial(llama.entries, norms=NORMS),
)
