"""Mistral: a Llama whose layers see no further back than a window."""

from typing import Any

from inference_scaling.models.families import base, llama, values
from inference_scaling.models.layers import architecture

# What transformers takes a file to mean that does not have the key.
_DEFAULT_WINDOW = 4096


def read(raw: base.Raw) -> architecture.DecoderConfig:
  """Reads config.json."""
  fields = llama.read_common(raw)
  values.expect(raw, "attention_bias", False)
  values.expect(raw, "mlp_bias", False)
  window = raw.get("sliding_window", _DEFAULT_WINDOW)
  if window is not None:
    window = values.integer({"sliding_window": window}, "sliding_window")
  if window is not None and raw.get("use_sliding_window") is False:
    values.expect(raw, "use_sliding_window", True)
  kind = "full_attention" if window is None else "sliding_attention"
  llama.expect_layers(raw, kind)
  return architecture.DecoderConfig(
    **fields, family="mistral", sliding_window=window
  )


def write(config: architecture.DecoderConfig) -> dict[str, Any]:
  """Writes config.json."""
  return llama.write_common(config) | {"sliding_window": config.sliding_window}


FAMILY = llama.FAMILY._replace(
  architecture="MistralForCausalLM", read=read, write=write
)
