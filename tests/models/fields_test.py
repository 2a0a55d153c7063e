"""Every key of every family's config.json is read: changing it shows.

A change must show in the logits, in the shapes of the tensors, in a field that
other rooms read, or be refused. No key is passed over, and of those that the
family does not know only what is known to change nothing passes.
"""

import functools
import json

import numpy as np
import pytest
from flax import nnx

from inference_scaling import models
from inference_scaling.models import config as config_lib
from inference_scaling.models import families as families_lib
from inference_scaling.models.checkpoints import layout
from inference_scaling.models.families import keys
from inference_scaling.models.layers import decoder
from tests.models import families, tiny

OUTPUT, SHAPES, FIELD = "output", "shapes", "field"
_LINEAR = {"rope_type": "linear", "factor": 2.0}
_LLAMA3 = families.RAW["llama"]["rope_scaling"]
_YARN = families.RAW["qwen3_yarn"]["rope_scaling"]
_LONGROPE = families.RAW["phi3"]["rope_scaling"]

# Key, new value, and where it shows; else a part of the error's message.
SHARED = [
  ("vocab_size", 51, SHAPES),
  ("hidden_size", 64, SHAPES),
  ("intermediate_size", 48, SHAPES),
  ("num_hidden_layers", 3, SHAPES),
  ("num_hidden_layers", 10**9, "num_hidden_layers is 1000000000; expected"),
  ("max_position_embeddings", 128, FIELD),
  ("bos_token_id", 7, FIELD),
  ("eos_token_id", 9, FIELD),
  ("tie_word_embeddings", True, OUTPUT),
  ("tie_word_embeddings", False, SHAPES),
  ("hidden_act", "gelu", OUTPUT),
  ("hidden_act", "silu", OUTPUT),
  ("hidden_act", "gelu_pytorch_tanh", OUTPUT),
  ("hidden_act", "relu", "hidden_act is 'relu'; expected one of silu"),
  ("model_type", "gemma", "model_type is 'gemma'; expected one of gemma2"),
  ("architectures", ["GemmaForCausalLM"], "architectures is ['GemmaForCausal"),
  ("quantization_config", {"bits": 4}, "quantization_config is {'bits': 4}"),
  ("rope_scaling", None, OUTPUT),
  ("rope_scaling", _LINEAR, OUTPUT),
  ("rope_scaling", _LINEAR | {"factor": 2.5}, OUTPUT),
  ("rope_scaling", _LLAMA3 | {"factor": 4.0}, OUTPUT),
  ("rope_scaling", _LLAMA3 | {"low_freq_factor": 2.0}, OUTPUT),
  ("rope_scaling", _LLAMA3 | {"high_freq_factor": 2.0}, OUTPUT),
  ("rope_scaling", _LLAMA3 | {"original_max_position_embeddings": 24}, OUTPUT),
  ("rope_scaling", _YARN, OUTPUT),
  ("rope_scaling", _YARN | {"factor": 3.0}, OUTPUT),
  ("rope_scaling", _YARN | {"beta_fast": 9.0}, OUTPUT),
  ("rope_scaling", _YARN | {"beta_slow": 0.3}, OUTPUT),
  ("rope_scaling", _YARN | {"attention_factor": 1.3}, OUTPUT),
  ("rope_scaling", _YARN | {"original_max_position_embeddings": 9}, OUTPUT),
  ("rope_scaling", {"type": "yarn", "factor": 2.0}, OUTPUT),
  ("rope_scaling", _YARN | {"beta_slow": 6.0}, "beta_slow is 6.0 and beta_fa"),
  ("rope_scaling", _YARN | {"truncate": 1}, "truncate is 1; expected true or"),
  ("rope_scaling", {"type": "yarn"}, "type yarn lacks factor"),
  ("rope_scaling", {"type": "longrope"}, "rope_type is 'longrope'; expected"),
  ("rope_scaling", {"rope_type": "linear"}, "type linear lacks factor"),
  ("rope_scaling", _LINEAR | {"beta": 1}, "type linear has {'beta': 1}"),
  ("rope_scaling", _LLAMA3 | {"low_freq_factor": 4.0}, "low_freq_factor is 4"),
  ("rope_scaling", _LINEAR | {"type": "llama3"}, "type is 'llama3'; only 'lin"),
  ("rope_scaling", _LINEAR | {"rope_type": None}, "rope_type is None; exp"),
  ("rope_scaling", "linear", "rope_scaling is 'linear'; expected a group of"),
  ("rope_parameters", {"rope_type": "dynamic"}, "'dynamic'"),
  ("rope_parameters", [1], "rope_parameters is [1]; expected a group of keys"),
]  # fmt: skip
LLAMA_LIKE = [
  ("num_attention_heads", 2, SHAPES),
  ("num_key_value_heads", 4, SHAPES),
  ("num_key_value_heads", 3, "num_key_value_heads, 3"),
  ("head_dim", 16, SHAPES),
  ("head_dim", 7, "head_dim is 7"),
  ("rms_norm_eps", 2.0, OUTPUT),
  ("rope_theta", 9.0, OUTPUT),
  ("partial_rotary_factor", 0.5, "partial_rotary_factor is 0.5"),
]
OWN = {
  "llama": [
    ("attention_bias", False, SHAPES),
    ("mlp_bias", False, SHAPES),
    ("sliding_window", 8, "sliding_window is 8; only None"),
    ("layer_types", ["sliding_attention"] * 2, "layer_types[0] is 'sliding"),
    ("layer_types", ["full_attention"], "expected 2 layers"),
    ("layer_types", "full_attention", "expected a list of texts"),
  ],
  "mistral": [
    ("sliding_window", 3, OUTPUT),
    ("sliding_window", None, OUTPUT),
    ("sliding_window", 0, "sliding_window is 0"),
    ("use_sliding_window", False, "use_sliding_window is False; only True"),
    ("attention_bias", True, "attention_bias is True; only False"),
    ("mlp_bias", True, "mlp_bias is True; only False"),
    ("layer_types", ["full_attention"] * 2, "layer_types[0] is 'full_att"),
  ],
  "qwen2": [
    ("sliding_window", 2, OUTPUT),
    ("use_sliding_window", False, OUTPUT),
    ("max_window_layers", 0, OUTPUT),
    ("max_window_layers", 2, OUTPUT),
    ("layer_types", ["full_attention"] * 2, OUTPUT),
    ("layer_types", ["sliding_attention"] * 2, OUTPUT),
    ("layer_types", ["sliding_attention", "full_attention"], "layer_types is"),
    ("layer_types", ["full_attention"], "expected 2 layers"),
    ("attention_bias", False, "attention_bias is False; only True"),
    ("mlp_bias", True, "mlp_bias is True; only False"),
    ("use_mrope", True, "use_mrope is True"),
  ],
  "gpt_neox": [
    ("num_attention_heads", 8, OUTPUT),  # the same tensors, cut otherwise
    ("num_attention_heads", 5, "hidden_size is 32, which is no multiple"),
    ("num_key_value_heads", 2, "num_key_value_heads is 2; only 4"),
    ("head_dim", 16, "head_dim is 16; only 8"),
    ("layer_norm_eps", 2.0, OUTPUT),
    ("rotary_emb_base", 9.0, OUTPUT),
    ("rotary_pct", 1.0, OUTPUT),
    ("rotary_pct", 0.4, "a part of 0.4 has rotary positions, 3"),
    ("rope_theta", 9.0, "rope_theta is 9.0; only 30.0"),
    ("partial_rotary_factor", 0.25, "partial_rotary_factor is 0.25; only 0.5"),
    ("use_parallel_residual", False, OUTPUT),
    ("attention_bias", False, SHAPES),
  ],
  "qwen3": [
    ("sliding_window", 2, OUTPUT),
    ("use_sliding_window", False, OUTPUT),
    ("max_window_layers", 0, OUTPUT),
    ("layer_types", ["full_attention"] * 2, OUTPUT),
    ("layer_types", ["sliding_attention", "full_attention"], "layer_types is"),
    ("attention_bias", False, SHAPES),
    ("mlp_bias", True, "mlp_bias is True; only False"),
    ("use_mrope", True, "use_mrope is True"),
  ],
  "gemma2": [
    ("num_hidden_layers", 4, SHAPES),
    ("hidden_activation", "gelu", OUTPUT),
    ("hidden_activation", "relu", "hidden_activation is 'relu'; expected one"),
    ("hidden_act", "gelu", "hidden_act is 'gelu'; only 'gelu_pytorch_tanh'"),
    ("query_pre_attn_scalar", 12, OUTPUT),
    ("query_pre_attn_scalar", 6, OUTPUT),
    ("attn_logit_softcapping", None, OUTPUT),
    ("attn_logit_softcapping", 1.0, OUTPUT),
    ("final_logit_softcapping", None, OUTPUT),
    ("final_logit_softcapping", 2.0, OUTPUT),
    ("sliding_window", 3, OUTPUT),
    ("sliding_window", None, "sliding_window is None; expected a whole number"),
    ("sliding_window_pattern", 3, OUTPUT),
    ("sliding_window_pattern", 1, OUTPUT),
    ("layer_types", ["sliding_attention"] * 3, OUTPUT),
    ("layer_types", ["full_attention"] * 3, OUTPUT),
    (
      "layer_types",
      ["full_attention"] * 2 + ["sliding_attention"],
      "layer_types is",
    ),
    ("layer_types", ["full_attention"], "expected 3 layers"),
    ("attention_bias", False, SHAPES),
    ("mlp_bias", True, "mlp_bias is True; only False"),
  ],
  "gemma3_text": [
    ("num_hidden_layers", 4, SHAPES),
    ("hidden_activation", "gelu", OUTPUT),
    ("hidden_act", "gelu", "hidden_act is 'gelu'; only 'gelu_pytorch_tanh'"),
    ("query_pre_attn_scalar", 8, OUTPUT),
    ("attn_logit_softcapping", 5.0, "attn_logit_softcapping is 5.0; only None"),
    ("final_logit_softcapping", None, OUTPUT),
    ("rope_local_base_freq", 30.0, OUTPUT),
    ("rope_parameters", {"rope_type": "default"}, "rope_parameters is {'rope_"),
    ("sliding_window", 3, OUTPUT),
    ("sliding_window_pattern", 3, OUTPUT),
    ("layer_types", ["sliding_attention"] * 3, OUTPUT),
    ("attention_bias", True, SHAPES),
    ("mlp_bias", True, "mlp_bias is True; only False"),
  ],
  "olmo2": [
    ("attention_bias", False, SHAPES),
    ("mlp_bias", True, "mlp_bias is True; only False"),
    ("sliding_window", 8, "sliding_window is 8; only None"),
    ("layer_types", ["sliding_attention"] * 2, "layer_types[0] is 'sliding"),
  ],
  "phi3": [
    ("max_position_embeddings", 128, OUTPUT),  # by attention_factor
    ("head_dim", 16, "rope scaling has 3 short_factors; expected 6"),
    ("partial_rotary_factor", 0.5, "rope scaling has 3 short_factors; expecte"),
    ("partial_rotary_factor", 0.76, FIELD),
    ("rope_scaling", None, OUTPUT),
    ("rope_scaling", _LONGROPE | {"short_factor": [1.0, 1.5, 3.0]}, OUTPUT),
    ("rope_scaling", _LONGROPE | {"long_factor": [1.0, 1.5, 3.0]}, FIELD),
    ("rope_scaling", _LONGROPE | {"attention_factor": 1.5}, OUTPUT),
    ("rope_scaling", _LONGROPE | {"factor": 3.0}, OUTPUT),
    (
      "rope_scaling",
      _LONGROPE | {"long_factor": "1"},
      "long_factor is '1'; ex",
    ),
    (
      "rope_scaling",
      _LONGROPE | {"short_factor": [1.0, 0, 1.0]},
      "short_factor is 0; expected a number above 0",
    ),
    ("rope_scaling", _LONGROPE | {"beta": 1}, "type longrope has {'beta': 1}"),
    ("rope_scaling", {"type": "longrope"}, "lacks short_factor, long_factor"),
    ("rope_scaling", _LINEAR, "rope_type is 'linear'; expected one of default"),
    ("rope_parameters", _YARN, "rope_scaling is"),
    ("original_max_position_embeddings", 64, OUTPUT),
    ("sliding_window", 3, OUTPUT),
    ("sliding_window", None, OUTPUT),
    ("layer_types", ["full_attention"] * 2, "layer_types[0] is 'full_att"),
    ("attention_bias", True, "attention_bias is True; only False"),
    ("mlp_bias", True, "mlp_bias is True; only False"),
    ("full_attn_mod", 2, "full_attn_mod is 2; only 1"),
    ("interpolate_factor", 2, "interpolate_factor is 2; only 1"),
  ],
}
# What a family has of its own, or reads in another way.
OTHERWISE = {
  "gpt_neox": {key for key, *_ in LLAMA_LIKE},
  "gemma2": {"hidden_act", "num_hidden_layers"},
  "gemma3_text": {"hidden_act", "num_hidden_layers", "rope_parameters"},
  "phi3": {
    "partial_rotary_factor",
    "rope_scaling",
    "rope_parameters",
    "head_dim",
    "max_position_embeddings",
  },
}
# Those whose layers are all scaled, and in one of the common ways.
COMMON_ROPE = [name for name in OWN if name not in ("gemma3_text", "phi3")]
# The shapes of Llama, so that operations are compiled once for both.
_MISTRAL = {"num_key_value_heads": 2, "head_dim": 8}
RAW = families.RAW | {"mistral": families.RAW["mistral"] | _MISTRAL}
CASES = [
  (family, *change)
  for family, own in OWN.items()
  for change in [
    *(
      each
      for each in SHARED + LLAMA_LIKE
      if each[0] not in OTHERWISE.get(family, ())
      or each[:2] == ("num_hidden_layers", 10**9)
    ),
    *own,
  ]
  if RAW[family].get(change[0]) != change[1]
]
# Keys that all read by the same code are tried with some families alone.
OLD = ("llama", "mistral", "qwen2", "gpt_neox")
MARKED = [
  pytest.param(
    *case,
    marks=[pytest.mark.slow]
    if case[0] not in OLD and case[1:] in SHARED + LLAMA_LIKE
    else [],
  )
  for case in CASES
]


