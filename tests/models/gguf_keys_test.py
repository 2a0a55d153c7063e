"""Metadata of GGUF files: each key is read, refused by name, or harmless."""

import dataclasses
import math

import gguf
import jax
import numpy as np
import pytest

from inference_scaling import models
from inference_scaling.models import sources
from tests.models import gguf_files, tiny

LLAMA, QWEN = gguf_files.LLAMA, gguf_files.QWEN
LAYERS = LLAMA.num_layers


def _linear(factor):
  return {"rope_scaling": models.RopeScaling("linear", factor)}


# Key, value, and the fields of the config that it changes.
USED = [
  ("llama.attention.layer_norm_rms_epsilon", 0.5, {"norm_eps": 0.5}),
  ("llama.rope.freq_base", 8.0, {"rope_theta": 8.0}),
  ("llama.rope.freq_base", None, {"rope_theta": 10_000.0}),
  ("llama.rope.scaling.factor", 4.0, _linear(4.0)),
  ("llama.rope.scale_linear", 2.0, _linear(2.0)),
  (
    "llama.attention.sliding_window", 2,
    {"family": "mistral", "sliding_window": 2},
  ),
  ("qwen2.rope.scaling.factor", 4.0, _linear(4.0)),
  ("qwen2.attention.sliding_window", 3, {"sliding_window": 3}),
  ("gemma2.attn_logit_softcapping", 1.0, {"attention_softcap": 1.0}),
  ("gemma2.attn_logit_softcapping", 0.0, {"attention_softcap": None}),
  ("gemma2.attn_logit_softcapping", None, {"attention_softcap": 50.0}),
  ("gemma2.final_logit_softcapping", 1.0, {"logit_softcap": 1.0}),
  ("gemma2.final_logit_softcapping", None, {"logit_softcap": 30.0}),
  ("gemma2.attention.sliding_window", 3, {"sliding_window": 3}),
  ("gemma2.attention.sliding_window", None, {"sliding_window": 4096}),
  ("gemma2.attention.sliding_window_pattern", 3, {"window_pattern": 3}),
  (
    "gemma2.attention.sliding_window_pattern", [True] * 3,
    {"window_pattern": None},
  ),
  ("gemma3.rope.freq_base_swa", 50.0, {"local_rope_theta": 50.0}),
  ("gemma3.rope.freq_base_swa", None, {"local_rope_theta": 10_000.0}),
  ("gemma3.rope.scaling.factor", 2.0, _linear(2.0)),
  ("gemma3.final_logit_softcapping", 2.0, {"logit_softcap": 2.0}),
  (
    "gemma3.attention.sliding_window", 0,
    {"sliding_window": None, "window_pattern": None},
  ),
  ("phi3.attention.sliding_window", 0, {"sliding_window": None}),
  ("phi3.rope.scaling.attn_factor", 1.5, {"attention_factor": 1.5}),
  ("phi3.rope.scaling.attn_factor", None,
   {"attention_factor": math.sqrt(1 + math.log(4) / math.log(32))}),
  ("qwen3.rope.scaling.factor", 3.0, {
    "factor": 3.0, "attention_factor": 0.1 * math.log(3) + 1,
  }),
  ("qwen3.rope.scaling.original_context_length", 16, {"original_length": 16}),
  ("qwen3.rope.scaling.yarn_beta_fast", 16.0, {"beta_fast": 16.0}),
  ("qwen3.rope.scaling.yarn_beta_slow", None, {"beta_slow": 1.0}),
]  # fmt: skip
# Of architectures that Llama says nothing about.
REFUSED_ELSEWHERE = [
  ("gemma2.attn_logit_softcapping", -1.0),
  ("gemma2.attention.scale", 0.25),
  ("gemma2.attention.key_length_swa", 8),
  ("gemma3.attn_logit_softcapping", 50.0),
  ("gemma3.attention.sliding_window_pattern", "six"),
  ("olmo2.attention.sliding_window", 4),
  ("phi3.rope.scaling.type", "linear"),
  ("phi3.rope.dimension_count", 4),
  ("qwen3.rope.scaling.yarn_log_multiplier", 0.1),
  ("qwen3.rope.scaling.yarn_ext_factor", 0.5),
  ("qwen3.expert_count", 8),
]
# Values that ask for what is not computed, or that contradict the tensors.
REFUSED = [
  ("llama.attention.causal", False),
  ("llama.attention.clamp_kqv", 8.0),
  ("llama.attention.group_norm_epsilon", 1e-5),
  ("llama.attention.head_count", [4, 8]),
  ("llama.attention.head_count_kv", [2, 1]),
  ("llama.attention.head_count_kv", [2, 2, 2]),
  ("llama.attention.head_count_kv", 0),
  ("llama.attention.head_count_kv", "two"),
  ("llama.attention.key_length_mla", 4),
  ("llama.attention.layer_norm_epsilon", 1e-5),
  ("llama.attention.layer_norm_rms_epsilon", float("nan")),
  ("llama.attention.layer_norm_rms_epsilon", "small"),
  ("llama.attention.max_alibi_bias", 8.0),
  ("llama.attention.q_lora_rank", 8),
  ("llama.attention.relative_buckets_count", 32),
  ("llama.attention.scale", 0.25),
  ("llama.attention.sliding_window", "wide"),
  ("llama.attention.sliding_window_pattern", [True, False]),
  ("llama.attention.temperature_scale", 0.1),
  ("llama.attention.value_length", 8),
  ("llama.attn_logit_softcapping", 50.0),
  ("llama.block_count", 2.0),
  ("llama.block_count", 4_000_000_000),
  ("llama.classifier.output_labels", ["a", "b"]),
  ("llama.context_length", 0),
  ("llama.embedding_length", "wide"),
  ("llama.embedding_scale", 12.0),
  ("llama.expert_count", 8),
  ("llama.expert_used_count", 2),
  ("llama.expert_weights_scale", 2.5),
  ("llama.feed_forward_length", [64, 32]),
  ("llama.final_logit_softcapping", 30.0),
  ("llama.logit_scale", 0.25),
  ("llama.nextn_predict_layers", 1),
  ("llama.no_such_key", 1),
  ("llama.pooling_type", 1),
  ("llama.residual_scale", 0.5),
  ("llama.rope.dimension_count", 2),
  ("llama.rope.dimension_sections", [1, 1, 0, 0]),
  ("llama.rope.freq_base", 0.0),
  ("llama.rope.freq_base_swa", 8.0),
  ("llama.rope.scale_linear", -2.0),
  ("llama.rope.scaling.attn_factor", 1.5),
  ("llama.rope.scaling.factor", float("inf")),
  ("llama.rope.scaling.factor", "four"),
  ("llama.rope.scaling.type", "yarn"),
  ("llama.rope.scaling.type", "longrope"),
  ("llama.rope.scaling.type", 1),
  ("llama.rope.scaling.yarn_log_multiplier", 0.1),
  ("llama.tensor_data_layout", "reference"),
  ("llama.use_parallel_residual", True),
  ("llama.vocab_size", 49),
  ("general.type", "adapter"),
  ("split.other", 1),
  ("tokenizer.ggml.model", ["gpt2"]),
  ("tokenizer.ggml.pre", ["llama-bpe"]),
  ("tokenizer.ggml.token_type", 0),
  ("tokenizer.ggml.token_type", False),
]
HARMLESS = [
  ("general.author", "someone"),
  ("general.base_model.0.name", "a base"),
  ("general.file_type", 15),
  ("general.languages", ["en"]),
  ("general.license", "apache-2.0"),
  ("general.name", "a model"),
  ("general.quantization_version", 2),
  ("general.sampling.temp", 0.6),
  ("general.type", "model"),
  ("llama.attention.causal", True),
  ("llama.attention.head_count", [8] * LAYERS),
  ("llama.attention.head_count_kv", [2] * LAYERS),
  ("llama.attention.key_length", None),
  ("llama.attention.scale", 0.5),
  ("llama.attention.sliding_window", 0),
  ("llama.attention.sliding_window", 64),
  ("llama.attention.sliding_window", 4294967295),
  ("llama.attention.value_length", 4),
  ("llama.expert_count", 0),
  ("llama.expert_used_count", 0),
  ("llama.feed_forward_length", [64] * LAYERS),
  ("llama.final_logit_softcapping", 0.0),
  ("llama.logit_scale", 1.0),
  ("llama.rope.dimension_count", 4),
  ("llama.rope.scale_linear", 1.0),
  ("llama.rope.scaling.attn_factor", 1.0),
  ("llama.rope.scaling.factor", 0.0),
  ("llama.rope.scaling.finetuned", True),
  ("llama.rope.scaling.original_context_length", 4096),
  ("llama.rope.scaling.type", "none"),
  ("llama.tensor_data_layout", "Meta AI original pth"),
  ("llama.use_parallel_residual", False),
  ("llama.vocab_size", 50),
  ("gpt2.attention.scale", 0.25),
  ("quantize.imatrix.chunks_count", 128),
  ("quantize.imatrix.file", "calibration.dat"),
]


