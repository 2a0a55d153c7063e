"""Every key of every family's config.json is read: changing it shows.

A change must show in the logits, in the shapes of the tensors, in a field that
other rooms read, or be refused. No key is passed over.
"""

import functools
import json

import numpy as np
import pytest
from flax import nnx

from inference_scaling import models
from inference_scaling.models import config as config_lib
from inference_scaling.models import decoder, layout
from tests.models import families, tiny

OUTPUT, SHAPES, FIELD = "output", "shapes", "field"
_LINEAR = {"rope_type": "linear", "factor": 2.0}
_LLAMA3 = families.RAW["llama"]["rope_scaling"]

# Key, new value, and where it shows; else a part of the error's message.
SHARED = [
  ("vocab_size", 51, SHAPES),
  ("hidden_size", 64, SHAPES),
  ("intermediate_size", 48, SHAPES),
  ("num_hidden_layers", 3, SHAPES),
  ("max_position_embeddings", 128, FIELD),
  ("bos_token_id", 7, FIELD),
  ("eos_token_id", 9, FIELD),
  ("tie_word_embeddings", True, OUTPUT),
  ("tie_word_embeddings", False, SHAPES),
  ("hidden_act", "gelu", OUTPUT),
  ("hidden_act", "silu", OUTPUT),
  ("hidden_act", "gelu_pytorch_tanh", OUTPUT),
  ("hidden_act", "relu", "hidden_act is 'relu'; expected one of silu"),
  ("model_type", "gemma", "model_type is 'gemma'; expected one of gpt_neox"),
  ("architectures", ["GemmaForCausalLM"], "architectures is ['GemmaForCausal"),
  ("quantization_config", {"bits": 4}, "quantization_config is {'bits': 4}"),
  ("rope_scaling", None, OUTPUT),
  ("rope_scaling", _LINEAR, OUTPUT),
  ("rope_scaling", _LINEAR | {"factor": 2.5}, OUTPUT),
  ("rope_scaling", _LLAMA3 | {"factor": 4.0}, OUTPUT),
  ("rope_scaling", _LLAMA3 | {"low_freq_factor": 2.0}, OUTPUT),
  ("rope_scaling", _LLAMA3 | {"high_freq_factor": 2.0}, OUTPUT),
  ("rope_scaling", _LLAMA3 | {"original_max_position_embeddings": 24}, OUTPUT),
  ("rope_scaling", {"type": "yarn", "factor": 2.0}, "rope_type is 'yarn'"),
  ("rope_scaling", {"rope_type": "linear"}, "type linear lacks factor"),
  ("rope_scaling", _LINEAR | {"beta": 1}, "type linear has {'beta': 1}"),
  ("rope_parameters", {"rope_type": "dynamic"}, "'dynamic'"),
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
  ],
  "mistral": [
    ("sliding_window", 3, OUTPUT),
    ("sliding_window", None, OUTPUT),
    ("sliding_window", 0, "sliding_window is 0"),
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
    ("rotary_pct", 0.4, "a part of 0.4 turns, 3"),
    ("rope_theta", 9.0, "rope_theta is 9.0; only 30.0"),
    ("partial_rotary_factor", 0.25, "partial_rotary_factor is 0.25; only 0.5"),
    ("use_parallel_residual", False, OUTPUT),
    ("attention_bias", False, SHAPES),
  ],
}
# The shapes of Llama, so that operations are compiled once for both.
_MISTRAL = {"num_key_value_heads": 2, "head_dim": 8}
RAW = families.RAW | {"mistral": families.RAW["mistral"] | _MISTRAL}
CASES = [
  (family, *change)
  for family, own in OWN.items()
  for change in SHARED + (LLAMA_LIKE if family != "gpt_neox" else []) + own
  if RAW[family].get(change[0]) != change[1]
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
  "family,key,value,shows", CASES, ids=lambda x: json.dumps(x)[:40]
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
  written = set(config_lib.to_hf(families.READ[family])) - {"dtype"}
  assert written <= changed


@pytest.mark.parametrize("family", OWN)
@pytest.mark.parametrize(
  "nested",
  [{"rope_type": "default"}, _LINEAR, _LLAMA3],
  ids=lambda nested: nested["rope_type"],
)
def test_both_spellings_of_rotary_settings(family, nested):
  raw = dict(RAW[family])
  old = raw | {"rope_scaling": nested | {"type": nested["rope_type"]}}
  del old["rope_scaling"]["rope_type"]
  del raw["rope_scaling" if "rope_scaling" in raw else "model_type"]
  raw |= {"model_type": family}
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


@pytest.mark.parametrize("family", OWN)
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


@pytest.mark.parametrize(
  "change",
  [
    {"sliding_window": 4},
    {"norm": "layer"},
    {"gated_mlp": False},
    {"parallel_residual": True},
    {"rotary_fraction": 0.5},
    {"output_bias": False},
  ],
  ids=lambda change: next(iter(change)),
)
def test_what_a_family_cannot_say_is_not_written(change):
  config = models.DecoderConfig(**(vars(families.READ["llama"]) | change))
  with pytest.raises(ValueError, match=f"no place for .* {next(iter(change))}"):
    config_lib.to_hf(config)


def test_every_family_is_tested():
  assert set(OWN) == {config.family for config in families.READ.values()}
  for name, config in families.READ.items():
    assert config_lib.from_hf(config_lib.to_hf(config)) == config, name