def _model(config: models.DecoderConfig, params):
  """A model of a config and the weights of another, and its tensors' shapes."""
  module = nnx.eval_shape(lambda: decoder.Decoder(config, nnx.Rngs(0)))
  graph, state = nnx.split(module)
  shapes = nnx.to_pure_dict(state)
  stored = layout.stored_shapes(layout.policy_layout(config), shapes)
  if params is None:
    params = tiny.shake(shapes, seed=3)
  params = {key: value for key, value in params.items() if key in shapes}
  return models.Model(config, params, None, graph), stored


@functools.cache
def _original(family: str):
  """Config, parameters, shapes of tensors and logits before the change."""
  config = config_lib.from_hf(RAW[family])
  model, stored = _model(config, None)
  return config, model.params, stored, _logits(model)


def _logits(model):
  # Not compiled as a whole: the parts are, once for all cases.
  tokens = tiny.draw_tokens(families.READ["llama"], (1, 12), seed=4)
  return np.asarray(model.logits(model.params, tokens))


def _where(family, raw):
  """Where a changed config.json shows; None for nowhere."""
  config, params, stored, logits = _original(family)
  changed = config_lib.from_hf(raw)
  model, shapes = _model(changed, params)
  without = {k for k in stored if layout.is_redundant(k, changed)}
  if shapes != {k: v for k, v in stored.items() if k not in without}:
    return SHAPES
  if np.abs(_logits(model) - logits).max() > 1e-4:
    return OUTPUT
  return FIELD if changed != config else None


