"""Which metadata keys of a GGUF file are read, and which change nothing.

A key that could change what is computed is read, or refused by name where its
value needs what the decoder does not do. Of the keys of the
architecture and the tokenizer, one that is not in these tables is refused, too,
since nobody knows what it changes. Keys of other prefixes, such as those of
programs that quantise, may be anything.

References:
  gguf-py/gguf/constants.py, src/llama-model.cpp and src/llama-vocab.cpp of
  github.com/ggml-org/llama.cpp.
"""

import math
from collections.abc import Collection, Mapping
from typing import Any

from inference_scaling.models.sources.gguf import values

TOKENIZER = "tokenizer.ggml."

# Read by `gguf_config`, after the name of the architecture.
_ARCHITECTURE = (
  "attention.head_count", "attention.head_count_kv", "attention.key_length",
  "attention.layer_norm_rms_epsilon", "attention.sliding_window",
  "attention.value_length", "block_count", "context_length",
  "embedding_length", "feed_forward_length", "rope.dimension_count",
  "rope.freq_base", "rope.scale_linear", "rope.scaling.factor",
  "rope.scaling.type", "rope.scaling.yarn_beta_fast",
  "rope.scaling.yarn_beta_slow", "tensor_data_layout", "vocab_size",
)  # fmt: skip
# Read by `gguf_tokenizer`, `gguf_ids` and `gguf_config`.
_TOKENIZER = (
  "add_bos_token", "add_eos_token", "add_space_prefix", "bos_token_id",
  "eom_token_id", "eos_token_id", "eot_token_id", "merges", "model",
  "padding_token_id", "pre", "scores", "token_type", "tokens",
  "unknown_token_id",
)  # fmt: skip
# Values with which a key changes nothing. All others are refused.
_NEUTRAL = {
  "attention.causal": True,
  "attention.clamp_kqv": 0,
  "attention.max_alibi_bias": 0,
  "attn_logit_softcapping": 0,
  "embedding_scale": 1,
  "expert_count": 0,
  "expert_feed_forward_length": 0,
  "expert_group_count": 0,
  "expert_group_used_count": 0,
  "expert_shared_count": 0,
  "expert_shared_feed_forward_length": 0,
  "expert_used_count": 0,
  "final_logit_softcapping": 0,
  "leading_dense_block_count": 0,
  "logit_scale": 1,
  "nextn_predict_layers": 0,
  "pooling_type": 0,
  "residual_scale": 1,
  "rope.scaling.attn_factor": 1,
  "rope.scaling.yarn_attn_factor": 1,
  "rope.scaling.yarn_ext_factor": 1,
  "router_logit_softcapping": 0,
  "use_parallel_residual": False,
}
_TOKENIZER_NEUTRAL = {
  "add_sep_token": False,
  "precompiled_charsmap": [],
  "remove_extra_whitespaces": False,
}
# Keys that change nothing, whatever their value, and why.
_HARMLESS = {
  "rope.scaling.finetuned": "tells how the model was trained",
  "rope.scaling.original_context_length": "read where it changes anything",
}
_TOKENIZER_HARMLESS = {
  "cls_token_id": "of models that classify",
  "fim_mid_token_id": "of models that fill in code",
  "fim_pad_token_id": "of models that fill in code",
  "fim_pre_token_id": "of models that fill in code",
  "fim_rep_token_id": "of models that fill in code",
  "fim_sep_token_id": "of models that fill in code",
  "fim_suf_token_id": "of models that fill in code",
  "mask_token_id": "of models that fill in words",
  "middle_token_id": "an older name of fim_mid_token_id",
  "prefix_token_id": "an older name of fim_pre_token_id",
  "seperator_token_id": "added with add_sep_token alone",
  "suffix_token_id": "an older name of fim_suf_token_id",
}
_GENERAL = {"general.type": "model"}


def check_architecture(
  metadata: Mapping[str, Any],
  prefix: str,
  more: Collection[str],
  neutral_values: Mapping[str, Any],
  where: str,
) -> None:
  """Refuses keys of an architecture that ask for what is not computed.

  Args:
    metadata: of the file.
    prefix: the architecture.
    more: keys of this architecture that are read, beside those of all.
    neutral_values: of keys that say what is done anyway.
    where: the file, for errors.

  Raises:
    ValueError: lists all keys that are unknown, or whose value is refused.
  """
  neutral = {
    f"{prefix}.{key}": value
    for key, value in (_NEUTRAL | dict(neutral_values)).items()
    if key not in more
  } | _GENERAL
  known = {f"{prefix}.{key}" for key in (*_ARCHITECTURE, *_HARMLESS, *more)}
  _check(metadata, f"{prefix}.", known, neutral, where)


def check_tokenizer(metadata: Mapping[str, Any], where: str) -> None:
  """Refuses keys of a tokenizer that ask for what is not done.

  Args:
    metadata: of the file.
    where: the file, for errors.

  Raises:
    ValueError: lists all keys that are unknown, or whose value is refused.
  """
  neutral = {f"{TOKENIZER}{k}": v for k, v in _TOKENIZER_NEUTRAL.items()}
  known = {f"{TOKENIZER}{k}" for k in (*_TOKENIZER, *_TOKENIZER_HARMLESS)}
  _check(metadata, TOKENIZER, known, neutral, where)


def _check(
  metadata: Mapping[str, Any],
  prefix: str,
  known: Collection[str],
  neutral: Mapping[str, Any],
  where: str,
) -> None:
  """Raises where a key of some prefix is neither known nor neutral."""
  refused = [
    f"{key} is {values.short(metadata[key])}; only {value!r} is supported"
    for key, value in neutral.items()
    if key in metadata and not _same(metadata[key], value)
  ]
  refused += [
    f"{key} is {values.short(value)}, a key that is not known"
    for key, value in metadata.items()
    if key.startswith(prefix) and key not in known and key not in neutral
  ]
  if refused:
    listed = "\n  ".join(sorted(refused))
    raise ValueError(
      f"{where} asks for what is not computed:\n  {listed}\n"
      "Where a key is known to change nothing, remove it (gguf-new-metadata "
      "--remove-metadata KEY, of the gguf package); else use another model."
    )


def _same(value: Any, neutral: Any) -> bool:
  """Whether a value is the neutral one, up to the rounding of float32."""
  if isinstance(neutral, float) and type(value) in (int, float):
    return math.isclose(value, neutral, rel_tol=1e-6)
  return isinstance(value, bool) == isinstance(neutral, bool) and (
    value == neutral
  )