def _name(value):
  return str(value)[:40]


def _open(folder, config, key, value):
  path = folder / "model.gguf"
  gguf_files.save(path, config, gguf_files.put(key, value))
  return path


ORIGINALS = {
  "llama": LLAMA, "qwen2": QWEN, "qwen3": gguf_files.YARN,
  "gemma2": gguf_files.GEMMA2, "gemma3": gguf_files.GEMMA3,
  "olmo2": gguf_files.OLMO2, "phi3": gguf_files.PHI3,
}  # fmt: skip


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
  """Models without any change, by architecture."""
  loaded = {}
  for arch, config in ORIGINALS.items():
    path = tmp_path_factory.mktemp(arch) / "model.gguf"
    gguf_files.save(path, config)
    loaded[arch] = models.load_model(path)
  return loaded


@pytest.mark.parametrize("key,value,fields", USED, ids=_name)
def test_key_that_is_read_changes_the_model(
  key, value, fields, plain, tmp_path
):
  arch = key.split(".")[0]
  config = ORIGINALS[arch]
  loaded = models.load_model(_open(tmp_path, config, key, value))
  before, scaling = plain[arch].config, plain[arch].config.rope_scaling
  if not hasattr(before, next(iter(fields))):  # it is of the scaling
    fields = {"rope_scaling": dataclasses.replace(scaling, **fields)}
  assert loaded.config == dataclasses.replace(before, **fields) != before
  if arch not in ("llama", "qwen2"):
    return  # fields_test.py shows that each field changes the logits
  tokens = tiny.draw_tokens(config, (2, 12), seed=3)
  before = tiny.logits(plain[arch], tokens)
  after = tiny.logits(loaded, tokens)
  assert np.abs(after - before).max() > 1e-3