@pytest.mark.parametrize("name", sorted(families.RAW))
def test_config_reads_as_expected(name):
  assert config_lib.from_hf(families.RAW[name]) == families.READ[name]


@pytest.mark.parametrize(
  "family,key,value,shows", MARKED, ids=lambda x: json.dumps(x)[:40]
)
def test_a_change_shows(family, key, value, shows):
  raw = RAW[family]
  if shows in (OUTPUT, SHAPES, FIELD):
    assert _where(family, raw | {key: value}) == shows
  else:
    with pytest.raises(ValueError) as caught:
      config_lib.from_hf(raw | {key: value})
    assert shows in str(caught.value)


@pytest.mark.parametrize("family", OWN)
def test_every_key_is_tested(family):
  changed = {key for name, key, *_ in CASES if name == family}
  written = set(config_lib.to_hf(families.READ[family]))
  written -= {"dtype", "pad_token_id"}
  known = families_lib.FAMILIES[family].keys
  assert written <= known | {"architectures", "model_type"}
  assert known | written <= changed
  assert not known & keys.HARMLESS - {"max_window_layers"}


# Values of no use, by the kind of the key.
_NO_NUMBERS = [
  None, True, "4", "", [4], {}, float("nan"), float("inf"), -1, 0,
]  # fmt: skip
WHOLE = [
  "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
  "num_attention_heads", "max_position_embeddings",
]  # fmt: skip
MAY_BE_NULL = ["num_key_value_heads", "head_dim", "sliding_window"]
NUMBERS = ["rms_norm_eps", "rope_theta"]
NEOX_NUMBERS = ["layer_norm_eps", "rotary_emb_base", "rotary_pct"]
TRUTHS = ["tie_word_embeddings", "attention_bias"]
_NO_IDS = [2.0, 2.5, True, False, "2", "</s>", [[2]], [2, "5"], [2, None], -1,
           [2, -1], 50, [2, 50], 2**32 - 1, {"a": 2}, float("nan")]  # fmt: skip
