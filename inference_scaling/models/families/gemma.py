"""Gemma 2 and the text model of Gemma 3.

A Llama with norms before and after attention and MLP, whose weights are stored
less 1, scaled embeddings, and a window in all but every second or sixth layer.
Gemma 2 caps scores and logits softly. Gemma 3 normalises queries and keys, and
its layers with a window have a rotary base of their own.
"""

import functools
from typing import Any

from inference_scaling.models.families import base, llama, qwen3, rope, values
from inference_scaling.models.layers import architecture

_ACTIVATION = "hidden_activation"
_SCALAR, _PATTERN = "query_pre_attn_scalar", "sliding_window_pattern"
_ATTENTION_CAP, _LOGIT_CAP = "attn_logit_softcapping", "final_logit_softcapping"
_LOCAL_BASE = "rope_local_base_freq"
_FULL, _WINDOW = "full_attention", "sliding_attention"
KEYS = llama.KEYS | {
  _ACTIVATION, _SCALAR, _PATTERN, _ATTENTION_CAP, _LOGIT_CAP,
}  # fmt: skip
# What transformers takes a file to mean that does not have the key.
_DEFAULTS: base.Raw = {
  "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
  llama.EPS_KEY: 1e-6, _SCALAR: 256, "sliding_window": 4096,
  "tie_word_embeddings": True, "bos_token_id": 2, "eos_token_id": 1,
}  # fmt: skip
_DEFAULTS_2: base.Raw = {
  **_DEFAULTS, "max_position_embeddings": 8192, _PATTERN: 2,
  _ATTENTION_CAP: 50.0, _LOGIT_CAP: 30.0,
}  # fmt: skip
_DEFAULTS_3: base.Raw = {
  **_DEFAULTS, "vocab_size": 262_208, "max_position_embeddings": 131_072,
  _PATTERN: 6,
}  # fmt: skip
_NORMS_2: llama.Norms = {
  ("attention_norm",): "input_layernorm",
  ("attention_post_norm",): "post_attention_layernorm",
  ("mlp_norm",): "pre_feedforward_layernorm",
  ("mlp_post_norm",): "post_feedforward_layernorm",
}
_NORMS_3: llama.Norms = {**qwen3.NORMS, **_NORMS_2}


def read_2(raw: base.Raw) -> architecture.DecoderConfig:
  """Reads config.json of Gemma 2."""
  raw = {**_DEFAULTS_2, **raw}
  settings = rope.read_settings(raw)
  return architecture.DecoderConfig(
    **_read_common(raw),
    family="gemma2",
    rope_theta=rope.read_rotary(
      raw, settings, "rope_theta", "rope_theta", 10_000.0
    ),
    rope_scaling=rope.read_scaling(raw, settings),
    attention_softcap=values.number_or_none(raw, _ATTENTION_CAP),
  )


def read_3(raw: base.Raw) -> architecture.DecoderConfig:
  """Reads config.json of the text model of Gemma 3."""
  raw = {**_DEFAULTS_3, **raw}
  values.expect(raw, _ATTENTION_CAP, None)
  wide, near = _rotary_settings(raw)
  if rope.read_scaling(raw, near) is not None:
    raise ValueError(
      f"rope_parameters of {_WINDOW} is {near}; only rope_type 'default' is "
      "supported in layers with a window."
    )
  return architecture.DecoderConfig(
    **_read_common(raw),
    family="gemma3_text",
    rope_theta=rope.read_rotary(raw, wide, "rope_theta", "rope_theta", 1e6),
    rope_scaling=rope.read_scaling(raw, wide),
    local_rope_theta=rope.read_rotary(
      raw, near, "rope_theta", _LOCAL_BASE, 1e4
    ),
    query_key_norm=architecture.HEAD,
  )


