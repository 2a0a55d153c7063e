"""Llama: RMS norms, a gated MLP, rotary positions in all of each head.

Llemma, Llama 2 and 3 and SmolLM2 are of this family. Most others have the same
tensors and share most keys.
"""

from collections.abc import Mapping
from typing import Any

from inference_scaling.models.families import base, rope, values
from inference_scaling.models.layers import architecture

EPS_KEY = "rms_norm_eps"
KEYS = base.KEYS | {EPS_KEY, "layer_types", "mlp_bias", "sliding_window"}
# Name of this package -> name in the checkpoint.
Norms = Mapping[tuple[str, ...], str]
NORMS: Norms = {
  ("attention_norm",): "input_layernorm",
  ("mlp_norm",): "post_attention_layernorm",
}
_LINEAR = {
  ("attention", "query"): "self_attn.q_proj",
  ("attention", "key"): "self_attn.k_proj",
  ("attention", "value"): "self_attn.v_proj",
  ("attention", "output"): "self_attn.o_proj",
  ("mlp", "gate"): "mlp.gate_proj",
  ("mlp", "up"): "mlp.up_proj",
  ("mlp", "down"): "mlp.down_proj",
}


def read_common(raw: base.Raw) -> dict[str, Any]:
  """Reads what Llama, Mistral and Qwen2 have in common.

  Args:
    raw: contents of config.json.

  Returns:
    Fields of `DecoderConfig`.

  Raises:
    ValueError: as `base.read_shared`.
  """
  fields = base.read_shared(raw, EPS_KEY, activation="silu")
  settings = rope.read_settings(raw)
  values.expect(raw, "partial_rotary_factor", 1.0)
  values.expect(settings, "partial_rotary_factor", 1.0)
  return fields | base.read_heads(raw) | {
    "rope_scaling": rope.read_scaling(raw, settings),
    # Files of Llama 2 and before leave the base out, and mean 10,000.
    "rope_theta": rope.read_rotary(
      raw, settings, "rope_theta", "rope_theta", 10_000.0
    ),
  }  # fmt: skip


def write_common(config: architecture.DecoderConfig) -> dict[str, Any]:
  """Writes what `read_common` reads."""
  return base.write_shared(config, EPS_KEY) | {
    "num_key_value_heads": config.num_kv_heads,
    "head_dim": config.head_dim,
    "rope_theta": config.rope_theta,
    "rope_scaling": rope.write_scaling(config.rope_scaling),
  }


def read(raw: base.Raw) -> architecture.DecoderConfig:
  """Reads config.json."""
  fields = read_common(raw)
  # A Qwen2 that became a Llama may name a window and say that it is not used.
  if raw.get("use_sliding_window") is not False:
    values.expect(raw, "sliding_window", None)
  expect_layers(raw, "full_attention")
  biased = values.truth(raw, "attention_bias", False)
  return architecture.DecoderConfig(
    **fields,
    family="llama",
    qkv_bias=biased,
    output_bias=biased,
    mlp_bias=values.truth(raw, "mlp_bias", False),
  )


def write(config: architecture.DecoderConfig) -> dict[str, Any]:
  """Writes config.json."""
  return write_common(config) | {
    "attention_bias": config.qkv_bias,
    "mlp_bias": config.mlp_bias,
  }


def expect_layers(raw: base.Raw, kind: str) -> None:
  """Raises where `layer_types` is there and a layer is of another kind."""
  types = values.texts(raw, "layer_types", raw["num_hidden_layers"]) or ()
  for layer, layer_type in enumerate(types):
    if layer_type != kind:
      raise ValueError(
        f"layer_types[{layer}] is {layer_type!r}; expected {kind!r} of all "
        "layers."
      )


def entries(
  config: architecture.DecoderConfig, prefix: base.Path, norms: Norms = NORMS
) -> list[base.Entry]:
  """Lists the parameters, without the unembedding.

  Args:
    config: the architecture.
    prefix: the first keys of each path.
    norms: those of a layer, and their names in the checkpoint.

  Returns:
    One entry a parameter.
  """
  listed = [
    base.Entry("model.embed_tokens.weight", (*prefix, "embedding")),
    base.Entry("model.norm.weight", (*prefix, "final_norm", "scale")),
  ]
  for layer in range(config.num_layers):
    name, path = f"model.layers.{layer}", (*prefix, "layers", layer)
    listed += [
      base.Entry(f"{name}.{stored}.weight", (*path, *norm, "scale"))
      for norm, stored in norms.items()
    ]
    for (module, matrix), stored in _LINEAR.items():
      parts = ["weight"] + ["bias"] * has_bias(config, module, matrix)
      listed += [
        base.Entry(f"{name}.{stored}.{part}", (*path, module, matrix, part))
        for part in parts
      ]
  return listed


def has_bias(
  config: architecture.DecoderConfig, module: str, name: str
) -> bool:
  """Tells whether a matrix of attention or MLP has a bias."""
  if module == "mlp":
    return config.mlp_bias
  return config.output_bias if name == "output" else config.qkv_bias


FAMILY = base.Family(
  architecture="LlamaForCausalLM",
  keys=KEYS,
  read=read,
  write=write,
  entries=entries,
  unembedding="lm_head.weight",
  buffers=r"model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq",
)