WRONG = [
  *((name, key, value) for name in OWN for key in WHOLE
    for value in [*_NO_NUMBERS, 4.0]),
  *((name, key, value) for name in ("llama", "mistral", "qwen2")
    for key in MAY_BE_NULL[:2] for value in [*_NO_NUMBERS[1:], 4.0]),
  *((name, "sliding_window", value) for name in ("mistral", "qwen2")
    for value in [*_NO_NUMBERS[1:], 4.0]),
  *(("qwen2", "max_window_layers", value) for value in _NO_NUMBERS[:-1]),
  *((name, key, value) for name in ("llama", "mistral", "qwen2")
    for key in NUMBERS for value in _NO_NUMBERS),
  *(("gpt_neox", key, value) for key in NEOX_NUMBERS for value in _NO_NUMBERS),
  ("gpt_neox", "rotary_pct", 1.5), ("llama", "rope_theta", 10**400),
  *((name, key, value) for name in OWN for key in TRUTHS
    for value in (None, 2, "true", [], float("nan"))),
  *((name, key, value) for name, key in (
      ("llama", "mlp_bias"), ("qwen2", "use_sliding_window"),
      ("gpt_neox", "use_parallel_residual"))
    for value in (None, 2, "false", [])),
  *((name, "eos_token_id", value) for name in OWN for value in _NO_IDS),
  *((name, "bos_token_id", value) for name in OWN
    for value in [*_NO_IDS, [1], []]),
  *((name, "hidden_act", value) for name in OWN
    for value in (None, 3, ["silu"], {})),
  *((name, "model_type", value) for name in OWN for value in (None, ["llama"])),
]  # fmt: skip


