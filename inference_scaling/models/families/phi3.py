"""Phi-3 and Phi-4: a Llama with fused tensors and, some, a part that is rotary.

Queries, keys and values are one tensor in the checkpoint, one after the other,
and so are gate and up.
"""

import math
from collections.abc import Mapping
from typing import Any

from inference_scaling.models.families import base, llama, rope, values
from inference_scaling.models.layers import architecture

_LENGTH = "original_max_position_embeddings"
_FRACTION = "partial_rotary_factor"
_SHORT, _LONG = "short_factor", "long_factor"
_FACTOR, _ATTENTION_FACTOR = "factor", "attention_factor"
# Keys of Phi-4-mini that its code does not read, with the values they have.
_NEUTRAL: base.Raw = {"full_attn_mod": 1, "interpolate_factor": 1}
KEYS = llama.KEYS | {_LENGTH, *_NEUTRAL}
# What transformers takes a file to mean that does not have the key.
_DEFAULT_LENGTH = 4096
_LONGROPE = "longrope"
_ALIASES = {"su": _LONGROPE}  # of the first files


def read(raw: base.Raw) -> architecture.DecoderConfig:
  """Reads config.json."""
  fields = base.read_shared(raw, llama.EPS_KEY, activation="silu")
  fields |= base.read_heads(raw)
  for key in ("attention_bias", "mlp_bias"):
    values.expect(raw, key, False)
  for key, value in _NEUTRAL.items():
    values.expect(raw, key, value)
  window = None
  if raw.get("sliding_window") is not None:
    window = values.integer(raw, "sliding_window")
  kind = "full_attention" if window is None else "sliding_attention"
  llama.expect_layers(raw, kind)
  settings = rope.read_settings(raw)
  theta = rope.read_rotary(raw, settings, "rope_theta", "rope_theta", 10_000.0)
  scaling = _read_scaling(raw, settings)
  if scaling is not None:
    # Beyond it all tokens of a text would have to be rotated anew.
    fields["max_position_embeddings"] = scaling.original_length
  return architecture.DecoderConfig(
    **fields,
    family="phi3",
    sliding_window=window,
    rope_theta=theta,
    rope_scaling=scaling,
    rotary_fraction=rope.read_rotary(
      raw, settings, _FRACTION, _FRACTION, 1.0, maximum=1.0
    ),
  )


def _read_scaling(
  raw: base.Raw, settings: Mapping[str, Any]
) -> architecture.RopeScaling | None:
  """Reads divisors of single frequencies, the one kind that Phi-3 has."""
  stated = rope.read_kind(settings)
  kind = _ALIASES.get(stated, stated)
  longest = raw["max_position_embeddings"]
  length = values.integer({_LENGTH: _DEFAULT_LENGTH, **raw}, _LENGTH)
  values.expect(settings, _LENGTH, length)
  if kind == "default":
    rope.check_known(settings, kind, [_LENGTH])
    return None
  if kind != _LONGROPE:
    raise ValueError(
      f"rope_type is {stated!r}; expected one of default, {_LONGROPE}."
    )
  known = [_SHORT, _LONG, _FACTOR, _ATTENTION_FACTOR, _LENGTH]
  rope.check_known(settings, kind, known)
  missing = [key for key in (_SHORT, _LONG) if key not in settings]
  if missing:
    raise ValueError(f"rope scaling of type {kind} lacks {', '.join(missing)}.")
  factor = values.number_or_none(settings, _FACTOR) or longest / length
  attention = values.number_or_none(settings, _ATTENTION_FACTOR)
  return architecture.RopeScaling(
    kind,
    factor,
    original_length=length,
    stretched_length=longest,
    short_factors=values.numbers_of(settings, _SHORT),
    long_factors=values.numbers_of(settings, _LONG),
    attention_factor=attention or attention_factor(factor, length),
  )


def attention_factor(factor: float, length: int) -> float:
  """Computes what queries and keys are multiplied by.

  Args:
    factor: by how much texts grow.
    length: what they were before.

  Returns:
    The factor.

  References:
    Ding et al., "LongRoPE", 2024, arXiv:2402.13753; the formula is that of the
      code released with Phi-3.
  """
  if factor <= 1.0:
    return 1.0
  return math.sqrt(1.0 + math.log(factor) / math.log(length))


def write(config: architecture.DecoderConfig) -> dict[str, Any]:
  """Writes config.json."""
  raw = llama.write_common(config) | {
    "sliding_window": config.sliding_window,
    _FRACTION: config.rotary_fraction,
    _LENGTH: config.max_position_embeddings,
    # The default of transformers is beyond a small vocabulary.
    "pad_token_id": None,
  }
  scaling = config.rope_scaling
  if scaling is None or scaling.short_factors is None:
    return raw
  return raw | {
    "max_position_embeddings": scaling.stretched_length,
    "rope_scaling": {
      "rope_type": scaling.kind,
      _SHORT: list(scaling.short_factors),
      _LONG: list(scaling.long_factors or ()),
      _FACTOR: scaling.factor,
      _ATTENTION_FACTOR: scaling.attention_factor,
    },
  }


def entries(
  config: architecture.DecoderConfig, prefix: base.Path
) -> list[base.Entry]:
  """Lists the parameters, without the unembedding."""
  queries = config.num_heads * config.head_dim
  keys = config.num_kv_heads * config.head_dim
  parts: dict[str, tuple[str, base.Rows]] = {}
  for fused, sizes in (
    ("self_attn.qkv_proj", {"q_proj": queries, "k_proj": keys, "v_proj": keys}),
    ("mlp.gate_up_proj", dict.fromkeys(("gate_proj", "up_proj"),
                                       config.intermediate_size)),
  ):  # fmt: skip
    module, total, start = fused.split(".")[0], sum(sizes.values()), 0
    for name, size in sizes.items():
      rows = base.Rows(start, start + size, total)
      parts[f"{module}.{name}"] = fused, rows
      start += size
  listed = []
  for entry in llama.entries(config, prefix):
    stem, _, end = entry.name.rpartition(".")
    matrix = ".".join(stem.split(".")[-2:])
    if matrix in parts:
      fused, rows = parts[matrix]
      name = f"{stem.removesuffix(matrix)}{fused}.{end}"
      entry = entry._replace(name=name, part=rows)
    listed.append(entry)
  return listed


FAMILY = llama.FAMILY._replace(
  architecture="Phi3ForCausalLM",
  keys=KEYS,
  read=read,
  write=write,
  entries=entries,
)