@pytest.mark.parametrize("key,value", REFUSED + REFUSED_ELSEWHERE, ids=_name)
def test_key_that_is_refused_is_named(key, value, tmp_path):
  path = _open(tmp_path, ORIGINALS.get(key.split(".")[0], LLAMA), key, value)
  with pytest.raises(ValueError) as caught:
    models.load_model(path)
  assert key in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize("key,value", HARMLESS, ids=_name)
def test_harmless_key_changes_nothing(key, value, plain, tmp_path):
  config = LLAMA
  if key == "llama.attention.key_length":  # 32 / 8, as without the key
    assert config.hidden_size == config.num_heads * config.head_dim
  loaded = models.load_model(_open(tmp_path, config, key, value))
  assert loaded.config == plain["llama"].config
  jax.tree.map(
    np.testing.assert_array_equal, loaded.params, plain["llama"].params
  )
  assert _core(loaded) == _core(plain["llama"])


def _core(model):
  return model.tokenizer.backend_tokenizer.to_str()


def test_no_key_of_the_format_is_ignored(tmp_path):
  """All that the gguf package knows of: an absurd value is not passed over."""
  path = tmp_path / "model.gguf"
  gguf_files.save(path, LLAMA)
  header = sources.read_header(path)
  plain = sources.gguf_to_hf(header, "here")
  sections = [
    value for value in vars(gguf.Keys).values() if isinstance(value, type)
  ]
  keys = [
    key.format(arch="llama", dense="dense")
    for section in sections
    for key in vars(section).values()
    if isinstance(key, str) and key.startswith("{arch}.")
  ]
  assert len(keys) > 90
  ignored = []
  for key in keys:
    changed = dataclasses.replace(
      header, metadata=dict(header.metadata) | {key: 12_345.5}
    )
    try:
      if sources.gguf_to_hf(changed, "here") == plain:
        ignored.append(key)
    except ValueError as error:
      assert key in str(error)
  assert sorted(ignored) == [
    "llama.rope.scaling.finetuned",
    # YaRN alone reads these.
    "llama.rope.scaling.original_context_length",
    "llama.rope.scaling.yarn_beta_fast",
    "llama.rope.scaling.yarn_beta_slow",
  ]