@pytest.mark.parametrize(
  ("family", "key", "value"), WRONG, ids=lambda x: repr(x)[:40]
)
def test_a_value_of_the_wrong_kind_is_named(family, key, value):
  raw = RAW[family] | {key: value}
  with pytest.raises(ValueError) as caught:
    config_lib.from_hf(raw)
  message = str(caught.value)
  assert message.startswith(f"{key} is {value!r}; "), message


_OF_SCALING = [
  (kind, key, value)
  for kind, known in (
    (_LINEAR, ["factor"]),
    (_LLAMA3, ["factor", "low_freq_factor", "high_freq_factor",
               "original_max_position_embeddings"]),
  )
  for key in known
  for value in _NO_NUMBERS
]  # fmt: skip


@pytest.mark.parametrize("family", COMMON_ROPE)
@pytest.mark.parametrize(
  ("kind", "key", "value"), _OF_SCALING, ids=lambda x: repr(x)[:40]
)
@pytest.mark.parametrize("group", ["rope_scaling", "rope_parameters"])
def test_a_wrong_value_of_a_scaling_is_named(family, kind, key, value, group):
  raw = RAW[family] | {"rope_scaling": None, group: kind | {key: value}}
  with pytest.raises(ValueError, match=rf"^{key} is "):
    config_lib.from_hf(raw)


@pytest.mark.parametrize("family", [*COMMON_ROPE, "phi3"])
@pytest.mark.parametrize("value", _NO_NUMBERS)
def test_a_wrong_nested_base_is_named(family, value):
  raw = RAW[family] | {"rope_scaling": None}
  raw["rope_parameters"] = {"rope_type": "default", "rope_theta": value}
  with pytest.raises(ValueError, match=r"^rope_theta is "):
    config_lib.from_hf(raw)


@pytest.mark.parametrize("family", COMMON_ROPE)
def test_two_bases_must_agree(family):
  outer = "rotary_emb_base" if family == "gpt_neox" else "rope_theta"
  raw = RAW[family] | {"rope_scaling": None, outer: 30.0}
  nested = {"rope_type": "default", "rope_theta": 30}
  same = config_lib.from_hf(raw | {"rope_parameters": nested})
  assert same == config_lib.from_hf(raw)
  with pytest.raises(
    ValueError, match=rf"^{outer} is 30.0, but rope_theta .*31"
  ):
    config_lib.from_hf(raw | {"rope_parameters": nested | {"rope_theta": 31}})
  by_kind = {"full_attention": nested, "sliding_attention": nested}
  with pytest.raises(ValueError, match=r"type default has .'full_at"):
    config_lib.from_hf(raw | {"rope_parameters": by_kind})