def _read_common(raw: base.Raw) -> dict[str, Any]:
  """Reads what both have, but for rotary settings."""
  default = "gelu_pytorch_tanh"
  fields = base.read_shared(raw, llama.EPS_KEY, default, _ACTIVATION)
  # The first files had this key alone; transformers reads the other.
  values.expect(raw, "hidden_act", raw.get(_ACTIVATION, default))
  values.expect(raw, "mlp_bias", False)
  values.expect(raw, "partial_rotary_factor", 1.0)
  biased = values.truth(raw, "attention_bias", False)
  window, pattern = _read_window(raw)
  return fields | base.read_heads(raw) | {
    "qkv_bias": biased,
    "output_bias": biased,
    "norm_offset": 1.0,
    "post_norm": True,
    "scaled_embedding": True,
    "query_pre_attn_scalar": values.number(raw, _SCALAR),
    "logit_softcap": values.number_or_none(raw, _LOGIT_CAP),
    "sliding_window": window,
    "window_pattern": pattern,
  }  # fmt: skip


def _read_window(raw: base.Raw) -> tuple[int | None, int | None]:
  """Reads the window, and of how many layers the last has none."""
  num_layers = raw["num_hidden_layers"]
  types = values.texts(raw, "layer_types", num_layers)
  if types is None:
    pattern = values.integer(raw, _PATTERN)
  else:
    pattern = types.index(_FULL) + 1 if _FULL in types else num_layers + 1
    expected = [
      _WINDOW if (layer + 1) % pattern else _FULL for layer in range(num_layers)
    ]
    if types != expected:
      raise ValueError(
        f"layer_types is {types}; expected {_WINDOW!r} in all layers but every "
        f"second, third or so, which has {_FULL!r}."
      )
  if pattern == 1:
    return None, None
  window = values.integer(raw, "sliding_window")
  return window, None if pattern > num_layers else pattern


def _rotary_settings(raw: base.Raw) -> tuple[dict[str, Any], dict[str, Any]]:
  """Reads the settings of layers without a window, and with one."""
  nested = values.group(raw, "rope_parameters")
  if not nested:
    return rope.read_settings(raw), {}
  unknown = sorted(set(nested) - {_FULL, _WINDOW})
  if unknown or values.group(raw, "rope_scaling"):
    raise ValueError(
      f"rope_parameters is {nested} and rope_scaling is "
      f"{raw.get('rope_scaling')!r}; expected the former to have {_FULL} and "
      f"{_WINDOW}, and the latter to be absent, or the latter alone."
    )
  return values.group(nested, _FULL), values.group(nested, _WINDOW)


def write_2(config: architecture.DecoderConfig) -> dict[str, Any]:
  """Writes config.json of Gemma 2."""
  return _write_common(config) | {_ATTENTION_CAP: config.attention_softcap}


def write_3(config: architecture.DecoderConfig) -> dict[str, Any]:
  """Writes config.json of the text model of Gemma 3."""
  return _write_common(config) | {_LOCAL_BASE: config.local_rope_theta}


def _write_common(config: architecture.DecoderConfig) -> dict[str, Any]:
  """Writes what `_read_common` reads, and rotary settings."""
  scalar = config.query_pre_attn_scalar or config.head_dim
  windows = [config.window(layer) for layer in range(config.num_layers)]
  return base.write_shared(config, llama.EPS_KEY, _ACTIVATION) | {
    "num_key_value_heads": config.num_kv_heads,
    "head_dim": config.head_dim,
    "rope_theta": config.rope_theta,
    "rope_scaling": rope.write_scaling(config.rope_scaling),
    "attention_bias": config.qkv_bias,
    # transformers takes it for a whole number.
    _SCALAR: int(scalar) if scalar == int(scalar) else scalar,
    _LOGIT_CAP: config.logit_softcap,
    "sliding_window": config.sliding_window,
    "layer_types": [_FULL if w is None else _WINDOW for w in windows],
  }


FAMILY_2 = llama.FAMILY._replace(
  architecture="Gemma2ForCausalLM",
  keys=KEYS,
  read=read_2,
  write=write_2,
  entries=functools.partial(llama.entries, norms=_NORMS_2),
)
FAMILY_3 = llama.FAMILY._replace(
  architecture="Gemma3ForCausalLM",
  keys=KEYS | {_LOCAL_BASE},
  read=read_3,
  write=write_3,
  entries=functools.partial(llama.entries, norms=_NORMS_3),
)
