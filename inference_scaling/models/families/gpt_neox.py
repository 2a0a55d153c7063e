"""GPT-NeoX (Pythia): layer norms, a parallel residual, biases throughout.

Query, key and value are one tensor in the checkpoint, with rows [heads, 3, H].
"""

from typing import Any

from inference_scaling.models.families import base, rope, values
from inference_scaling.models.layers import architecture

EPS_KEY = "layer_norm_eps"
KEYS = base.KEYS | {
  EPS_KEY, "rotary_emb_base", "rotary_pct", "use_parallel_residual",
}  # fmt: skip
_NORMS = {
  "attention_norm": "input_layernorm",
  "mlp_norm": "post_attention_layernorm",
}
_FUSED = ("query", "key", "value")
_LINEAR = {
  ("attention", "output"): "attention.dense",
  ("mlp", "up"): "mlp.dense_h_to_4h",
  ("mlp", "down"): "mlp.dense_4h_to_h",
}


def read(raw: base.Raw) -> architecture.DecoderConfig:
  """Reads config.json."""
  fields = base.read_shared(raw, EPS_KEY, activation="gelu")
  heads, size = raw["num_attention_heads"], raw["hidden_size"]
  if size % heads:
    raise ValueError(
      f"hidden_size is {size}, which is no multiple of num_attention_heads, "
      f"{heads}."
    )
  values.expect(raw, "head_dim", size // heads)
  values.expect(raw, "num_key_value_heads", heads)
  settings = rope.read_settings(raw)
  scaling = rope.read_scaling(raw, settings)
  theta = rope.read_rotary(
    raw, settings, "rope_theta", "rotary_emb_base", 10_000.0
  )
  fraction = rope.read_rotary(
    raw, settings, "partial_rotary_factor", "rotary_pct", 0.25, maximum=1.0
  )
  # Some versions of transformers write these a second time.
  values.expect(raw, "rope_theta", theta)
  values.expect(raw, "partial_rotary_factor", fraction)
  biased = values.truth(raw, "attention_bias", True)
  return architecture.DecoderConfig(
    **fields,
    num_kv_heads=heads,
    head_dim=size // heads,
    rope_theta=theta,
    rope_scaling=scaling,
    rotary_fraction=fraction,
    family="gpt_neox",
    norm="layer",
    parallel_residual=values.truth(raw, "use_parallel_residual", True),
    gated_mlp=False,
    qkv_bias=biased,
    output_bias=biased,
    mlp_bias=True,
  )


def write(config: architecture.DecoderConfig) -> dict[str, Any]:
  """Writes config.json."""
  return base.write_shared(config, EPS_KEY) | {
    "attention_bias": config.qkv_bias,
    "use_parallel_residual": config.parallel_residual,
    "rotary_emb_base": config.rope_theta,
    "rotary_pct": config.rotary_fraction,
    "rope_scaling": rope.write_scaling(config.rope_scaling),
  }


def entries(
  config: architecture.DecoderConfig, prefix: base.Path
) -> list[base.Entry]:
  """Lists the parameters, without the unembedding."""
  listed = [base.Entry("gpt_neox.embed_in.weight", (*prefix, "embedding"))]
  listed += _norm("gpt_neox.final_layer_norm", (*prefix, "final_norm"))
  for layer in range(config.num_layers):
    name, path = f"gpt_neox.layers.{layer}", (*prefix, "layers", layer)
    for norm, stored in _NORMS.items():
      listed += _norm(f"{name}.{stored}", (*path, norm))
    for index, linear in enumerate(_FUSED):
      listed += _linear(
        f"{name}.attention.query_key_value",
        (*path, "attention", linear),
        config.qkv_bias,
        base.Part(index, config.num_heads),
      )
    for module, stored in _LINEAR.items():
      biased = config.mlp_bias if module[0] == "mlp" else config.output_bias
      listed += _linear(f"{name}.{stored}", (*path, *module), biased)
  return listed


def _norm(name: str, path: base.Path) -> list[base.Entry]:
  return [
    base.Entry(f"{name}.weight", (*path, "scale")),
    base.Entry(f"{name}.bias", (*path, "bias")),
  ]


def _linear(
  name: str, path: base.Path, biased: bool, part: base.Part | None = None
) -> list[base.Entry]:
  listed = [base.Entry(f"{name}.weight", (*path, "weight"), part=part)]
  if biased:
    listed.append(base.Entry(f"{name}.bias", (*path, "bias"), False, part))
  return listed


FAMILY = base.Family(
  architecture="GPTNeoXForCausalLM",
  keys=KEYS,
  read=read,
  write=write,
  entries=entries,
  unembedding="embed_out.weight",
  buffers=(
    r"gpt_neox\.layers\.\d+\.attention\."
    r"(bias|masked_bias|rotary_emb\.inv_freq)"
  ),
)