# As configs of other families and of derivatives have them.
UNKNOWN = {
  "attention_multiplier": 0.015625, "logits_scaling": 8.0, "logit_scale": 0.06,
  "embedding_multiplier": 12.0, "residual_multiplier": 0.22,
  "final_logit_softcapping": 30.0, "attn_logit_softcapping": 50.0,
  "query_pre_attn_scalar": 224, "scale_emb": 12, "scale_depth": 1.4,
  "dim_model_base": 256, "clip_qkv": 8.0, "num_local_experts": 8,
  "num_experts_per_tok": 2, "moe_intermediate_size": 1408, "qk_norm": True,
  "use_qk_norm": True, "rope_interleaved": True, "no_rope_layers": [1, 1],
  "alibi": True, "is_encoder_decoder": True, "add_cross_attention": True,
  "quantization": {"bits": 4, "group_size": 64}, "pruned_heads": {"0": [1]},
  "text_config": {"hidden_size": 4}, "compression_config": {"bits": 4},
  "suppress_tokens": [5], "rope_type": "yarn", "rope_ratio": 500,
  "original_max_position_embeddings": 4096, "n_shared_head": 0, "mup": 1,
  "attention_layers": ["global"], "normalization": "layernorm",
}  # fmt: skip


@pytest.mark.parametrize(
  ("family", "key"),
  [
    (family, key)
    for family in OWN
    for key in UNKNOWN
    if key not in families_lib.FAMILIES[family].keys
  ],
)
def test_a_key_that_nobody_knows_is_refused(family, key):
  raw = RAW[family] | {key: UNKNOWN[key]}
  with pytest.raises(ValueError) as caught:
    config_lib.from_hf(raw)
  message = str(caught.value)
  assert f"{key} {UNKNOWN[key]!r}" in message and "delete them" in message
  for nothing in (None, False, "", [], {}):
    assert config_lib.from_hf(raw | {key: nothing}) == (
      config_lib.from_hf(RAW[family])
    )


@pytest.mark.parametrize("family", OWN)
@pytest.mark.parametrize("key", ["is_causal", "use_rms_norm", "use_rope"])
def test_false_of_what_models_here_do_is_refused(family, key):
  with pytest.raises(ValueError, match=f"nothing reads: {key} False"):
    config_lib.from_hf(RAW[family] | {key: False})
  same = config_lib.from_hf(RAW[family] | {key: True})
  assert same == config_lib.from_hf(RAW[family])


@pytest.mark.parametrize("family", OWN)
@pytest.mark.parametrize(
  "more",
  [
    {"attention_dropout_prob": 0}, {"use_liger_kernel": True},
    {"cache_implementation": "static"}, {"quantization_config": {}},
    {"min_p": 0.05}, {"use_sdpa": True},
  ],
  ids=lambda more: next(iter(more)),
)  # fmt: skip
def test_keys_of_programs_and_sampling_change_nothing(family, more):
  same = config_lib.from_hf(RAW[family] | more)
  assert same == config_lib.from_hf(RAW[family])


def test_a_window_that_is_said_not_to_be_used():
  """As in a Qwen2 that was made into a Llama."""
  raw = RAW["llama"] | {"use_sliding_window": False, "sliding_window": 4096}
  assert config_lib.from_hf(raw) == config_lib.from_hf(RAW["llama"])


@pytest.mark.parametrize("family", OWN)
def test_all_keys_that_nobody_knows_are_listed_at_once(family):
  known = families_lib.FAMILIES[family].keys
  unknown = {key: UNKNOWN[key] for key in sorted(UNKNOWN) if key not in known}
  with pytest.raises(ValueError) as caught:
    config_lib.from_hf(RAW[family] | unknown)
  result = [str(caught.value).index(f"{key} {value!r}")
           for key, value in unknown.items()]  # fmt: skip
  assert result == sorted(result)


# Of another family, where it would be read; no tensor would miss it.
@pytest.mark.parametrize(
  ("family", "key", "value"),
  [
    ("llama", "rotary_emb_base", 100.0), ("llama", "rotary_pct", 0.5),
    ("llama", "layer_norm_eps", 1e-5), ("llama", "use_sliding_window", True),
    ("llama", "use_parallel_residual", True), ("llama", "use_mrope", True),
    ("mistral", "use_sliding_window", True), ("qwen2", "rotary_pct", 0.5),
    ("gpt_neox", "rms_norm_eps", 1e-5), ("gpt_neox", "sliding_window", 8),
    ("gpt_neox", "layer_types", ["sliding_attention"] * 2),
  ],
)  # fmt: skip
def test_a_key_of_another_family_is_refused(family, key, value):
  with pytest.raises(ValueError, match=f"nothing reads: {key} "):
    config_lib.from_hf(RAW[family] | {key: value})


