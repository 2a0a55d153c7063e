"""OLMo 2: a Llama that normalises what attention and MLP give.

What they read is not normalised. Queries and keys are, over all their
heads as one.
"""

import functools
from typing import Any

from inference_scaling.models.families import base, llama, values
from inference_scaling.models.layers import architecture

_NORMS: llama.Norms = {
  ("attention_post_norm",): "post_attention_layernorm",
  ("mlp_post_norm",): "post_feedforward_layernorm",
  ("attention", "query_norm"): "self_attn.q_norm",
  ("attention", "key_norm"): "self_attn.k_norm",
}


def read(raw: base.Raw) -> architecture.DecoderConfig:
  """Reads config.json."""
  fields = llama.read_common(raw)
  values.expect(raw, "mlp_bias", False)
  values.expect(raw, "sliding_window", None)  # as OLMo 3 has it
  llama.expect_layers(raw, "full_attention")
  biased = values.truth(raw, "attention_bias", False)
  return architecture.DecoderConfig(
    **fields,
    family="olmo2",
    qkv_bias=biased,
    output_bias=biased,
    query_key_norm=architecture.PROJECTION,
    pre_norm=False,
    post_norm=True,
  )


def write(config: architecture.DecoderConfig) -> dict[str, Any]:
  """Writes config.json."""
  return llama.write_common(config) | {"attention_bias": config.qkv_bias}


FAMILY = llama.FAMILY._replace(
  architecture="Olmo2ForCausalLM",
  read=read,
  write=write,
  entries=functools.partial(llama.entries, norms=_NORMS),
)