def test_without_head_count_kv_there_are_as_many_as_heads(tmp_path):
  config = dataclasses.replace(LLAMA, num_kv_heads=8)
  path = _open(tmp_path, config, "llama.attention.head_count_kv", None)
  assert models.load_model(path).config.num_kv_heads == 8


@pytest.mark.parametrize(
  "keys,named",
  [
    ({"type": "linear"}, r"rope\.scaling\.factor is missing"),
    ({"type": "none", "factor": 4.0}, r"scaling\.type 'none' say different"),
  ],
)
def test_rope_scaling_that_is_half_said(keys, named, tmp_path):
  path = tmp_path / "model.gguf"
  changes = [
    gguf_files.put(f"llama.rope.scaling.{k}", v) for k, v in keys.items()
  ]
  gguf_files.save(path, LLAMA, *changes)
  with pytest.raises(ValueError, match=rf"model\.gguf: .*{named}"):
    models.load_model(path)


def test_two_factors_that_differ(tmp_path):
  path = tmp_path / "model.gguf"
  gguf_files.save(
    path, LLAMA, gguf_files.put("llama.rope.scaling.factor", 4.0),
    gguf_files.put("llama.rope.scale_linear", 2.0),
  )  # fmt: skip
  with pytest.raises(ValueError, match=r"factor 4\.0, llama\.rope\.scale_lin"):
    models.load_model(path)


def test_factor_beside_divisors_of_llama3(tmp_path):
  path = _open(tmp_path, gguf_files.LLAMA3, "llama.rope.scaling.factor", 4.0)
  with pytest.raises(ValueError, match=r"scaling\.factor.*rope_freqs\.weight"):
    models.load_model(path)


def test_all_refused_keys_are_listed_at_once(tmp_path):
  path = tmp_path / "model.gguf"
  gguf_files.save(
    path, LLAMA, gguf_files.put("llama.logit_scale", 2.0),
    gguf_files.put("llama.made_up", 1),
  )  # fmt: skip
  with pytest.raises(ValueError, match=r"(?s)logit_scale is 2\.0.*made_up is"):
    models.load_model(path)


@pytest.mark.parametrize(
  "architecture,folder",
  [
    ("gptneox", True), ("mistral", True), ("mamba", False), ("gemma", False),
    ("qwen3moe", False), ("llama4", False), ("", False),
  ],
)  # fmt: skip
def test_only_supported_families_are_sent_to_their_folder(
  architecture, folder, tmp_path
):
  path = _open(tmp_path, LLAMA, "general.architecture", architecture)
  with pytest.raises(ValueError, match=r"expected one of gemma2, ") as e:
    models.load_model(path)
  assert ("Hugging Face" in str(e.value)) == folder