# As published files have them, and their derivatives.
COMMON = {
  "transformers_version": "4.40.0", "torch_dtype": "bfloat16",
  "dtype": "float32", "_name_or_path": "a/b", "use_cache": True,
  "auto_map": {"AutoModel": "modeling.Model"}, "id2label": {"0": "LABEL_0"},
  "label2id": {"LABEL_0": 0}, "pad_token_id": -1, "attention_dropout": 0.1,
  "initializer_range": 0.02, "pretraining_tp": 2, "is_llama_config": True,
  "rope_interleaved": False, "tokenizer_class": "LlamaTokenizer",
  "task_specific_params": {"x": 1}, "_attn_implementation_autoset": True,
  "max_sequence_length": 2048, "unsloth_version": "2025.1", "max_length": 20,
  "temperature": 1.0, "top_k": 50, "top_p": 1.0, "repetition_penalty": 1.1,
  "length_penalty": 1.0, "num_beams": 1, "problem_type": "x", "num_labels": 1,
  "hidden_dropout": 0.1, "classifier_dropout": 0.1, "torchscript": False,
  "cross_attention_hidden_size": None, "is_encoder_decoder": False,
  "pruned_heads": {}, "suppress_tokens": None, "return_dict": True,
  "chunk_size_feed_forward": 0, "bad_words_ids": None, "max_window_layers": 28,
}  # fmt: skip


@pytest.mark.parametrize("family", ["llama", "mistral", "gpt_neox"])
def test_keys_of_published_files_change_nothing(family):
  read = config_lib.from_hf(RAW[family] | COMMON)
  assert read == config_lib.from_hf(RAW[family])
  harmless = RAW[family] | dict.fromkeys(keys.HARMLESS, "anything")
  kept = ("architectures", "model_type")
  harmless |= {key: RAW[family][key] for key in kept}
  assert config_lib.from_hf(harmless) == read


@pytest.mark.parametrize("family", COMMON_ROPE)
@pytest.mark.parametrize(
  "nested",
  [{"rope_type": "default"}, _LINEAR, _LLAMA3, _YARN],
  ids=lambda nested: nested["rope_type"],
)
def test_both_spellings_of_rotary_settings(family, nested):
  raw = {"rope_scaling": None} | RAW[family]
  old = raw | {"rope_scaling": nested | {"type": nested["rope_type"]}}
  del old["rope_scaling"]["rope_type"]
  del raw["rope_scaling"]
  neox = family == "gpt_neox"
  theta = raw.pop("rotary_emb_base" if neox else "rope_theta")
  new = raw | {"rope_parameters": nested | {"rope_theta": theta}}
  if neox:
    new["rope_parameters"]["partial_rotary_factor"] = new.pop("rotary_pct")
  read = config_lib.from_hf(new)
  assert read == config_lib.from_hf(old)
  assert read.rope_theta == theta
  assert (read.rope_scaling is None) == (nested["rope_type"] == "default")
  both = new | {"rope_scaling": {"type": "linear", "factor": 7.0}}
  with pytest.raises(ValueError, match=r"rope_scaling is .* but rope_param"):
    config_lib.from_hf(both)


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "gpt_neox"])
def test_keys_that_may_be_absent(family):
  # Files of Llama 2, Mistral 0.1, Qwen2 and Pythia leave some of these out.
  raw = dict(RAW[family])
  for key in (
    "rope_theta", "rope_scaling", "rotary_emb_base", "rotary_pct",
    "num_key_value_heads", "head_dim", "hidden_act", "attention_bias",
    "mlp_bias", "sliding_window", "use_sliding_window", "max_window_layers",
    "use_parallel_residual", "bos_token_id", "eos_token_id",
  ):  # fmt: skip
    raw.pop(key, None)
  read = config_lib.from_hf(raw)
  neox = family == "gpt_neox"
  assert read.rope_theta == 10_000.0
  assert (read.num_kv_heads, read.head_dim) == (4, 8)
  assert read.sliding_window == (4096 if family == "mistral" else None)
  assert read.qkv_bias == (family in ("qwen2", "gpt_neox"))
  assert read.rotary_fraction == (0.25 if neox else 1.0)
  assert read.parallel_residual == neox
  assert (read.bos_token_id, read.eos_token_ids) == (None, ())


def _absent(family, *keys):
  """What a file reads as that lacks some keys, as transformers takes it."""
  raw = {key: value for key, value in RAW[family].items() if key not in keys}
  read = config_lib.from_hf(raw)
  assert read.family == family
  return read


def test_what_files_of_qwen3_and_phi3_leave_out():
  assert _absent("qwen3", "head_dim").head_dim == 128
  phi = _absent("phi3", "original_max_position_embeddings", "sliding_window",
                "partial_rotary_factor", "rope_scaling")  # fmt: skip
  assert (phi.max_position_embeddings, phi.rope_scaling) == (256, None)
  assert (phi.sliding_window, phi.rotary_fraction) == (None, 1.0)
  # Of texts that never were longer, short divisors hold for all.
  short = _absent("phi3", "original_max_position_embeddings")
  assert short.max_position_embeddings == 4096
  assert short.rope_scaling.attention_factor == 1.0


def test_what_files_of_gemma_leave_out():
  keys = ("num_key_value_heads", "num_attention_heads", "head_dim",
          "query_pre_attn_scalar", "sliding_window", "tie_word_embeddings",
          "bos_token_id", "eos_token_id", "rms_norm_eps",
          "max_position_embeddings", "attn_logit_softcapping", "rope_theta",
          "final_logit_softcapping", "sliding_window_pattern", "vocab_size",
          "hidden_activation", "rope_local_base_freq")  # fmt: skip
  two = _absent("gemma2", *(key for key in keys if key != "vocab_size"))
  three = _absent("gemma3_text", *keys)
  for read in (two, three):
    assert (read.num_heads, read.num_kv_heads, read.head_dim) == (8, 4, 256)
    assert (read.query_pre_attn_scalar, read.sliding_window) == (256.0, 4096)
    assert (read.bos_token_id, read.eos_token_ids) == (2, (1,))
    assert read.tie_word_embeddings and read.norm_eps == 1e-6
    assert read.activation == "gelu_tanh"
  assert (two.attention_softcap, two.logit_softcap) == (50.0, 30.0)
  assert (two.rope_theta, two.local_rope_theta) == (1e4, None)
  assert (two.max_position_embeddings, two.window_pattern) == (8192, 2)
  assert (three.attention_softcap, three.logit_softcap) == (None, None)
  assert (three.rope_theta, three.local_rope_theta) == (1e6, 1e4)
  assert (three.max_position_embeddings, three.vocab_size) == (131_072, 262_208)
  assert three.window_pattern is None  # six layers, of which there are three


def test_both_spellings_of_rotary_settings_of_gemma3():
  raw = dict(RAW["gemma3_text"])
  nested = {
    "full_attention": raw.pop("rope_scaling") | {"rope_theta": 900.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 20.0},
  }
  for key in ("rope_theta", "rope_local_base_freq"):
    del raw[key]
  new = raw | {"rope_parameters": nested}
  assert config_lib.from_hf(new) == families.READ["gemma3_text"]
  nested["sliding_attention"] = _LINEAR
  with pytest.raises(ValueError, match=r"of sliding_attention is .*'linear'"):
    config_lib.from_hf(new)


def test_old_name_of_the_scaling_of_phi3():
  old = RAW["phi3"] | {"rope_scaling": _LONGROPE | {"type": "su"}}
  assert config_lib.from_hf(old) == families.READ["phi3"]


def test_gemma3_that_reads_images_is_told_apart():
  raw = {"model_type": "gemma3", "text_config": RAW["gemma3_text"]}
  with pytest.raises(ValueError, match=r"'gemma3'.*images.*gemma3_text.*GGUF"):
    config_lib.from_hf(raw)


@pytest.mark.parametrize(
  "change",
  [
    {"sliding_window": 4},
    {"norm": "layer"},
    {"gated_mlp": False},
    {"parallel_residual": True},
    {"rotary_fraction": 0.5},
    {"output_bias": False},
    {"query_key_norm": "head"},
    {"norm_offset": 1.0},
    {"post_norm": True},
    {"scaled_embedding": True},
    {"logit_softcap": 30.0},
  ],
  ids=lambda change: next(iter(change)),
)
def test_what_a_family_cannot_say_is_not_written(change):
  config = models.DecoderConfig(**(vars(families.READ["llama"]) | change))
  with pytest.raises(ValueError, match=f"cannot store .* {next(iter(change))}"):
    config_lib.to_hf(config)


def test_every_family_is_tested():
  assert set(OWN) == {config.family for config in families.READ.values()}
  assert set(OWN) == set(families_lib.FAMILIES)
  for name, config in families.READ.items():
    assert config_lib.from_hf(config_lib.to_hf(config)) == config, name
